/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one place where this process waits. The descriptors that back-ends signal are watched for each new write
 * (edge-triggered) and never read: a back-end, which has them too, could otherwise have emptied one just before, and
 * leave us waiting in the read. Sockets are watched as long as there is something in them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "ports/host/host_private.h"
#include "virtio/port.h"

#define EVENTS_MAX 32

struct work_queue host_work = WORK_QUEUE_INIT(host_work);

static int epoll_fd = -1;

int host_watch(struct host_source *source, bool edge)
{
	struct epoll_event event = {.events = EPOLLIN | (edge ? (uint32_t)EPOLLET : 0),
				    .data.ptr = source};

	if (epoll_fd < 0)
		epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, source->fd, &event))
		return -errno;
	return 0;
}

/* A back-end has a copy of a descriptor that we have sent it, which would keep it watched. */
void host_unwatch(struct host_source *source)
{
	if (source->fd < 0)
		return;
	(void)epoll_ctl(epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	close(source->fd);
	source->fd = -1;
}

static int wait_ms(uint64_t deadline_ns)
{
	uint64_t now = port_now_ns();

	if (deadline_ns == UINT64_MAX)
		return -1;
	if (now >= deadline_ns)
		return 0;
	return (int)MIN(DIV_ROUND_UP(deadline_ns - now, NSEC_PER_MSEC), (uint64_t)3600000);
}

/* One event's service may close another's descriptor: it is looked at again there. */
static void serve(int ms)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(epoll_fd, events, EVENTS_MAX, ms);

	for (int i = 0; i < count; i++)
		host_device_serve(events[i].data.ptr);
}

void host_look(void)
{
	if (epoll_fd >= 0)
		serve(0);
}

void host_wait(uint64_t deadline_ns)
{
	int ms = work_pending(&host_work) ? 0 : wait_ms(deadline_ns);

	if (epoll_fd >= 0)
		serve(ms);
	else if (ms > 0)
		port_delay_ns((uint64_t)ms * NSEC_PER_MSEC);
	work_run(&host_work);
}
