/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * irq: interrupts by line and by queue, and their controllers. `irq test` raises messages at each
 * controller that has lines for them, in the name of a device that the machine hardly has, and looks whether
 * each comes to its handler: so that a machine without such devices can be tried, and faults be told apart.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "apps/shell/commands.h"
#include "lib/irq.h"
#include "lib/msi.h"
#include "lib/timer.h"

#define TEST_VECTORS 4
#define TEST_TIMEOUT NSEC_PER_SEC

static void print_line_of(int irq, const char *name, void *arg)
{
	struct irq_stats stats = irq_get_stats(irq);

	sh_printf(arg, "irq %d %s count %lu unhandled %lu\n", irq, name, stats.count,
		  stats.unhandled);
}

static void print_queues_of(struct shell *sh, struct virtio_device *vdev)
{
	struct virtqueue *vq;

	list_for_each_entry (vq, &vdev->vqs, list) {
		struct virtqueue_stats stats = virtqueue_get_stats(vq);

		sh_printf(sh, "queue %u %s:%s interrupts %lu spurious %lu\n", vdev->index,
			  virtio_device_type_name(vdev->id.device), vq->name, stats.interrupts,
			  stats.spurious);
	}
}

static void list(struct shell *sh)
{
	const struct msi_controller *msi;
	struct virtio_device *vdev;

	irq_for_each(print_line_of, sh);
	virtio_for_each_device (vdev, app_bus)
		print_queues_of(sh, vdev);
	sh_printf(sh, "controller %s spurious %lu\n", irq_chip_name(), irq_spurious_count());
	msi_for_each (msi) {
		struct msi_usage usage = msi->usage(msi);

		sh_printf(sh, "messages %s lines %u used %u doorbell 0x%" PRIx64 "\n", msi->name,
			  usage.lines, usage.used, msi->doorbell);
	}
}

/* A vector that is tried: how often it came, and by which line. */
struct tried {
	struct port_event came;
	unsigned int count;
};

static irqreturn_t message_came(int irq, void *dev_id)
{
	struct tried *tried = dev_id;

	(void)irq;
	tried->count++;
	port_event_signal(&tried->came);
	return IRQ_HANDLED;
}

struct trial {
	struct msi_controller *msi;
	uint32_t device_id;
	int irqs[TEST_VECTORS];
	struct msi_message messages[TEST_VECTORS];
	struct tried tried[TEST_VECTORS];
};

/* Raises the vectors, the last one first, and expects each at its own handler, once. */
static int raise_all(struct shell *sh, struct trial *trial)
{
	for (unsigned int i = TEST_VECTORS; i-- > 0;) {
		struct tried *tried = &trial->tried[i];
		uint64_t start = clock_ns();
		int err = trial->msi->raise(trial->msi, trial->device_id, i, &trial->messages[i]);

		if (!err)
			err = sh_wait(sh, &tried->came, deadline_after(TEST_TIMEOUT));
		if (err)
			return sh_error(sh, err, "%s: vector %u, irq %d: %s", trial->msi->name, i,
					trial->irqs[i], sh_strerror(err));
		sh_printf(sh, "%s vector %u irq %d came after %" PRIu64 " ns\n", trial->msi->name,
			  i, trial->irqs[i], clock_ns() - start);
	}
	for (unsigned int i = 0; i < TEST_VECTORS; i++) {
		if (trial->tried[i].count != 1)
			return sh_error(sh, -EIO, "%s: vector %u came %u times", trial->msi->name,
					i, trial->tried[i].count);
	}
	return 0;
}

static int try_lines(struct shell *sh, struct trial *trial)
{
	unsigned int ready;
	int err = 0;

	for (ready = 0; ready < TEST_VECTORS && !err; ready++) {
		port_event_init(&trial->tried[ready].came);
		trial->tried[ready].count = 0;
		err = request_irq(trial->irqs[ready], message_came, IRQF_TRIGGER_RISING, "irq test",
				  &trial->tried[ready]);
	}
	if (err) {
		ready--;
		err = sh_error(sh, err, "%s: irq %d: %s", trial->msi->name, trial->irqs[ready],
			       sh_strerror(err));
	} else {
		err = raise_all(sh, trial);
	}
	while (ready-- > 0)
		(void)free_irq(trial->irqs[ready], &trial->tried[ready]);
	return err;
}

static int test(struct shell *sh)
{
	struct trial trial;
	int err = -ENODEV;

	msi_for_each (trial.msi) {
		/* The last id belongs to the last function of the last bus, if to any. */
		trial.device_id = (uint32_t)(trial.msi->device_ids - 1);
		err = trial.msi->alloc(trial.msi, trial.device_id, TEST_VECTORS, trial.irqs,
				       trial.messages);
		if (err)
			return sh_error(sh, err, "%s: no lines: %s", trial.msi->name,
					err == -ENOSPC ? "all are taken" : sh_strerror(err));
		err = try_lines(sh, &trial);
		trial.msi->free(trial.msi, trial.device_id, TEST_VECTORS, trial.irqs);
		if (err)
			return err;
	}
	return err ? sh_error(sh, err, "no controller of messages on this machine") : 0;
}

static int irq_command(struct shell *sh, int argc, char **argv)
{
	if (argc == 1)
		list(sh);
	else if (strcmp(argv[1], "test") == 0)
		return test(sh);
	else
		return sh_error(sh, -EINVAL, "'%s' is not test", argv[1]);
	return 0;
}

const struct command irq_commands[] = {
	{"irq", "[test]", "interrupts; test: raises some messages", 0, 1, irq_command},
	{NULL, NULL, NULL, 0, 0, NULL},
};
