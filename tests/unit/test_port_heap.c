/* SPDX-License-Identifier: BSD-2-Clause */
/* test_port.c with a heap of the embedder's own, from which the default port_alloc_pages() makes pages. */
#define PORT_TEST_HEAP
#include "tests/unit/test_port.c"
