/* SPDX-License-Identifier: BSD-2-Clause */
/* The packed ring's index arithmetic: see index_wp.h. */
#include "index_wp.h"

/*@ predicate packed_ring{L}(struct vring_virtqueue *q) =
  @   ring(q) && \valid(q->pkd.desc + (0 .. q->num - 1)) && q->pkd.end == q->pkd.desc + q->num;
  @ predicate is_at{L}(struct vring_virtqueue *q, struct vring_packed_desc *desc, integer i) =
  @   0 <= i < q->num && desc == q->pkd.desc + i;
  @ logic integer both = 32768 + 128;
  @*/

/*@ requires \exists integer i; 0 <= i < 32768 && desc == p->desc + i;
  @ assigns \nothing;
  @ ensures \forall integer i; 0 <= i < 32768 && desc == p->desc + i ==> \result == i;
  @*/
static inline unsigned int packed_index(const struct vring_packed *p,
					const struct vring_packed_desc *desc);

/* Over the end of the ring, which is the other round, or not. */
/*@ requires \valid(p) && 1 <= num <= 32768 && descs <= num;
  @ requires \valid(p->desc + (0 .. num - 1)) && p->end == p->desc + num;
  @ requires \exists integer i; 0 <= i < num && p->next_used == p->desc + i;
  @ assigns p->next_used, p->used_flags;
  @ ensures \forall integer i; 0 <= i < num && \old(p->next_used) == p->desc + i && i + descs < num ==>
  @         p->next_used == p->desc + (i + descs) && p->used_flags == \old(p->used_flags);
  @ ensures \forall integer i; 0 <= i < num && \old(p->next_used) == p->desc + i && i + descs >= num ==>
  @         p->next_used == p->desc + (i + descs - num) &&
  @         p->used_flags == (uint16_t)(\old(p->used_flags) ^ both);
  @*/
static inline void packed_skip_used(struct vring_packed *p, unsigned int num, unsigned int descs);

/*@ requires packed_ring(vvq) && \exists integer i; 1 <= i < 2 * vvq->num && next == vvq->pkd.desc + i;
  @ assigns vvq->pkd.next_avail, vvq->pkd.avail_flags, vvq->pkd.wish;
  @ ensures \forall integer i; 1 <= i < vvq->num && next == vvq->pkd.desc + i ==>
  @         is_at(vvq, vvq->pkd.next_avail, i) && vvq->pkd.wish == \old(vvq->pkd.wish) &&
  @         vvq->pkd.avail_flags == \old(vvq->pkd.avail_flags);
  @ ensures \forall integer i; vvq->num <= i < 2 * vvq->num && next == vvq->pkd.desc + i ==>
  @         is_at(vvq, vvq->pkd.next_avail, i - vvq->num) &&
  @         vvq->pkd.wish == (uint32_t)(\old(vvq->pkd.wish) ^ 32768) &&
  @         vvq->pkd.avail_flags == (uint16_t)(\old(vvq->pkd.avail_flags) ^ both);
  @*/
static inline void packed_advance(struct vring_virtqueue *vvq, struct vring_packed_desc *next);

/* A place: the number of a descriptor in 15 bits, and the round in the 16th. */
/*@ requires packed_ring((struct vring_virtqueue *)vvq);
  @ requires \exists integer i; is_at((struct vring_virtqueue *)vvq, vvq->pkd.next_used, i);
  @ assigns \nothing;
  @ ensures \forall integer i; is_at((struct vring_virtqueue *)vvq, vvq->pkd.next_used, i) ==>
  @         \result == ((vvq->pkd.used_flags & 32768) != 0 ? (i | 32768) : i);
  @*/
static inline uint16_t packed_used_place(const struct vring_virtqueue *vvq);

/* The free count: what comes back is what was taken, and never more than the ring has. The id goes back, too. */
/*@ requires ring(vvq) && \valid(state) && \valid(p) && \valid(p->next_id + (0 .. vvq->num - 1));
  @ requires \separated(&vvq->vq.num_free, &vvq->num, state, &p->first_id, &p->next_id,
  @                     p->next_id + (0 .. vvq->num - 1));
  @ requires id < vvq->num && p->first_id < 65536;
  @ requires vvq->vq.num_free + state->packed_descs <= vvq->num;
  @ assigns vvq->vq.num_free, p->first_id, p->next_id[id], state->data;
  @ ensures vvq->vq.num_free == \old(vvq->vq.num_free) + state->packed_descs;
  @ ensures vvq->vq.num_free <= vvq->num && state->data == \null;
  @ ensures p->first_id == id && p->next_id[id] == \old(p->first_id);
  @*/
static inline void packed_forget(struct vring_virtqueue *vvq, struct vring_packed *p,
				 struct vring_desc_state *state, unsigned int id);

#include "virtio/vring_packed.c"
