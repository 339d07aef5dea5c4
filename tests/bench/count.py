#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the jobs of budget.tsv cost the guest, compared with their budgets: count.py [--propose]

A job is a `bench` command of the shell, run by QEMU as tests/qemu/counted.py says, so that each count is
exact; it counts where two runs agree to the last digit. A figure above its budget fails the job, as do a
line that is missing and runs that never agree. A "-" is not checked. The output is TAP, with a table's
columns: the count, a slash, its budget. Nothing is written; --propose prints a new table, each budget 3 %
above today's count.

Instructions are the PMU's. Where a CPU has no such counter they are the guest's nanoseconds, which are the same
under `-icount shift=0` as long as the guest does not sleep. Of the boot it is the time in us, thousands of
instructions, up to the first command; of an interrupt the ns from a timer's deadline to its handler.
"""
import argparse
import concurrent.futures
import math
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "qemu"))
import counted  # noqa: E402
from machine import Platform, Ring  # noqa: E402

BUDGET = HERE / "budget.tsv"
RINGS = {"split": Ring(), "packed": Ring("packed", packed=True)}
WORKERS = 2
MARGIN = 1.03


def read_budget(path):
    """From (arch, ring) to a list of (job, the budget of each figure as text)."""
    platforms = {}
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0].split("\t") == ["job", "arch", "ring", *counted.FIGURES], lines[0]
    for line in lines[1:]:
        job, arch, ring, *limits = line.split("\t")
        assert len(limits) == len(counted.FIGURES), line
        platforms.setdefault((arch, ring), []).append((job, limits))
    return platforms


def normal(job, figures):
    """The figures of a BENCH line, as numbers by name, with instructions as said above."""
    counts = {name: float(text) for name, text in counted.counts_of(figures).items()}
    if job == "boot":
        counts["insn"] = float(int(figures["ns"]) // 1000)
    elif job.startswith("irq"):
        counts["insn"] = float(figures["avg"])
    elif counts.get("insn") == 0:
        counts["insn"] = float(figures["ns"])
    return counts


def checked(lines, jobs):
    """Of the BENCH lines those figures that have a budget; None for a job where one of them is missing."""
    result = {}
    for job, limits in jobs:
        counts = normal(job, lines[job]) if job in lines else {}
        wanted = [name for name, limit in zip(counted.FIGURES, limits) if limit != "-"]
        result[job] = {name: counts[name] for name in wanted} if counts.keys() >= set(wanted) else None
    return result


def run_once(arch, ring, jobs, processor):
    """A console has a machine of its own, so that the boot is one without."""
    machines = {counted.DEVICES: [], counted.CONSOLE: []}
    for job, _ in jobs:
        machines[counted.CONSOLE if job.startswith("con ") else counted.DEVICES].append(f"bench {job}")
    lines = {}
    for devices, commands in machines.items():
        if commands:
            lines |= counted.parse_bench(counted.run(Platform(arch, ring=RINGS[ring]), commands, processor,
                                                     devices))
    return checked(lines, jobs)


def agreed(runs):
    """Of each job the counts that two of @runs have alike, or else None."""
    result = {}
    for job in runs[0]:
        values = [run[job] for run in runs]
        alike = [value for value in values if value is not None and values.count(value) > 1]
        result[job] = alike[0] if alike else None
    return result


def count(arch, ring, jobs, processor, most=6):
    """Runs all jobs twice, and again while there is one without two runs alike. Returns what is agreed on of
    each job, or None, and all runs."""
    runs = [run_once(arch, ring, jobs, processor)]
    while len(runs) < most:
        runs.append(run_once(arch, ring, jobs, processor))
        result = agreed(runs)
        if None not in result.values() or None in runs[0].values():
            break
    return result, runs


def judge(counts, limits):
    """The table's cells of a job, and whether it keeps its budget."""
    cells, good = [], True
    for name, limit in zip(counted.FIGURES, limits):
        if limit == "-":
            cells.append("-")
            continue
        over = counts[name] > float(limit)
        good = good and not over
        cells.append(f"{counts[name]:g}/{limit}{' OVER' if over else ''}")
    return cells, good


def report(platforms, results):
    """Prints the table; returns how many jobs failed."""
    failed = number = 0
    total = sum(len(jobs) for jobs in platforms.values())
    print(f"1..{total}\n# job, " + ", ".join(counted.FIGURES) + ": count/budget")
    for (arch, ring), jobs in platforms.items():
        result, runs = results[arch, ring]
        for job, limits in jobs:
            number += 1
            cells, good = ["no two runs alike, or no line:", *(str(run[job]) for run in runs)], False
            if result[job] is not None:
                cells, good = judge(result[job], limits)
            failed += not good
            print(f"{'ok' if good else 'not ok'} {number} - {job:34} {arch:8}{ring:7}",
                  *(f"{cell:18}" for cell in cells))
    print(f"{total - failed} passed, {failed} failed")
    return failed


def propose(platforms, results):
    print("\t".join(["job", "arch", "ring", *counted.FIGURES]))
    for (arch, ring), jobs in platforms.items():
        for job, limits in jobs:
            counts = results[arch, ring][0][job] or {}
            cells = [limit if limit == "-" else "?" if name not in counts else
                     f"{math.ceil(counts[name] * MARGIN)}" if name == "insn" else
                     f"{math.ceil(counts[name] * MARGIN * 100) / 100:.2f}"
                     for name, limit in zip(counted.FIGURES, limits)]
            print("\t".join([job, arch, ring, *cells]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--budget", type=pathlib.Path, default=BUDGET, help="another table")
    parser.add_argument("--propose", action="store_true", help="print a table of today's counts")
    args = parser.parse_args()

    platforms = read_budget(args.budget)
    processors = sorted(os.sched_getaffinity(0))[:WORKERS]
    with concurrent.futures.ThreadPoolExecutor(len(processors)) as pool:
        futures = {key: pool.submit(count, *key, jobs, processors[number % len(processors)])
                   for number, (key, jobs) in enumerate(platforms.items())}
        results = {key: future.result() for key, future in futures.items()}
    if args.propose:
        propose(platforms, results)
        return 0
    return 1 if report(platforms, results) else 0


if __name__ == "__main__":
    sys.exit(main())
