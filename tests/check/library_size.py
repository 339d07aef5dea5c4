#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Prints what each part of the library takes: library_size.py SIZE FOLDER [--minimal ELF --limit BYTES]

SIZE is the binutils' size, FOLDER holds the parts' objects. With --limit it fails where the code (.text) of the
minimal image is larger.
"""
import argparse
import collections
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "ports/library"))
import sources  # noqa: E402

KINDS = ("text", "rodata", "data", "bss")
NAMES = {"VIREO_MMIO": "transport: mmio", "VIREO_PCI": "transport: pci", "VIREO_VHOST_USER": "transport: vhost-user",
         "VIREO_BLK": "driver: blk", "VIREO_NET": "driver: net", "VIREO_CONSOLE": "driver: console",
         "VIREO_RNG": "driver: rng"}
# Of what is always there.
CORE = [(r"virtio/vring_split\.c", "ring: split"), (r"virtio/vring_split_short", "ring: split, short ways"),
        (r"virtio/vring_packed\.c", "ring: packed"), (r"virtio/vring_packed_short", "ring: packed, short ways"),
        (r"virtio/v(irtqueue|ring)", "queues"), (r"virtio/port_|ports/", "port's defaults"),
        (r"virtio/virtio_names", "names for people"), (r"virtio/", "devices and drivers"),
        (r"lib/format", "formatter"), (r"lib/", "lists, work, DMA")]


def part_of(path, macro):
    if macro:
        return NAMES[macro]
    return next(name for pattern, name in CORE if re.match(pattern, path))


def sections(size, path):
    """Kind -> bytes of one file. Exception tables count as constants; symbols and notes are not loaded."""
    output = subprocess.run([size, "-A", path], check=True, capture_output=True, text=True).stdout
    sums = collections.Counter()
    for name, count in re.findall(r"^\.(\S+)\s+(\d+)\s+\d+$", output, re.M):
        kind = "rodata" if name.startswith(("ARM.ex", "eh_frame", "data.rel.ro")) else name.split(".")[0]
        if kind in KINDS:
            sums[kind] += int(count)
    return sums


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("size")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--minimal", type=pathlib.Path)
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--brief", action="store_true", help="only the minimal image")
    args = parser.parse_args()

    sums = collections.defaultdict(collections.Counter)
    for macro, files in sources.parts() if not args.brief else ():
        for path in files:
            sums[part_of(path, macro)].update(sections(args.size, args.folder / pathlib.Path(path).with_suffix(".o")))
    if sums:
        print(f"{'the library (Armv7 Thumb, -Os)':32}" + "".join(f"{kind:>10}" for kind in KINDS))
    for name in sorted(sums):
        print(f"  {name:30}" + "".join(f"{sums[name][kind]:10}" for kind in KINDS))
    if not args.minimal:
        return 0
    minimal = sections(args.size, args.minimal)
    print(f"size: {args.minimal} (mmio, split ring, rng): text {minimal['text']} bytes of {args.limit}, "
          f"rodata {minimal['rodata']}")
    if not 0 < minimal["text"] <= args.limit:
        print(f"size: {args.minimal}: text must be at most {args.limit} bytes")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
