/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies between a disk and a file, through one buffer in shared memory. A blocking call of the driver keeps several requests
 * in flight, so a large buffer is all it takes. What is written is flushed before the tool says that it is done.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "ports/host/tools/vireo_blk.h"

#define CHUNK_BYTES (4u << 20)

/* --- files ------------------------------------------------------------------------------------ */

/* Up to @size bytes, fewer only at the end of the file. */
static size_t read_file(int fd, const char *name, char *buf, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = read(fd, buf + done, size - done);

		if (n == 0)
			break;
		if (n < 0 && errno != EINTR)
			die(EXIT_FAILED, "%s: %s", name, strerror(errno));
		done += n > 0 ? (size_t)n : 0;
	}
	return done;
}

static void write_file(int fd, const char *name, const char *buf, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, buf, size);

		if (n < 0 && errno != EINTR)
			die(EXIT_FAILED, "%s: %s", name, strerror(errno));
		buf += n > 0 ? n : 0;
		size -= n > 0 ? (size_t)n : 0;
	}
}

static int open_file(const char *name, int flags)
{
	int fd;

	if (strcmp(name, "-") == 0)
		return flags == O_RDONLY ? STDIN_FILENO : STDOUT_FILENO;
	fd = open(name, flags | O_CLOEXEC, 0666);
	if (fd < 0)
		die(EXIT_FAILED, "%s: %s", name, strerror(errno));
	return fd;
}

static void close_file(int fd, const char *name)
{
	if (fd > STDERR_FILENO && close(fd))
		die(EXIT_FAILED, "%s: %s", name, strerror(errno));
}

/* --- copying ---------------------------------------------------------------------------------- */

static _Noreturn void die_of_disk(const char *what, uint64_t offset, int err)
{
	die(EXIT_FAILED, "%s at byte %" PRIu64 ": %s", what, offset, strerror(-err));
}

int blk_copy_out(const struct blk_job *job)
{
	int fd = open_file(job->file, O_WRONLY | O_CREAT | O_TRUNC);
	char *buf = tool_buffer(CHUNK_BYTES);
	struct progress progress;

	progress_begin(&progress, job->options);
	for (uint64_t done = 0; done < job->length;) {
		size_t size = MIN(job->length - done, (uint64_t)CHUNK_BYTES);
		uint64_t offset = job->offset + done;
		int err =
			virtio_blk_read(job->blk, offset / VIRTIO_BLK_SECTOR_SIZE, buf,
					(uint32_t)(size / VIRTIO_BLK_SECTOR_SIZE), job->timeout_ns);

		if (err)
			die_of_disk("read", offset, err);
		write_file(fd, job->file, buf, size);
		done += size;
		progress_show(&progress, done, job->length, false);
	}
	progress_show(&progress, job->length, job->length, true);
	close_file(fd, job->file);
	host_free(buf);
	return EXIT_OK;
}

static uint64_t file_size(int fd)
{
	struct stat stat;

	return !fstat(fd, &stat) && S_ISREG(stat.st_mode) ? (uint64_t)stat.st_size : 0;
}

/* A last piece that is no whole sector is filled up with zeroes. */
int blk_copy_in(const struct blk_job *job)
{
	int fd = open_file(job->file, O_RDONLY), err;
	const uint64_t total = file_size(fd);
	char *buf = tool_buffer(CHUNK_BYTES);
	struct progress progress;
	uint64_t done = 0;
	size_t size;

	progress_begin(&progress, job->options);
	while ((size = read_file(fd, job->file, buf, CHUNK_BYTES)) > 0) {
		const size_t whole = ALIGN_UP(size, (size_t)VIRTIO_BLK_SECTOR_SIZE);
		uint64_t offset = job->offset + done;

		memset(buf + size, 0, whole - size);
		err = virtio_blk_write(job->blk, offset / VIRTIO_BLK_SECTOR_SIZE, buf,
				       (uint32_t)(whole / VIRTIO_BLK_SECTOR_SIZE), job->timeout_ns);
		if (err)
			die_of_disk("write", offset, err);
		done += size;
		progress_show(&progress, done, total, false);
	}
	err = virtio_blk_flush(job->blk, job->timeout_ns);
	if (err)
		die(EXIT_FAILED, "flush: %s", strerror(-err));
	progress_show(&progress, done, total, true);
	close_file(fd, job->file);
	host_free(buf);
	return EXIT_OK;
}
