/* SPDX-License-Identifier: BSD-2-Clause */
/* The split ring's index arithmetic: see index_wp.h. */
#include "index_wp.h"

/*@ requires \valid_read(vvq) && vvq->used <= vvq->split.published <= vvq->used + 32768;
  @ assigns \nothing;
  @ ensures \result == vvq->split.published - vvq->used;
  @*/
static inline unsigned int split_outstanding(const struct vring_virtqueue *vvq);

/* The device's index is believed only where it is ahead by no more than it was given. */
/*@ requires ring(vvq) && vvq->used <= vvq->split.published <= vvq->used + vvq->num;
  @ assigns vvq->split.device_used, vvq->broken, vvq->ways;
  @ ensures \result ==>
  @         1 <= (uint16_t)(vvq->split.device_used - vvq->used) <= vvq->split.published - vvq->used;
  @ ensures !\result ==> vvq->split.device_used == \old(vvq->split.device_used);
  @*/
static bool refresh_used(struct vring_virtqueue *vvq);

/*@ requires ring((struct vring_virtqueue *)vvq);
  @ assigns \nothing;
  @ ensures \result == (uint16_t)vvq->split.published;
  @*/
uint16_t vring_next_offset_split(const struct vring_virtqueue *vvq);

/* The free count: what comes back is what was taken. */
/*@ requires \valid(state);
  @ assigns state->data;
  @ ensures \result == \old(state->split.descs) && state->data == \null;
  @*/
static inline unsigned int split_forget(struct vring_desc_state *state);

#include "virtio/vring_split.c"
