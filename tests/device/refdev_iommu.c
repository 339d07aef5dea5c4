/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An IOMMU (VIRTIO 1.4, 5.13): domains, mappings, and endpoints whose accesses a test makes by hand. It is
 * strict: what the specification lets a device refuse or a driver not do is a violation here, as long as the
 * test has not asked for the error.
 */
#include <stdlib.h>
#include <string.h>
#include "tests/device/refdev_types.h"
#include "tests/device/violation.h"

enum { REQUESTQ, EVENTQ };
enum { S_OK, S_IOERR, S_UNSUPP, S_DEVERR, S_INVAL, S_RANGE, S_NOENT };
enum { R_UNKNOWN, R_DOMAIN, R_MAPPING };

#define PAGE	   0xfffull
#define PROBE_HEAD 72u
#define F_ADDRESS  0x100u

#define INPUT_START  8
#define INPUT_END    16
#define DOMAIN_START 24
#define DOMAIN_END   28
#define PROBE_SIZE   32
#define BYPASS	     36

static const struct refdev_field fields[] = {
	{0, 8, -1, REF_CONFIG_RO}, /* page_size_mask */
	{INPUT_START, 8, REF_IOMMU_F_INPUT_RANGE, REF_CONFIG_RO},
	{INPUT_END, 8, REF_IOMMU_F_INPUT_RANGE, REF_CONFIG_RO},
	{DOMAIN_START, 4, REF_IOMMU_F_DOMAIN_RANGE, REF_CONFIG_RO},
	{DOMAIN_END, 4, REF_IOMMU_F_DOMAIN_RANGE, REF_CONFIG_RO},
	{PROBE_SIZE, 4, REF_IOMMU_F_PROBE, REF_CONFIG_RO},
	{BYPASS, 1, REF_IOMMU_F_BYPASS_CONFIG, REF_CONFIG_RW},
};

struct refdev_iommu *refdev_iommu(struct refdev *dev)
{
	return dev->priv;
}

static uint64_t number(const uint8_t *p, unsigned int width)
{
	uint64_t value = 0;

	while (width-- > 0)
		value = value << 8 | p[width];
	return value;
}

static void store(uint8_t *p, uint64_t value, unsigned int width)
{
	for (unsigned int i = 0; i < width; i++)
		p[i] = (uint8_t)(value >> (8 * i));
}

static bool all_zero(const uint8_t *p, unsigned int len)
{
	for (unsigned int i = 0; i < len; i++) {
		if (p[i])
			return false;
	}
	return true;
}

/* --- who and where ---------------------------------------------------------------------------- */

static struct refdev_iommu_domain *find_domain(struct refdev_iommu *ref, uint32_t id)
{
	for (unsigned int i = 0; i < REF_IOMMU_DOMAINS; i++) {
		if (ref->domains[i].exists && ref->domains[i].id == id)
			return &ref->domains[i];
	}
	return NULL;
}

static int find_endpoint(const struct refdev_iommu *ref, uint32_t id)
{
	for (unsigned int i = 0; i < ref->endpoint_count; i++) {
		if (ref->endpoints[i].id == id)
			return (int)i;
	}
	return -1;
}

static void check_domain_id(struct refdev *dev, uint32_t id)
{
	if (refdev_negotiated(dev, REF_IOMMU_F_DOMAIN_RANGE) &&
	    (id < number(dev->config + DOMAIN_START, 4) ||
	     id > number(dev->config + DOMAIN_END, 4)))
		violation("iommu: domain %u is out of range (5.13.6.1#4)", id);
}

static void check_input(struct refdev *dev, uint64_t start, uint64_t end)
{
	if (end <= start)
		violation("iommu: an empty range (5.13.6.5.1#3)");
	if (refdev_negotiated(dev, REF_IOMMU_F_INPUT_RANGE) &&
	    (start < number(dev->config + INPUT_START, 8) ||
	     end > number(dev->config + INPUT_END, 8)))
		violation("iommu: addresses out of range (5.13.6.1#3)");
}

/* 5.13.6.4: a domain ends with its last endpoint, and so do its mappings. */
static void leave(struct refdev_iommu *ref, int endpoint)
{
	struct refdev_iommu_domain *domain = ref->endpoints[endpoint].domain;

	ref->endpoints[endpoint].domain = NULL;
	if (domain && --domain->endpoints == 0)
		memset(domain, 0, sizeof(*domain));
}

/* --- requests --------------------------------------------------------------------------------- */

static uint8_t do_attach(struct refdev *dev, const uint8_t *r)
{
	struct refdev_iommu *ref = dev->priv;
	uint32_t id = (uint32_t)number(r + 4, 4);
	int endpoint = find_endpoint(ref, (uint32_t)number(r + 8, 4));
	struct refdev_iommu_domain *domain = find_domain(ref, id);

	bool bypass = number(r + 12, 4);

	check_domain_id(dev, id);
	if (number(r + 12, 4) > 1 || (bypass && !refdev_negotiated(dev, REF_IOMMU_F_BYPASS_CONFIG)))
		violation("iommu: ATTACH with unknown flags");
	if (domain && bypass != domain->bypass)
		violation(
			"iommu: ATTACH to a domain that is%s a bypass (5.13.6.3.1#3, 5.13.6.3.1#4)",
			bypass ? " not" : "");
	if (!all_zero(r + 16, 4))
		violation("iommu: ATTACH, reserved is not 0 (5.13.6.3.1#1)");
	if (endpoint < 0)
		return S_NOENT;
	if (refdev_negotiated(dev, REF_IOMMU_F_PROBE) && !ref->endpoints[endpoint].probed)
		violation("iommu: ATTACH of an endpoint without PROBE (5.13.5.1#2)");
	if (ref->endpoints[endpoint].domain)
		violation("iommu: ATTACH of an endpoint that has a domain");
	for (unsigned int i = 0; i < REF_IOMMU_DOMAINS && !domain; i++) {
		if (ref->domains[i].exists)
			continue;
		domain = &ref->domains[i];
		domain->exists = true;
		domain->bypass = bypass;
		domain->id = id;
	}
	if (!domain)
		return S_UNSUPP;
	ref->endpoints[endpoint].domain = domain;
	domain->endpoints++;
	return S_OK;
}

static uint8_t do_detach(struct refdev *dev, const uint8_t *r)
{
	struct refdev_iommu *ref = dev->priv;
	struct refdev_iommu_domain *domain = find_domain(ref, (uint32_t)number(r + 4, 4));
	int endpoint = find_endpoint(ref, (uint32_t)number(r + 8, 4));

	if (!all_zero(r + 12, 8))
		violation("iommu: DETACH, reserved is not 0 (5.13.6.4.1#1)");
	if (endpoint < 0)
		return S_NOENT;
	if (!domain || ref->endpoints[endpoint].domain != domain) {
		violation("iommu: DETACH from a domain in which the endpoint is not");
		return S_INVAL;
	}
	leave(ref, endpoint);
	return S_OK;
}

static void check_map_flags(struct refdev *dev, uint32_t flags)
{
	if (flags & ~(REF_IOMMU_READ | REF_IOMMU_WRITE | REF_IOMMU_MMIO))
		violation("iommu: MAP with unknown flags %#x (5.13.6.5.1#1)", flags);
	if (!(flags & (REF_IOMMU_READ | REF_IOMMU_WRITE)))
		violation("iommu: MAP for nothing (5.13.6.5.1#6)");
	if ((flags & REF_IOMMU_MMIO) && !refdev_negotiated(dev, REF_IOMMU_F_MMIO))
		violation("iommu: MAP with MMIO, which was not agreed on (5.13.6.5.1#7)");
}

static void check_reserved(const struct refdev_iommu *ref, uint64_t start, uint64_t end)
{
	for (unsigned int i = 0; i < ref->reserved_count; i++) {
		if (start <= ref->reserved[i].end && ref->reserved[i].start <= end)
			violation("iommu: MAP of a reserved address (5.13.6.8.1.1#1)");
	}
}

static uint8_t do_map(struct refdev *dev, const uint8_t *r)
{
	struct refdev_iommu *ref = dev->priv;
	struct refdev_iommu_domain *domain = find_domain(ref, (uint32_t)number(r + 4, 4));
	const struct refdev_iommu_mapping m = {
		.start = number(r + 8, 8),
		.end = number(r + 16, 8),
		.phys = number(r + 24, 8),
		.flags = (uint32_t)number(r + 32, 4),
	};

	check_input(dev, m.start, m.end);
	check_map_flags(dev, m.flags);
	check_reserved(ref, m.start, m.end);
	if ((m.start | (m.end + 1) | m.phys) & PAGE)
		violation("iommu: MAP of less than a page");
	if (!domain) {
		violation("iommu: MAP in a domain that does not exist");
		return S_NOENT;
	}
	if (domain->bypass)
		violation("iommu: MAP in a bypass domain (5.13.6.5.1#2)");
	for (unsigned int i = 0; i < domain->count; i++) {
		if (m.start <= domain->mappings[i].end && domain->mappings[i].start <= m.end) {
			violation("iommu: MAP over a mapping");
			return S_INVAL;
		}
	}
	if (domain->count == REF_IOMMU_MAPPINGS)
		return 8; /* NOMEM */
	domain->mappings[domain->count++] = m;
	return S_OK;
}

static uint8_t do_unmap(struct refdev *dev, const uint8_t *r)
{
	struct refdev_iommu *ref = dev->priv;
	struct refdev_iommu_domain *domain = find_domain(ref, (uint32_t)number(r + 4, 4));
	uint64_t start = number(r + 8, 8), end = number(r + 16, 8);
	unsigned int i, kept = 0;

	check_input(dev, start, end);
	if (!all_zero(r + 24, 4))
		violation("iommu: UNMAP, reserved is not 0 (5.13.6.6.1#1)");
	if (!domain) {
		violation("iommu: UNMAP in a domain that does not exist");
		return S_NOENT;
	}
	if (domain->bypass)
		violation("iommu: UNMAP in a bypass domain (5.13.6.6.1#6)");
	for (i = 0; i < domain->count; i++) {
		const struct refdev_iommu_mapping m = domain->mappings[i];

		if (m.start < start && start <= m.end) {
			violation("iommu: UNMAP begins within a mapping (5.13.6.6.1#4)");
			return S_RANGE;
		}
		if (m.start <= end && end < m.end) {
			violation("iommu: UNMAP ends within a mapping (5.13.6.6.1#5)");
			return S_RANGE;
		}
	}
	for (i = 0; i < domain->count; i++) {
		if (domain->mappings[i].end < start || domain->mappings[i].start > end)
			domain->mappings[kept++] = domain->mappings[i];
	}
	if (kept == domain->count)
		violation("iommu: UNMAP of nothing (5.13.6.6.1#2)");
	domain->count = kept;
	return S_OK;
}

static uint8_t do_probe(struct refdev *dev, const uint8_t *r, const struct refdev_chain *c)
{
	struct refdev_iommu *ref = dev->priv;
	uint8_t properties[4096] = {0};
	size_t size = number(dev->config + PROBE_SIZE, 4);
	int endpoint = find_endpoint(ref, (uint32_t)number(r + 4, 4));

	if (!refdev_negotiated(dev, REF_IOMMU_F_PROBE))
		violation("iommu: PROBE, which was not agreed on");
	if (!all_zero(r + 8, 64))
		violation("iommu: PROBE, reserved is not 0 (5.13.6.7.1#2)");
	if (endpoint < 0)
		return S_NOENT;
	ref->endpoints[endpoint].probed = true;
	memcpy(properties, ref->props, MIN(size, (size_t)ref->props_len));
	refdev_write(c, 0, properties, size);
	return S_OK;
}

/* The device-readable bytes of each type. */
static const unsigned int lengths[] = {0, 20, 20, 36, 28, PROBE_HEAD};

static bool check_shape(struct refdev *dev, const struct refdev_chain *c, uint8_t type)
{
	size_t in = type == REF_IOMMU_PROBE ? number(dev->config + PROBE_SIZE, 4) + 4 : 4;

	if (type == 0 || type >= ARRAY_SIZE(lengths) || c->readable != lengths[type]) {
		violation("iommu: a request of type %u with %llu bytes", type,
			  (unsigned long long)c->readable);
		return false;
	}
	if (c->writable == in)
		return true;
	violation("iommu: %llu bytes for an answer of %llu (5.13.6.7.1#1)",
		  (unsigned long long)c->writable, (unsigned long long)in);
	return false;
}

static uint8_t execute(struct refdev *dev, const uint8_t *request, const struct refdev_chain *c)
{
	if (!refdev_negotiated(dev, REF_IOMMU_F_MAP_UNMAP) && request[0] != REF_IOMMU_PROBE)
		violation("iommu: the driver cannot map (5.13.5.1#1)");
	switch (request[0]) {
	case REF_IOMMU_ATTACH:
		return do_attach(dev, request);
	case REF_IOMMU_DETACH:
		return do_detach(dev, request);
	case REF_IOMMU_MAP:
		return do_map(dev, request);
	case REF_IOMMU_UNMAP:
		return do_unmap(dev, request);
	default:
		return do_probe(dev, request, c);
	}
}

/* Whether the test wants this request to be refused. */
static bool to_fail(struct refdev_iommu *ref, uint8_t type)
{
	if (!ref->fail_count || (ref->fail_type && ref->fail_type != type))
		return false;
	if (ref->fail_after) {
		ref->fail_after--;
		return false;
	}
	ref->fail_count--;
	return true;
}

static void answer(struct refdev *dev, struct refdev_queue *q, const struct refdev_chain *c,
		   const uint8_t *request)
{
	struct refdev_iommu *ref = dev->priv;
	uint8_t tail[4] = {0}, type = request[0];

	ref->requests[type]++;
	ref->order[ref->order_count++ % ARRAY_SIZE(ref->order)] = type;
	if (!all_zero(request + 1, 3))
		violation("iommu: a head whose reserved bytes are not 0 (5.13.6.1#1)");
	if (to_fail(ref, type))
		tail[0] = ref->fail_status;
	else if (type != ref->short_type)
		tail[0] = execute(dev, request, c);
	if (ref->tail_noise)
		memset(tail + 1, 0xee, 3);
	refdev_write(c, c->writable - 4, tail, 4);
	refdev_push(q, c, type == ref->short_type ? 0 : (uint32_t)c->writable);
}

static void process(struct refdev *dev, struct refdev_queue *q)
{
	struct refdev_iommu *ref = dev->priv;
	static struct refdev_chain c;
	uint8_t request[PROBE_HEAD];

	if (q->index != REQUESTQ)
		return;
	while (refdev_pop(q, &c)) {
		memset(request, 0, sizeof(request));
		refdev_read(&c, 0, request, sizeof(request));
		if (ref->hold_type == request[0]) {
			dev->lies.ignore_notify = true;
			return;
		}
		if (check_shape(dev, &c, request[0]))
			answer(dev, q, &c, request);
		else
			refdev_push(q, &c, 0);
	}
	refdev_interrupt(q);
}

/* --- accesses --------------------------------------------------------------------------------- */

bool refdev_iommu_report(struct refdev *dev, const void *report, unsigned int len, uint32_t used)
{
	struct refdev_iommu *ref = dev->priv;
	struct refdev_queue *q = &dev->queues[EVENTQ];
	static struct refdev_chain c;

	if (!(dev->status & REF_S_DRIVER_OK) || !q->ready || !refdev_pop(q, &c)) {
		ref->events_lost++;
		return false;
	}
	if (c.readable || c.writable < 24)
		violation("iommu: a buffer that no report fits into");
	refdev_write(&c, 0, report, len);
	refdev_push(q, &c, used);
	refdev_interrupt(q);
	ref->events++;
	return true;
}

static bool fault(struct refdev *dev, uint8_t reason, uint32_t id, uint64_t addr, uint32_t flags)
{
	uint8_t report[24] = {reason};

	store(report + 4, flags | F_ADDRESS, 4);
	store(report + 8, id, 4);
	store(report + 16, addr, 8);
	(void)refdev_iommu_report(dev, report, sizeof(report), sizeof(report));
	return false;
}

bool refdev_iommu_access(struct refdev *dev, uint32_t id, uint64_t addr, bool write, uint64_t *phys)
{
	struct refdev_iommu *ref = dev->priv;
	int endpoint = find_endpoint(ref, id);
	uint32_t need = write ? REF_IOMMU_WRITE : REF_IOMMU_READ;
	const struct refdev_iommu_domain *domain;

	*phys = addr;
	for (unsigned int i = 0; i < ref->reserved_count; i++) {
		if (addr >= ref->reserved[i].start && addr <= ref->reserved[i].end)
			return ref->reserved[i].msi || fault(dev, R_MAPPING, id, addr, need);
	}
	domain = endpoint >= 0 ? ref->endpoints[endpoint].domain : NULL;
	if (!domain)
		return (dev->config[BYPASS] & 1) || fault(dev, R_DOMAIN, id, addr, need);
	if (domain->bypass)
		return true;
	for (unsigned int i = 0; i < domain->count; i++) {
		const struct refdev_iommu_mapping *m = &domain->mappings[i];

		if (addr < m->start || addr > m->end)
			continue;
		*phys = m->phys + (addr - m->start);
		return (m->flags & need) || fault(dev, R_MAPPING, id, addr, need);
	}
	return fault(dev, R_MAPPING, id, addr, need);
}

/* --- life ------------------------------------------------------------------------------------- */

static void config_written(struct refdev *dev, unsigned int offset)
{
	struct refdev_iommu *ref = dev->priv;

	if (offset != BYPASS)
		violation("iommu: config field %u is written (5.13.4.1#2)", offset);
	else if (dev->config[BYPASS] > 1)
		violation("iommu: bypass is set to %u (5.13.4.1#3)", dev->config[BYPASS]);
	if (ref->bypass_stays)
		dev->config[BYPASS] = 1;
	if (ref->bypass_noise)
		dev->config[BYPASS] |= 0xfe;
}

/* 5.13.4.2#4: bypass stays as it is. */
static void reset(struct refdev *dev)
{
	struct refdev_iommu *ref = dev->priv;

	for (unsigned int i = 0; ref && i < ref->endpoint_count; i++)
		leave(ref, (int)i);
}

static void destroy(struct refdev *dev)
{
	free(dev->priv);
}

static const struct refdev_type type = {
	.id = 23,
	.fields = fields,
	.field_count = ARRAY_SIZE(fields),
	.process = process,
	.config_written = config_written,
	.reset = reset,
	.free = destroy,
};

void refdev_iommu_add_props(struct refdev *dev, const void *bytes, unsigned int len)
{
	struct refdev_iommu *ref = dev->priv;

	if (ref->props_len + len > REF_IOMMU_PROPS)
		abort();
	memcpy(ref->props + ref->props_len, bytes, len);
	ref->props_len += len;
}

void refdev_iommu_reserve(struct refdev *dev, uint64_t start, uint64_t end, uint8_t subtype)
{
	struct refdev_iommu *ref = dev->priv;
	uint8_t property[24] = {1, 0, 20, 0, subtype};

	store(property + 8, start, 8);
	store(property + 16, end, 8);
	refdev_iommu_add_props(dev, property, sizeof(property));
	ref->reserved[ref->reserved_count].start = start;
	ref->reserved[ref->reserved_count].end = end;
	ref->reserved[ref->reserved_count++].msi = subtype == 1;
}

struct refdev *refdev_iommu_new(uint64_t without, unsigned int endpoints)
{
	struct refdev *dev = refdev_new(&type, 2, 2, 64);
	struct refdev_iommu *ref = calloc(1, sizeof(*ref));

	for (unsigned int i = 0; i < endpoints; i++)
		ref->endpoints[ref->endpoint_count++].id = i + 1;
	dev->priv = ref;
	dev->offered |= 0x77 & ~without;
	dev->config_len = 40;
	refdev_set_config(dev, 0, ~PAGE, 8);
	refdev_set_config(dev, INPUT_END, UINT64_MAX, 8);
	refdev_set_config(dev, DOMAIN_END, UINT32_MAX, 4);
	refdev_set_config(dev, PROBE_SIZE, REF_IOMMU_PROPS, 4);
	refdev_set_config(dev, BYPASS, 1, 1);
	return dev;
}
