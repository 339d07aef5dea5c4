/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the short ways of both formats have in common, and their table of calls. A format's file
 * (vring_split_short.c, vring_packed_short.c) includes this at its end. Before that it has defined
 * is_usual(), add_one(), get() and FORMAT(disable), which are inlined here; SHORT(name), which makes the
 * format's name of a call; SHORT(add_sgs), SHORT(add_sgs_indirect), SHORT(add_prepared),
 * SHORT(kick_prepare), SHORT(get_bufs), SHORT(enable_cb) and SHORT(more_used); and SHORT_WAYS, the name of
 * the table.
 */

static int SHORT(add_outbuf)(struct vring_virtqueue *vvq, struct scatterlist *sg, unsigned int num,
			     void *data, gfp_t gfp)
{
	if (unlikely(!is_usual(vvq, sg, num, data)))
		return vring_add_outbuf_long(vvq, sg, num, data, gfp);
	add_one(vvq, sg, false, data, NULL);
	return 0;
}

static int SHORT(add_inbuf_ctx)(struct vring_virtqueue *vvq, struct scatterlist *sg,
				unsigned int num, void *data, void *ctx, gfp_t gfp)
{
	if (unlikely(!is_usual(vvq, sg, num, data)))
		return vring_add_inbuf_long(vvq, sg, num, data, ctx, gfp);
	add_one(vvq, sg, true, data, ctx);
	return 0;
}

static bool SHORT(kick)(struct vring_virtqueue *vvq)
{
	if (!SHORT(kick_prepare)(vvq))
		return true;
	vvq->stats.notified++;
	return vvq->notify(&vvq->vq);
}

static void *SHORT(get_buf)(struct vring_virtqueue *vvq, unsigned int *len)
{
	return get(vvq, len, NULL, false);
}

static void *SHORT(get_buf_ctx)(struct vring_virtqueue *vvq, unsigned int *len, void **ctx)
{
	return get(vvq, len, ctx, false);
}

static void *SHORT(get_buf_rearm)(struct vring_virtqueue *vvq, unsigned int *len)
{
	return get(vvq, len, NULL, true);
}

static void *SHORT(get_buf_ctx_rearm)(struct vring_virtqueue *vvq, unsigned int *len, void **ctx)
{
	return get(vvq, len, ctx, true);
}

static void SHORT(disable_cb)(struct vring_virtqueue *vvq)
{
	if (!vvq->callbacks)
		return;
	vring_want_callbacks(vvq, false);
	FORMAT(disable)(vvq);
}

#define WAYS(sgs, rearm)                                                                  \
	{                                                                                 \
		SHORT(add_outbuf), SHORT(add_inbuf_ctx), SHORT(sgs), SHORT(add_prepared), \
			SHORT(kick), SHORT(kick_prepare), SHORT(get_buf##rearm),          \
			SHORT(get_buf_ctx##rearm), SHORT(get_bufs), SHORT(enable_cb),     \
			SHORT(disable_cb), SHORT(more_used)                               \
	}
const struct vring_ways SHORT_WAYS[2][2] = {
	{WAYS(add_sgs, ), WAYS(add_sgs, _rearm)},
	{WAYS(add_sgs_indirect, ), WAYS(add_sgs_indirect, _rearm)},
};
