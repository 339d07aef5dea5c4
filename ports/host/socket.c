/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages and descriptors over a Unix socket, each call with a deadline for the whole: a peer that sends a byte now and
 * then gets no more time than one that sends nothing. The socket may have any flags: no call on it waits but poll().
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "ports/host/host_private.h"
#include "virtio/port.h"

#define RETRY_NS (20 * NSEC_PER_MSEC)

union control {
	char bytes[CMSG_SPACE(VHOST_USER_FDS_MAX * sizeof(int))];
	struct cmsghdr align;
};

static int time_left_ms(uint64_t deadline_ns)
{
	uint64_t now = port_now_ns();

	if (now >= deadline_ns)
		return 0;
	return (int)MIN((deadline_ns - now) / NSEC_PER_MSEC + 1, (uint64_t)3600000);
}

/* Returns 0, or -ETIMEDOUT: also where there is something, but too late. */
static int wait_for(int fd, short events, uint64_t deadline_ns)
{
	struct pollfd pollfd = {.fd = fd, .events = events};
	int left;

	while ((left = time_left_ms(deadline_ns)) > 0) {
		int ready = poll(&pollfd, 1, left);

		if (ready > 0)
			return 0;
		if (ready < 0 && errno != EINTR)
			return -errno;
	}
	return -ETIMEDOUT;
}

/* --- connecting ------------------------------------------------------------------------------- */

static int try_connect(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err;

	if (fd < 0)
		return -errno;
	if (!connect(fd, (const struct sockaddr *)address, sizeof(*address)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

int host_socket_connect(const char *path, uint64_t deadline_ns)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	for (;;) {
		fd = try_connect(&address);
		/* Not there yet, not listening yet, or busy with somebody else. */
		if (fd >= 0 || (fd != -ENOENT && fd != -ECONNREFUSED && fd != -EAGAIN) ||
		    port_now_ns() >= deadline_ns)
			return fd;
		port_delay_ns(RETRY_NS);
	}
}

/* --- sending ---------------------------------------------------------------------------------- */

static void attach_fds(struct msghdr *msg, union control *control, const int fds[],
		       unsigned int fd_count)
{
	struct cmsghdr *cmsg;

	memset(control, 0, sizeof(*control));
	msg->msg_control = control;
	msg->msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
	cmsg = CMSG_FIRSTHDR(msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
	memcpy(CMSG_DATA(cmsg), fds, fd_count * sizeof(int));
}

int host_socket_send(int fd, const void *data, size_t size, const int fds[], unsigned int fd_count,
		     uint64_t deadline_ns)
{
	union control control;
	size_t sent = 0;
	int err;

	while (sent < size) {
		struct iovec iov = {(char *)(uintptr_t)data + sent, size - sent};
		struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
		ssize_t n;

		if (sent == 0 && fd_count > 0)
			attach_fds(&msg, &control, fds, fd_count);
		n = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n >= 0) {
			sent += (size_t)n;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return -EIO;
		err = wait_for(fd, POLLOUT, deadline_ns);
		if (err)
			return err;
	}
	return 0;
}

/* --- receiving -------------------------------------------------------------------------------- */

/* Takes the descriptors out of @msg. Returns 0, or -EIO where there were more than fit: those are closed. */
static int take_fds(struct msghdr *msg, int fds[], unsigned int *fd_count)
{
	int err = msg->msg_flags & MSG_CTRUNC ? -EIO : 0;

	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		size_t count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(fd), sizeof(fd));
			if (*fd_count < VHOST_USER_FDS_MAX) {
				fds[(*fd_count)++] = fd;
				continue;
			}
			close(fd);
			err = -EIO;
		}
	}
	return err;
}

/* Returns the bytes that came, 0 where there are none yet, or -EIO: there will be none. */
static ssize_t receive_some(int fd, void *data, size_t size, int fds[], unsigned int *fd_count)
{
	union control control;
	struct iovec iov = {data, size};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -EIO;
	if (take_fds(&msg, fds, fd_count) || n == 0)
		return -EIO;
	return n;
}

int host_socket_receive(int fd, void *data, size_t size, int fds[], unsigned int *fd_count,
			uint64_t deadline_ns)
{
	size_t received = 0;
	int err;

	while (received < size) {
		ssize_t n =
			receive_some(fd, (char *)data + received, size - received, fds, fd_count);

		if (n < 0)
			return (int)n;
		received += (size_t)n;
		if (received == size)
			break;
		err = wait_for(fd, POLLIN, deadline_ns);
		if (err)
			return err;
	}
	return 0;
}
