/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Showing the frames that arrive: the receiver, in interrupt context, copies them into a bounded
 * ring, and the command prints them at the terminal's speed.
 */
#ifndef APPS_SHELL_NETDUMP_H
#define APPS_SHELL_NETDUMP_H

#include "apps/shell/shell.h"
#include "drivers/virtio/virtio_net.h"

/*
 * Prints the next @count frames that @net receives; ends early after ten seconds without one.
 * Returns 0, or a negative errno after the error was printed on @sh. Thread context.
 */
int netdump(struct shell *sh, struct virtio_net *net, uint64_t count);

/* An Ethernet address as text. */
#define MAC_TEXT_LEN 18u
const char *mac_text(char text[MAC_TEXT_LEN], const uint8_t *mac);

#endif
