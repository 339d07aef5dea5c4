# SPDX-License-Identifier: BSD-2-Clause
"""The tables of docs/PERFORMANCE.md, made of what was measured, between marks on lines of their own:
<!-- NAME: begin --> and <!-- NAME: end -->."""
import pathlib

import measures
from figures import judge, spread, times_better

NOTHING = "–"


def put(path, blocks):
    """Puts each text of @blocks between the marks of its name."""
    page = pathlib.Path(path)
    text = page.read_text()
    for name, block in blocks.items():
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"{path}: the marks of {name} have to be there once")
        start, stop = text.index(begin) + len(begin), text.index(end)
        if stop < start:
            raise ValueError(f"{path}: the end of {name} is before its beginning")
        text = f"{text[:start]}{block.rstrip()}\n{text[stop:]}"
    page.write_text(text)


def table(head, rows):
    lines = ["| " + " | ".join(line) + " |" for line in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])


def machine(data):
    about = data["about"]
    peers = ", ".join(about["peers"]) or "none"
    return (f"`make bench` of {about['date']}: {about['rounds']} rounds, pinned to one CPU of "
            f"{about['cpus']} ({about['host']}), of which other programs and the hypervisor had "
            f"{about['others_percent']} % meanwhile; {about['kernel']}; {about['qemu']}, TCG, "
            f"`-M virt -cpu {about['cpu']} -m 512`, virtio-mmio, disk null-co. Peers: {peers}.")


def versus(measure, rounds, name):
    if name in measures.OURS or "vireo" not in rounds:
        return ""
    return f"{spread(times_better(rounds['vireo'], rounds[name], measure.once)):.2f}"


def measure_table(data, measure):
    """Its jobs and its participants; nothing where it has not run."""
    rounds = data["rates"].get(measure.key, {})
    if not rounds:
        return ""
    digits = 1 if measure.once else 0
    rows = []
    for name in filter(rounds.get, measures.NAMES):
        of = spread(rounds[name])
        rows.append([measure.name(name), f"{of.mid:,.{digits}f}",
                     f"{of.low:,.{digits}f} .. {of.high:,.{digits}f}", versus(measure, rounds, name)])
    jobs = sorted({measure.job(name, data["about"]["scale"]) for name in rounds})
    head = [measure.heading, f"{'ms' if measure.once else 'a second'}, median", "least .. greatest",
            "Vireo is better by"]
    return f"{table(head, rows)}\n\nJobs: {', '.join(f'`{job}`' for job in jobs)}."


def rates(data):
    sections = []
    for file, title, keys in measures.CHARTS:
        sections += [f"### {title}", f"![{title}: the figures of the tables below](charts/{file}.svg)"]
        sections += [measure_table(data, measures.BY_KEY[key]) for key in keys]
    return "\n\n".join(filter(None, sections))


def rate_cell(bound, samples, ours):
    series = bound.series(samples, ours)
    if not series:
        return "not measured"
    verdict = judge(bound.bound, series)
    digits = 0 if verdict.spread.mid > 1000 else 2
    return f"{verdict.spread:,.{digits}f}: {verdict.text()}"


def rate_bounds(data):
    """Every bound on a rate, for both ring formats."""
    rows = [[measures.BY_KEY[bound.measure].title, bound.text(),
             *(rate_cell(bound, data["rates"], ours) for ours in measures.OURS)]
            for bound in measures.RATE_BOUNDS]
    return table(["measure", "bound", "split ring", "packed ring"], rows)


def number(value):
    return f"{value:.2f}".rstrip("0").rstrip(".") if value < 100 else f"{value:,.0f}"


def count_of(data, bound, platform):
    """What was counted, or None where it cannot be."""
    jobs = data["counts"].get(platform, {})
    if not jobs:
        return None
    return (jobs[measures.job_of(bound.job, jobs)] or {}).get(bound.figure)


def count_cell(data, bound, platform):
    value = count_of(data, bound, platform)
    if value is None:
        return NOTHING
    limit = bound.bound(platform.split()[0])
    return number(value) + (f": {judge(limit, [value]).text()}" if limit else "")


PLATFORMS = ("aarch64 split", "aarch64 packed", "arm split", "arm packed")


def count_bounds(data):
    """Every bound on a count, for both architectures and ring formats."""
    rows = []
    for bound in measures.COUNT_BOUNDS:
        limit = NOTHING if bound.most is None else f"at most {number(bound.most)}"
        if bound.most_arm != bound.most and bound.most_arm is not None:
            limit += f" (Armv7: {number(bound.most_arm)})"
        floor = data["floor"].get(bound.job) if bound.figure == "insn" else None
        rows.append([bound.title, limit, NOTHING if floor is None else number(floor),
                     *(count_cell(data, bound, platform) for platform in PLATFORMS)])
    return table(["what each costs", "bound", "the floor", "AArch64 split", "AArch64 packed",
                  "Armv7 split", "Armv7 packed"], rows)


def summary(data):
    """How many bounds are met, and which are not."""
    verdicts = []
    for bound in measures.RATE_BOUNDS:
        verdicts += [judge(bound.bound, series).met for ours in measures.OURS
                     if (series := bound.series(data["rates"], ours))]
    for bound in measures.COUNT_BOUNDS:
        verdicts += [limit.keeps(value) for platform in PLATFORMS
                     if (limit := bound.bound(platform.split()[0]))
                     and (value := count_of(data, bound, platform)) is not None]
    return f"Of {len(verdicts)} bounds {sum(verdicts)} are met, {verdicts.count(False)} are not."


def blocks(data):
    return {"machine": machine(data), "summary": summary(data), "rate-bounds": rate_bounds(data),
            "count-bounds": count_bounds(data), "rates": rates(data)}
