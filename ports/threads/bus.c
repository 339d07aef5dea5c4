/* SPDX-License-Identifier: BSD-2-Clause */
/* A bus and the thread that runs its bottom halves. */
#include <errno.h>
#include "ports/threads/threads.h"

static unsigned long lock_lists(void *arg)
{
	struct threads_bus *t = arg;

	pthread_mutex_lock(&t->lists);
	return 0;
}

static void unlock_lists(void *arg, unsigned long state)
{
	struct threads_bus *t = arg;

	(void)state;
	pthread_mutex_unlock(&t->lists);
}

static void wake(void *arg)
{
	struct threads_bus *t = arg;

	pthread_mutex_lock(&t->mutex);
	t->awake = true;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->mutex);
}

static const struct work_queue_ops ops = {lock_lists, unlock_lists, wake};

/* With the mutex held, and again on return. */
static void serve_call(struct threads_bus *t)
{
	int (*fn)(void *arg) = t->call;
	int result;

	pthread_mutex_unlock(&t->mutex);
	result = fn(t->call_arg);
	pthread_mutex_lock(&t->mutex);
	t->call = NULL;
	t->call_result = result;
	t->call_done = true;
	pthread_cond_broadcast(&t->changed);
}

static void *run(void *arg)
{
	struct threads_bus *t = arg;

	pthread_mutex_lock(&t->mutex);
	while (!t->stopping) {
		if (t->call) {
			serve_call(t);
		} else if (t->awake) {
			t->awake = false;
			pthread_mutex_unlock(&t->mutex);
			work_run(&t->work);
			pthread_mutex_lock(&t->mutex);
		} else {
			pthread_cond_wait(&t->changed, &t->mutex);
		}
	}
	pthread_mutex_unlock(&t->mutex);
	return NULL;
}

int threads_bus_start(struct threads_bus *t)
{
	*t = (struct threads_bus){.awake = false};
	pthread_mutex_init(&t->lists, NULL);
	pthread_rwlock_init(&t->sections, NULL); /* readers go first, so that they can nest */
	pthread_mutex_init(&t->mutex, NULL);
	pthread_cond_init(&t->changed, NULL);
	work_queue_init(&t->work, &ops, t);
	virtio_bus_init(&t->bus, &t->work);
	return -pthread_create(&t->thread, NULL, run, t);
}

int threads_bus_call(struct threads_bus *t, int (*fn)(void *arg), void *arg)
{
	int result;

	pthread_mutex_lock(&t->mutex);
	while (t->call || t->call_done) /* another thread's */
		pthread_cond_wait(&t->changed, &t->mutex);
	t->call = fn;
	t->call_arg = arg;
	pthread_cond_broadcast(&t->changed);
	while (!t->call_done)
		pthread_cond_wait(&t->changed, &t->mutex);
	t->call_done = false;
	result = t->call_result;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->mutex);
	return result;
}

irqreturn_t threads_interrupt(struct threads_bus *t, irqreturn_t (*handler)(int irq, void *dev_id),
			      int irq, void *dev_id)
{
	irqreturn_t result;

	pthread_rwlock_rdlock(&t->sections);
	result = handler(irq, dev_id);
	pthread_rwlock_unlock(&t->sections);
	return result;
}

static struct threads_bus *bus_of(const struct virtio_device *vdev)
{
	return container_of(vdev->bus, struct threads_bus, bus);
}

bool port_device_enter(struct virtio_device *vdev)
{
	pthread_rwlock_rdlock(&bus_of(vdev)->sections);
	return READ_ONCE(vdev->driver_ok);
}

void port_device_leave(struct virtio_device *vdev)
{
	pthread_rwlock_unlock(&bus_of(vdev)->sections);
}

void port_device_synchronize(struct virtio_device *vdev)
{
	pthread_rwlock_wrlock(&bus_of(vdev)->sections);
	pthread_rwlock_unlock(&bus_of(vdev)->sections);
}

void threads_bus_stop(struct threads_bus *t)
{
	pthread_mutex_lock(&t->mutex);
	t->stopping = true;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->mutex);
	pthread_join(t->thread, NULL);
}
