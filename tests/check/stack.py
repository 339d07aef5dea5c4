#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Reports the largest stack frames from gcc's .su files, and fails where one is too large.

Interrupt handlers have a stack of their own, and nothing but the main stack's guard page stands
below the rest: frames must be small and of a size that is known when compiling.
"""
import argparse
import pathlib
import sys


def frames(folder):
    for path in sorted(folder.rglob("*.su")):
        if not path.with_suffix(".o").exists():
            continue
        for line in path.read_text().splitlines():
            where, size, kind = line.split("\t")
            yield int(size), kind, where


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limit", type=int, default=2048, help="bytes that one frame may take")
    parser.add_argument("--show", type=int, default=5, help="how many to print for each folder")
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    args = parser.parse_args()

    bad = 0
    for folder in args.folders:
        found = sorted(frames(folder), reverse=True)
        if not found:
            print(f"stack: no .su file in {folder}")
            bad += 1
            continue
        print(f"stack: {folder}: {len(found)} functions, largest frames:")
        for rank, (size, kind, where) in enumerate(found):
            fault = size > args.limit or (kind.startswith("dynamic") and "bounded" not in kind)
            bad += fault
            if rank < args.show or fault:
                print(f"{size:8} {kind:8} {where}{'   <-- too large' if fault else ''}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
