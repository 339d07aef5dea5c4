#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Fails where a barrier that the Spin models show to be needed is no longer in the function named here."""
import re
import sys

# file, function, barriers in their order
BARRIERS = [
    ("vring_split.h", "split_publish", ["dma_wmb", "dma_mb"]),
    ("vring_split.c", "refresh_used", ["dma_rmb"]),
    ("vring_split_short.c", "get", ["dma_rmb"]),
    ("vring_split.c", "vring_rearm_split", ["dma_mb"]),
    ("vring_split.c", "virtqueue_poll_split", ["dma_mb"]),
    ("vring_split.c", "virtqueue_enable_cb_delayed_split", ["dma_mb"]),
    ("vring_split_short.c", "enable_cb_short_split", ["dma_mb"]),
    ("vring_packed.h", "packed_publish", ["dma_wmb", "dma_mb"]),
    ("vring_packed.c", "virtqueue_get_buf_packed", ["dma_rmb"]),
    ("vring_packed_short.c", "get", ["dma_rmb"]),
    ("vring_packed.c", "vring_rearm_packed", ["dma_mb"]),
    ("vring_packed.c", "virtqueue_poll_packed", ["dma_mb"]),
    ("vring_packed.c", "virtqueue_enable_cb_delayed_packed", ["dma_mb"]),
    ("vring_packed_short.c", "enable_cb_short_packed", ["dma_mb"]),
]

bad = 0
for file, function, wanted in BARRIERS:
    text = re.sub(r"/\*.*?\*/", "", open("virtio/" + file).read(), flags=re.S)
    body = re.search(r"^[^\n;]*\b%s\([^;{]*\)\n\{\n(.*?)^\}" % function, text, re.M | re.S)
    found = re.findall(r"\b(dma_r?w?mb)\(\)", body[1]) if body else None
    if found != wanted:
        print(f"virtio/{file}: {function}() has {found}, the models have {wanted}")
        bad = 1
sys.exit(bad)
