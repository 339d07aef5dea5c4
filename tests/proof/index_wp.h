/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Contracts of the arithmetic on ring indices. Frama-C's WP proves the shipped functions against them
 * for all inputs: every size of a ring, every index. Never compiled; see frama_c.py. */
#include <stdbool.h>
#include <stdint.h>

/*@ lemma up: \forall integer x; 0 <= x < 65536 ==> (uint16_t)x == x;
  @ lemma down: \forall integer x; -65536 <= x < 0 ==> (uint16_t)x == x + 65536;
  @ lemma far_down: \forall integer x; -131072 <= x < -65536 ==> (uint16_t)x == x + 131072;
  @*/

/* An event is due where the index stepped over it: it lies in [@old, @new_idx), modulo 2^16. */
/*@ assigns \nothing;
  @ ensures old <= new_idx ==> (\result <==> old <= event < new_idx);
  @ ensures old > new_idx ==> (\result <==> old <= event || event < new_idx);
  @*/
static inline bool vring_need_event(uint16_t event, uint16_t new_idx, uint16_t old);

#include "virtio/vring.h"

/*@ predicate ring{L}(struct vring_virtqueue *q) = \valid(q) && 1 <= q->num <= 32768;
  @ predicate in_ring{L}(struct vring_virtqueue *q, integer i) = 0 <= i < q->num;
  @*/

/*@ requires \valid_read(vvq);
  @ assigns \nothing;
  @ ensures vvq->used + vvq->recycled <= vvq->added <=
  @         vvq->used + vvq->recycled + 32768 ==>
  @         \result == vvq->added - vvq->used - vvq->recycled;
  @*/
static inline unsigned int vring_in_flight(const struct vring_virtqueue *vvq);

/*@ assigns \nothing; */
static inline uint16_t vring16(const struct vring_virtqueue *vvq, uint16_t value);

/*@ assigns vvq->broken, vvq->ways; */
void vring_break(struct vring_virtqueue *vvq, const char *fmt, ...);

#include "virtio/vring_order.h"

/*@ requires \valid_read(vvq) && 1 <= vvq->num && in_ring((struct vring_virtqueue *)vvq, at);
  @ assigns \nothing;
  @ ensures \result == (at + 1) % vvq->num;
  @*/
static inline unsigned int vring_order_step(const struct vring_virtqueue *vvq, unsigned int at);
