/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Domains: what lib/iommu.h wants of a driver. The device forgets a domain with its last endpoint and with
 * its reset, and knows none before its first, so the record of what is mapped is here: an array in order
 * of addresses. Each entry is told to the device as soon as it knows the domain, and again after a reset.
 */
#include <string.h>
#include "drivers/virtio/virtio_iommu_private.h"

/* Entries that a range gets at most. A window of single pages could need more; then mapping fails, as it does where
 * addresses have run out, and its user waits for something in flight. */
#define PREPARED_MAX 2048u

static struct viommu *to_viommu(struct iommu *iommu)
{
	return container_of(iommu, struct viommu, iommu);
}

static struct viommu_domain *to_domain(struct iommu_domain *domain)
{
	return container_of(domain, struct viommu_domain, domain);
}

/* --- the record ------------------------------------------------------------------------------ */

/* The first entry at or behind @iova. */
static unsigned int lower_bound(const struct viommu_domain *d, uint64_t iova)
{
	unsigned int low = 0, high = d->count;

	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (d->mappings[mid].iova < iova)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static uint64_t last_of(const struct viommu_mapping *m)
{
	return m->iova + m->size - 1;
}

/* Whether a mapping can stand as entry @i. */
static bool fits(const struct viommu_domain *d, unsigned int i, const struct viommu_mapping *m)
{
	if (i > 0 && last_of(&d->mappings[i - 1]) >= m->iova)
		return false;
	return i == d->count || last_of(m) < d->mappings[i].iova;
}

static void insert(struct viommu_domain *d, unsigned int i, const struct viommu_mapping *m)
{
	memmove(&d->mappings[i + 1], &d->mappings[i], (d->count - i) * sizeof(*m));
	d->mappings[i] = *m;
	d->count++;
}

static void erase(struct viommu_domain *d, unsigned int i, unsigned int n)
{
	d->count -= n;
	memmove(&d->mappings[i], &d->mappings[i + n], (d->count - i) * sizeof(d->mappings[0]));
}

/* How many entries from @i on make up exactly the range from @iova to @last; 0: none do. */
static unsigned int entries_of(const struct viommu_domain *d, unsigned int i, uint64_t iova,
			       uint64_t last)
{
	unsigned int n;

	for (n = 0; i + n < d->count && d->mappings[i + n].iova == iova; n++) {
		uint64_t end = last_of(&d->mappings[i + n]);

		if (end >= last)
			return end == last ? n + 1 : 0;
		iova = end + 1;
	}
	return 0;
}

bool viommu_is_mapped(const struct viommu *v, uint32_t endpoint, uint64_t addr)
{
	for (unsigned int i = 0; i < VIOMMU_ENDPOINTS; i++) {
		const struct viommu_domain *d = v->endpoints[i].domain;
		unsigned int at;

		if (!d || v->endpoints[i].id != endpoint)
			continue;
		at = lower_bound(d, addr);
		return (at < d->count && d->mappings[at].iova == addr) ||
		       (at > 0 && last_of(&d->mappings[at - 1]) >= addr);
	}
	return false;
}

/* Whether the device is to hear of mappings: a bypass domain has none (5.13.6.5.1#2, 5.13.6.6.1#6). */
static bool translates(const struct viommu_domain *d)
{
	return d->exists && !d->domain.bypass;
}

/* --- mapping --------------------------------------------------------------------------------- */

/* 5.13.6.1#3. Pages are whole, so the end of a range is above its start (5.13.6.5.1#3). */
static int check_range(const struct viommu *v, uint64_t iova, uint64_t size)
{
	const struct viommu_range *input = &v->config.input;

	if (size == 0 || (iova | size) % PAGE_SIZE)
		return -EINVAL;
	return iova < input->start || iova > input->end || size - 1 > input->end - iova ? -ERANGE
											: 0;
}

/* Under the lock. */
static int add_mapping(struct viommu *v, struct viommu_domain *d, struct viommu_mapping *m)
{
	const unsigned int i = lower_bound(d, m->iova);
	const enum viommu_verdict verdict = viommu_judge(v, m);
	int err = 0;

	if (v->error)
		return v->error;
	if (verdict == VIOMMU_RESERVED)
		return -ERANGE;
	if (!fits(d, i, m))
		return -EINVAL;
	if (d->count == d->capacity)
		return -ENOMEM;
	if (translates(d) && verdict == VIOMMU_FREE) {
		err = viommu_map_request(v, d->id, m);
		m->sent = !err;
	}
	if (!err)
		insert(d, i, m);
	return err;
}

static int viommu_map(struct iommu_domain *domain, uint64_t iova, uint64_t phys, uint64_t size,
		      unsigned int prot)
{
	struct viommu_domain *d = to_domain(domain);
	struct viommu_mapping m = {.iova = iova, .phys = phys, .size = size, .prot = prot};
	int err = check_range(d->viommu, iova, size);
	unsigned long state;

	if (err)
		return err;
	if (phys % PAGE_SIZE || phys + size - 1 < phys || !(prot & (IOMMU_READ | IOMMU_WRITE)))
		return -EINVAL;
	state = port_lock(&d->viommu->lock);
	err = add_mapping(d->viommu, d, &m);
	port_unlock(&d->viommu->lock, state);
	return err;
}

static bool any_sent(const struct viommu_domain *d, unsigned int i, unsigned int n)
{
	for (; n > 0; n--) {
		if (d->mappings[i + n - 1].sent)
			return true;
	}
	return false;
}

/*
 * Under the lock. The range may take in what the device was not told of (5.13.6.6.1#3). Whatever the device
 * says, the record ends: what its owner gave up must not come back after a reset.
 */
static int remove_mappings(struct viommu *v, struct viommu_domain *d, uint64_t iova, uint64_t size)
{
	const unsigned int i = lower_bound(d, iova);
	const unsigned int n = entries_of(d, i, iova, iova + size - 1);
	int err = 0;

	if (n == 0)
		return -EINVAL;
	if (translates(d) && any_sent(d, i, n))
		err = viommu_unmap_request(v, d->id, iova, size);
	erase(d, i, n);
	return err;
}

static int viommu_unmap(struct iommu_domain *domain, uint64_t iova, uint64_t size)
{
	struct viommu_domain *d = to_domain(domain);
	int err = check_range(d->viommu, iova, size);
	unsigned long state;

	if (err)
		return err;
	state = port_lock(&d->viommu->lock);
	err = remove_mappings(d->viommu, d, iova, size);
	port_unlock(&d->viommu->lock, state);
	return err;
}

/* Room for @more entries. They are moved under the lock, as an interrupt may map something. */
static int grow(struct viommu_domain *d, unsigned int more)
{
	const unsigned int capacity = d->capacity + more;
	struct viommu_mapping *mappings = port_alloc(capacity * sizeof(*mappings));
	struct viommu_mapping *old = d->mappings;
	unsigned long state;

	if (!mappings)
		return -ENOMEM;
	state = port_lock(&d->viommu->lock);
	if (d->count)
		memcpy(mappings, old, d->count * sizeof(*mappings));
	d->mappings = mappings;
	d->capacity = capacity;
	port_unlock(&d->viommu->lock, state);
	port_free(old);
	return 0;
}

static int viommu_prepare(struct iommu_domain *domain, uint64_t iova, uint64_t size)
{
	struct viommu_domain *d = to_domain(domain);
	const struct viommu_range range = {iova, iova + size - 1};
	const unsigned int more = (unsigned int)MIN(size / PAGE_SIZE, (uint64_t)PREPARED_MAX);
	int err = check_range(d->viommu, iova, size);

	if (!err && !viommu_is_usable(d->viommu, &range))
		err = -ERANGE;
	if (!err && d->capacity - d->count < more)
		err = grow(d, more);
	if (!err && size > d->window.end - d->window.start)
		d->window = range;
	return err;
}

/* --- what the device knows ------------------------------------------------------------------- */

/* Under the lock. */
static void forget(struct viommu_domain *d)
{
	d->exists = false;
	for (unsigned int i = 0; i < d->count; i++)
		d->mappings[i].sent = false;
}

void viommu_forget_all(struct viommu *v)
{
	struct viommu_domain *d;

	list_for_each_entry (d, &v->domains, node)
		forget(d);
}

/* The next entry from *@cursor on that the device is to be told of. Under the lock. */
static int tell_next(struct viommu *v, struct viommu_domain *d, uint64_t *cursor, bool *more)
{
	unsigned int i = lower_bound(d, *cursor);
	struct viommu_mapping *m;
	int err;

	while (i < d->count &&
	       (d->mappings[i].sent || viommu_judge(v, &d->mappings[i]) == VIOMMU_PASSES))
		i++;
	*more = i < d->count;
	if (!*more)
		return 0;
	m = &d->mappings[i];
	*cursor = m->iova + 1;
	err = viommu_map_request(v, d->id, m);
	m->sent = !err;
	return err;
}

/* Tells the device of what was mapped before it knew the domain. Interrupts come in between, and may map. */
static int tell(struct viommu *v, struct viommu_domain *d)
{
	uint64_t cursor = 0;
	bool more = true;
	int err = 0;

	while (more && !err) {
		unsigned long state = port_lock(&v->lock);

		err = tell_next(v, d, &cursor, &more);
		port_unlock(&v->lock, state);
	}
	return err;
}

int viommu_replay(struct viommu *v)
{
	struct viommu_domain *d;
	int err = 0;

	for (unsigned int i = 0; i < VIOMMU_ENDPOINTS && !err; i++) {
		const struct viommu_endpoint *ep = &v->endpoints[i];
		unsigned long state;

		if (!ep->domain)
			continue;
		state = port_lock(&v->lock);
		err = viommu_attach_request(v, ep->domain, ep->id);
		ep->domain->exists |= !err;
		port_unlock(&v->lock, state);
	}
	list_for_each_entry (d, &v->domains, node) {
		if (!err && translates(d))
			err = tell(v, d);
	}
	return err;
}

/* --- endpoints ------------------------------------------------------------------------------- */

/* The entry of @id, or where @id is NULL a free one; NULL: none. */
static struct viommu_endpoint *find_endpoint(struct viommu *v, const uint32_t *id)
{
	for (unsigned int i = 0; i < VIOMMU_ENDPOINTS; i++) {
		struct viommu_endpoint *ep = &v->endpoints[i];

		if (id ? ep->domain && ep->id == *id : !ep->domain)
			return ep;
	}
	return NULL;
}

/* Under the lock. */
static bool mappings_are_clear(const struct viommu *v, const struct viommu_domain *d)
{
	for (unsigned int i = 0; i < d->count; i++) {
		if (viommu_judge(v, &d->mappings[i]) == VIOMMU_RESERVED)
			return false;
	}
	return true;
}

/* Whether what is mapped, and what is to be, keeps clear of what is reserved. Interrupts map meanwhile. */
static int check_domain(struct viommu *v, const struct viommu_domain *d)
{
	unsigned long state;
	bool clear;

	if (d->domain.bypass)
		return 0;
	state = port_lock(&v->lock);
	clear = (d->window.end == 0 || viommu_is_usable(v, &d->window)) && mappings_are_clear(v, d);
	port_unlock(&v->lock, state);
	if (clear)
		return 0;
	port_log(LOG_ERROR, "%s: domain %u uses addresses that are reserved", v->name,
		 (unsigned int)d->id);
	return -ERANGE;
}

/* Under the lock. */
static int leave_locked(struct viommu *v, struct viommu_endpoint *ep)
{
	struct viommu_domain *d = ep->domain;
	int err = d->exists ? viommu_detach_request(v, d->id, ep->id) : 0;

	/* Also where the device does not answer: its reset must not bring the endpoint back. */
	ep->domain = NULL;
	if (--d->endpoints == 0 && !err)
		forget(d);
	return err;
}

static int leave(struct viommu *v, uint32_t id)
{
	struct viommu_endpoint *ep = find_endpoint(v, &id);
	unsigned long state;
	int err;

	if (!ep)
		return 0;
	state = port_lock(&v->lock);
	err = leave_locked(v, ep);
	port_unlock(&v->lock, state);
	return err;
}

static int attach(struct viommu *v, struct viommu_endpoint *ep, uint32_t id,
		  struct viommu_domain *d)
{
	unsigned long state = port_lock(&v->lock);
	int err = viommu_attach_request(v, d, id);

	if (!err) {
		*ep = (struct viommu_endpoint){.id = id, .domain = d};
		d->endpoints++;
		d->exists = true;
	}
	port_unlock(&v->lock, state);
	return err;
}

static int join(struct viommu *v, uint32_t id, struct viommu_domain *d)
{
	struct viommu_endpoint *ep = find_endpoint(v, NULL);
	int err;

	if (find_endpoint(v, &id))
		return -EBUSY;
	if (!ep)
		return -ENOSPC;
	err = viommu_learn_regions(v, id); /* 5.13.5.1#2: before it is attached */
	if (!err)
		err = check_domain(v, d);
	if (!err)
		err = attach(v, ep, id, d);
	if (err)
		return err;
	if (translates(d))
		err = tell(v, d);
	/* An endpoint that stays would go wherever the domain's id leads next. */
	return err && leave(v, id) ? -ETIMEDOUT : err;
}

static int viommu_attach(struct iommu *iommu, uint32_t id, struct iommu_domain *domain)
{
	struct viommu *v = to_viommu(iommu);

	return domain ? join(v, id, to_domain(domain)) : leave(v, id);
}

/* --- domains --------------------------------------------------------------------------------- */

static bool id_in_use(const struct viommu *v, uint32_t id)
{
	const struct viommu_domain *d;

	list_for_each_entry (d, &v->domains, node) {
		if (d->id == id)
			return true;
	}
	return false;
}

/* 5.13.6.1#4: an id in the range that the device has named. Returns false where there is none. */
static bool choose_id(const struct viommu *v, uint32_t *id)
{
	uint64_t i;

	for (i = v->config.first_domain; i <= v->config.last_domain; i++) {
		*id = (uint32_t)i;
		if (!id_in_use(v, *id))
			return true;
	}
	return false;
}

static struct iommu_domain *viommu_domain_alloc(struct iommu *iommu)
{
	struct viommu *v = to_viommu(iommu);
	struct viommu_domain *d;
	unsigned long state;
	uint32_t id;

	if (!choose_id(v, &id)) {
		port_log(LOG_ERROR, "%s: all domains are in use", v->name);
		return NULL;
	}
	d = port_alloc(sizeof(*d));
	if (!d)
		return NULL;
	d->viommu = v;
	d->id = id;
	v->references++;
	state = port_lock(&v->lock);
	list_add_tail(&d->node, &v->domains);
	port_unlock(&v->lock, state);
	return &d->domain;
}

static void viommu_domain_free(struct iommu_domain *domain)
{
	struct viommu_domain *d = to_domain(domain);
	struct viommu *v = d->viommu;
	unsigned long state = port_lock(&v->lock);

	list_del(&d->node);
	port_unlock(&v->lock, state);
	port_free(d->mappings);
	port_free(d);
	viommu_put(v);
}

const struct iommu_ops viommu_ops = {
	.domain_alloc = viommu_domain_alloc,
	.domain_free = viommu_domain_free,
	.attach = viommu_attach,
	.prepare = viommu_prepare,
	.map = viommu_map,
	.unmap = viommu_unmap,
	.poll = viommu_poll_events,
};
