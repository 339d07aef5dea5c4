/* SPDX-License-Identifier: BSD-2-Clause */
/* See hardware.h. */
#include <pthread.h>
#include <stdlib.h>
#include "lib/arch/host/arch/mmio.h"
#include "tests/threads/hardware.h"

#define DEVICES_MAX 16

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t written = PTHREAD_COND_INITIALIZER, raised = PTHREAD_COND_INITIALIZER;
static pthread_t device_thread, interrupt_thread;
static bool stopping, kicked;
static unsigned long interrupts;

void hardware_lock(void)
{
	pthread_mutex_lock(&mutex);
}

/* Whatever was done to a device, it may have something to do now. */
void hardware_unlock(void)
{
	kicked = true;
	pthread_cond_signal(&written);
	pthread_mutex_unlock(&mutex);
}

/* ThreadSanitizer's: what this thread accesses is the hardware's. It knows memcpy() wherever that is called. */
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);

static void not_watched(void)
{
	AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
	AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
}

static void watched(void)
{
	AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
	AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
}

/* --- registers: -Wl,--wrap ----------------------------------------------------------------------- */

#define WRAP(bits)                                                              \
	uint##bits##_t __real_mmio_read##bits(const volatile void *reg);        \
	uint##bits##_t __wrap_mmio_read##bits(const volatile void *reg);        \
	uint##bits##_t __wrap_mmio_read##bits(const volatile void *reg)         \
	{                                                                       \
		uint##bits##_t value;                                           \
                                                                                \
		pthread_mutex_lock(&mutex);                                     \
		not_watched();                                                  \
		value = __real_mmio_read##bits(reg);                            \
		watched();                                                      \
		pthread_mutex_unlock(&mutex);                                   \
		return value;                                                   \
	}                                                                       \
	void __real_mmio_write##bits(volatile void *reg, uint##bits##_t value); \
	void __wrap_mmio_write##bits(volatile void *reg, uint##bits##_t value); \
	void __wrap_mmio_write##bits(volatile void *reg, uint##bits##_t value)  \
	{                                                                       \
		hardware_lock();                                                \
		not_watched();                                                  \
		__real_mmio_write##bits(reg, value);                            \
		watched();                                                      \
		hardware_unlock();                                              \
	}

WRAP(8)
WRAP(16)
WRAP(32)

/* --- the devices --------------------------------------------------------------------------------- */

/* Lets every device look at its queues. Returns how many buffers they have taken in all their lives. */
static unsigned long look(void)
{
	unsigned long popped = 0;

	for (struct refdev *dev = refdev_first(); dev; dev = dev->next)
		for (unsigned int i = 0; i < dev->nqueues; i++)
			dev->queues[i].notified = true;
	while (refdev_pump())
		;
	for (struct refdev *dev = refdev_first(); dev; dev = dev->next)
		for (unsigned int i = 0; i < dev->nqueues; i++)
			popped += dev->queues[i].popped;
	return popped;
}

static void *be_the_devices(void *arg)
{
	unsigned long popped = 0, before;

	(void)arg;
	not_watched();
	pthread_mutex_lock(&mutex);
	while (!stopping) {
		kicked = false;
		/* A driver that read what we ask to be told of before we asked has told us nothing: so once more. */
		do {
			before = popped;
			popped = look();
		} while (popped != before);
		pthread_cond_signal(&raised);
		if (!kicked)
			pthread_cond_wait(&written, &mutex);
	}
	pthread_mutex_unlock(&mutex);
	watched();
	return NULL;
}

/* Handlers are not called by the device: see below. */
static bool always(void)
{
	return true;
}

/* --- the CPU that takes interrupts ----------------------------------------------------------------- */

/* A handler may take what its driver holds while it writes a register: it is called without the lock. */
static bool take_interrupts(void)
{
	struct {
		irqreturn_t (*handler)(int irq, void *dev_id);
		void *dev_id;
	} calls[DEVICES_MAX];
	unsigned int count = 0;

	for (struct refdev *dev = refdev_first(); dev && count < DEVICES_MAX; dev = dev->next) {
		if (!dev->interrupt_status || !dev->handler)
			continue;
		calls[count].handler = dev->handler;
		calls[count++].dev_id = dev->dev_id;
	}
	if (!count) /* without letting go of the lock, or the next would be missed */
		return false;
	pthread_mutex_unlock(&mutex);
	for (unsigned int i = 0; i < count; i++)
		calls[i].handler(0, calls[i].dev_id);
	pthread_mutex_lock(&mutex);
	interrupts += count;
	return true;
}

static void *be_the_cpu(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&mutex);
	while (!stopping) {
		if (!take_interrupts() && !stopping)
			pthread_cond_wait(&raised, &mutex);
	}
	pthread_mutex_unlock(&mutex);
	return NULL;
}

unsigned long hardware_interrupts(void)
{
	unsigned long n;

	pthread_mutex_lock(&mutex);
	n = interrupts;
	pthread_mutex_unlock(&mutex);
	return n;
}

void hardware_start(void)
{
	refdev_set_masked(always);
	if (pthread_create(&device_thread, NULL, be_the_devices, NULL) ||
	    pthread_create(&interrupt_thread, NULL, be_the_cpu, NULL))
		abort();
}

void hardware_stop(void)
{
	pthread_mutex_lock(&mutex);
	stopping = true;
	pthread_cond_signal(&written);
	pthread_cond_signal(&raised);
	pthread_mutex_unlock(&mutex);
	pthread_join(device_thread, NULL);
	pthread_join(interrupt_thread, NULL);
}
