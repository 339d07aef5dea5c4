/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event queue: a record for each access that was refused. The SMMU raises its interrupt when the
 * queue is no longer empty, so it has to be emptied each time; a device that strays without end must not
 * keep the CPU for itself, so what is left after a queue's length is done by a work item.
 */
#include <errno.h>
#include <arch/cpu.h>
#include "drivers/iommu/smmu_v3_private.h"
#include "lib/devicetree.h"
#include "lib/irq.h"
#include "lib/log.h"
#include "lib/pages.h"

#define EVTQ_LOG2_MAX 7u /* a page */

/* An event's number, its name in the specification, what it means here, and whether it has an address. */
struct event_kind {
	uint8_t type;
	uint8_t kind; /* enum iommu_fault_kind */
	bool address;
	const char *name;
};

static const struct event_kind kinds[] = {
	{0x01, IOMMU_FAULT_OTHER, true, "F_UUT"},
	{0x02, IOMMU_FAULT_STREAM, false, "C_BAD_STREAMID"},
	{0x03, IOMMU_FAULT_OTHER, false, "F_STE_FETCH"},
	{0x04, IOMMU_FAULT_STREAM, false, "C_BAD_STE"},
	{0x05, IOMMU_FAULT_OTHER, true, "F_BAD_ATS_TREQ"},
	{0x06, IOMMU_FAULT_STREAM, false, "F_STREAM_DISABLED"},
	{0x07, IOMMU_FAULT_UNMAPPED, true, "F_TRANSL_FORBIDDEN"},
	{0x08, IOMMU_FAULT_OTHER, false, "C_BAD_SUBSTREAMID"},
	{0x09, IOMMU_FAULT_OTHER, false, "F_CD_FETCH"},
	{0x0a, IOMMU_FAULT_OTHER, false, "C_BAD_CD"},
	{0x0b, IOMMU_FAULT_OTHER, true, "F_WALK_EABT"},
	{0x10, IOMMU_FAULT_UNMAPPED, true, "F_TRANSLATION"},
	{0x11, IOMMU_FAULT_UNMAPPED, true, "F_ADDR_SIZE"},
	{0x12, IOMMU_FAULT_UNMAPPED, true, "F_ACCESS"},
	{0x13, IOMMU_FAULT_PERMISSION, true, "F_PERMISSION"},
	{0x20, IOMMU_FAULT_OTHER, true, "F_TLB_CONFLICT"},
	{0x21, IOMMU_FAULT_OTHER, false, "F_CFG_CONFLICT"},
};

static const struct event_kind *find_kind(unsigned int type)
{
	static const struct event_kind unknown = {0, IOMMU_FAULT_OTHER, false, "unknown event"};

	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (kinds[i].type == type)
			return &kinds[i];
	}
	return &unknown;
}

static void report(struct smmu *smmu, const __le64 *record)
{
	const uint64_t word0 = le64_to_cpu(record[0]);
	const struct event_kind *kind = find_kind(EVENT_TYPE(word0));
	const struct iommu_fault fault = {
		.id = EVENT_SID(word0),
		.kind = (enum iommu_fault_kind)kind->kind,
		.addr_valid = kind->address,
		.addr = le64_to_cpu(record[EVENT_ADDRESS]),
		.write = !(le64_to_cpu(record[1]) & EVENT_READ),
		.what = kind->name,
	};

	iommu_report_fault(&smmu->iommu, &fault);
}

/* Says that everything up to cons has been read, and that an overflow has been seen. */
static void give_back(struct smmu *smmu, uint32_t overflow)
{
	mmio_mb(); /* the records were read before they may be written again */
	smmu_write(smmu, SMMU_EVENTQ_CONS, smmu->evtq.cons | overflow);
}

/* Reports at most a queue of events. Returns whether there are more. With IRQs masked. */
static bool drain(struct smmu *smmu)
{
	struct smmu_queue *queue = &smmu->evtq;
	const uint32_t wrap = BIT(queue->log2size + 1) - 1;
	uint32_t prod = smmu_read(smmu, SMMU_EVENTQ_PROD);
	uint32_t overflow = prod & EVENTQ_OVERFLOW;

	for (uint32_t i = 0; i < BIT(queue->log2size); i++) {
		if ((prod & wrap) == queue->cons)
			break;
		dma_rmb(); /* the index before the record */
		report(smmu, queue->entries + (size_t)(queue->cons & (BIT(queue->log2size) - 1)) *
						      EVENT_WORDS);
		queue->cons = (queue->cons + 1) & wrap;
		if ((prod & wrap) == queue->cons)
			prod = smmu_read(smmu, SMMU_EVENTQ_PROD);
	}
	/* The SMMU turns the flag over when it has lost some, until we have turned ours. */
	overflow = prod & EVENTQ_OVERFLOW;
	if (overflow != (queue->prod & EVENTQ_OVERFLOW)) {
		smmu->iommu.faults_lost++;
		queue->prod = overflow;
	}
	give_back(smmu, overflow);
	return (smmu_read(smmu, SMMU_EVENTQ_PROD) & wrap) != queue->cons;
}

void smmu_poll(struct iommu *iommu)
{
	struct smmu *smmu = to_smmu(iommu);
	const uint32_t prod = smmu_read(smmu, SMMU_EVENTQ_PROD);

	smmu_serve_errors(smmu); /* one of which is an event that could not be written */
	if (prod != (smmu->evtq.cons | (smmu->evtq.prod & EVENTQ_OVERFLOW)) && drain(smmu))
		work_schedule(&smmu->drain);
}

static void drain_later(struct work *work)
{
	struct smmu *smmu = container_of(work, struct smmu, drain);
	unsigned long state = irq_save();
	bool more = drain(smmu);

	irq_restore(state);
	if (more)
		work_schedule(work);
}

static irqreturn_t eventq_interrupt(int irq, void *dev_id)
{
	struct smmu *smmu = dev_id;

	(void)irq;
	if (drain(smmu))
		work_schedule(&smmu->drain);
	return IRQ_HANDLED;
}

static irqreturn_t gerror_interrupt(int irq, void *dev_id)
{
	struct smmu *smmu = dev_id;

	(void)irq;
	/* A command's error has been served already by who waits for the command. */
	smmu_serve_errors(smmu);
	/* Where events were lost the queue is full, and its own interrupt may be among the losses. */
	if (drain(smmu))
		work_schedule(&smmu->drain);
	return IRQ_HANDLED;
}

/* Where all four interrupts are one line. */
static irqreturn_t combined_interrupt(int irq, void *dev_id)
{
	return gerror_interrupt(irq, dev_id);
}

static bool request(struct smmu *smmu, int node, const char *name, irq_handler_t handler)
{
	int index = dt_string_index(node, "interrupt-names", name);
	struct dt_irq line;

	if (index < 0 || dt_interrupt(node, (unsigned int)index, &line))
		return false;
	return !request_irq(line.irq, handler, line.trigger | IRQF_SHARED, smmu->name, smmu);
}

void smmu_evtq_request_irqs(struct smmu *smmu, int node)
{
	uint32_t enable = 0;

	work_init(&smmu->drain, &system_wq, drain_later);
	if (request(smmu, node, "combined", combined_interrupt))
		enable = IRQ_CTRL_EVENTQ | IRQ_CTRL_GERROR;
	if (!(enable & IRQ_CTRL_EVENTQ) && request(smmu, node, "eventq", eventq_interrupt))
		enable |= IRQ_CTRL_EVENTQ;
	if (!(enable & IRQ_CTRL_GERROR) && request(smmu, node, "gerror", gerror_interrupt))
		enable |= IRQ_CTRL_GERROR;
	smmu_write(smmu, SMMU_IRQ_CTRL, enable);
	if (smmu_wait(smmu, SMMU_IRQ_CTRLACK, enable, enable))
		enable = 0;
	if (!(enable & IRQ_CTRL_EVENTQ))
		log_warning("%s: no interrupt for faults: they stop devices, but nobody is told",
			    smmu->iommu.name);
	/* What came before its interrupt was on. */
	work_schedule(&smmu->drain);
}

int smmu_evtq_init(struct smmu *smmu)
{
	struct smmu_queue *queue = &smmu->evtq;

	queue->log2size = MIN(IDR1_EVENTQS(smmu->idr1), EVTQ_LOG2_MAX);
	queue->words = EVENT_WORDS;
	queue->prod = queue->cons = 0;
	queue->entries = alloc_pages_exact(PAGE_SIZE);
	if (!queue->entries)
		return -ENOMEM;
	smmu_write64(smmu, SMMU_EVENTQ_BASE,
		     BASE_ALLOCATE | (uintptr_t)queue->entries | queue->log2size);
	smmu_write(smmu, SMMU_EVENTQ_PROD, 0);
	smmu_write(smmu, SMMU_EVENTQ_CONS, 0);
	return 0;
}

void smmu_evtq_exit(struct smmu *smmu)
{
	free_pages_exact(smmu->evtq.entries, PAGE_SIZE);
	smmu->evtq.entries = NULL;
}
