#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""make bench: what Vireo, its peers and the floor do, side by side, into docs/PERFORMANCE.md.

Each round runs every measure on every participant once, one after the other on one processor of the
host, and begins with another participant than the round before: what disturbs the machine for a while
disturbs all of them. Then the counts that have a bound are taken (exact, in one go), and the parts of the
stack in which a read's instructions are.

Nothing here fails over a figure; a job that fails twice is an error. All that was measured goes to
--json, after each round as well. A full run (7 rounds or more, nothing left out) rewrites the tables between
the marks of the page, and the charts beside it with the figures that they are made of; --from does so with
what was measured before. Each bound stands there with what was measured: met or not met.
"""
import argparse
import concurrent.futures
import datetime
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path += [str(HERE / "peers"), str(HERE)]
import charts  # noqa: E402
import count  # noqa: E402
import measures  # noqa: E402
import page  # noqa: E402
import run  # noqa: E402

ROUNDS = 7
ARCH = "aarch64"
# Of a part's job; the second disk answers when the guest sleeps, so that each read has its interrupt.
PARTS = {"4 KiB read, depth 32": ("blk 0 r rand 4096 qd=32 n=3200", 0),
         "4 KiB read, depth 1, an interrupt for each": ("blk 0 r rand 4096 qd=1 n=200", 1000000)}
# What the floor's jobs are called among the bounds on counts.
FLOOR_JOBS = {"blk 0 r rand 4096 qd=32 n=3200": "blk 0 r rand 4096 qd=32 wait=wfi n=3200",
              "blk 0 r rand 4096 qd=1 n=1000": "blk 0 r rand 4096 qd=1 wait=wfi n=1000",
              "blk 0 r seq 1048576 qd=4": "blk 0 r seq 1048576 qd=4 wait=wfi n=64",
              "net 0 tx 64 batch=64": "net 0 tx 64 batch=64 wait=wfi n=6400",
              "net 1 rtt 64": "net 0 rtt 64 wait=wfi n=1000"}


def note(text):
    print(text, file=sys.stderr, flush=True)


def chosen(options):
    """(measure, participants) of what is to be run, each image looked for once before any is."""
    wanted = options.participants.split(",")
    unknown = set(wanted) - set(measures.NAMES)
    if unknown:
        raise run.BenchError(f"no such participants: {', '.join(sorted(unknown))}")
    plan = [(one, [name for name in wanted if name in one.counts])
            for one in measures.MEASURES if not one.of and
            re.search(options.measures, f"{one.key} {one.title}")]
    plan = [(one, names) for one, names in plan if names]
    if not plan:
        raise run.BenchError("no measure is left")
    for one, names in plan:
        for name in names:
            run.PARTICIPANTS[name](ARCH, one.job(name))
    return plan


def run_twice(name, job, options):
    """A job that fails is tried once more: a busy host can be too late for a time limit."""
    try:
        return run.run(name, job, ARCH, options.cpu, options.limit)
    except run.BenchError as error:
        note(f"once more: {error}")
        return run.run(name, job, ARCH, options.cpu, options.limit)


def take(samples, one, name, results):
    """The round's figure (of several runs the median) into each measure that these runs are of."""
    for other in measures.MEASURES:
        if other.runs == one.key and name in other.counts:
            rounds = samples.setdefault(other.key, {}).setdefault(name, [])
            rounds.append(round(statistics.median(map(other.figure, results)), 3))


def run_round(plan, number, options, samples):
    """What is run several times takes turns as well."""
    for one, names in plan:
        first = number % len(names)
        order = names[first:] + names[:first]
        results = {name: [] for name in order}
        for turn in range(max(map(one.repeats, order))):
            for name in order:
                if turn < one.repeats(name):
                    job = one.job(name, options.scale)
                    results[name].append(run_twice(name, job, options))
        for name in order:
            take(samples, one, name, results[name])


def save(data, path):
    """The figures of one participant, or of one job, on one line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(data, indent=1)
    text = re.sub(r"\[[^][{}]*\]|\{[^][{}]*\}", lambda found: " ".join(found[0].split()), text)
    path.write_text(text + "\n")


def counted():
    """Each job of budget.tsv: from "ARCH RING" to its counts by job."""
    platforms = count.read_budget(count.BUDGET)
    cpus = sorted(os.sched_getaffinity(0))[:count.WORKERS]
    with concurrent.futures.ThreadPoolExecutor(len(cpus)) as pool:
        waiting = {" ".join(key): pool.submit(count.count, *key, jobs, cpus[number % len(cpus)])
                   for number, (key, jobs) in enumerate(platforms.items())}
        return {key: future.result()[0] for key, future in waiting.items()}


def floor_counts(options):
    """Instructions of each operation."""
    costs = {}
    for name, job in FLOOR_JOBS.items():
        result = run.run("floor", job, ARCH, options.cpu, options.limit, ("-icount", "shift=0"))
        costs[name] = round(result["insn"] / result["n"], 2)
    return costs


def parts(options):
    """Instructions of each operation by part of the stack."""
    found = {}
    for title, (job, latency_ns) in PARTS.items():
        disk = f"null-co,node-name=d,size={run.DISK_BYTES},latency-ns={latency_ns}"
        text = subprocess.run(
            [sys.executable, str(HERE / "profile.py"), str(options.trace_count), ARCH, job,
             "-blockdev", disk, "-device", "virtio-blk-device,drive=d"],
            check=True, stdout=subprocess.PIPE, text=True, cwd=run.ROOT).stdout
        found[title] = {part: float(value) for value, part in
                        re.findall(r"^ *([\d.]+) part: (.*)$", text, re.M)}
    return found


class Others:
    """What else runs on our processor: its time that is neither idle nor our children's."""

    def __init__(self, cpu, stat=pathlib.Path("/proc/stat")):
        self._cpu, self._stat = cpu, stat
        self._start = self._now()

    def _now(self):
        fields = re.search(rf"^cpu{self._cpu} (.*)$", self._stat.read_text(), re.M)[1].split()
        user, nice, system, _, _, irq, softirq, steal = map(int, fields[:8])
        busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
        times = os.times()
        return times.elapsed, busy - times.children_user - times.children_system

    def percent(self):
        """Since the start. Ticks of the clock and children's times do not agree to the last digit."""
        passed, busy = (now - then for now, then in zip(self._now(), self._start))
        return round(max(0.0, 100 * busy / passed), 1) if passed else 0.0


def peers():
    """Name and version of each package, without what a changelog says besides."""
    file = run.BUILD / "peers" / ARCH / "versions.txt"
    lines = file.read_text().splitlines() if file.exists() else []
    return [re.sub(r"^([^:]*): \S+ \(([^)]*)\).*", r"\1 \2", line) for line in lines]


def surroundings(options):
    """What a reader has to know of the machine."""
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    version = subprocess.run([run.QEMU, "--version"], check=True, capture_output=True, text=True)
    return {"date": datetime.date.today().isoformat(), "rounds": options.rounds,
            "scale": options.scale, "host": model[1].strip() if model else platform.machine(),
            "cpus": os.cpu_count(), "kernel": f"{platform.system()} {platform.release()}",
            "qemu": version.stdout.splitlines()[0], "cpu": run.CPU[ARCH], "pinned": options.cpu,
            "others_percent": 0.0, "peers": peers()}


def measure_all(options):
    plan = chosen(options)
    data = {"about": surroundings(options), "rates": {}, "counts": {}, "floor": {}, "parts": {}}
    others = Others(options.cpu)
    for number in range(options.rounds):
        run_round(plan, number, options, data["rates"])
        data["about"]["others_percent"] = others.percent()
        save(data, options.json)
        note(f"round {number + 1} of {options.rounds}; others had {others.percent()} % of the CPU")
    if options.full:
        data |= {"floor": floor_counts(options), "counts": counted(), "parts": parts(options)}
        save(data, options.json)
    return data


def complete(data):
    """Whether the page can be made of it: all rounds of everything."""
    rounds = data["about"]["rounds"]
    return rounds >= ROUNDS and bool(data["counts"] and data["parts"]) and all(
        len(data["rates"].get(one.key, {}).get(name, ())) == rounds
        for one in measures.MEASURES for name in one.counts)


def write(data, path):
    page.put(path, page.blocks(data))
    folder = path.parent / "charts"
    save(data, folder / "rates.json")
    for name, svg in charts.all_charts(data).items():
        (folder / f"{name}.svg").write_text(svg.write())
    note(f"written: {path} and {folder}/*.svg")


def show(data):
    """What was measured, and the bounds on it."""
    print(page.machine(data))
    for one in measures.MEASURES:
        if text := page.measure_table(data, one):
            print("", text, sep="\n")
    bounds = page.rate_bounds(data).splitlines()
    print("", *(line for line in bounds if line.count("not measured") < 2), sep="\n")
    if data["counts"]:
        print("", page.count_bounds(data), "", page.summary(data), sep="\n")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    everyone = ",".join(measures.NAMES)
    parser.add_argument("--cpu", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--limit", type=int, default=run.LIMIT_S, help="seconds for one run")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--scale", type=float, default=1.0, help="the jobs' lengths times this")
    parser.add_argument("--participants", default=everyone)
    parser.add_argument("--measures", default="", help="those in whose name is this pattern")
    parser.add_argument("--json", type=pathlib.Path, default=run.BUILD / "bench/rates.json")
    parser.add_argument("--trace-count", type=pathlib.Path, default=run.BUILD / "bench/trace_count")
    parser.add_argument("--page", type=pathlib.Path, help="docs/PERFORMANCE.md")
    parser.add_argument("--from", type=pathlib.Path, dest="old", help="such a --json: runs nothing")
    options = parser.parse_args()
    if options.rounds < 1 or options.scale <= 0:
        parser.error("at least one round, of some length")
    options.full = options.participants == everyone and not options.measures
    return options


def main():
    run.end_with_children()
    options = arguments()
    try:
        data = json.loads(options.old.read_text()) if options.old else measure_all(options)
    except run.BenchError as error:
        sys.exit(f"bench: {error}")
    show(data)
    if options.page and complete(data):
        write(data, options.page)
    elif options.page:
        note(f"{options.page} is left as it is: that takes a full run of {ROUNDS} rounds")


if __name__ == "__main__":
    main()
