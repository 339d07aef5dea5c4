/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GICv2m: a frame beside the GIC with one register that makes an edge on a shared line of what a
 * device writes to it, the line's number (ARM Server Base System Architecture, appendix E). Such lines
 * are the GIC's own in every other way. A machine may have several frames, each with a range of lines.
 */
#include <errno.h>
#include "drivers/irqchip/gic_lines.h"
#include "drivers/irqchip/gic_private.h"
#include "lib/devicetree.h"
#include "lib/irq.h"
#include "lib/log.h"
#include "lib/msi.h"

#define V2M_TYPER  0x008u /* first line and their number, 10 bits each at 16 and 0 */
#define V2M_SETSPI 0x040u
#define V2M_SIZE   0x1000u

#define V2M_FRAMES_MAX 4

struct v2m {
	struct msi_controller msi;
	struct gic_block frame;
	const struct gic_block *dist;
	struct gic_lines lines;
};

static struct v2m frames[V2M_FRAMES_MAX];

static struct v2m *to_v2m(const struct msi_controller *msi)
{
	return container_of(msi, struct v2m, msi);
}

/* An edge that its last owner left behind is no concern of the next one. */
static int prepare_line(const struct v2m *v2m, int irq)
{
	int err = gic_set_trigger(v2m->dist, irq, IRQF_TRIGGER_RISING);

	gic_write_bit(v2m->dist, GICD_ICPENDR, irq);
	return err;
}

static void v2m_free(struct msi_controller *msi, uint32_t device_id, unsigned int count,
		     const int irqs[])
{
	(void)device_id;
	for (unsigned int i = 0; i < count; i++)
		gic_lines_give(&to_v2m(msi)->lines, irqs[i]);
}

static int v2m_alloc(struct msi_controller *msi, uint32_t device_id, unsigned int count, int irqs[],
		     struct msi_message messages[])
{
	struct v2m *v2m = to_v2m(msi);
	int err;

	if (!count)
		return -EINVAL;
	err = gic_lines_take(&v2m->lines, count, irqs);
	if (err)
		return err;
	for (unsigned int i = 0; i < count && !err; i++) {
		messages[i].address = v2m->frame.phys + V2M_SETSPI;
		messages[i].data = (uint32_t)irqs[i];
		err = prepare_line(v2m, irqs[i]);
	}
	if (err)
		v2m_free(msi, device_id, count, irqs);
	return err;
}

static int v2m_raise(struct msi_controller *msi, uint32_t device_id, unsigned int vector,
		     const struct msi_message *message)
{
	(void)device_id;
	(void)vector;
	gic_write(&to_v2m(msi)->frame, V2M_SETSPI, message->data);
	return 0;
}

static struct msi_usage v2m_usage(const struct msi_controller *msi)
{
	const struct gic_lines *lines = &to_v2m(msi)->lines;

	return (struct msi_usage){lines->count, lines->used};
}

/* The frame's lines; the device tree may know better than the register. They have to be lines of the GIC. */
static int find_lines(struct v2m *v2m, int node, int line_count)
{
	uint32_t typer = gic_read(&v2m->frame, V2M_TYPER);
	unsigned int first = dt_u32(node, "arm,msi-base-spi", typer >> 16 & 0x3ff);
	unsigned int count = dt_u32(node, "arm,msi-num-spis", typer & 0x3ff);

	if (first < GIC_SPI_FIRST || !count || first >= (unsigned int)line_count ||
	    count > (unsigned int)line_count - first) {
		log_error("gic: %s: it claims lines %u and %u more, the GIC has %d", dt_name(node),
			  first, count, line_count);
		return -EINVAL;
	}
	v2m->lines = (struct gic_lines){.first = (int)first, .count = count};
	return 0;
}

static int init_frame(struct v2m *v2m, int node, const struct gic_block *dist, int line_count)
{
	uint64_t size;
	int err = dt_reg(node, 0, &v2m->frame.phys, &size);

	if (err || size < V2M_SIZE)
		return -EINVAL;
	err = gic_map(node, 0, V2M_SIZE, &v2m->frame);
	if (!err)
		err = find_lines(v2m, node, line_count);
	if (err)
		return err;
	v2m->dist = dist;
	v2m->msi = (struct msi_controller){
		.name = "GICv2m",
		.dt_node = node,
		.doorbell = ALIGN_DOWN(v2m->frame.phys, PAGE_SIZE),
		.doorbell_size = PAGE_SIZE,
		.device_ids = 1ull << 32,
		.alloc = v2m_alloc,
		.free = v2m_free,
		.raise = v2m_raise,
		.usage = v2m_usage,
	};
	msi_register(&v2m->msi);
	return 0;
}

void gic_v2m_init(int gic_node, const struct gic_block *dist, int line_count)
{
	unsigned int used = 0;
	int node, err;

	dt_for_each_child (node, gic_node, "arm,gic-v2m-frame") {
		err = used < V2M_FRAMES_MAX ? init_frame(&frames[used], node, dist, line_count)
					    : -ENOSPC;
		if (err)
			log_warning("gic: %s: not usable for messages (%d)", dt_name(node), err);
		else
			used++;
	}
}
