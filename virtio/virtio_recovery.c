/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recovery (VIRTIO 1.4, 2.1.2: a driver can recover from DEVICE_NEEDS_RESET by a reset and a new
 * initialisation). A device that asks for it, breaks the rules of a queue, or does not answer in
 * time is reset, given the same features and the same rings again, now empty, and then its driver
 * offers once more what was not finished. Nothing is allocated, so nothing can run out. One
 * that fails again and again, or fails at this, is given up: every request ends with an error.
 */
#include "virtio/port.h"
#include "virtio/virtio_recovery.h"
#include "virtio/vring.h"

/* Two attempts that end in the timeout of a reset, and some: a recovery takes no longer. */
#define BUSY_TIMEOUT_NS (4 * VIRTIO_RESET_TIMEOUT_NS)

/* --- one at a time -------------------------------------------------------------------------- */

static bool claim(struct virtio_device *vdev)
{
	struct virtio_recovery *recovery = &vdev->recovery;
	unsigned long state = port_lock(&recovery->lock);
	bool claimed = !recovery->busy;

	recovery->busy = true;
	port_unlock(&recovery->lock, state);
	return claimed;
}

/* What failed while we were at it, and the work item that found us busy, come to their right now. */
static void release(struct virtio_device *vdev)
{
	struct virtio_recovery *recovery = &vdev->recovery;
	unsigned long state = port_lock(&recovery->lock);

	recovery->busy = false;
	port_unlock(&recovery->lock, state);
	if (vdev->state == VIRTIO_STATE_RECOVERING)
		work_schedule(&recovery->work);
}

/* --- policy --------------------------------------------------------------------------------- */

/* Notes an attempt. Returns false where there were too many of them lately. */
static bool may_try(struct virtio_device *vdev)
{
	struct virtio_recovery *recovery = &vdev->recovery;
	uint64_t *oldest = &recovery->started_ns[recovery->next];
	uint64_t now = port_now_ns();

	if (recovery->attempts >= VIRTIO_RECOVERY_MAX &&
	    now - *oldest < VIRTIO_RECOVERY_PERIOD_NS) {
		port_log(LOG_ERROR, "%s: more than %u failures in %u s", vdev->dev.name,
			 VIRTIO_RECOVERY_MAX,
			 (unsigned int)(VIRTIO_RECOVERY_PERIOD_NS / NSEC_PER_SEC));
		return false;
	}
	*oldest = now;
	recovery->attempts++;
	if (++recovery->next == VIRTIO_RECOVERY_MAX)
		recovery->next = 0;
	return true;
}

/* --- giving up ------------------------------------------------------------------------------- */

static void break_queues(struct virtio_device *vdev)
{
	struct virtqueue *vq;

	list_for_each_entry (vq, &vdev->vqs, list) {
		WRITE_ONCE(to_vvq(vq)->broken, true);
		vring_choose_ways(to_vvq(vq));
	}
	list_for_each_entry (vq, &vdev->vqs, list)
		vring_report_broken(to_vvq(vq));
}

/* Where the device does not even answer the reset, requests end all the same: their owners wait. */
static void give_up(struct virtio_device *vdev, int error)
{
	/* From now on nobody asks for a recovery. */
	vdev->state = VIRTIO_STATE_FAILED;
	if (!vdev->stuck)
		(void)virtio_reset_device(vdev);
	virtio_mark_failed(vdev);
	vdev->error = error;
	port_log(LOG_ERROR, "%s: given up (error %d)", vdev->dev.name, error);
	break_queues(vdev);
	if (vdev->driver && vdev->driver->fail)
		vdev->driver->fail(vdev);
}

/* --- recovery -------------------------------------------------------------------------------- */

/* The device has been reset: the driver takes its buffers back. What it should have forgotten is
 * unmapped at least. */
static void freeze(struct virtio_device *vdev)
{
	struct virtqueue *vq;

	vdev->driver->freeze(vdev);
	list_for_each_entry (vq, &vdev->vqs, list)
		while (virtqueue_detach_unused_buf(vq))
			;
}

static int restart_queues(struct virtio_device *vdev)
{
	struct virtqueue *vq;
	int err = 0;

	list_for_each_entry (vq, &vdev->vqs, list) {
		err = vring_restart(to_vvq(vq));
		if (err)
			break;
	}
	return err;
}

/* The initialisation of 3.1.1 once more. Live from DRIVER_OK on, so that a failure while the driver
 * offers its buffers again asks for the next recovery. */
static int restart(struct virtio_device *vdev)
{
	int err = virtio_reset_device(vdev);

	if (err)
		return err;
	freeze(vdev);
	err = virtio_renegotiate(vdev);
	if (!err)
		err = restart_queues(vdev);
	if (err)
		return err;
	vdev->error = 0;
	vdev->state = VIRTIO_STATE_LIVE;
	virtio_device_ready(vdev);
	return vdev->driver->restore(vdev);
}

/* @error: why. */
static void recover(struct virtio_device *vdev, int error)
{
	int err = error;

	vdev->state = VIRTIO_STATE_RECOVERING;
	vdev->error = error;
	if (vdev->driver->freeze && vdev->driver->restore && may_try(vdev))
		err = restart(vdev);
	if (err) {
		give_up(vdev, err);
		return;
	}
	vdev->recoveries++;
	port_log(LOG_WARNING, "%s: recovered after error %d (%u times so far)", vdev->dev.name,
		 error, vdev->recoveries);
}

static void recovery_work(struct work *work)
{
	struct virtio_device *vdev = container_of(work, struct virtio_device, recovery.work);

	if (!claim(vdev))
		return; /* whoever is at it schedules us again */
	/* A recovery that was done at once (virtio_recover()) has left us nothing. */
	if (vdev->state == VIRTIO_STATE_RECOVERING)
		recover(vdev, vdev->error);
	release(vdev);
}

void virtio_needs_recovery(struct virtio_device *vdev, int error)
{
	/* Before DRIVER_OK it is probe() that fails; afterwards, one request is enough. */
	if (!READ_ONCE(vdev->driver_ok) || READ_ONCE(vdev->state) != VIRTIO_STATE_LIVE)
		return;
	vdev->state = VIRTIO_STATE_RECOVERING;
	vdev->error = error;
	work_schedule(&vdev->recovery.work);
}

int virtio_recover(struct virtio_device *vdev, int error)
{
	bool broken;

	if (!claim(vdev))
		return -EBUSY;
	broken = vdev->state == VIRTIO_STATE_LIVE || vdev->state == VIRTIO_STATE_RECOVERING;
	if (broken)
		recover(vdev, error);
	release(vdev);
	return broken ? 0 : -EBUSY;
}

/* --- for the bus ----------------------------------------------------------------------------- */

void virtio_recovery_init(struct virtio_device *vdev)
{
	struct virtio_recovery *recovery = &vdev->recovery;

	*recovery = (struct virtio_recovery){0};
	work_init(&recovery->work, vdev->bus->work, recovery_work);
	port_lock_init(&recovery->lock);
}

void virtio_recovery_begin(struct virtio_device *vdev)
{
	uint64_t start = port_now_ns();

	/* Another thread's recovery is bounded, and so is our wait for it. */
	while (!claim(vdev) && port_now_ns() - start < BUSY_TIMEOUT_NS)
		port_delay_ns(VIRTIO_RESET_POLL_NS);
}

void virtio_recovery_end(struct virtio_device *vdev, bool live)
{
	if (!live) {
		vdev->state = VIRTIO_STATE_NO_DRIVER;
		work_cancel(&vdev->recovery.work);
	}
	release(vdev);
}
