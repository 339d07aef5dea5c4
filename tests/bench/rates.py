#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Rates of Vireo, of its peers and of the floor, side by side (make bench-peers builds the peers).

Each round runs every job on every participant once, one after the other on one processor of the host,
and begins with another participant than the round before: what disturbs the machine for a while
disturbs all of them. A ratio is taken within a round; shown are medians, and in brackets the least and
the greatest. Nothing here judges a figure; a job that does not run is an error.
"""
import argparse
import dataclasses
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "peers"))
import run  # noqa: E402 # its folder is not a package

ROUNDS = 7
REFERENCE = "vireo"


@dataclasses.dataclass(frozen=True)
class Job:
    """@counts: how many operations for each participant: enough for half a second or so."""
    name: str
    command: str
    counts: dict

    def text(self, participant):
        return self.command.format(n=self.counts[participant])


def counts(bare, linux, firmware=None):
    each = {"vireo": bare, "floor": bare}
    each |= dict.fromkeys(("linux", "linux-tuned", "linux-best"), linux)
    return each | (dict.fromkeys(("uboot", "edk2"), firmware) if firmware else {})


JOBS = (
    Job("4 KiB random reads, depth 32", "blk 0 r rand 4096 qd=32 wait=wfi n={n}",
        counts(200000, 40000)),
    Job("4 KiB random reads, depth 1", "blk 0 r rand 4096 qd=1 wait=wfi n={n}",
        counts(60000, 6000, 50000)),
    Job("1 MiB sequential reads, depth 4", "blk 0 r seq 1048576 qd=4 wait=wfi n={n}",
        counts(40000, 2000)),
    Job("1 MiB sequential reads, depth 1", "blk 0 r seq 1048576 qd=1 wait=wfi n={n}",
        counts(40000, 2000, 40000)),
    Job("64-byte frames sent, batch 64", "net 0 tx 64 batch=64 n={n}", counts(640000, 38400)),
    Job("64-byte frames sent, batch 1", "net 0 tx 64 batch=1 n={n}",
        counts(100000, 15000, 50000)),
    Job("UDP round trips, 64 bytes", "net 0 rtt 64 n={n}", counts(20000, 4000)),
    Job("from QEMU's start to all devices ready", "boot", counts(1, 1, 1)),
)


def chosen(options):
    """(job, participants) of what was asked for, each image looked for once before any is run."""
    wanted = options.participants.split(",")
    unknown = set(wanted) - set(run.PARTICIPANTS)
    if unknown:
        raise run.BenchError(f"no such participants: {', '.join(sorted(unknown))}")
    plan = [(job, [name for name in wanted if name in job.counts]) for job in JOBS
            if re.search(options.jobs, job.name) or re.search(options.jobs, job.command)]
    for job, names in plan:
        for name in names:
            run.PARTICIPANTS[name](options.arch, job.text(name))
    if not any(names for _, names in plan):
        raise run.BenchError("no job is left")
    return [(job, names) for job, names in plan if names]


def measure(plan, options):
    """{job name: {participant: [a result for each round]}}"""
    samples = {job.name: {name: [] for name in names} for job, names in plan}
    for number in range(options.rounds):
        for job, names in plan:
            first = number % len(names)
            for name in names[first:] + names[:first]:
                samples[job.name][name].append(
                    run.run(name, job.text(name), options.arch, options.cpu, options.limit))
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    return samples


def middle(values):
    return statistics.median(values), min(values), max(values)


def ratios(reference, other):
    """How many times faster the first is, round by round."""
    return [a["per_s"] / b["per_s"] for a, b in zip(reference, other)]


def table(samples, reference):
    """Rows of text: operations a second, or milliseconds for what happens once."""
    rows = [("measure", "participant", "median", "least..greatest", f"{reference} is faster by")]
    for name, results in samples.items():
        for participant, rounds in results.items():
            once = rounds[0]["n"] == 1
            unit, digits = ("ms", 1) if once else ("/s", 0)
            values = [r["ns"] / 1e6 if once else r["per_s"] for r in rounds]
            mid, low, high = (f"{value:,.{digits}f}" for value in middle(values))
            versus = ""
            if reference in results and participant != reference:
                versus = "{:.2f} ({:.2f}..{:.2f})".format(
                    *middle(ratios(results[reference], rounds)))
            rows.append((name, participant, f"{mid} {unit}", f"{low}..{high}", versus))
    return rows


def show(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def surroundings(options):
    """What a reader has to know of the machine."""
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    version = subprocess.run([run.QEMU, "--version"], check=True, capture_output=True, text=True)
    peers = run.BUILD / "peers" / options.arch / "versions.txt"
    return {"host": model[1] if model else os.uname().machine, "arch": options.arch,
            "qemu": version.stdout.splitlines()[0], "cpu": run.CPU[options.arch],
            "pinned": options.cpu, "load": os.getloadavg()[0],
            "peers": peers.read_text().splitlines() if peers.exists() else []}


def main():
    run.end_with_children()
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", choices=run.CPU, default="aarch64")
    parser.add_argument("--cpu", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--limit", type=int, default=run.LIMIT_S, help="seconds for one run")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--participants", default=",".join(run.PARTICIPANTS))
    parser.add_argument("--jobs", default="", help="those whose name or command has this pattern")
    parser.add_argument("--json", type=pathlib.Path, help="all results, for the page and charts")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("at least one round")
    try:
        plan = chosen(options)
        about = surroundings(options)
        samples = measure(plan, options)
    except run.BenchError as error:
        sys.exit(f"rates: {error}")
    for key, value in about.items():
        print(f"{key}: {'; '.join(value) if isinstance(value, list) else value}")
    names = options.participants.split(",")
    show(table(samples, REFERENCE if REFERENCE in names else names[0]))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps({"about": about, "samples": samples}, indent=1))


if __name__ == "__main__":
    main()
