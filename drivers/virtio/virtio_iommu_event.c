/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults (VIRTIO 1.4, 5.13.6.9): the device writes a report into a buffer of the event queue. A report is
 * copied before it is judged, its buffer offered again at once. It is counted under the lock, so that no disk misses a
 * fault that is on its way, and told without it. A flood is served in bounded rounds, and then goes on in a work item.
 */
#include <string.h>
#include "drivers/virtio/virtio_iommu_private.h"

#define ROUNDS	    4u
#define ROUND_COUNT 16u /* reports */

/* Under the lock. 0, or -EIO where the queue is broken. */
static int offer(struct viommu *v, struct virtio_iommu_fault *event)
{
	struct scatterlist sg;

	sg_init_one(&sg, event, sizeof(*event));
	sg.dma_address = v->shared_addr + (dma_addr_t)((uint8_t *)event - (uint8_t *)v->shared);
	return virtqueue_add_inbuf(v->event_vq, &sg, 1, event, GFP_ATOMIC) ? -EIO : 0;
}

int viommu_offer_events(struct viommu *v)
{
	const unsigned int n = MIN(virtqueue_get_vring_size(v->event_vq), VIOMMU_EVENTS);
	int err = 0;

	v->event_buffers = n;
	v->event_run = 0;
	for (unsigned int i = 0; i < n && !err; i++)
		err = offer(v, &v->shared->events[i]);
	if (!err)
		(void)virtqueue_kick(v->event_vq);
	return err;
}

/* --- what a report says ---------------------------------------------------------------------- */

/* 5.13.6.9.1#4: a reason that we do not know is as good as UNKNOWN. The device has one reason for no mapping
 * and for one that does not allow the access; our record tells them apart. */
static enum iommu_fault_kind kind_of(const struct viommu *v, uint8_t reason,
				     const struct iommu_fault *fault)
{
	switch (reason) {
	case VIRTIO_IOMMU_FAULT_R_DOMAIN:
		return IOMMU_FAULT_STREAM;
	case VIRTIO_IOMMU_FAULT_R_MAPPING:
		return fault->addr_valid && viommu_is_mapped(v, fault->id, fault->addr)
			       ? IOMMU_FAULT_PERMISSION
			       : IOMMU_FAULT_UNMAPPED;
	default:
		return IOMMU_FAULT_OTHER;
	}
}

static const char *name_of(uint8_t reason, uint32_t flags)
{
	const bool direction = flags & (VIRTIO_IOMMU_FAULT_F_READ | VIRTIO_IOMMU_FAULT_F_WRITE);

	switch (reason) {
	case VIRTIO_IOMMU_FAULT_R_DOMAIN:
		return "DOMAIN";
	case VIRTIO_IOMMU_FAULT_R_MAPPING:
		return direction ? "MAPPING" : "MAPPING, read or write is not said";
	default:
		return "UNKNOWN";
	}
}

/* 5.13.6.9.1#1 to #3. Returns false for a report that is to be ignored. Under the lock. */
static bool decode(struct viommu *v, const struct virtio_iommu_fault *event, unsigned int len,
		   struct iommu_fault *fault)
{
	const uint32_t flags = le32_to_cpu(event->flags);

	if (len < sizeof(*event) ||
	    (event->reserved[0] | event->reserved[1] | event->reserved[2])) {
		v->events_ignored++;
		return false;
	}
	*fault = (struct iommu_fault){
		.id = le32_to_cpu(event->endpoint),
		.addr_valid = flags & VIRTIO_IOMMU_FAULT_F_ADDRESS,
		.write = flags & VIRTIO_IOMMU_FAULT_F_WRITE,
		.what = name_of(event->reason, flags),
	};
	if (fault->addr_valid)
		fault->addr = le64_to_cpu(event->address);
	fault->kind = kind_of(v, event->reason, fault);
	return true;
}

/* --- rounds ---------------------------------------------------------------------------------- */

/* The next report, or NULL. A device without a buffer drops its report: then as many as there are buffers come
 * one after the other, and a fault may have been lost. Under the lock. */
static struct virtio_iommu_fault *next_event(struct viommu *v, unsigned int *len)
{
	struct virtio_iommu_fault *event = virtqueue_get_buf(v->event_vq, len);

	v->event_run = event ? v->event_run + 1 : 0;
	if (v->event_run == v->event_buffers) {
		v->event_run = 0;
		v->iommu.faults_lost++;
	}
	return event;
}

/* Takes up to ROUND_COUNT reports, and offers their buffers again. Returns how many of them make sense, which are
 * counted, and in @faults. Under the lock. */
static unsigned int collect(struct viommu *v, struct iommu_fault faults[])
{
	struct virtio_iommu_fault *event, copy;
	unsigned int len, taken = 0, count = 0;

	while (taken < ROUND_COUNT && (event = next_event(v, &len)) != NULL) {
		memcpy(&copy, event, sizeof(copy));
		if (decode(v, &copy, len, &faults[count]))
			iommu_count_fault(&v->iommu, faults[count++].id);
		taken++;
		if (offer(v, event))
			break;
	}
	if (taken)
		(void)virtqueue_kick(v->event_vq);
	return count;
}

/* Returns whether there is more, for which no interrupt may come. */
static bool serve_round(struct viommu *v)
{
	struct iommu_fault faults[ROUND_COUNT];
	unsigned long state = port_lock(&v->lock);
	unsigned int count = 0;
	bool more = false;

	if (!v->error) {
		virtqueue_disable_cb(v->event_vq);
		count = collect(v, faults);
		more = !virtqueue_enable_cb(v->event_vq);
	}
	port_unlock(&v->lock, state);
	for (unsigned int i = 0; i < count; i++)
		iommu_tell_fault(&v->iommu, &faults[i]);
	return more;
}

/* A device that was removed has no queue any more: serve_round() knows. */
static void serve(struct viommu *v)
{
	for (unsigned int round = 0; round < ROUNDS; round++) {
		if (!serve_round(v))
			return;
	}
	work_schedule(&v->work);
}

void viommu_serve_events(struct virtqueue *vq)
{
	serve(vq->priv);
}

/* While it is reset or given up it refuses everything, and reports nothing. */
void viommu_poll_events(struct iommu *iommu)
{
	struct viommu *v = container_of(iommu, struct viommu, iommu);

	serve(v);
	if (v->error)
		iommu->faults_lost++;
}

void viommu_event_work(struct work *work)
{
	serve(container_of(work, struct viommu, work));
}
