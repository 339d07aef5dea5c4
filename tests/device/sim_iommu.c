/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages stand in one array, which is searched from one end to the other: there are few. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "tests/device/sim_iommu.h"
#include "tests/device/violation.h"

#define PAGES_MAX    8192u
#define STREAMS_MAX  16u
#define PREPARED_MAX 64u

struct sim_domain {
	struct iommu_domain base;
	struct {
		uint64_t start, end;
	} prepared[PREPARED_MAX];
	unsigned int prepared_count;
};

static struct sim_page {
	const struct iommu_domain *domain; /* NULL: free */
	uint64_t iova, phys;
	unsigned int prot;
} pages[PAGES_MAX];

static struct {
	struct iommu_domain *domain;
	uint32_t id;
} streams[STREAMS_MAX];

static unsigned int used_pages, domains, fail_map_in, fail_unmap_in, fail_setup_in, lose_map_in;
static struct iommu_fault last_fault;
static bool readable;

static bool fails(unsigned int *in)
{
	return *in && --*in == 0;
}

static struct sim_page *find(const struct iommu_domain *domain, uint64_t iova)
{
	unsigned int left = used_pages;

	iova = ALIGN_DOWN(iova, PAGE_SIZE);
	for (unsigned int i = 0; i < PAGES_MAX && left; i++) {
		if (!pages[i].domain)
			continue;
		left--;
		if (pages[i].domain == domain && pages[i].iova == iova)
			return &pages[i];
	}
	return NULL;
}

static struct sim_page *find_free(void)
{
	for (unsigned int i = 0; i < PAGES_MAX; i++) {
		if (!pages[i].domain)
			return &pages[i];
	}
	abort();
}

/* --- what a driver does ---------------------------------------------------------------------- */

static struct iommu_domain *sim_domain_alloc(struct iommu *iommu)
{
	struct sim_domain *domain;

	(void)iommu;
	if (fails(&fail_setup_in))
		return NULL;
	domain = calloc(1, sizeof(*domain));
	domains++;
	return &domain->base;
}

static void sim_domain_free(struct iommu_domain *domain)
{
	for (unsigned int i = 0; i < STREAMS_MAX; i++) {
		if (streams[i].domain == domain)
			violation("iommu: a domain is freed that stream %u goes through",
				  streams[i].id);
	}
	for (unsigned int i = 0; i < PAGES_MAX; i++) {
		if (pages[i].domain != domain)
			continue;
		pages[i].domain = NULL;
		used_pages--;
	}
	domains--;
	free(container_of(domain, struct sim_domain, base));
}

static int sim_attach(struct iommu *iommu, uint32_t id, struct iommu_domain *domain)
{
	int unused = -1;

	(void)iommu;
	if (id >= 1000)
		return -ERANGE;
	if (fails(&fail_setup_in))
		return -ENOMEM;
	for (unsigned int i = 0; i < STREAMS_MAX; i++) {
		if (streams[i].domain && streams[i].id == id) {
			if (domain)
				violation("iommu: stream %u is attached already", id);
			streams[i].domain = domain;
			return 0;
		}
		if (!streams[i].domain)
			unused = (int)i;
	}
	if (!domain || unused < 0) {
		violation("iommu: stream %u is not attached", id);
		return 0;
	}
	streams[unused].domain = domain;
	streams[unused].id = id;
	return 0;
}

static int sim_prepare(struct iommu_domain *base, uint64_t iova, uint64_t size)
{
	struct sim_domain *domain = container_of(base, struct sim_domain, base);

	if (fails(&fail_setup_in))
		return -ENOMEM;
	if (domain->prepared_count == PREPARED_MAX)
		abort();
	domain->prepared[domain->prepared_count].start = iova;
	domain->prepared[domain->prepared_count++].end = iova + size;
	return 0;
}

static bool is_prepared(const struct iommu_domain *base, uint64_t iova, uint64_t size)
{
	const struct sim_domain *domain = container_of(base, struct sim_domain, base);

	for (unsigned int i = 0; i < domain->prepared_count; i++) {
		if (iova >= domain->prepared[i].start && iova + size <= domain->prepared[i].end)
			return true;
	}
	return false;
}

static int sim_map(struct iommu_domain *domain, uint64_t iova, uint64_t phys, uint64_t size,
		   unsigned int prot)
{
	if (fails(&fail_map_in))
		return -ENOMEM;
	if (!iova || !size || iova % PAGE_SIZE || phys % PAGE_SIZE || size % PAGE_SIZE || !prot)
		violation("iommu: map of %#llx bytes at %#llx", (unsigned long long)size,
			  (unsigned long long)iova);
	if (!is_prepared(domain, iova, size))
		violation("iommu: map of %#llx, which was not prepared", (unsigned long long)iova);
	for (uint64_t at = 0; at < size; at += PAGE_SIZE) {
		if (find(domain, iova + at))
			violation("iommu: %#llx is mapped already",
				  (unsigned long long)(iova + at));
		*find_free() = (struct sim_page){domain, iova + at, phys + at, prot};
		used_pages++;
	}
	return fails(&lose_map_in) ? -ETIMEDOUT : 0;
}

static int sim_unmap(struct iommu_domain *domain, uint64_t iova, uint64_t size)
{
	if (fails(&fail_unmap_in))
		return -ETIMEDOUT;
	for (uint64_t at = 0; at < size; at += PAGE_SIZE) {
		struct sim_page *page = find(domain, iova + at);

		if (!page) {
			violation("iommu: unmap of %#llx, which is not mapped",
				  (unsigned long long)(iova + at));
			continue;
		}
		page->domain = NULL;
		used_pages--;
	}
	return 0;
}

static const struct iommu_ops ops = {
	.domain_alloc = sim_domain_alloc,
	.domain_free = sim_domain_free,
	.attach = sim_attach,
	.prepare = sim_prepare,
	.map = sim_map,
	.unmap = sim_unmap,
};

struct iommu *sim_iommu(void)
{
	static struct iommu iommu = {
		.dt_node = SIM_IOMMU_NODE,
		.name = "simulated",
		.setup = "strict",
		.ops = &ops,
		.iova_limit = BIT_ULL(48) - 1,
	};

	if (!iommu.node.next)
		iommu_register(&iommu);
	return &iommu;
}

/* --- what a device does ---------------------------------------------------------------------- */

static struct iommu_domain *domain_of(uint32_t id)
{
	for (unsigned int i = 0; i < STREAMS_MAX; i++) {
		if (streams[i].domain && streams[i].id == id)
			return streams[i].domain;
	}
	return NULL;
}

static char *fault(uint32_t id, uint64_t addr, bool write, enum iommu_fault_kind kind)
{
	last_fault = (struct iommu_fault){.id = id,
					  .kind = kind,
					  .addr_valid = true,
					  .write = write,
					  .addr = addr,
					  .what = "simulated"};
	iommu_report_fault(sim_iommu(), &last_fault);
	return NULL;
}

static char *translate(uint32_t id, uint64_t addr, bool write)
{
	const struct iommu_domain *domain = domain_of(id);
	const struct sim_page *page = domain ? find(domain, addr) : NULL;
	unsigned int need = write ? IOMMU_WRITE : IOMMU_READ;

	if (!domain)
		return fault(id, addr, write, IOMMU_FAULT_STREAM);
	if (domain->bypass)
		return (char *)(uintptr_t)addr;
	if (!page)
		return fault(id, addr, write, IOMMU_FAULT_UNMAPPED);
	if (!(page->prot & need) && (write || !readable))
		return fault(id, addr, write, IOMMU_FAULT_PERMISSION);
	return (char *)(uintptr_t)(page->phys + addr % PAGE_SIZE);
}

bool sim_iommu_read(uint32_t id, uint64_t addr, void *to, size_t len)
{
	for (size_t done = 0, n; done < len; done += n) {
		const char *from = translate(id, addr + done, false);

		n = MIN(len - done, PAGE_SIZE - (size_t)((addr + done) % PAGE_SIZE));
		if (!from)
			return false;
		memcpy((char *)to + done, from, n);
	}
	return true;
}

bool sim_iommu_write(uint32_t id, uint64_t addr, const void *from, size_t len)
{
	for (size_t done = 0, n; done < len; done += n) {
		char *to = translate(id, addr + done, true);

		n = MIN(len - done, PAGE_SIZE - (size_t)((addr + done) % PAGE_SIZE));
		if (!to)
			return false;
		memcpy(to, (const char *)from + done, n);
	}
	return true;
}

void *sim_iommu_access(uint32_t id, uint64_t addr, size_t len, bool write)
{
	char *start = translate(id, addr, write);

	for (uint64_t at = ALIGN_DOWN(addr, PAGE_SIZE) + PAGE_SIZE; start && at < addr + len;
	     at += PAGE_SIZE) {
		if (translate(id, at, write) != start + (at - addr))
			return NULL;
	}
	return start;
}

/* --- for tests ------------------------------------------------------------------------------- */

void sim_iommu_set_readable(bool on)
{
	readable = on;
}

void sim_iommu_fail_map(unsigned int nth)
{
	fail_map_in = nth;
}

void sim_iommu_fail_unmap(unsigned int nth)
{
	fail_unmap_in = nth;
}

void sim_iommu_fail_setup(unsigned int nth)
{
	fail_setup_in = nth;
}

void sim_iommu_lose_map(unsigned int nth)
{
	lose_map_in = nth;
}

unsigned int sim_iommu_pages(void)
{
	return used_pages;
}

const struct iommu_fault *sim_iommu_fault(void)
{
	return &last_fault;
}

void sim_iommu_reset(void)
{
	if (domains || used_pages)
		violation("iommu: %u domains and %u pages are left", domains, used_pages);
	fail_map_in = fail_unmap_in = fail_setup_in = lose_map_in = 0;
	last_fault = (struct iommu_fault){0};
	readable = false;
}
