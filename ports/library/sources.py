# SPDX-License-Identifier: BSD-2-Clause
"""What the library consists of: its parts, each a set of files, and the headers that its users see.

The Makefile asks it for lists (sources.py c|headers), and amalgamate.py makes two files of them.
"""
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]

# Of lib/ what virtio/ needs. The rest is the machine's, which the port stands for here.
LIB = ["dma", "dma_direct", "format", "list_sort", "scatterlist", "work"]

# The macro that leaves a part out, and its files. The order is that of the amalgamation.
PARTS = [
    (None, [f"lib/{name}.c" for name in LIB] + ["ports/library/pages.c", "virtio/port_*.c", "virtio/*.c"]),
    ("VIREO_MMIO", ["virtio/virtio_mmio.c"]),
    ("VIREO_PCI", ["virtio/virtio_pci*.c"]),
    ("VIREO_VHOST_USER", ["virtio/vhost_user*.c"]),
    ("VIREO_BLK", ["drivers/virtio/virtio_blk*.c"]),
    ("VIREO_NET", ["drivers/virtio/virtio_net*.c"]),
    ("VIREO_CONSOLE", ["drivers/virtio/virtio_console*.c"]),
    ("VIREO_RNG", ["drivers/virtio/virtio_rng*.c"]),
]
# The IOMMU's driver wants a registry of IOMMUs, which is the images'.
LEFT_OUT = "drivers/virtio/virtio_iommu"

# What one part has for others alone.
PRIVATE = re.compile(r"_(private|parts)\.h$|/(vring\w*|virtio_transport|virtio_recovery)\.h$")

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"\n]+)"[^\n]*\n', re.M)


def has_guard(text):
    return re.search(r"^#ifndef (\w+)\n#define \1\n", text, re.M) is not None


def read(path):
    """The text of a file, with headers that are there to be included twice already in it."""
    text = (TOP / path).read_text(encoding="utf-8")

    def paste(match):
        pasted = (TOP / match[1]).read_text(encoding="utf-8")
        return match[0] if has_guard(pasted) else pasted.split("*/\n", 1)[1]
    return INCLUDE.sub(paste, text)


def parts():
    """(macro or None, its .c files), each file in the one part that names it most closely."""
    found, seen = [], set()
    for macro, patterns in reversed(PARTS):
        files = [path.relative_to(TOP).as_posix() for pattern in patterns
                 for path in sorted(TOP.glob(pattern))]
        files = [f for f in dict.fromkeys(files) if f not in seen and not f.startswith(LEFT_OUT)]
        seen.update(files)
        found.append((macro, files))
    return [part for part in reversed(found) if part[1]]


def c_files():
    return [f for _, files in parts() for f in files]


def closure(paths):
    """@paths and all headers of ours that they include, each behind what it includes itself."""
    order = []

    def visit(path):
        if path in order:
            return
        for name in INCLUDE.findall(read(path)):
            visit(name)
        order.append(path)

    for path in paths:
        visit(path)
    return order


def public_headers():
    mine = [path.relative_to(TOP).as_posix() for folder in ("virtio", "drivers/virtio")
            for path in sorted((TOP / folder).glob("*.h"))]
    # The core first: it reads like that.
    mine.sort(key=lambda f: (not f.startswith("virtio/"), f != "virtio/virtio.h", f))
    mine = [f for f in mine if not PRIVATE.search(f) and not f.startswith(LEFT_OUT)]
    # The DMA API and the rings are for ports and transports of the embedder's own; the formatter is for port_log().
    return closure(mine + ["lib/dma.h", "lib/format.h", "virtio/wire/ring.h"])


if __name__ == "__main__":
    print(*{"c": c_files, "headers": public_headers}[sys.argv[1]]())
