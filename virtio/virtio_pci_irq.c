/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a PCI device's events reach us (VIRTIO 1.4, 4.1.5.1.2): a vector for each queue and one for config
 * space; where there are fewer, the queues share one; then everything shares one; then the wired
 * line, where the ISR status tells. Each way is tried to its end, as the device has the last word: a vector
 * that it does not read back was not mapped.
 */
#include <arch/barrier.h>
#include "lib/format.h"
#include "virtio/port.h"
#include "virtio/virtio_pci_parts.h"
#include "virtio/virtio_transport.h"

/* So many changes of config space are believed in each period of 2^33 ns, some 9 s: far fewer than make the
 * interrupt core mask a line. */
#define CONFIG_CLAIMS 100u
#define CONFIG_PERIOD 33

/* --- handlers ----------------------------------------------------------------------------------- */

/*
 * What is claimed decides whether a line that screams is masked (lib/irq.c), so a device must not be able to
 * earn a claim for nothing. One that is not driven, or is about to be reset, earns none.
 */
static bool is_live(const struct virtio_device *vdev)
{
	return vdev->driver_ok && vdev->state == VIRTIO_STATE_LIVE;
}

/* A message for buffers that were taken back without it is not a device's scream, as long as new ones were offered
 * since the last such message: nobody else could have meant it. @added: buffers that were offered so far. */
static __noinline irqreturn_t came_late(unsigned long added, unsigned long *added_at_late)
{
	irqreturn_t result = added == *added_at_late ? IRQ_NONE : IRQ_HANDLED;

	*added_at_late = added;
	return result;
}

/* A vector of one queue. As the device could send it at any time: before DRIVER_OK nobody is there. */
static irqreturn_t queue_interrupt(int irq, void *dev_id)
{
	struct virtio_pci_queue *q = dev_id;
	bool served;

	if (unlikely(!READ_ONCE(q->vq->vdev->driver_ok)))
		return IRQ_NONE;
	served = vring_interrupt(irq, q->vq) == IRQ_HANDLED;
	if (unlikely(!is_live(q->vq->vdev)))
		return IRQ_NONE;
	if (likely(served))
		return IRQ_HANDLED;
	return came_late(virtqueue_get_stats(q->vq).added, &q->added_at_late);
}

static irqreturn_t queues_interrupt(int irq, void *dev_id)
{
	struct virtio_pci_device *vp = dev_id;
	bool served = virtio_transport_serve_queues(&vp->vdev, irq);
	unsigned long added = 0;
	struct virtqueue *vq;

	if (!is_live(&vp->vdev))
		return IRQ_NONE;
	if (served)
		return IRQ_HANDLED;
	list_for_each_entry (vq, &vp->vdev.vqs, list)
		added += virtqueue_get_stats(vq).added;
	return came_late(added, &vp->added_at_late);
}

/* All that config space says may change is the device's own word, so only the time that passes earns a claim. */
static irqreturn_t config_interrupt(int irq, void *dev_id)
{
	struct virtio_pci_device *vp = dev_id;
	uint32_t period = (uint32_t)(port_now_ns() >> CONFIG_PERIOD);

	(void)irq;
	virtio_config_changed(&vp->vdev);
	if (period != vp->config_period)
		vp->config_claims = 0;
	vp->config_period = period;
	return is_live(&vp->vdev) && vp->config_claims++ < CONFIG_CLAIMS ? IRQ_HANDLED : IRQ_NONE;
}

/* Both, whichever was meant: one vector for both says nothing of which it is. */
static irqreturn_t any_interrupt(int irq, void *dev_id)
{
	irqreturn_t config = config_interrupt(irq, dev_id);

	return queues_interrupt(irq, dev_id) == IRQ_HANDLED ? IRQ_HANDLED : config;
}

/* The wired line. Reading the ISR status acknowledges what it says. */
static irqreturn_t line_interrupt(int irq, void *dev_id)
{
	struct virtio_pci_device *vp = dev_id;
	uint8_t isr = vp_read8(vp, vp->isr);
	irqreturn_t result = IRQ_NONE;

	if (isr == 0xff && virtio_pci_gone(&vp->vdev)) {
		virtio_needs_recovery(&vp->vdev, -ENODEV);
		return IRQ_NONE;
	}
	/* A look at a ring must not overtake the acknowledgement: what is used after it raises the line again. */
	mmio_mb();
	if (isr & VIRTIO_PCI_ISR_CONFIG)
		result = config_interrupt(irq, dev_id);
	if (isr & VIRTIO_PCI_ISR_QUEUE && queues_interrupt(irq, dev_id) == IRQ_HANDLED)
		result = IRQ_HANDLED;
	return result;
}

/* Messages reach somebody. What the wired line is raised for can be asked for. */
void virtio_pci_poll(struct virtio_device *vdev)
{
	if (to_vp(vdev)->plan == VIRTIO_PCI_PLAN_INTX)
		(void)line_interrupt(vdev->irq, to_vp(vdev));
}

/* --- vectors ------------------------------------------------------------------------------------ */

/* The device shall interrupt for it. */
static bool is_heard(const struct virtio_pci_queue *q)
{
	return q->vq && q->vq->callback;
}

/* Gives out vectors as the plan has it: config space the first. Returns how many there are. */
static unsigned int assign_vectors(struct virtio_pci_device *vp)
{
	unsigned int count = vp->plan == VIRTIO_PCI_PLAN_TWO ? 2 : 1;

	vp->config_vector = 0;
	for (unsigned int i = 0; i < vp->queue_count; i++) {
		struct virtio_pci_queue *q = &vp->queues[i];

		q->vector = VIRTIO_PCI_NO_VECTOR;
		if (!is_heard(q))
			continue;
		q->vector = (uint16_t)(count - 1);
		if (vp->plan == VIRTIO_PCI_PLAN_EACH)
			q->vector = (uint16_t)count++;
	}
	return count;
}

static bool map_config(struct virtio_pci_device *vp)
{
	return vp->interface->map_config(vp, vp->config_vector) == vp->config_vector;
}

static bool map_queue(struct virtio_pci_device *vp, const struct virtio_pci_queue *q)
{
	return vp->interface->map_queue(vp, q->vq->index, q->vector) == q->vector;
}

static bool map_vectors(struct virtio_pci_device *vp)
{
	bool mapped = map_config(vp);

	for (unsigned int i = 0; i < vp->queue_count && mapped; i++)
		if (vp->queues[i].vq)
			mapped = map_queue(vp, &vp->queues[i]);
	return mapped;
}

static void unmap_vectors(struct virtio_pci_device *vp)
{
	(void)vp->interface->map_config(vp, VIRTIO_PCI_NO_VECTOR);
	for (unsigned int i = 0; i < vp->queue_count; i++)
		if (vp->queues[i].vq)
			(void)vp->interface->map_queue(vp, i, VIRTIO_PCI_NO_VECTOR);
}

bool virtio_pci_map_again(struct virtio_pci_device *vp, const struct virtqueue *vq)
{
	if (!virtio_pci_has_vectors(vp))
		return true;
	/* The reset of one queue leaves config space what it has. */
	if (!vp->vdev.driver_ok && !map_config(vp))
		return false;
	return map_queue(vp, &vp->queues[vq->index]);
}

/* --- handlers for vectors -------------------------------------------------------------------------- */

/* Routes a vector; the first one that a queue has is what people are told. */
static int request(struct virtio_pci_device *vp, int vector, irq_handler_t handler,
		   const char *name, void *dev_id)
{
	int irq = vp->ops->request_irq(vp->fn, vector, handler, name, dev_id);

	if (irq >= 0 && (vp->vdev.irq < 0 || vector == 1))
		vp->vdev.irq = irq;
	return MIN(irq, 0);
}

static int request_each(struct virtio_pci_device *vp)
{
	for (unsigned int i = 0; i < vp->queue_count; i++) {
		struct virtio_pci_queue *q = &vp->queues[i];
		int err;

		if (!is_heard(q))
			continue;
		err = request(vp, q->vector, queue_interrupt, q->irq_name, q);
		if (err)
			return err;
		q->irq = true;
	}
	return 0;
}

static int request_vectors(struct virtio_pci_device *vp)
{
	bool one = vp->plan == VIRTIO_PCI_PLAN_ONE;
	int err = request(vp, 0, one ? any_interrupt : config_interrupt,
			  one ? vp->bus_name : vp->config_irq_name, vp);

	if (err)
		return err;
	vp->config_irq = true;
	if (vp->plan == VIRTIO_PCI_PLAN_EACH)
		return request_each(vp);
	if (vp->plan == VIRTIO_PCI_PLAN_TWO) {
		err = request(vp, 1, queues_interrupt, vp->bus_name, vp);
		vp->queues_irq = !err;
	}
	return err;
}

static void free_vectors(struct virtio_pci_device *vp)
{
	for (unsigned int i = 0; i < vp->queue_count; i++) {
		struct virtio_pci_queue *q = &vp->queues[i];

		if (q->irq)
			vp->ops->free_irq(vp->fn, q->vector, q);
		q->irq = false;
	}
	if (vp->queues_irq)
		vp->ops->free_irq(vp->fn, 1, vp);
	if (vp->config_irq)
		vp->ops->free_irq(vp->fn, 0, vp);
	vp->queues_irq = vp->config_irq = false;
	vp->ops->disable_vectors(vp->fn);
}

/* --- plans -------------------------------------------------------------------------------------------- */

static int take_vectors(struct virtio_pci_device *vp, enum virtio_pci_plan plan)
{
	unsigned int count, most = vp->ops->vectors(vp->fn);
	int err = -ENOSPC;

	vp->plan = plan;
	count = assign_vectors(vp);
	if (count <= MIN(most, VIRTIO_PCI_VECTORS_MAX))
		err = vp->ops->enable_vectors(vp->fn, count);
	if (err) {
		vp->plan = VIRTIO_PCI_PLAN_NONE;
		return err;
	}
	err = request_vectors(vp);
	if (!err && !map_vectors(vp))
		err = -ENOSPC;
	if (err) {
		unmap_vectors(vp);
		virtio_pci_drop_irqs(vp);
	}
	return err;
}

static int take_line(struct virtio_pci_device *vp)
{
	int err = vp->isr ? request(vp, -1, line_interrupt, vp->bus_name, vp) : -EINVAL;

	if (!err)
		vp->plan = VIRTIO_PCI_PLAN_INTX;
	return err;
}

int virtio_pci_take_irqs(struct virtio_pci_device *vp)
{
	enum virtio_pci_plan plan;
	int err = -ENOSPC;

	format_string(vp->config_irq_name, sizeof(vp->config_irq_name), "%s config", vp->bus_name);
	for (plan = VIRTIO_PCI_PLAN_EACH; plan <= VIRTIO_PCI_PLAN_ONE && err; plan++)
		err = take_vectors(vp, plan);
	if (err)
		err = take_line(vp);
	if (err)
		port_log(LOG_ERROR, "%s: no interrupt can be had (error %d)", vp->bus_name, err);
	return err;
}

void virtio_pci_drop_irqs(struct virtio_pci_device *vp)
{
	if (vp->plan == VIRTIO_PCI_PLAN_INTX)
		vp->ops->free_irq(vp->fn, -1, vp);
	else if (vp->plan != VIRTIO_PCI_PLAN_NONE)
		free_vectors(vp);
	vp->plan = VIRTIO_PCI_PLAN_NONE;
	vp->config_vector = VIRTIO_PCI_NO_VECTOR;
	vp->vdev.irq = -1;
}

const char *virtio_pci_plan_name(enum virtio_pci_plan plan)
{
	switch (plan) {
	case VIRTIO_PCI_PLAN_EACH:
		return "a vector for each queue";
	case VIRTIO_PCI_PLAN_TWO:
		return "a vector for all queues";
	case VIRTIO_PCI_PLAN_ONE:
		return "one vector";
	case VIRTIO_PCI_PLAN_INTX:
		return "INTx";
	default:
		return "none";
	}
}
