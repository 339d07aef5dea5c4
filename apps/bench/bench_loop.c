/* SPDX-License-Identifier: BSD-2-Clause */
/* The plain kind of job: one thing done with a buffer, again and again, each to its end. */
#include <errno.h>
#include "apps/bench/bench.h"
#include "lib/pages.h"

#define BYTES_MAX 65536u

/* Printable characters, none of which steers a terminal. */
static void fill(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		text[i] = (char)('!' + i % 90);
}

int bench_loop(struct shell *sh, const struct bench_loop *loop, uint64_t n, int argc, char **argv)
{
	struct bench bench;
	uint64_t bytes;
	char *buf;
	int err = sh_number(sh, "bytes", argv[2], BYTES_MAX, &bytes);

	if (err)
		return err;
	if (bytes == 0)
		return sh_error(sh, -EINVAL, "bytes is 0");
	buf = alloc_pages_exact((size_t)bytes);
	if (!buf)
		return sh_error(sh, -ENOMEM, "%s", sh_strerror(-ENOMEM));
	fill(buf, (size_t)bytes);
	bench_begin(&bench, sh, loop->vdev);
	for (uint64_t i = 0; i < n && !err; i++)
		err = loop->once(loop->arg, buf, (size_t)bytes);
	if (!err)
		bench_end(&bench, n, argc, argv);
	free_pages_exact(buf, (size_t)bytes);
	return err ? sh_error(sh, err, "%s", sh_strerror(err)) : 0;
}
