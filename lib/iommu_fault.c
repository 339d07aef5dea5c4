/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults: counted for their device, printed, and handed on. A device that strays does so thousands of
 * times a second, so only some a second are printed; the rest is a number in the next message.
 */
#include <stdio.h>
#include <arch/cpu.h>
#include "lib/iommu.h"
#include "lib/iommu_private.h"
#include "lib/log.h"
#include "lib/timer.h"

#define PRINTED_A_SECOND 8u

static void (*fault_handler)(struct device *dev, const struct iommu_fault *fault);
static uint64_t second_ends; /* of clock_ns() */
static unsigned int printed;
static unsigned long not_printed;

const char *iommu_fault_name(enum iommu_fault_kind kind)
{
	static const char *const names[] = {
		[IOMMU_FAULT_UNMAPPED] = "unmapped",
		[IOMMU_FAULT_PERMISSION] = "permission",
		[IOMMU_FAULT_STREAM] = "not attached",
		[IOMMU_FAULT_OTHER] = "configuration",
	};

	return (unsigned int)kind < ARRAY_SIZE(names) ? names[kind] : "unknown";
}

static bool may_print(void)
{
	uint64_t now = clock_ns();

	if (now >= second_ends) {
		second_ends = now + NSEC_PER_SEC;
		if (not_printed)
			log_error("iommu: %lu more faults were not printed", not_printed);
		printed = 0;
		not_printed = 0;
	}
	if (printed == PRINTED_A_SECOND) {
		not_printed++;
		return false;
	}
	printed++;
	return true;
}

static void print(const struct iommu *iommu, const struct iommu_fault *fault,
		  const struct iommu_stream *stream)
{
	const char *name = stream ? stream->dev->name : "no device of ours";
	const char *others = stream && iommu_stream_next(stream) ? " or another of its stream" : "";
	char access[32] = "";

	if (fault->addr_valid)
		snprintf(access, sizeof(access), " %s 0x%llx", fault->write ? "writes" : "reads",
			 (unsigned long long)fault->addr);
	log_error("%s: fault: stream 0x%x (%s%s)%s: %s (%s)", iommu->name, (unsigned int)fault->id,
		  name, others, access, iommu_fault_name(fault->kind), fault->what);
}

/* Nobody knows which of the devices that share a stream it was: so it was each of them. */
void iommu_count_fault(struct iommu *iommu, uint32_t id)
{
	struct iommu_stream *stream;

	iommu->faults++;
	for (stream = iommu_stream_by_id(iommu, id); stream; stream = iommu_stream_next(stream))
		stream->faults++;
}

void iommu_tell_fault(struct iommu *iommu, const struct iommu_fault *fault)
{
	const struct iommu_stream *stream = iommu_stream_by_id(iommu, fault->id);

	if (may_print())
		print(iommu, fault, stream);
	if (fault_handler)
		fault_handler(stream ? stream->dev : NULL, fault);
}

void iommu_report_fault(struct iommu *iommu, const struct iommu_fault *fault)
{
	iommu_count_fault(iommu, fault->id);
	iommu_tell_fault(iommu, fault);
}

void iommu_set_fault_handler(void (*handler)(struct device *dev, const struct iommu_fault *fault))
{
	fault_handler = handler;
}

bool iommu_faulted(struct device *dev)
{
	struct iommu_stream *stream = iommu_stream_of(dev);
	const struct iommu *iommu;
	unsigned long state;
	bool faulted;

	if (!stream)
		return false;
	iommu = stream->domain->iommu;
	state = irq_save();
	if (iommu->ops->poll)
		iommu->ops->poll(stream->domain->iommu);
	/* A fault that was not recorded may have been anybody's. */
	faulted = stream->faults != stream->faults_seen || iommu->faults_lost != stream->lost_seen;
	stream->faults_seen = stream->faults;
	stream->lost_seen = iommu->faults_lost;
	irq_restore(state);
	return faulted;
}

unsigned long iommu_faults_of(const struct device *dev)
{
	const struct iommu_stream *stream = dev ? iommu_stream_of(dev) : NULL;

	return stream ? stream->faults : 0;
}
