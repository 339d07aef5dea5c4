#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a buffer costs the driver, for every kind of queue: ring.py PROGRAM [--write PAGE].

Instructions are callgrind's, of the functions of virtio/ and lib/ alone: the same at every run.
Nanoseconds are the median of interleaved runs, the device's share included; they are shown, never
judged. A case over its bound is named, and makes the exit status 1. --write puts the table between
the marks of PAGE (docs/PERFORMANCE.md).
"""
import itertools
import re
import statistics
import subprocess
import sys
import tempfile

import page

BUFFERS = 32000
ROUNDS = 7


def cases():
    for fmt, event, calls in itertools.product(("split", "packed"), ("event", "flags"),
                                               ("poll", "callback")):
        for segments, batch, table in ((1, 32, "direct"), (1, 1, "direct"), (3, 32, "direct"),
                                       (3, 1, "direct"), (3, 32, "indirect"), (3, 1, "indirect")):
            yield fmt, segments, batch, table, event, calls


def bound(case):
    """The bounds of the issue are for event index, interrupts off."""
    fmt, segments, batch, table, event, calls = case
    if event != "event" or calls != "poll":
        return None
    if segments == 1:
        return 100 if batch == 32 else 115
    if batch == 32:
        return 168 if table == "indirect" else {"split": 176, "packed": 180}[fmt]
    return None


def arguments(program, case):
    return [program, *(str(word) for word in case)]


def instructions(program, case):
    """Per buffer, summed over the functions whose source is virtio/ or lib/."""
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(["valgrind", "-q", "--tool=callgrind",
                        f"--callgrind-out-file={out.name}", *arguments(program, case)],
                       check=True, capture_output=True)
        text = subprocess.run(["callgrind_annotate", "--threshold=100", "--auto=no", out.name],
                              check=True, capture_output=True, text=True).stdout
    total = 0
    for line in text.splitlines():
        found = re.match(r"\s*([\d,]+) .*?\b(?:virtio|lib)/[\w/]+\.[ch]:(\w+)", line)
        if found and "create" not in found[2] and "init" not in found[2]:
            total += int(found[1].replace(",", ""))
    return total / BUFFERS


def nanoseconds(program, all_cases):
    times = {case: [] for case in all_cases}
    for _ in range(ROUNDS):
        for case in all_cases:
            run = subprocess.run(arguments(program, case), check=True, capture_output=True,
                                 text=True)
            times[case].append(float(run.stdout))
    return {case: statistics.median(values) for case, values in times.items()}


def table(rows):
    lines = ["| ring | segments | batch | chains | suppression | interrupts | instructions | bound "
             "| ns |", "|---|---|---|---|---|---|---|---|---|"]
    for case, count, limit, ns in rows:
        fmt, segments, batch, kind, event, calls = case
        over = " (over)" if limit and count > limit else ""
        lines.append(f"| {fmt} | {segments} | {batch} | {kind} | "
                     f"{'event index' if event == 'event' else 'flags'} | "
                     f"{'off' if calls == 'poll' else 'on'} | {count:.1f}{over} | "
                     f"{limit or ''} | {ns:.0f} |")
    return "\n".join(lines)


def main():
    program = sys.argv[1]
    all_cases = list(cases())
    ns = nanoseconds(program, all_cases)
    rows = [(case, instructions(program, case), bound(case), ns[case]) for case in all_cases]
    text = table(rows)
    print(text)
    if "--write" in sys.argv:
        page.put(sys.argv[sys.argv.index("--write") + 1], {"ring": text})
    over = [case for case, count, limit, _ in rows if limit and count > limit]
    for case in over:
        print("over its bound:", *case)
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
