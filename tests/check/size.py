#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Prints what each folder of the tree, and each library, contributes to an image.

Reads the linker's map, where every input section stands with its address, size and object. With
--limit it fails where code and constants (.text + .rodata) together reach so many bytes.
"""
import argparse
import collections
import pathlib
import re
import sys

KINDS = ("text", "rodata", "data", "bss")
# " .text.foo   0x40001000   0x24 build/arm/obj/lib/irq.o"; a long name stands on a line of its own.
INPUT = re.compile(r"^ (\S+)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+(\S.*)$")
LONG_NAME = re.compile(r"^ (\S+)$")


def kind_of(section):
    name = section.lstrip("*(").lstrip(".")
    if name.startswith(("text", "init", "fini", "glue", "vfp11", "v4_bx", "vectors", "head")):
        return "text"
    if name.startswith(("rodata", "ARM.ex", "eh_frame", "srodata")):
        return "rodata"
    if name.startswith(("data", "sdata", "tdata", "got", "init_array", "fini_array")):
        return "data"
    if name.startswith(("bss", "sbss", "tbss", "COMMON")):
        return "bss"
    return None


def folder_of(path):
    """The folder below obj/ of one of our objects; the name of a library for what comes from it."""
    if library := re.search(r"([^/]+\.a)(?:\(|:)", path):
        return library[1]
    if ours := re.search(r"/obj/(.+)/[^/]+\.o$", path):
        return ours[1]
    return pathlib.Path(path).name


def contributions(text):
    """Folder -> kind -> bytes, from the part of the map that follows the memory layout."""
    sums = collections.defaultdict(collections.Counter)
    text = text[text.index("Linker script and memory map"):]
    pending = None
    for line in text.splitlines():
        if match := LONG_NAME.match(line):
            pending = match[1]
            continue
        if pending and line.startswith(" " * 16):
            line = f" {pending} {line.strip()}"
        pending = None
        match = INPUT.match(line)
        if not match or int(match[2], 16) == 0:
            continue
        section, _, size, path = match.groups()
        kind = kind_of(section)
        if kind and ("/" in path or path.endswith(".o")):
            sums[folder_of(path)][kind] += int(size, 16)
    return sums


def report(map_path, limit, brief):
    sums = contributions(map_path.read_text(errors="replace"))
    total = collections.Counter()
    rows = [f"{str(map_path):32}" + "".join(f"{kind:>10}" for kind in KINDS)]
    for folder in sorted(sums):
        total.update(sums[folder])
        rows.append(f"  {folder:30}" + "".join(f"{sums[folder][kind]:10}" for kind in KINDS))
    rows.append(f"  {'total':30}" + "".join(f"{total[kind]:10}" for kind in KINDS))
    if not brief:
        print("\n".join(rows))
    code = total["text"] + total["rodata"]
    print(f"size: {map_path}: text + rodata {code} bytes" + (f" of {limit}" if limit else ""))
    if limit and not 0 < code < limit:
        print(f"size: {map_path}: text + rodata must be below {limit} bytes")
        return False
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limit", type=int, default=0, help="bytes")
    parser.add_argument("--brief", action="store_true", help="only the sum")
    parser.add_argument("maps", nargs="+", type=pathlib.Path)
    args = parser.parse_args()
    return 0 if all([report(path, args.limit, args.brief) for path in args.maps]) else 1


if __name__ == "__main__":
    sys.exit(main())
