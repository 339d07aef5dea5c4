/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drivers under many threads at once: each bus has a thread for bottom halves, the devices and their interrupts have
 * others, and several threads use each device. Compiled with ThreadSanitizer, whose first report ends it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "drivers/virtio/virtio_blk.h"
#include "drivers/virtio/virtio_net.h"
#include "drivers/virtio/virtio_rng.h"
#include "ports/threads/threads.h"
#include "tests/device/dma_test.h"
#include "tests/device/violation.h"
#include "tests/threads/hardware.h"
#include "virtio/virtio_mmio.h"

#define USERS	   4u /* threads of each device */
#define REQUESTS   300u
#define SECTORS	   64u
#define TIMEOUT_NS (120 * NSEC_PER_SEC) /* no measure: the host may be busy */

/* A bus with one device of each kind. */
struct machine {
	struct threads_bus t;
	struct refdev *devs[3];
	struct virtio_mmio_device vms[3];
	struct virtio_blk *blk;
	struct virtio_net *net;
	struct virtio_rng *rng;
};

static struct machine machines[2];

/* --- building and removing -------------------------------------------------------------------------- */

static irqreturn_t interrupt(int irq, void *dev_id)
{
	const struct virtio_mmio_device *vm = dev_id;
	struct machine *m = vm < machines[1].vms ? &machines[0] : &machines[1];

	return threads_interrupt(&m->t, virtio_mmio_interrupt, irq, dev_id);
}

static int probe(void *arg)
{
	struct machine *m = arg;

	for (unsigned int i = 0; i < ARRAY_SIZE(m->devs); i++) {
		struct virtio_mmio_device *vm = &m->vms[i];

		vm->base = refdev_base(m->devs[i]);
		vm->size = REFDEV_MMIO_SIZE;
		hardware_lock();
		refdev_connect(m->devs[i], interrupt, vm);
		hardware_unlock();
		if (virtio_mmio_probe(&m->t.bus, vm, vm->base, 0xa000000 + i * 0x200, vm->size, 0))
			return -1;
	}
	return 0;
}

static void make(struct machine *m, uint64_t ring)
{
	memset(m, 0, sizeof(*m));
	hardware_lock();
	m->devs[0] = refdev_blk_new(2, SECTORS * USERS, 0);
	m->devs[1] = refdev_net_new(2, BIT_ULL(REF_NET_F_MAC));
	m->devs[2] = refdev_rng_new(2);
	for (unsigned int i = 0; i < ARRAY_SIZE(m->devs); i++)
		m->devs[i]->offered |= ring;
	hardware_unlock();
	assert_int_equal(threads_bus_start(&m->t), 0);
	assert_int_equal(virtio_blk_init(&m->t.bus), 0);
	assert_int_equal(virtio_net_init(&m->t.bus), 0);
	assert_int_equal(virtio_rng_init(&m->t.bus), 0);
	assert_int_equal(threads_bus_call(&m->t, probe, m), 0);
	m->blk = virtio_blk_find(&m->t.bus, 0);
	m->net = virtio_net_find(&m->t.bus, 0);
	m->rng = virtio_rng_find(&m->t.bus, 0);
	assert_true(m->blk && m->net && m->rng);
}

static int remove_all(void *arg)
{
	struct machine *m = arg;

	for (unsigned int i = 0; i < ARRAY_SIZE(m->vms); i++)
		virtio_mmio_remove(&m->vms[i]);
	return 0;
}

static void unmake(struct machine *m)
{
	assert_int_equal(threads_bus_call(&m->t, remove_all, m), 0);
	threads_bus_stop(&m->t);
	hardware_lock();
	for (unsigned int i = 0; i < ARRAY_SIZE(m->devs); i++)
		refdev_free(m->devs[i]);
	hardware_unlock();
}

/* --- users -------------------------------------------------------------------------------------------- */

struct user {
	pthread_t thread;
	struct machine *machine;
	unsigned int number;
	unsigned int failures; /* requests that ended with an error */
	const char *wrong;     /* what else went wrong */
};

/* One request after the other: submitted, ended in the interrupt's thread, awaited. */
struct block_io {
	struct virtio_blk_request req;
	struct port_event over;
	uint8_t data[VIRTIO_BLK_SECTOR_SIZE];
};

static void block_done(struct virtio_blk_request *req)
{
	port_event_signal(req->priv);
}

static int transfer(struct user *user, struct block_io *io, enum virtio_blk_op op, uint64_t sector)
{
	int err;

	io->req.op = op;
	io->req.sector = sector;
	io->req.sectors = 1;
	io->req.buf = io->data;
	io->req.done = block_done;
	io->req.priv = &io->over;
	err = virtio_blk_submit(user->machine->blk, &io->req);
	if (!err && port_event_wait(&io->over, TIMEOUT_NS)) {
		user->wrong = "a request was never over";
		abort();
	}
	return err ? err : io->req.status;
}

static void *use_disk(void *arg)
{
	struct user *user = arg;
	struct block_io *io = calloc(1, sizeof(*io));

	port_event_init(&io->over);
	for (unsigned int i = 0; i < REQUESTS; i++) {
		uint64_t sector = user->number * SECTORS + i % SECTORS;
		uint8_t sign = (uint8_t)(user->number * 31 + i);

		memset(io->data, sign, sizeof(io->data));
		if (transfer(user, io, VIRTIO_BLK_WRITE, sector)) {
			user->failures++;
			continue;
		}
		memset(io->data, 0, sizeof(io->data));
		if (transfer(user, io, VIRTIO_BLK_READ, sector)) {
			user->failures++;
			continue;
		}
		for (unsigned int j = 0; j < sizeof(io->data); j++) {
			if (io->data[j] != sign)
				user->wrong = "other data than were written";
		}
	}
	free(io);
	return NULL;
}

static void *use_card(void *arg)
{
	struct user *user = arg;
	uint8_t frame[64];

	memset(frame, (int)user->number, sizeof(frame));
	for (unsigned int i = 0; i < REQUESTS; i++) {
		if (virtio_net_send_wait(user->machine->net, frame, sizeof(frame), TIMEOUT_NS))
			user->failures++;
	}
	return NULL;
}

/* Only one call at a time is served; the others come again. */
static void *use_entropy(void *arg)
{
	struct user *user = arg;
	uint8_t bytes[100];
	uint64_t end = port_now_ns() + TIMEOUT_NS;
	unsigned int got = 0;

	while (got < REQUESTS / 10 && port_now_ns() < end) {
		int err = virtio_rng_read(user->machine->rng, bytes, sizeof(bytes), TIMEOUT_NS);

		if (err && err != -EBUSY && err != -ENOSPC)
			user->failures++;
		if (err)
			port_delay_ns(10 * NSEC_PER_USEC);
		got += !err || user->failures;
	}
	if (got < REQUESTS / 10)
		user->wrong = "no entropy";
	return NULL;
}

static void *(*const uses[])(void *arg) = {use_disk, use_card, use_entropy};

static struct user users[ARRAY_SIZE(machines)][ARRAY_SIZE(uses)][USERS];

static void start_users(void)
{
	for (unsigned int m = 0; m < ARRAY_SIZE(machines); m++) {
		for (unsigned int u = 0; u < ARRAY_SIZE(uses); u++) {
			for (unsigned int n = 0; n < USERS; n++) {
				struct user *user = &users[m][u][n];

				*user = (struct user){.machine = &machines[m], .number = n};
				assert_int_equal(pthread_create(&user->thread, NULL, uses[u], user),
						 0);
			}
		}
	}
}

/* Returns how many requests failed. */
static unsigned int join_users(void)
{
	unsigned int failures = 0;

	for (unsigned int m = 0; m < ARRAY_SIZE(machines); m++) {
		for (unsigned int u = 0; u < ARRAY_SIZE(uses); u++) {
			for (unsigned int n = 0; n < USERS; n++) {
				struct user *user = &users[m][u][n];

				pthread_join(user->thread, NULL);
				failures += user->failures;
				if (user->wrong)
					fail_msg("%s", user->wrong);
			}
		}
	}
	return failures;
}

/* --- tests -------------------------------------------------------------------------------------------- */

static void many_threads_use_two_instances(void **state)
{
	const uint64_t *ring = *state;

	for (unsigned int m = 0; m < ARRAY_SIZE(machines); m++)
		make(&machines[m], *ring);
	start_users();
	assert_int_equal(join_users(), 0);
	hardware_lock();
	for (unsigned int m = 0; m < ARRAY_SIZE(machines); m++)
		assert_int_equal(refdev_net(machines[m].devs[1])->sent, USERS * REQUESTS);
	hardware_unlock();
	assert_true(hardware_interrupts() > 0);
	for (unsigned int m = 0; m < ARRAY_SIZE(machines); m++)
		unmake(&machines[m]);
	assert_int_equal(violation_count(), 0);
}

static int count_recoveries(void *arg)
{
	const struct machine *m = arg;
	unsigned int count = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(m->vms); i++)
		count += m->vms[i].vdev.recoveries;
	return (int)count;
}

/* Each device asks for a reset while all threads use it: what was in flight is sent once more. */
static void devices_recover_under_their_users(void **state)
{
	const uint64_t *ring = *state;

	for (unsigned int m = 0; m < ARRAY_SIZE(machines); m++)
		make(&machines[m], *ring);
	start_users();
	for (unsigned int i = 0; i < ARRAY_SIZE(machines[0].devs); i++) {
		port_delay_ns(2 * NSEC_PER_MSEC);
		hardware_lock();
		refdev_needs_reset(machines[0].devs[i]);
		hardware_unlock();
	}
	assert_int_equal(join_users(), 0);
	assert_int_equal(threads_bus_call(&machines[0].t, count_recoveries, &machines[0]),
			 ARRAY_SIZE(machines[0].vms));
	for (unsigned int m = 0; m < ARRAY_SIZE(machines); m++)
		unmake(&machines[m]);
	assert_int_equal(violation_count(), 0);
}

static const uint64_t split, packed = BIT_ULL(REF_F_RING_PACKED), events = BIT_ULL(REF_F_EVENT_IDX);

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(many_threads_use_two_instances, (void *)&split),
		cmocka_unit_test_prestate(many_threads_use_two_instances, (void *)&packed),
		cmocka_unit_test_prestate(many_threads_use_two_instances, (void *)&events),
		cmocka_unit_test_prestate(devices_recover_under_their_users, (void *)&split),
		cmocka_unit_test_prestate(devices_recover_under_their_users, (void *)&packed),
	};
	int failed;

	dma_test_direct(true);
	hardware_start();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	hardware_stop();
	return failed;
}
