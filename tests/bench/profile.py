#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Where the instructions of a bench job go: profile.py COUNTER ARCH JOB [QEMU option...]

Runs the shell image with `bench JOB`, one instruction a block, and prints instructions by function for each
of the job's n pieces of work. COUNTER is the program of trace_count.c, which adds up the trace while it
comes: it would fill a disk. Counted is from bench_begin() to bench_end(), of the job `boot` from reset to the
prompt.
"""
import bisect
import os
import re
import subprocess
import sys
import tempfile

CPU = {"arm": "cortex-a15", "aarch64": "cortex-a57"}
PREFIX = {"arm": "arm-none-eabi-", "aarch64": "aarch64-linux-gnu-"}
TIME_LIMIT_S = 300


def functions(arch, elf):
    """(address, name) in the order of addresses. Bit 0 of a Thumb address is not part of it."""
    text = subprocess.run([PREFIX[arch] + "nm", "-n", elf], check=True, capture_output=True,
                          text=True).stdout
    found = re.findall(r"^([0-9a-f]+) [tT] ([^$\s]\S*)$", text, re.M)
    return sorted((int(address, 16) & ~1, name) for address, name in found)


def bounds(job):
    """The functions where counting begins and ends."""
    return ("_start", "shell_run") if job == "boot" else ("bench_begin", "bench_end")


def trace(counter, arch, elf, job, options, symbols):
    where = {name: address for address, name in symbols}
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


def main():
    counter, arch, job, *options = sys.argv[1:]
    elf = f"build/{arch}/vireo.elf"
    symbols = functions(arch, elf)
    addresses = [address for address, _ in symbols]
    match = re.search(r"\bn=(\d+)", job)
    pieces = int(match[1]) if match else 1
    totals = {}
    for address, count in trace(counter, arch, elf, job, options, symbols):
        name = symbols[bisect.bisect_right(addresses, address) - 1][1]
        totals[name] = totals.get(name, 0) + count
    if not totals:
        sys.exit(f"profile: 'bench {job}' did not run")
    print(f"{sum(totals.values()) / pieces:10.2f} instructions each")
    for name, count in sorted(totals.items(), key=lambda item: -item[1]):
        if count / pieces >= 0.05:
            print(f"{count / pieces:10.2f} {name}")


if __name__ == "__main__":
    main()
