/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vireo-blk: a vhost-user-blk export from the command line. What its files have of each other: vireo_blk.c is the command
 * line, blk_copy.c moves data between disk and files, blk_load.c sends many small requests at a time: to measure, or to
 * check that what is read is what was written.
 */
#ifndef PORTS_HOST_TOOLS_VIREO_BLK_H
#define PORTS_HOST_TOOLS_VIREO_BLK_H

#include "drivers/virtio/virtio_blk.h"
#include "ports/host/tools/tool.h"

struct blk_job {
	const struct tool_options *options;
	struct virtio_blk *blk;
	struct virtio_blk_info info;
	uint64_t timeout_ns;
	/* The command's: */
	uint64_t offset, length; /* bytes */
	const char *file;
	unsigned int depth;  /* requests in flight */
	unsigned int queues; /* over which they are spread */
	uint32_t size;	     /* bytes of one */
	uint64_t count;	     /* of requests; 0: as many as fit into the time */
	uint64_t time_ns;
	uint64_t seed;
	bool write, polled, sequential;
};

/* Each returns an exit status, having said what went wrong. */
int blk_copy_out(const struct blk_job *job);
int blk_copy_in(const struct blk_job *job);
int blk_bench(const struct blk_job *job);
int blk_exercise(const struct blk_job *job);

#endif
