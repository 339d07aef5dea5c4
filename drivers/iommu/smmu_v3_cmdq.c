/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command queue. Commands are written with IRQs masked, in batches that end with a CMD_SYNC, whose being
 * consumed says that all before it have taken effect. It is polled for: an invalidation takes less time than
 * an interrupt. So between two batches the queue is empty, and an SMMU that does not answer is
 * noticed once, waited for once, and not trusted afterwards.
 */
#include <errno.h>
#include <arch/cpu.h>
#include "drivers/iommu/smmu_v3_private.h"
#include "lib/log.h"
#include "lib/pages.h"
#include "lib/timer.h"

#define CMDQ_LOG2_MAX 8u /* a page */
#define WAIT_NS	      (100 * NSEC_PER_MSEC)
#define WAIT_POLLS    10000000u /* where there is no clock */
#define INDEX_MASK    0xfffffu
#define REFUSALS_LOG  16u /* are printed: an SMMU that refuses everything shall not flood the log */

int smmu_wait(const struct smmu *smmu, unsigned int reg, uint32_t mask, uint32_t value)
{
	const uint64_t deadline = deadline_after(WAIT_NS);

	for (unsigned int i = 0; i < WAIT_POLLS; i++) {
		/* The clock first: who was interrupted for long looks once more. */
		bool over = deadline_passed(deadline);

		if ((smmu_read(smmu, reg) & mask) == value)
			return 0;
		if (over)
			break;
	}
	return -ETIMEDOUT;
}

static uint32_t index_mask(const struct smmu_queue *queue)
{
	return BIT(queue->log2size) - 1;
}

static uint32_t wrap_mask(const struct smmu_queue *queue)
{
	return BIT(queue->log2size + 1) - 1;
}

static bool is_full(const struct smmu_queue *queue)
{
	return ((queue->prod ^ queue->cons) & wrap_mask(queue)) == BIT(queue->log2size);
}

static void put(struct smmu_queue *queue, uint64_t word0, uint64_t word1)
{
	__le64 *entry = queue->entries + (size_t)(queue->prod & index_mask(queue)) * CMD_WORDS;

	entry[0] = cpu_to_le64(word0);
	entry[1] = cpu_to_le64(word1);
	queue->prod = (queue->prod + 1) & wrap_mask(queue);
}

/* A refused command stands where the SMMU has stopped. One that does nothing takes its place; then it goes
 * on. */
static void replace_refused(struct smmu *smmu)
{
	const uint32_t cons = smmu_read(smmu, SMMU_CMDQ_CONS);
	__le64 *entry = smmu->cmdq.entries + (size_t)(cons & index_mask(&smmu->cmdq)) * CMD_WORDS;

	if (smmu->cmdq_errors++ < REFUSALS_LOG)
		log_error("%s: command 0x%llx 0x%llx refused (%u)", smmu->iommu.name,
			  (unsigned long long)le64_to_cpu(entry[0]),
			  (unsigned long long)le64_to_cpu(entry[1]),
			  (unsigned int)CMDQ_CONS_ERR(cons));
	entry[0] = cpu_to_le64(CMD_SYNC);
	entry[1] = 0;
	mmio_wmb();
	if (CMDQ_CONS_ERR(cons) != CERROR_ILL)
		smmu->broken = true; /* it cannot read the queue: nothing that we write helps */
}

uint32_t smmu_serve_errors(struct smmu *smmu)
{
	const uint32_t gerror = smmu_read(smmu, SMMU_GERROR);
	const uint32_t active = gerror ^ smmu->gerrorn;

	if (!active)
		return 0;
	if (active & GERROR_CMDQ)
		replace_refused(smmu);
	if (active & GERROR_EVENTQ_ABT)
		smmu->iommu.faults_lost++;
	if (active & GERROR_SFM) {
		smmu->broken = true;
		log_error("%s: it has failed (service failure mode)", smmu->iommu.name);
	}
	smmu->gerrorn = gerror;
	smmu_write(smmu, SMMU_GERRORN, gerror);
	return active;
}

/* Waits until the SMMU has consumed @all commands, or any. 0, -EIO (it refused one, but goes on) or -ETIMEDOUT. */
static int wait_consumed(struct smmu *smmu, bool all)
{
	const uint64_t deadline = deadline_after(WAIT_NS);
	const uint32_t mask = wrap_mask(&smmu->cmdq);
	int err = 0;

	for (unsigned int i = 0; i < WAIT_POLLS && !smmu->broken; i++) {
		const bool over = deadline_passed(deadline);
		const uint32_t cons = smmu_read(smmu, SMMU_CMDQ_CONS) & INDEX_MASK & mask;
		const bool moved = cons != smmu->cmdq.cons;

		smmu->cmdq.cons = cons;
		if (all ? cons == smmu->cmdq.prod : moved)
			return err;
		if (over)
			break;
		if (smmu_serve_errors(smmu) & GERROR_CMDQ)
			err = -EIO;
	}
	if (!smmu->broken)
		log_error("%s: the command queue stands still at 0x%x of 0x%x, GERROR 0x%x: no "
			  "device can be given or taken memory any more",
			  smmu->iommu.name, (unsigned int)smmu->cmdq.cons,
			  (unsigned int)smmu->cmdq.prod,
			  (unsigned int)smmu_read(smmu, SMMU_GERROR));
	smmu->broken = true;
	return -ETIMEDOUT;
}

/* What was queued is in memory before the SMMU hears of it. */
static void publish(struct smmu *smmu)
{
	mmio_wmb();
	smmu_write(smmu, SMMU_CMDQ_PROD, smmu->cmdq.prod);
}

void smmu_command(struct smmu *smmu, uint64_t word0, uint64_t word1)
{
	if (smmu->broken)
		return;
	if (is_full(&smmu->cmdq)) {
		publish(smmu);
		/* A refusal here is not forgotten: see smmu_sync(). */
		if (wait_consumed(smmu, false) == -ETIMEDOUT)
			return;
	}
	put(&smmu->cmdq, word0, word1);
	smmu->commands++;
}

int smmu_sync(struct smmu *smmu)
{
	const unsigned long errors = smmu->cmdq_errors_seen;
	int err;

	smmu_command(smmu, CMD_SYNC, 0);
	if (smmu->broken)
		return -ETIMEDOUT;
	publish(smmu);
	err = wait_consumed(smmu, true);
	smmu->cmdq_errors_seen = smmu->cmdq_errors;
	/* What the SMMU does from now on, it does with what is in memory now. */
	mmio_mb();
	return err == 0 && smmu->cmdq_errors != errors ? -EIO : err;
}

int smmu_cmdq_init(struct smmu *smmu)
{
	struct smmu_queue *queue = &smmu->cmdq;

	/* Two commands at least: a batch is a command and its CMD_SYNC. */
	queue->log2size = MIN(IDR1_CMDQS(smmu->idr1), CMDQ_LOG2_MAX);
	queue->words = CMD_WORDS;
	queue->prod = queue->cons = 0;
	queue->entries = alloc_pages_exact(PAGE_SIZE);
	if (!queue->entries)
		return -ENOMEM;
	smmu_write64(smmu, SMMU_CMDQ_BASE,
		     BASE_ALLOCATE | (uintptr_t)queue->entries | queue->log2size);
	smmu_write(smmu, SMMU_CMDQ_PROD, 0);
	smmu_write(smmu, SMMU_CMDQ_CONS, 0);
	return 0;
}

void smmu_cmdq_exit(struct smmu *smmu)
{
	free_pages_exact(smmu->cmdq.entries, PAGE_SIZE);
	smmu->cmdq.entries = NULL;
}
