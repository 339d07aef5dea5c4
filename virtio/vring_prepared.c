/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prepared buffers: indirect tables in a driver's own memory, written once. Adding one is the formats'
 * work; here the table is written.
 */
#include "virtio/port.h"
#include "virtio/vring.h"

_Static_assert(sizeof(((struct virtqueue_prepared *)0)->desc) ==
		       VIRTQUEUE_PREPARED_MAX * sizeof(struct vring_desc),
	       "entries are descriptors");

void virtqueue_prepared_set(struct virtqueue *vq, struct virtqueue_prepared *p, unsigned int i,
			    void *buf, uint32_t len)
{
	const struct vring_virtqueue *vvq = to_vvq(vq);

	if (i >= p->out)
		p->in_len += len - p->len[i];
	p->len[i] = len;
	p->desc[i].addr = vring64(vvq, (uintptr_t)buf);
	p->desc[i].len = vring32(vvq, len);
}

/* What makes an entry one that is read or written, and chains it to the next. */
static void write_flags(const struct vring_virtqueue *vvq, struct virtqueue_prepared *p,
			unsigned int i, bool in, bool last)
{
	unsigned int flags = in ? VRING_DESC_F_WRITE : 0;

	if (vring_is_packed(vvq)) { /* 2.8.19: no other flag, and no id */
		p->desc[i].word[0] = 0;
		p->desc[i].word[1] = cpu_to_le16((uint16_t)flags);
		return;
	}
	p->desc[i].word[0] = vring16(vvq, (uint16_t)(flags | (last ? 0 : VRING_DESC_F_NEXT)));
	p->desc[i].word[1] = vring16(vvq, (uint16_t)(last ? 0 : i + 1));
}

int virtqueue_prepare(struct virtqueue *vq, struct virtqueue_prepared *p, struct scatterlist *sg,
		      unsigned int out, unsigned int in)
{
	struct vring_virtqueue *vvq = to_vvq(vq);
	const unsigned int total = out + in;
	uint64_t bytes = 0, out_bytes = 0;

	if (!vvq->indirect || vvq->use_map)
		return -EOPNOTSUPP;
	if (total == 0 || total > VIRTQUEUE_PREPARED_MAX || total > vvq->num)
		return -EINVAL;
	for (unsigned int i = 0; i < total; i++, sg++) {
		if (!sg->length || sg->last != (i + 1 == total))
			return -EINVAL;
		p->desc[i].addr = vring64(vvq, (uintptr_t)sg->addr);
		p->desc[i].len = vring32(vvq, sg->length);
		p->len[i] = sg->length;
		write_flags(vvq, p, i, i >= out, i + 1 == total);
		bytes += sg->length;
		out_bytes = i < out ? bytes : out_bytes;
	}
	if (bytes > UINT32_MAX)
		return -EINVAL;
	p->bytes = total * (uint32_t)sizeof(struct vring_desc);
	p->in_len = (uint32_t)(bytes - out_bytes);
	p->count = total;
	p->out = out;
	return 0;
}
