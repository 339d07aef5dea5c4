/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of the IOMMU device (VIRTIO 1.4, 5.13): its config space, its place in the device tree, and what becomes
 * of it when it fails. A reset takes all translations from the endpoints, which then reach nothing; recovery
 * gives them back from the driver's record. What was in flight behind it meanwhile is lost to its drivers.
 */
#include <string.h>
#include "lib/format.h"
#include "drivers/virtio/virtio_iommu_private.h"

static const struct virtio_driver viommu_driver;

/* --- config space ---------------------------------------------------------------------------- */

/* 5.13.4: a translation is of whole pages, and ours are the smallest that we need. */
static int read_granule(struct viommu *v)
{
	uint64_t mask;
	int err = virtio_cread64(v->vdev, VIRTIO_IOMMU_CONFIG_PAGE_SIZE_MASK, &mask);

	if (err)
		return err;
	if (mask & (2 * (uint64_t)PAGE_SIZE - 1))
		return 0;
	port_log(LOG_ERROR, "%s: its pages are not 4 KiB (page sizes 0x%llx; QEMU: granule=4k)",
		 v->name, (unsigned long long)mask);
	return -EOPNOTSUPP;
}

/* In whole pages. */
static int read_input_range(struct viommu *v, struct viommu_range *input)
{
	int err;

	*input = (struct viommu_range){0, UINT64_MAX};
	if (!virtio_has_feature(v->vdev, VIRTIO_IOMMU_F_INPUT_RANGE))
		return 0;
	err = virtio_cread64(v->vdev, VIRTIO_IOMMU_CONFIG_INPUT_START, &input->start);
	if (!err)
		err = virtio_cread64(v->vdev, VIRTIO_IOMMU_CONFIG_INPUT_END, &input->end);
	return err;
}

static void read_domain_range(struct viommu *v, struct viommu_config *config)
{
	config->first_domain = 0;
	config->last_domain = UINT32_MAX;
	if (!virtio_has_feature(v->vdev, VIRTIO_IOMMU_F_DOMAIN_RANGE))
		return;
	config->first_domain = virtio_cread32(v->vdev, VIRTIO_IOMMU_CONFIG_DOMAIN_START);
	config->last_domain = virtio_cread32(v->vdev, VIRTIO_IOMMU_CONFIG_DOMAIN_END);
}

static int read_config(struct viommu *v, struct viommu_config *config)
{
	int err = read_granule(v);

	if (!err)
		err = read_input_range(v, &config->input);
	if (err)
		return err;
	read_domain_range(v, config);
	config->probe_size = 0;
	if (virtio_has_feature(v->vdev, VIRTIO_IOMMU_F_PROBE))
		config->probe_size = virtio_cread32(v->vdev, VIRTIO_IOMMU_CONFIG_PROBE_SIZE);
	if (config->input.start < config->input.end &&
	    config->first_domain <= config->last_domain && config->probe_size <= VIOMMU_PROBE_MAX)
		return 0;
	port_log(LOG_ERROR, "%s: its config space makes no sense", v->name);
	return -EINVAL;
}

static bool same_config(const struct viommu_config *a, const struct viommu_config *b)
{
	return a->input.start == b->input.start && a->input.end == b->input.end &&
	       a->first_domain == b->first_domain && a->last_domain == b->last_domain &&
	       a->probe_size == b->probe_size;
}

/* An endpoint without a domain is to reach nothing. Where the device has no such switch, it is so. 5.13.4.1. */
static int close_bypass(struct viommu *v)
{
	if (!virtio_has_feature(v->vdev, VIRTIO_IOMMU_F_BYPASS_CONFIG))
		return 0;
	virtio_cwrite8(v->vdev, VIRTIO_IOMMU_CONFIG_BYPASS, 0);
	if (!(virtio_cread8(v->vdev, VIRTIO_IOMMU_CONFIG_BYPASS) & 1))
		return 0;
	port_log(LOG_ERROR, "%s: lets endpoints through that nobody attached", v->name);
	return -EIO;
}

/* --- probing --------------------------------------------------------------------------------- */

static void free_memory(struct viommu *v)
{
	if (v->shared)
		dma_free_coherent(&v->vdev->dev, v->shared_size, v->shared, v->shared_addr);
	port_free(v->properties);
	v->shared = NULL;
	v->properties = NULL;
}

static struct viommu *viommu_alloc(struct virtio_device *vdev)
{
	struct viommu *v = port_alloc(sizeof(*v));

	if (!v)
		return NULL;
	v->vdev = vdev;
	v->references = 1;
	port_lock_init(&v->lock);
	list_init(&v->domains);
	work_init(&v->work, v->vdev->bus->work, viommu_event_work);
	format_string(v->name, sizeof(v->name), "virtio-iommu %s", vdev->dev.name);
	v->iommu.name = v->name;
	v->iommu.setup = v->setup;
	v->iommu.ops = &viommu_ops;
	v->iommu.dt_node = -1;
	list_init(&v->iommu.domains);
	return v;
}

/* The memory that the device sees, and a copy of properties that it does not. */
static int alloc_memory(struct viommu *v)
{
	v->shared_size =
		sizeof(*v->shared) + v->config.probe_size + sizeof(struct virtio_iommu_req_tail);
	v->shared = dma_alloc_coherent(&v->vdev->dev, v->shared_size, &v->shared_addr, GFP_KERNEL);
	if (v->config.probe_size)
		v->properties = port_alloc(v->config.probe_size);
	return v->shared && (v->properties || !v->config.probe_size) ? 0 : -ENOMEM;
}

static void describe(struct viommu *v)
{
	const struct viommu_config *config = &v->config;

	v->iommu.iova_limit = config->input.end;
	format_string(v->setup, sizeof(v->setup), "addresses 0x%llx to 0x%llx, domains %u to %u%s",
		      (unsigned long long)config->input.start,
		      (unsigned long long)config->input.end, (unsigned int)config->first_domain,
		      (unsigned int)config->last_domain, config->probe_size ? ", probes" : "");
}

static int find_queues(struct viommu *v)
{
	static const struct virtqueue_info infos[] = {
		{"requests", NULL}, /* polled */
		{"events", viommu_serve_events},
	};
	struct virtqueue *vqs[ARRAY_SIZE(infos)];
	int err = virtio_find_vqs(v->vdev, ARRAY_SIZE(infos), vqs, infos);

	if (err)
		return err;
	v->request_vq = vqs[0];
	v->event_vq = vqs[1];
	v->event_vq->priv = v;
	/* Buffers lie in memory that the device sees for good: nothing is mapped for a request. */
	err = virtqueue_set_dma_premapped(v->request_vq);
	if (!err)
		err = virtqueue_set_dma_premapped(v->event_vq);
	if (err)
		virtio_del_vqs(v->vdev);
	return err;
}

static int set_up(struct viommu *v)
{
	int err = read_config(v, &v->config);

	if (!err)
		err = alloc_memory(v);
	if (err)
		return err;
	describe(v);
	return find_queues(v);
}

static int start_events(struct viommu *v)
{
	unsigned long state = port_lock(&v->lock);
	int err = viommu_offer_events(v);

	port_unlock(&v->lock, state);
	return err;
}

static int viommu_probe(struct virtio_device *vdev)
{
	struct viommu *v;
	int err;

	/* Its structures are little-endian, so it cannot be a legacy device. */
	if (vdev->legacy || !virtio_has_feature(vdev, VIRTIO_IOMMU_F_MAP_UNMAP)) {
		port_log(LOG_ERROR, "%s: an IOMMU that cannot map", vdev->dev.name);
		return -EOPNOTSUPP;
	}
	v = viommu_alloc(vdev);
	if (!v)
		return -ENOMEM;
	err = set_up(v);
	if (err) {
		free_memory(v);
		viommu_put(v);
		return err;
	}
	vdev->priv = v;
	virtio_device_ready(vdev);
	/* A queue that breaks here asks for a recovery, which offers them again. */
	(void)start_events(v);
	return 0;
}

/* --- recovery and the end -------------------------------------------------------------------- */

/* From now on calls return @error. @forget: the device was reset, and holds no translation any more. */
static void stop(struct viommu *v, int error, bool forget)
{
	unsigned long state = port_lock(&v->lock);

	v->error = error;
	if (forget)
		viommu_forget_all(v);
	while (virtqueue_detach_unused_buf(v->request_vq))
		;
	while (virtqueue_detach_unused_buf(v->event_vq))
		;
	port_unlock(&v->lock, state);
}

static void viommu_freeze(struct virtio_device *vdev)
{
	stop(vdev->priv, -EIO, true);
}

static void viommu_fail(struct virtio_device *vdev)
{
	stop(vdev->priv, -EIO, !vdev->stuck);
}

static void go_on(struct viommu *v)
{
	unsigned long state = port_lock(&v->lock);

	v->error = 0;
	v->iommu.faults_lost++; /* what was refused meanwhile was not reported */
	port_unlock(&v->lock, state);
}

/* 5.13.4.2#4: bypass should not change by a reset, but who knows. */
static int viommu_restore(struct virtio_device *vdev)
{
	struct viommu *v = vdev->priv;
	struct viommu_config config;
	int err = read_config(v, &config);

	if (!err && !same_config(&config, &v->config)) {
		port_log(LOG_ERROR, "%s: its config space has changed", v->name);
		err = -EINVAL;
	}
	if (!err && v->registered)
		err = close_bypass(v);
	if (err)
		return err;
	go_on(v);
	err = start_events(v);
	return err ? err : viommu_replay(v);
}

/* Frees a domain that belongs to the IOMMU itself, where nobody is in it. */
static void free_unused(struct iommu_domain **domain)
{
	struct iommu_domain *unused = *domain;

	if (!unused || unused->streams)
		return;
	*domain = NULL;
	iommu_domain_free(unused);
}

/* Undoes virtio_iommu_admit(), and frees what no user of ours would. The device is reset: nothing is asked of it. */
static void dismiss(struct viommu *v)
{
	if (v->own)
		(void)iommu_detach(&v->vdev->dev);
	free_unused(&v->own);
	free_unused(&v->iommu.confined);
	free_unused(&v->iommu.bypass);
}

void viommu_put(struct viommu *v)
{
	if (--v->references > 0)
		return;
	if (v->registered)
		list_del(&v->iommu.node);
	port_free(v);
}

/* As long as there are domains the IOMMU stays known, and refuses everything. */
static void viommu_remove(struct virtio_device *vdev)
{
	struct viommu *v = vdev->priv;

	stop(v, -ENODEV, !vdev->stuck);
	work_cancel(&v->work); /* which nothing schedules any more */
	dismiss(v);
	virtio_del_vqs(vdev);
	vdev->priv = NULL;
	if (vdev->stuck)
		v->shared = NULL; /* it may still write there */
	free_memory(v);
	if (v->references > 1)
		port_log(LOG_ERROR, "%s: removed from before devices that need it", v->name);
	viommu_put(v);
}

static const unsigned int viommu_features[] = {
	VIRTIO_IOMMU_F_INPUT_RANGE, VIRTIO_IOMMU_F_DOMAIN_RANGE, VIRTIO_IOMMU_F_MAP_UNMAP,
	VIRTIO_IOMMU_F_PROBE,	    VIRTIO_IOMMU_F_MMIO,	 VIRTIO_IOMMU_F_BYPASS_CONFIG,
};

static const struct virtio_driver viommu_driver = {
	.name = "virtio_iommu",
	.device_id = VIRTIO_ID_IOMMU,
	.features = viommu_features,
	.feature_count = ARRAY_SIZE(viommu_features),
	.probe = viommu_probe,
	.remove = viommu_remove,
	.freeze = viommu_freeze,
	.restore = viommu_restore,
	.fail = viommu_fail,
};

int virtio_iommu_init(struct virtio_bus *bus)
{
	return virtio_register_driver(bus, &viommu_driver);
}

/* --- for the port ---------------------------------------------------------------------------- */

static struct viommu *driven(const struct virtio_device *vdev)
{
	return vdev->driver == &viommu_driver ? vdev->priv : NULL;
}

int virtio_iommu_register(struct virtio_device *vdev, int dt_node)
{
	struct viommu *v = driven(vdev);
	int err;

	if (!v || dt_node < 0)
		return -ENODEV;
	if (v->registered)
		return -EBUSY;
	err = close_bypass(v);
	if (err)
		return err;
	v->iommu.dt_node = dt_node;
	v->registered = true;
	iommu_register(&v->iommu);
	return 0;
}

int virtio_iommu_admit(struct virtio_device *vdev, uint32_t id)
{
	struct viommu *v = driven(vdev);
	struct iommu_domain *domain;
	int err;

	if (!v || !v->registered)
		return -ENODEV;
	if (v->own)
		return -EBUSY;
	domain = iommu_domain_alloc(&v->iommu);
	if (!domain)
		return -ENOMEM;
	err = iommu_attach(domain, id, &vdev->dev);
	/* Where nobody knows whether it is in the domain, that stays until the device goes. */
	if (!err || err == -ETIMEDOUT)
		v->own = domain;
	else
		iommu_domain_free(domain);
	return err == -ERANGE ? 0 : err;
}

/* --- for people ------------------------------------------------------------------------------ */

bool virtio_iommu_get_stats(struct virtio_device *vdev, struct virtio_iommu_stats *stats)
{
	struct viommu *v = driven(vdev);
	const struct viommu_domain *d;
	unsigned long state;

	if (!v)
		return false;
	state = port_lock(&v->lock);
	*stats = (struct virtio_iommu_stats){
		.requests = v->requests,
		.refused = v->refused,
		.events_ignored = v->events_ignored,
		.regions = v->region_count,
	};
	list_for_each_entry (d, &v->domains, node) {
		stats->domains++;
		stats->mappings += d->count;
		stats->endpoints += d->endpoints;
	}
	port_unlock(&v->lock, state);
	return true;
}
