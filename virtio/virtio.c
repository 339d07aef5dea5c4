/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bus: it brings devices and drivers together by device id, and takes each device through
 * the initialisation of VIRTIO 1.4, 3.1.1, once, for all drivers. All state is in the instance and in the device.
 */
#include <arch/barrier.h>
#include "lib/dma.h"
#include "virtio/port.h"
#include "virtio/virtio.h"
#include "virtio/virtio_recovery.h"

/* --- instances ------------------------------------------------------------------------------ */

static unsigned long own_work_lock(void *bus)
{
	return port_lock(&((struct virtio_bus *)bus)->own_lock);
}

static void own_work_unlock(void *bus, unsigned long state)
{
	port_unlock(&((struct virtio_bus *)bus)->own_lock, state);
}

static const struct work_queue_ops own_work_ops = {own_work_lock, own_work_unlock, NULL};

void virtio_bus_init(struct virtio_bus *bus, struct work_queue *work)
{
	list_init(&bus->devices);
	bus->driver_count = 0;
	bus->polls = 0;
	bus->work = work;
	if (work)
		return;
	port_lock_init(&bus->own_lock);
	work_queue_init(&bus->own_work, &own_work_ops, bus);
	bus->work = &bus->own_work;
}

struct virtio_device *virtio_find_device(const struct virtio_bus *bus, uint32_t device_id,
					 unsigned int n)
{
	struct virtio_device *vdev;

	virtio_for_each_device (vdev, bus) {
		if (vdev->id.device == device_id && vdev->number == n)
			return vdev;
	}
	return NULL;
}

unsigned long virtio_access_count(const struct virtio_bus *bus)
{
	const struct virtio_device *vdev;
	unsigned long sum = 0;

	virtio_for_each_device (vdev, bus)
		sum += READ_ONCE(vdev->accesses);
	return sum;
}

/* The lowest numbers that are free: of all devices, and of those of its type. In the list it stands by the former. */
static void enter(struct virtio_device *vdev)
{
	struct virtio_bus *bus = vdev->bus;
	struct list_head *before = bus->devices.next;

	vdev->index = 0;
	vdev->number = 0;
	while (virtio_find_device(bus, vdev->id.device, vdev->number))
		vdev->number++;
	for (; before != &bus->devices; before = before->next) {
		if (list_entry(before, struct virtio_device, node)->index != vdev->index)
			break;
		vdev->index++;
	}
	list_add_tail(&vdev->node, before);
}

void *virtio_driver_data(const struct virtio_bus *bus, const struct virtio_driver *driver,
			 unsigned int n)
{
	struct virtio_device *vdev = virtio_find_device(bus, driver->device_id, n);

	return vdev && vdev->driver == driver ? vdev->priv : NULL;
}

/* --- device status (2.1) -------------------------------------------------------------------- */

/* Sets status bits; one that is set is never cleared except by a reset (2.1.1). */
static void add_status(struct virtio_device *vdev, uint8_t bits)
{
	vdev->config->set_status(vdev, vdev->config->get_status(vdev) | bits);
}

/* Nothing answers where the device was: all reads are ones, and its bus knows it too. */
static bool is_gone(struct virtio_device *vdev, uint8_t status)
{
	return status == 0xff && vdev->config->gone && vdev->config->gone(vdev);
}

/* The device has not been reset, for the reason @error. */
static int reset_failed(struct virtio_device *vdev, int error)
{
	vdev->state = VIRTIO_STATE_FAILED;
	vdev->error = error;
	return error;
}

static int reset_gone(struct virtio_device *vdev)
{
	if (!vdev->gone)
		port_log(LOG_ERROR, "%s: the device is gone", vdev->dev.name);
	vdev->gone = true;
	vdev->stuck = false; /* what is not there uses no memory */
	return reset_failed(vdev, -ENODEV);
}

int virtio_reset_device(struct virtio_device *vdev)
{
	uint64_t start = port_now_ns();
	uint8_t status;

	WRITE_ONCE(vdev->driver_ok, false);
	/* Nobody notifies it any more, and no interrupt touches a queue. */
	port_device_synchronize(vdev);
	vdev->config->set_status(vdev, 0);
	/* The reset is complete when the status reads 0 (2.4.2). */
	while ((status = vdev->config->get_status(vdev)) != 0) {
		if (is_gone(vdev, status))
			return reset_gone(vdev);
		if (port_now_ns() - start > VIRTIO_RESET_TIMEOUT_NS) {
			port_log(LOG_ERROR, "%s: no answer to a reset", vdev->dev.name);
			vdev->stuck = true;
			return reset_failed(vdev, -ETIMEDOUT);
		}
		port_delay_ns(VIRTIO_RESET_POLL_NS);
	}
	vdev->stuck = false;
	vdev->gone = false;
	return 0;
}

void virtio_device_ready(struct virtio_device *vdev)
{
	if (vdev->driver_ok)
		return;
	WRITE_ONCE(vdev->driver_ok, true);
	/* The rings' contents before the device may look at them. */
	mmio_wmb();
	add_status(vdev, VIRTIO_CONFIG_S_DRIVER_OK);
}

/* --- features (2.2) ------------------------------------------------------------------------- */

static uint64_t driver_features(const struct virtio_driver *driver)
{
	uint64_t features = vring_transport_features();

	for (unsigned int i = 0; i < driver->feature_count; i++)
		features |= BIT_ULL(driver->features[i]);
	return features;
}

/*
 * 6.1: a device that does not offer ACCESS_PLATFORM goes past any IOMMU and takes physical addresses
 * only, so a backend that translates is not for it. A bounce pool's addresses are physical:
 * that backend stays, whatever the device offers.
 */
static void choose_addresses(struct virtio_device *vdev)
{
	if (virtio_has_feature(vdev, VIRTIO_F_ACCESS_PLATFORM) || !vdev->dev.dma_ops ||
	    !vdev->dev.dma_ops->translated)
		return;
	port_log(LOG_WARNING, "%s: the device goes past the IOMMU", vdev->dev.name);
	vdev->dev.dma_ops = NULL;
}

/* Steps 5 and 6 of 3.1.1: tell the device our features, and hear that it accepts them. */
static int agree(struct virtio_device *vdev)
{
	int err = vdev->config->finalize_features(vdev);

	if (err || vdev->legacy) /* a legacy device has no FEATURES_OK (3.1.2) */
		return err;
	add_status(vdev, VIRTIO_CONFIG_S_FEATURES_OK);
	if (!(vdev->config->get_status(vdev) & VIRTIO_CONFIG_S_FEATURES_OK)) {
		port_log(LOG_ERROR, "%s: the device refuses our features", vdev->dev.name);
		return -ENODEV;
	}
	return 0;
}

/* Steps 4 to 6 of 3.1.1. */
static int negotiate(struct virtio_device *vdev, const struct virtio_driver *driver)
{
	vdev->device_features = vdev->config->get_features(vdev);
	vdev->features = vdev->device_features & driver_features(driver);
	if (driver->validate)
		driver->validate(vdev);
	if (!vdev->legacy && !virtio_has_feature(vdev, VIRTIO_F_VERSION_1)) {
		port_log(LOG_ERROR, "%s: a modern device without VERSION_1", vdev->dev.name);
		return -EINVAL;
	}
	choose_addresses(vdev);
	return agree(vdev);
}

int virtio_renegotiate(struct virtio_device *vdev)
{
	add_status(vdev, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	add_status(vdev, VIRTIO_CONFIG_S_DRIVER);
	if (vdev->features & ~vdev->config->get_features(vdev)) {
		port_log(LOG_ERROR, "%s: the device no longer offers what we agreed on",
			 vdev->dev.name);
		return -ENODEV;
	}
	return agree(vdev);
}

void virtio_mark_failed(struct virtio_device *vdev)
{
	if (!vdev->stuck && !vdev->gone)
		add_status(vdev, VIRTIO_CONFIG_S_FAILED);
	if (vdev->config->isolate)
		vdev->config->isolate(vdev);
}

/* --- probing and removal -------------------------------------------------------------------- */

/* The sequence of 3.1.1, with the driver's own setup as its step 7. */
static int initialise(struct virtio_device *vdev, const struct virtio_driver *driver)
{
	int err = virtio_reset_device(vdev);

	if (err)
		return err;
	add_status(vdev, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	add_status(vdev, VIRTIO_CONFIG_S_DRIVER);
	err = negotiate(vdev, driver);
	if (!err)
		err = driver->probe(vdev);
	if (err)
		return err;
	virtio_device_ready(vdev);
	return 0;
}

static void probe(struct virtio_device *vdev, const struct virtio_driver *driver)
{
	int err;

	vdev->driver = driver;
	virtio_recovery_begin(vdev);
	vdev->state = VIRTIO_STATE_LIVE;
	err = initialise(vdev, driver);
	virtio_recovery_end(vdev, !err);
	if (!err)
		return;
	vdev->driver = NULL;
	vdev->priv = NULL;
	vdev->state = VIRTIO_STATE_FAILED;
	vdev->error = err;
	port_log(LOG_ERROR, "%s: %s could not drive it (error %d)", vdev->dev.name, driver->name,
		 err);
	virtio_mark_failed(vdev);
}

static void unbind(struct virtio_device *vdev)
{
	const struct virtio_driver *driver = vdev->driver;

	virtio_recovery_begin(vdev);
	/* First the device stops using memory, then the driver frees it (3.3.1). */
	virtio_reset_device(vdev);
	if (driver)
		driver->remove(vdev);
	vdev->driver = NULL;
	vdev->priv = NULL;
	virtio_recovery_end(vdev, false);
}

static const struct virtio_driver *find_driver(const struct virtio_bus *bus, uint32_t device_id)
{
	for (unsigned int i = 0; i < bus->driver_count; i++) {
		if (bus->drivers[i]->device_id == device_id)
			return bus->drivers[i];
	}
	return NULL;
}

int virtio_register_device(struct virtio_bus *bus, struct virtio_device *vdev)
{
	const struct virtio_driver *driver;

	if (!vdev->config || !vdev->id.device)
		return -EINVAL;
	vdev->bus = bus;
	vdev->state = VIRTIO_STATE_NO_DRIVER;
	list_init(&vdev->vqs);
	virtio_recovery_init(vdev);
	enter(vdev);
	driver = find_driver(bus, vdev->id.device);
	if (driver)
		probe(vdev, driver);
	return 0;
}

void virtio_unregister_device(struct virtio_device *vdev)
{
	unbind(vdev);
	list_del(&vdev->node); /* somebody may stand on it */
}

int virtio_register_driver(struct virtio_bus *bus, const struct virtio_driver *driver)
{
	struct virtio_device *vdev;

	if (bus->driver_count == VIRTIO_DRIVERS_MAX)
		return -ENOSPC;
	bus->drivers[bus->driver_count++] = driver;
	virtio_for_each_device (vdev, bus) {
		if (vdev->state == VIRTIO_STATE_NO_DRIVER && vdev->id.device == driver->device_id)
			probe(vdev, driver);
	}
	return 0;
}

void virtio_unregister_driver(struct virtio_bus *bus, const struct virtio_driver *driver)
{
	struct virtio_device *vdev;
	unsigned int kept = 0;

	virtio_for_each_device (vdev, bus) {
		if (vdev->driver == driver)
			unbind(vdev);
	}
	for (unsigned int i = 0; i < bus->driver_count; i++) {
		if (bus->drivers[i] != driver)
			bus->drivers[kept++] = bus->drivers[i];
	}
	bus->driver_count = kept;
}

void virtio_config_changed(struct virtio_device *vdev)
{
	vdev->config_changes++;
	/* Who has failed already is not told again: a device could go on for ever. */
	if (!READ_ONCE(vdev->driver_ok) || READ_ONCE(vdev->state) != VIRTIO_STATE_LIVE)
		return;
	if (vdev->config->get_status(vdev) & VIRTIO_CONFIG_S_NEEDS_RESET) {
		port_log(LOG_ERROR, "%s: the device needs a reset", vdev->dev.name);
		virtio_needs_recovery(vdev, -EIO);
		return;
	}
	if (vdev->driver && vdev->driver->config_changed)
		vdev->driver->config_changed(vdev);
}

int virtio_find_vqs(struct virtio_device *vdev, unsigned int nvqs, struct virtqueue *vqs[],
		    const struct virtqueue_info infos[])
{
	return vdev->config->find_vqs(vdev, nvqs, vqs, infos);
}

void virtio_del_vqs(struct virtio_device *vdev)
{
	vdev->config->del_vqs(vdev);
}
