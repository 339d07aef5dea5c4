#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Where the instructions of a bench job go: profile.py COUNTER ARCH JOB [QEMU option...]

Runs the shell image with `bench JOB`, one instruction a block, and prints instructions by function, and by part of
the stack, for each of the job's n pieces of work. COUNTER is the program of trace_count.c, which adds up the trace
while it comes: it would fill a disk. Counted is from bench_begin() to bench_end(), of the job `boot` from reset to
the prompt.
"""
import bisect
import collections
import os
import re
import subprocess
import sys
import tempfile

CPU = {"arm": "cortex-a15", "aarch64": "cortex-a57"}
PREFIX = {"arm": "arm-none-eabi-", "aarch64": "aarch64-linux-gnu-"}
TIME_LIMIT_S = 300
# By the beginning of a function's file; the first that fits. What the compiler has put inline counts as
# the function that it is in.
PARTS = (
    ("apps/", "the job itself"), ("drivers/virtio/", "device driver"),
    ("virtio/v", "virtqueue"), ("lib/dma", "virtqueue"),
    ("lib/scatterlist", "virtqueue"), ("drivers/irqchip/", "interrupts"), ("lib/irq", "interrupts"),
    ("boot/", "interrupts"),
)
TRANSPORT = re.compile(r"virtio/virtio\w*\.[ch]$")
REST = "port and library"


def part_of(file):
    if TRANSPORT.match(file):
        return "transport"
    return next((part for start, part in PARTS if file.startswith(start)), REST)


def functions(arch, elf):
    """(address, name, file) in the order of addresses. Bit 0 of a Thumb address is not part of it."""
    text = subprocess.run([PREFIX[arch] + "nm", "-n", "-l", elf], check=True, capture_output=True,
                          text=True).stdout
    found = re.findall(r"^([0-9a-f]+) [tT] ([^$\s]\S*)(?:\t([^:\n]*):.*)?$", text, re.M)
    return sorted((int(address, 16) & ~1, name, os.path.normpath(file))
                  for address, name, file in found)


def bounds(job):
    """The functions where counting begins and ends."""
    return ("_start", "shell_run") if job == "boot" else ("bench_begin", "bench_end")


def trace(counter, arch, elf, job, options, symbols):
    where = {name: address for address, name, _ in symbols}
    base, end = symbols[0][0], symbols[-1][0]
    with tempfile.TemporaryDirectory() as directory:
        pipe = os.path.join(directory, "trace")
        os.mkfifo(pipe)
        with subprocess.Popen(
                ["timeout", str(TIME_LIMIT_S), "qemu-system-aarch64", "-M", "virt", "-cpu", CPU[arch],
                 "-m", "64", "-display", "none", "-monitor", "none", "-serial", "stdio",
                 "-icount", "shift=0", "-singlestep", "-d", "exec,nochain", "-D", pipe,
                 "-global", "virtio-mmio.force-legacy=false", "-kernel", elf,
                 "-append", f"bench {job}; poweroff", *options], stdin=subprocess.DEVNULL):
            with open(pipe, "rb") as stream:
                result = subprocess.run(
                    [counter, *(f"{number:x}" for number in (
                        base, end - base, *(where[name] for name in bounds(job))))],
                    stdin=stream, check=True, capture_output=True, text=True)
    return [(int(address, 16), int(count)) for address, count in
            (line.split() for line in result.stdout.splitlines())]


def show(totals, pieces, word=""):
    for name, count in sorted(totals.items(), key=lambda item: -item[1]):
        if count / pieces >= 0.05:
            print(f"{count / pieces:10.2f} {word}{name}")


def main():
    counter, arch, job, *options = sys.argv[1:]
    elf = f"build/{arch}/vireo.elf"
    symbols = functions(arch, elf)
    addresses = [address for address, _, _ in symbols]
    match = re.search(r"\bn=(\d+)", job)
    pieces = int(match[1]) if match else 1
    by_function, by_part = collections.Counter(), collections.Counter()
    for address, count in trace(counter, arch, elf, job, options, symbols):
        _, name, file = symbols[bisect.bisect_right(addresses, address) - 1]
        by_function[name] += count
        by_part[part_of(file)] += count
    if not by_part:
        sys.exit(f"profile: 'bench {job}' did not run")
    print(f"{by_part.total() / pieces:10.2f} instructions each")
    show(by_function, pieces)
    show(by_part, pieces, "part: ")


if __name__ == "__main__":
    main()
