/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is attached where. Devices stand in a small static table; domains are the drivers'. Everything
 * here but counting runs in thread context: map and unmap come from lib/dma_iommu.c at any time, but
 * for one domain never twice at once.
 */
#include <errno.h>
#include <string.h>
#include <arch/cpu.h>
#include "lib/iommu.h"
#include "lib/iommu_private.h"
#include "lib/log.h"

#define DOORBELLS_MAX 8u

static struct list_head iommus = LIST_HEAD_INIT(iommus);
static struct iommu_stream streams[IOMMU_STREAMS_MAX]; /* free where dev is NULL */
static unsigned int stream_count;

static struct {
	uint64_t phys, size;
} doorbells[DOORBELLS_MAX];
static unsigned int doorbell_count;

/* --- the registry ---------------------------------------------------------------------------- */

void iommu_register(struct iommu *iommu)
{
	list_init(&iommu->domains);
	list_add_tail(&iommu->node, &iommus);
}

struct iommu *iommu_find(int dt_node)
{
	struct iommu *iommu;

	list_for_each_entry (iommu, &iommus, node) {
		if (iommu->dt_node == dt_node)
			return iommu;
	}
	return NULL;
}

struct list_head *iommu_list(void)
{
	return &iommus;
}

/* --- maps ------------------------------------------------------------------------------------ */

int iommu_prepare(struct iommu_domain *domain, uint64_t iova, uint64_t size)
{
	const struct iommu *iommu = domain->iommu;

	if (!size || iova + size - 1 < iova || iova + size - 1 > iommu->iova_limit)
		return -ERANGE;
	return iommu->ops->prepare ? iommu->ops->prepare(domain, iova, size) : 0;
}

int iommu_map(struct iommu_domain *domain, uint64_t iova, uint64_t phys, uint64_t size,
	      unsigned int prot)
{
	int err = domain->iommu->ops->map(domain, iova, phys, size, prot);
	unsigned long state;

	if (err)
		return err;
	state = irq_save();
	domain->mapped_bytes += size;
	irq_restore(state);
	return 0;
}

int iommu_unmap(struct iommu_domain *domain, uint64_t iova, uint64_t size)
{
	int err = domain->iommu->ops->unmap(domain, iova, size);
	unsigned long state;

	if (err)
		return err;
	state = irq_save();
	domain->mapped_bytes -= size;
	irq_restore(state);
	return 0;
}

int iommu_map_identity(struct iommu_domain *domain, uint64_t phys, uint64_t size, unsigned int prot)
{
	int err = iommu_prepare(domain, phys, size);

	return err ? err : iommu_map(domain, phys, phys, size, prot);
}

/* --- domains --------------------------------------------------------------------------------- */

static int map_doorbell(struct iommu_domain *domain, uint64_t phys, uint64_t size)
{
	return iommu_map_identity(domain, phys, size, IOMMU_WRITE | IOMMU_DEVICE);
}

static int map_doorbells(struct iommu_domain *domain)
{
	int err = 0;

	for (unsigned int i = 0; i < doorbell_count && !err; i++)
		err = map_doorbell(domain, doorbells[i].phys, doorbells[i].size);
	return err;
}

struct iommu_domain *iommu_domain_alloc(struct iommu *iommu)
{
	struct iommu_domain *domain = iommu->ops->domain_alloc(iommu);
	int err;

	if (!domain)
		return NULL;
	*domain = (struct iommu_domain){.iommu = iommu};
	list_add_tail(&domain->node, &iommu->domains);
	err = map_doorbells(domain);
	if (!err)
		return domain;
	log_error("%s: the doorbells of interrupts cannot be mapped (%d)", iommu->name, err);
	iommu_domain_free(domain);
	return NULL;
}

void iommu_domain_free(struct iommu_domain *domain)
{
	list_del(&domain->node);
	domain->iommu->ops->domain_free(domain);
}

/* A doorbell that is known, or a part of one. */
static bool doorbell_known(uint64_t phys, uint64_t size)
{
	for (unsigned int i = 0; i < doorbell_count; i++) {
		if (phys >= doorbells[i].phys &&
		    phys + size <= doorbells[i].phys + doorbells[i].size)
			return true;
	}
	return false;
}

bool iommu_has_doorbell(uint64_t start, uint64_t size)
{
	for (unsigned int i = 0; i < doorbell_count; i++) {
		if (doorbells[i].phys < start + size &&
		    start < doorbells[i].phys + doorbells[i].size)
			return true;
	}
	return false;
}

/* Takes a doorbell back from the domains before @end. One that stays is a page that devices may ring, and no more. */
static void undo_doorbell(const struct iommu_domain *end, uint64_t phys, uint64_t size)
{
	struct iommu_domain *domain;
	struct iommu *iommu;

	list_for_each_entry (iommu, &iommus, node) {
		list_for_each_entry (domain, &iommu->domains, node) {
			if (domain == end)
				return;
			if (iommu_unmap(domain, phys, size))
				log_error("%s: a doorbell stays mapped", iommu->name);
		}
	}
}

static int map_everywhere(uint64_t phys, uint64_t size)
{
	struct iommu_domain *domain;
	struct iommu *iommu;

	list_for_each_entry (iommu, &iommus, node) {
		list_for_each_entry (domain, &iommu->domains, node) {
			int err = map_doorbell(domain, phys, size);

			if (!err)
				continue;
			undo_doorbell(domain, phys, size);
			return err;
		}
	}
	return 0;
}

int iommu_add_doorbell(uint64_t phys, uint64_t size)
{
	uint64_t start = ALIGN_DOWN(phys, PAGE_SIZE);
	int err;

	size = ALIGN_UP(phys + size, PAGE_SIZE) - start;
	if (doorbell_known(start, size))
		return 0;
	if (doorbell_count == DOORBELLS_MAX)
		return -ENOSPC;
	err = map_everywhere(start, size);
	if (err)
		return err;
	doorbells[doorbell_count].phys = start;
	doorbells[doorbell_count++].size = size;
	return 0;
}

/* --- streams --------------------------------------------------------------------------------- */

struct iommu_stream *iommu_stream_of(const struct device *dev)
{
	if (dev && !stream_count) /* the rule, on a machine without an IOMMU */
		return NULL;
	for (unsigned int i = 0; i < IOMMU_STREAMS_MAX; i++) {
		if (streams[i].dev == dev)
			return &streams[i];
	}
	return NULL;
}

/* The first entry of a stream from number @i on, or NULL. */
static struct iommu_stream *find_stream(const struct iommu *iommu, uint32_t id, size_t i)
{
	for (; i < IOMMU_STREAMS_MAX; i++) {
		if (streams[i].dev && streams[i].id == id && streams[i].domain->iommu == iommu)
			return &streams[i];
	}
	return NULL;
}

struct iommu_stream *iommu_stream_by_id(const struct iommu *iommu, uint32_t id)
{
	return find_stream(iommu, id, 0);
}

struct iommu_stream *iommu_stream_next(const struct iommu_stream *stream)
{
	return find_stream(stream->domain->iommu, stream->id, (size_t)(stream - streams) + 1);
}

struct iommu_domain *iommu_domain_of_stream(const struct iommu *iommu, uint32_t id)
{
	const struct iommu_stream *stream = iommu_stream_by_id(iommu, id);

	return stream ? stream->domain : NULL;
}

struct iommu_domain *iommu_domain_of(const struct device *dev)
{
	const struct iommu_stream *stream = iommu_stream_of(dev);

	return stream ? stream->domain : NULL;
}

/* Interrupts look devices up by their stream: an entry changes as a whole. */
static void set_stream(struct iommu_stream *stream, const struct iommu_stream *value)
{
	unsigned long state = irq_save();

	*stream = *value;
	irq_restore(state);
}

int iommu_attach(struct iommu_domain *domain, uint32_t id, struct device *dev)
{
	struct iommu *iommu = domain->iommu;
	struct iommu_domain *other = iommu_domain_of_stream(iommu, id);
	struct iommu_stream *stream = iommu_stream_of(NULL);
	int err;

	if (iommu_stream_of(dev) || (other && other != domain))
		return -EBUSY;
	if (!stream)
		return -ENOSPC;
	err = other ? 0 : iommu->ops->attach(iommu, id, domain);
	if (err)
		return err;
	set_stream(stream, &(const struct iommu_stream){.dev = dev,
							.id = id,
							.domain = domain,
							.lost_seen = iommu->faults_lost});
	domain->streams++;
	stream_count++;
	return 0;
}

int iommu_bypass(struct iommu *iommu, uint32_t id, struct device *dev)
{
	if (!iommu->bypass)
		iommu->bypass = iommu_domain_alloc(iommu);
	if (!iommu->bypass)
		return -ENOMEM;
	iommu->bypass->bypass = true;
	return iommu_attach(iommu->bypass, id, dev);
}

struct iommu_domain *iommu_detach(struct device *dev)
{
	struct iommu_stream *stream = iommu_stream_of(dev);
	struct iommu_domain *domain;
	uint32_t id;
	int err = 0;

	if (!dev || !stream)
		return NULL;
	domain = stream->domain;
	id = stream->id;
	set_stream(stream, &(const struct iommu_stream){0});
	stream_count--;
	if (!iommu_stream_by_id(domain->iommu, id))
		err = domain->iommu->ops->attach(domain->iommu, id, NULL);
	if (err) {
		/* Its stream counts on, so that nobody frees the tables that it may still go through. */
		log_error("%s: %s cannot be detached (%d)", domain->iommu->name, dev->name, err);
		return NULL;
	}
	domain->streams--;
	return domain;
}

/* --- for people ------------------------------------------------------------------------------ */

void iommu_for_each(void (*visit)(struct iommu *iommu, void *arg), void *arg)
{
	struct iommu *iommu;

	list_for_each_entry (iommu, &iommus, node)
		visit(iommu, arg);
}

void iommu_for_each_device(const struct iommu *iommu,
			   void (*visit)(struct device *dev, uint32_t id,
					 const struct iommu_domain *domain, unsigned long faults,
					 void *arg),
			   void *arg)
{
	for (unsigned int i = 0; i < IOMMU_STREAMS_MAX; i++) {
		const struct iommu_stream *stream = &streams[i];

		if (stream->dev && stream->domain->iommu == iommu)
			visit(stream->dev, stream->id, stream->domain, stream->faults, arg);
	}
}
