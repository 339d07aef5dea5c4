/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device behind PCI and a driver for it that makes queues and takes back what is finished: what
 * test_virtio_pci.c and test_virtio_pci_irq.c begin with.
 */
#ifndef TESTS_UNIT_PCI_RIG_H
#define TESTS_UNIT_PCI_RIG_H

#include "tests/unit/plain_device.h"

static struct rig rig;
static struct refdev_pci *pci; /* of the device that was made last */
static struct virtqueue *vqs[REFDEV_QUEUES];
static struct virtqueue_info infos[REFDEV_QUEUES];
static unsigned int nvqs, callbacks[REFDEV_QUEUES], finished, changes;
static int find_result, probe_result;
static void (*after_find)(void); /* before DRIVER_OK */

static void callback(struct virtqueue *vq)
{
	unsigned int len;

	callbacks[vq->index]++;
	while (virtqueue_get_buf(vq, &len))
		finished++;
}

static int test_probe(struct virtio_device *vdev)
{
	find_result = virtio_find_vqs(vdev, nvqs, vqs, infos);
	if (!find_result && after_find)
		after_find();
	if (!find_result && probe_result)
		virtio_del_vqs(vdev);
	return find_result ? find_result : probe_result;
}

static void take_back(struct virtio_device *vdev)
{
	struct virtqueue *vq;

	list_for_each_entry (vq, &vdev->vqs, list)
		while (virtqueue_detach_unused_buf(vq))
			;
}

static void test_remove(struct virtio_device *vdev)
{
	take_back(vdev);
	virtio_del_vqs(vdev);
}

static int test_restore(struct virtio_device *vdev)
{
	(void)vdev;
	return 0;
}

static void test_config_changed(struct virtio_device *vdev)
{
	(void)vdev;
	changes++;
}

static struct virtio_driver driver = {
	.name = "test",
	.device_id = TEST_ID,
	.probe = test_probe,
	.remove = test_remove,
	.freeze = take_back,
	.restore = test_restore,
	.config_changed = test_config_changed,
};

static int pci_setup(void **state)
{
	port_host_setup(state);
	rig_over_pci = true;
	rig_vectors = REFDEV_PCI_VECTORS;
	(void)virtio_register_driver(&test_bus, &driver);
	for (unsigned int i = 0; i < REFDEV_QUEUES; i++)
		infos[i] = (struct virtqueue_info){"queue", callback};
	nvqs = 1;
	memset(callbacks, 0, sizeof(callbacks));
	finished = changes = 0;
	find_result = 1;
	probe_result = 0;
	after_find = NULL;
	return 0;
}

static int pci_teardown(void **state)
{
	virtio_unregister_driver(&test_bus, &driver);
	return port_host_teardown(state);
}

static struct refdev *pci_make(uint32_t version, uint32_t queue_size)
{
	struct refdev *dev = refdev_new(&type, version, REFDEV_QUEUES, queue_size);

	pci = refdev_pci_attach(dev);
	pci->table = rig_vectors;
	dev->config_len = 6;
	refdev_set_config(dev, 0, 0x04030201, 4);
	return dev;
}

/* Drops a device that nobody drives. */
static inline void pci_discard(struct refdev *dev)
{
	refdev_reset(dev);
	refdev_free(dev);
}

static inline int pci_add_and_kick(struct virtqueue *vq)
{
	static char byte[1];
	struct scatterlist sg;
	int err;

	sg_init_one(&sg, byte, 1);
	err = virtqueue_add_outbuf(vq, &sg, 1, byte, GFP_ATOMIC);
	virtqueue_kick(vq);
	return err;
}

#endif
