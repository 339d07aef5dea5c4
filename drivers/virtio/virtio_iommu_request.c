/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests to the IOMMU (VIRTIO 1.4, 5.13.6): one at a time, from memory of the driver's own, and polled for,
 * so that they can be made in any context. A device that does not answer in time is not waited for again:
 * it is to recover, and until then every request fails at once. All of this under the lock.
 */
#include <string.h>
#include "drivers/virtio/virtio_iommu_private.h"

#define TIMEOUT_NS (2 * NSEC_PER_SEC)
#define POLL_NS \
	200u /* and a sixteenth of what was waited already, so that a long wait is few looks */

#define NO_STATUS    0xffu /* none that a device may give */
#define REFUSALS_LOG 16u /* are printed: a device that refuses everything shall not flood the log */

/* 5.13.6.1#2: without a word of the device's the status stays as it was. */
static int await_answer(struct viommu *v, unsigned int *len)
{
	const uint64_t start = port_now_ns();

	while (!virtqueue_get_buf(v->request_vq, len)) {
		const uint64_t waited = port_now_ns() - start;

		if (virtqueue_is_broken(v->request_vq))
			return -EIO;
		if (waited > TIMEOUT_NS)
			return -ETIMEDOUT;
		port_delay_ns(POLL_NS + waited / 16);
	}
	return 0;
}

/* Where the device sees @part of the shared memory. */
static void point(const struct viommu *v, struct scatterlist *sg, void *part, uint32_t len)
{
	sg_init_one(sg, part, len);
	sg->dma_address = v->shared_addr + (dma_addr_t)((uint8_t *)part - (uint8_t *)v->shared);
}

static int exchange(struct viommu *v, uint32_t out_len, uint32_t in_len)
{
	struct scatterlist out, in, *sgs[] = {&out, &in};
	unsigned int len = 0;
	int err;

	point(v, &out, v->shared->request.bytes, out_len);
	point(v, &in, v->shared->answer, in_len);
	err = virtqueue_add_sgs(v->request_vq, sgs, 1, 1, v, GFP_ATOMIC);
	if (err)
		return -EIO;
	(void)virtqueue_kick(v->request_vq);
	err = await_answer(v, &len);
	return err ? err : len < in_len ? -ENODATA : 0;
}

static int status_to_errno(uint8_t status)
{
	static const int8_t errnos[] = {
		[VIRTIO_IOMMU_S_OK] = 0,
		[VIRTIO_IOMMU_S_IOERR] = EIO,
		[VIRTIO_IOMMU_S_UNSUPP] = EOPNOTSUPP,
		[VIRTIO_IOMMU_S_DEVERR] = EIO,
		[VIRTIO_IOMMU_S_INVAL] = EINVAL,
		[VIRTIO_IOMMU_S_RANGE] = ERANGE,
		[VIRTIO_IOMMU_S_NOENT] = ERANGE,
		[VIRTIO_IOMMU_S_FAULT] = EFAULT,
		[VIRTIO_IOMMU_S_NOMEM] = ENOMEM,
	};

	return status < ARRAY_SIZE(errnos) ? -errnos[status] : -EIO;
}

static void refused(struct viommu *v, const char *what, int err, uint8_t status)
{
	if (v->refused++ >= REFUSALS_LOG)
		return;
	if (err == -ENODATA)
		port_log(LOG_ERROR, "%s: %s: the device wrote no answer", v->name, what);
	else
		port_log(LOG_ERROR, "%s: %s is refused, status %u", v->name, what, status);
}

/* The device does not keep to the queue's rules or does not answer: whoever asks next need not wait. What becomes of
 * this request nobody knows; the next ones are not even sent. */
static int failed(struct viommu *v, const char *what, int err)
{
	port_log(LOG_ERROR, "%s: %s: %s", v->name, what,
		 err == -ETIMEDOUT ? "no answer" : "the queue is broken");
	v->refused++;
	v->error = -EIO;
	virtio_needs_recovery(v->vdev, err);
	return -ETIMEDOUT;
}

/* @properties: bytes before the tail. */
static int ask(struct viommu *v, const char *what, const void *request, uint32_t len,
	       uint32_t properties)
{
	struct virtio_iommu_req_tail *tail;
	uint8_t status;
	int err;

	if (v->error) /* there may be no memory any more */
		return v->error;
	memcpy(v->shared->request.bytes, request, len);
	memset(v->shared->answer, 0, properties);
	tail = (void *)(v->shared->answer + properties);
	tail->status = NO_STATUS;
	v->requests++;
	err = exchange(v, len, properties + sizeof(*tail));
	if (err && err != -ENODATA)
		return failed(v, what, err);
	/* 5.13.6.1#1: what is reserved in the tail is not looked at. */
	status = READ_ONCE(tail->status);
	if (!err)
		err = status_to_errno(status);
	if (err)
		refused(v, what, err, status);
	return err == -ENODATA ? -ETIMEDOUT : err;
}

/* 5.13.6.3.1#3, #4: whether a domain is a bypass is settled before its first endpoint. */
int viommu_attach_request(struct viommu *v, const struct viommu_domain *d, uint32_t endpoint)
{
	const struct virtio_iommu_req_attach request = {
		.head.type = VIRTIO_IOMMU_T_ATTACH,
		.domain = cpu_to_le32(d->id),
		.endpoint = cpu_to_le32(endpoint),
		.flags = cpu_to_le32(d->domain.bypass ? VIRTIO_IOMMU_ATTACH_F_BYPASS : 0),
	};

	if (v->error) /* there may be no device any more */
		return v->error;
	if (d->domain.bypass && !virtio_has_feature(v->vdev, VIRTIO_IOMMU_F_BYPASS_CONFIG))
		return -EOPNOTSUPP;
	return ask(v, "ATTACH", &request, sizeof(request), 0);
}

int viommu_detach_request(struct viommu *v, uint32_t domain, uint32_t endpoint)
{
	const struct virtio_iommu_req_detach request = {
		.head.type = VIRTIO_IOMMU_T_DETACH,
		.domain = cpu_to_le32(domain),
		.endpoint = cpu_to_le32(endpoint),
	};

	return ask(v, "DETACH", &request, sizeof(request), 0);
}

static uint32_t map_flags(const struct viommu *v, uint32_t prot)
{
	uint32_t flags = 0;

	if (prot & IOMMU_READ)
		flags |= VIRTIO_IOMMU_MAP_F_READ;
	if (prot & IOMMU_WRITE)
		flags |= VIRTIO_IOMMU_MAP_F_WRITE;
	if ((prot & IOMMU_DEVICE) && virtio_has_feature(v->vdev, VIRTIO_IOMMU_F_MMIO))
		flags |= VIRTIO_IOMMU_MAP_F_MMIO;
	return flags;
}

int viommu_map_request(struct viommu *v, uint32_t domain, const struct viommu_mapping *mapping)
{
	const struct virtio_iommu_req_map request = {
		.head.type = VIRTIO_IOMMU_T_MAP,
		.domain = cpu_to_le32(domain),
		.virt_start = cpu_to_le64(mapping->iova),
		.virt_end = cpu_to_le64(mapping->iova + mapping->size - 1),
		.phys_start = cpu_to_le64(mapping->phys),
		.flags = cpu_to_le32(map_flags(v, mapping->prot)),
	};

	return ask(v, "MAP", &request, sizeof(request), 0);
}

int viommu_unmap_request(struct viommu *v, uint32_t domain, uint64_t iova, uint64_t size)
{
	const struct virtio_iommu_req_unmap request = {
		.head.type = VIRTIO_IOMMU_T_UNMAP,
		.domain = cpu_to_le32(domain),
		.virt_start = cpu_to_le64(iova),
		.virt_end = cpu_to_le64(iova + size - 1),
	};

	return ask(v, "UNMAP", &request, sizeof(request), 0);
}

/* What is judged is a copy, which the device cannot change any more. */
int viommu_probe_request(struct viommu *v, uint32_t endpoint)
{
	const struct virtio_iommu_req_probe request = {
		.head.type = VIRTIO_IOMMU_T_PROBE,
		.endpoint = cpu_to_le32(endpoint),
	};
	int err = ask(v, "PROBE", &request, sizeof(request), v->config.probe_size);

	if (!err)
		memcpy(v->properties, v->shared->answer, v->config.probe_size);
	return err;
}
