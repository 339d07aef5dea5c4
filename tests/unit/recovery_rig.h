/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The four real drivers before devices that fail: how a device of each type is started, given work, and
 * found to work again, on every kind of ring. For test_recovery.c and test_recovery_matrix.c.
 * rig_start() forbids allocations, so each test that uses this also shows that recovery makes none.
 */
#ifndef TESTS_UNIT_RECOVERY_RIG_H
#define TESTS_UNIT_RECOVERY_RIG_H

#include "tests/unit/rig.h"
#include "drivers/virtio/virtio_blk.h"
#include "drivers/virtio/virtio_console.h"
#include "drivers/virtio/virtio_net.h"
#include "drivers/virtio/virtio_rng.h"

#define SECONDS(n) ((n)*NSEC_PER_SEC)

extern struct rig rig;

/* Devices with VIRTIO_F_IN_ORDER return buffers in batches wherever that is allowed. */
enum kind { LEGACY, SPLIT, PACKED, KINDS, SPLIT_IN_ORDER = KINDS, PACKED_IN_ORDER, ALL_KINDS };
#define IN_ORDER_BATCH 4u

bool is_packed(enum kind kind);

/* For cmocka: makes the four drivers known. */
int recovery_rig_init(void **state);

/* Starts @dev as one of that kind, which has its features; @direct: it sees the host's memory, which a legacy
 * device cannot. */
void start_kind(struct refdev *dev, enum kind kind, bool direct);

/* Lets 20 ms pass. */
void run_machine(void);

/* The device asks for a reset, and the interrupt that says so is taken; the recovery is still to come. */
void ask_for_reset(void);

void assert_recovered(unsigned int times);
void assert_given_up(int error);

/* --- disk ----------------------------------------------------------------------------------- */

#define DISK	 2048u
#define REQUESTS 200u

extern struct virtio_blk *blk;
extern struct refdev_blk *disk;
extern struct virtio_blk_request requests[REQUESTS];
extern uint8_t buffers[REQUESTS][512];
extern unsigned int dones[REQUESTS], all_done;

void start_disk(enum kind kind);
void start_direct_disk(enum kind kind); /* without a DMA backend */
void count_done(struct virtio_blk_request *req);

/* Every third is a write, every seventh a flush, the others read; each has its own sector. */
enum virtio_blk_op op_of(unsigned int i);

/* Submits the requests from @first up to @end. */
void submit(unsigned int first, unsigned int end);

/* The first @n have ended, once each, with @status; data is where it belongs. */
void assert_all_done(unsigned int n, int status);
void assert_disk_works(void);

/* --- entropy ---------------------------------------------------------------------------------- */

#define ASKS 64u

extern struct virtio_rng *rng;
extern struct virtio_rng_request asks[ASKS];
extern unsigned int asked, answered;

void start_rng(enum kind kind);

/* Submits request @i. Returns what the driver does. */
int ask(unsigned int i);
void ask_until_full(void);
void assert_all_answered(int result);
void assert_rng_works(void);

/* --- network ---------------------------------------------------------------------------------- */

extern struct virtio_net *net;
extern unsigned int received, woken;

void start_net(enum kind kind);
const uint8_t *frame_60(void);
void assert_net_works(void);

/* --- console ---------------------------------------------------------------------------------- */

extern struct virtio_console *con;
extern struct tty *tty;

void start_console(enum kind kind);
void assert_console_works(void);

#endif
