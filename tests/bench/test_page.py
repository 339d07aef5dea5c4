# SPDX-License-Identifier: BSD-2-Clause
"""What `make bench` runs and what it says of the results; and that docs/PERFORMANCE.md says what was
measured, which stands beside it."""
import argparse
import json
import pathlib
import re

import pytest

import charts
import count
import example
import measures
import page
import rates

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
STORED = DOCS / "charts" / "rates.json"
REMEDY = "make bench BENCH_ARGS='--from docs/charts/rates.json'"


def cells(text):
    """The rows of a table by the text of their first two cells."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()
            if line.startswith("|")]
    return {tuple(row[:2]): row[2:] for row in rows[2:]}


def test_each_participant_can_be_run():
    for one in measures.MEASURES:
        assert set(one.counts) <= set(rates.run.PARTICIPANTS) == set(measures.NAMES)
        assert one.runs in measures.BY_KEY
    assert {key for _, _, keys in measures.CHARTS for key in keys} == set(measures.BY_KEY)


@pytest.mark.parametrize("scale", [0.001, 0.3, 1.0, 2.0])
def test_a_job_is_whole_batches_and_as_long_as_asked_for(scale):
    for one in measures.MEASURES:
        for name, most in one.counts.items():
            found = re.search(r" n=(\d+)$", one.job(name, scale))
            assert bool(found) is not one.once
            if found:
                assert int(found[1]) % 64 == 0 and int(found[1]) > 0
                assert int(found[1]) == 64 or abs(int(found[1]) - most * scale) <= 32


def test_firmware_sends_one_frame_at_a_time():
    send = measures.BY_KEY["send-64"]
    assert " batch=1 " in send.job("uboot") and " batch=64 " in send.job("vireo")


def test_a_run_counts_for_each_measure_that_it_is_of():
    samples, result = {}, {"per_s": 5.0, "host_ns": 40000000, "end_ns": 44000000}
    slow = {"per_s": 1.0, "host_ns": 90000000, "end_ns": 99000000}
    for name in ("vireo", "linux"):
        rates.take(samples, measures.BY_KEY["boot"], name, [result, slow, result])
        rates.take(samples, measures.BY_KEY["read-1"], name, [result])
    assert samples == {"boot": {"vireo": [40.0], "linux": [40.0]}, "end": {"vireo": [44.0]},
                       "read-1": {"vireo": [5.0], "linux": [5.0]}}


def test_each_round_begins_with_another(monkeypatch):
    ran = []
    monkeypatch.setattr(rates.run, "run", lambda name, *_: ran.append(name) or
                        {"per_s": 1.0, "host_ns": 1, "end_ns": 1})
    plan = [(measures.BY_KEY["read-32"], ["vireo", "floor", "linux"])]
    options = argparse.Namespace(scale=1.0, cpu=0, limit=1)
    samples = {}
    for number in range(3):
        rates.run_round(plan, number, options, samples)
    assert ran == ["vireo", "floor", "linux", "floor", "linux", "vireo", "linux", "vireo", "floor"]
    assert samples == {"read-32": {"vireo": [1.0] * 3, "floor": [1.0] * 3, "linux": [1.0] * 3}}


def test_what_is_over_in_no_time_is_run_several_times(monkeypatch):
    ran = []
    monkeypatch.setattr(rates.run, "run", lambda name, *_: ran.append(name) or
                        {"host_ns": len(ran) * 1000000, "end_ns": 1})
    plan, samples = [(measures.BY_KEY["boot"], ["vireo", "linux", "floor"])], {}
    rates.run_round(plan, 0, argparse.Namespace(scale=1.0, cpu=0, limit=1), samples)
    assert ran == ["vireo", "linux", "floor"] + ["vireo", "floor"] * 4
    assert samples["boot"] == {"vireo": [6.0], "linux": [2.0], "floor": [7.0]}


def test_the_time_that_others_had(tmp_path, monkeypatch):
    """4 s passed: 3 s busy, 1 s of them stolen, 2 s of them our children's. Of the other processor and of idle
    time nothing counts."""
    ticks = rates.os.sysconf("SC_CLK_TCK")
    stat = tmp_path / "stat"
    times = argparse.Namespace(elapsed=10.0, children_user=5.0, children_system=1.0)
    monkeypatch.setattr(rates.os, "times", lambda: times)
    stat.write_text("cpu 9 9 9 9 9 9 9 9 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\ncpu1 0 0 0 0 0 0 0 0 0 0\n")
    others = rates.Others(1, stat)
    assert others.percent() == 0
    times = argparse.Namespace(elapsed=14.0, children_user=6.5, children_system=1.5)
    stat.write_text(f"cpu0 99 99 99 99 99 99 99 99 0 0\n"
                    f"cpu1 {ticks} 0 {ticks} {7 * ticks} {9 * ticks} 0 0 {ticks} 0 0\n")
    assert others.percent() == 25.0


def test_a_job_that_fails_twice_is_an_error(monkeypatch):
    answers = []

    def answer(*_):
        value = answers.pop(0)
        if value is None:
            raise rates.run.BenchError("late")
        return value

    monkeypatch.setattr(rates.run, "run", answer)
    options = argparse.Namespace(cpu=0, limit=1)
    answers[:] = [None, 7]
    assert rates.run_twice("vireo", "job", options) == 7
    answers[:] = [None, None]
    with pytest.raises(rates.run.BenchError):
        rates.run_twice("vireo", "job", options)


@pytest.mark.parametrize("participant, line, per_s, ns", [
    ("linux", "BENCH j n=10 ns=2000 per_s=500000 insn=0", 500000, 2000),
    ("uboot", "BENCH j n=10 ticks=0x10 hz=0x20", 20, 50000000)])
def test_a_line_and_its_figures(participant, line, per_s, ns):
    result = rates.run.parse("j", line, 99)
    assert (result["per_s"], result["ns"], result["host_ns"]) == (per_s, ns, 99)


def test_a_boot_ends_when_the_devices_are_ready():
    result = rates.run.parse("boot", "BENCH boot ns=5 insn=7 since=30", 99)
    assert (result["per_s"], result["ns"], result["host_ns"]) == (1e9 / 69, 69, 69)


@pytest.mark.parametrize("participant, text, good", [
    ("vireo", b"queues requests:256/split", True), ("vireo", b"queues requests:256/packed", False),
    ("vireo-packed", b"queues requests:256/packed", True),
    ("vireo-packed", b"queues requests:256/split", False), ("linux", b"", True)])
def test_a_ring_of_another_format_is_an_error(participant, text, good):
    serial = argparse.Namespace(text=text, report=text.decode)
    if good:
        rates.run.check_rings(serial, participant, "blk 0")
    else:
        with pytest.raises(rates.run.BenchError):
            rates.run.check_rings(serial, participant, "blk 0")


def test_a_boot_is_timed_by_the_host():
    result = rates.run.parse("boot", "BENCH boot n=1 ns=7 per_s=0 insn=0", 50000000)
    assert (result["ns"], result["per_s"]) == (50000000, 20.0)
    with pytest.raises(rates.run.BenchError):
        rates.run.parse("j", "BENCH j n=10", 99)


# --- what is said of the results -----------------------------------------------------------


def test_rate_bounds_are_judged_within_rounds():
    data = example.results()
    rows = cells(page.rate_bounds(data))
    assert len(rows) == len(measures.RATE_BOUNDS)
    first = ("4 KiB random reads, depth 32", "at least 0.85 times the floor")
    assert rows[first] == ["0.80: **not met**", "0.76: **not met**"]
    data["rates"]["read-32"]["vireo"][4] *= 1.5
    assert cells(page.rate_bounds(data))[first][0] == "0.80 (0.80..1.20): **not met**"
    data["rates"]["read-32"]["vireo"] = [figure * 1.125 for figure in data["rates"]["read-32"]["vireo"]]
    data["rates"]["read-32"]["vireo"][0] /= 1.5
    assert cells(page.rate_bounds(data))[first][0] == "0.90 (0.60..1.35): met (in 6 of 7 rounds)"


def test_the_boot_is_better_when_it_is_shorter():
    rows = cells(page.rate_bounds(example.results()))
    bound = ("From QEMU's start to all devices ready", "at most 1.3 times an image that powers off at once")
    assert rows[bound][0] == "1.25: met"
    table = page.measure_table(example.results(), measures.BY_KEY["boot"])
    assert cells(table)["Linux", "125.0"] == ["125.0 .. 250.0", "10.00"]


def test_count_bounds_are_judged_by_architecture():
    data = example.results()
    job = measures.job_of("blk 0 r rand 4096 qd=32 n=3200", data["counts"]["arm split"])
    for platform in ("arm split", "aarch64 split"):
        data["counts"][platform][job]["insn"] = 225.0
    bound = ("instructions, 4 KiB read, depth 32", "at most 200 (Armv7: 250)")
    assert cells(page.count_bounds(data))[bound] == [
        "7.83", "225: **not met**", "1: met", "225: met", "1: met"]


def test_the_summary_counts_every_verdict():
    data = example.results()
    met, unmet = re.fullmatch(r"Of \d+ bounds (\d+) are met, (\d+) are not\.",
                              page.summary(data)).groups()
    text = page.rate_bounds(data) + page.count_bounds(data)
    assert text.count("**not met**") == int(unmet) > 0
    assert len(re.findall(r": met\b", text)) == int(met) > 0


def test_what_was_not_measured_is_not_judged():
    data = example.results()
    del data["rates"]["read-1"]["uboot"]
    data["counts"] = {}
    rows = cells(page.rate_bounds(data))
    assert rows["4 KiB random reads, depth 1", "at least 1.5 times U-Boot"] == ["not measured"] * 2
    assert " met" not in page.count_bounds(data)
    assert len(charts.all_charts(data)) == len(measures.CHARTS) + 2


def test_what_is_shown_is_what_was_measured(capsys):
    data = example.results()
    data["counts"] = {}
    data["rates"] = {"read-1": {name: data["rates"]["read-1"][name] for name in measures.OURS + ("linux",)}}
    rates.show(data)
    shown = capsys.readouterr().out
    assert "not measured" not in shown and "svg" not in shown
    assert shown.count("| 4 KiB random reads, depth 1 |") == 2  # a table's head, and the bound
    assert "| at least 10 times Linux |" in shown
    del data["rates"]["read-1"]["vireo-packed"]
    rates.show(data)
    assert "| not measured |" in capsys.readouterr().out


def test_each_counted_bound_is_a_job_of_the_budget():
    for (arch, _), jobs in count.read_budget(count.BUDGET).items():
        for bound in measures.COUNT_BOUNDS:
            job = measures.job_of(bound.job, [name for name, _ in jobs])
            [limits] = [limits for name, limits in jobs if name == job]
            counted = limits[count.counted.FIGURES.index(bound.figure)] != "-"
            assert counted or arch == "arm", f"{job} has no {bound.figure}"
    with pytest.raises(LookupError):
        measures.job_of("blk 0 r rand 4096", ["blk 0 r rand 4096 qd=1", "blk 0 r rand 4096 qd=32"])


def test_blocks_go_between_their_marks(tmp_path):
    file = tmp_path / "page.md"
    text = "a\n<!-- one: begin -->\nold\n<!-- one: end -->\nb\n<!-- two: begin -->\n<!-- two: end -->\n"
    file.write_text(text)
    page.put(file, {"one": "new\n", "two": "more"})
    assert file.read_text() == text.replace("old", "new").replace(
        "<!-- two: begin -->\n", "<!-- two: begin -->\nmore\n")
    for broken in ("", text.replace("one: end", "x"), text + text):
        file.write_text(broken)
        with pytest.raises(ValueError):
            page.put(file, {"one": "new"})


# --- the page itself -----------------------------------------------------------------------


def test_the_page_and_the_charts_are_made_of_what_was_measured():
    data = json.loads(STORED.read_text())
    text = (DOCS / "PERFORMANCE.md").read_text()
    for name, block in page.blocks(data).items():
        assert f"<!-- {name}: begin -->\n{block.rstrip()}\n<!-- {name}: end -->" in text, REMEDY
    pictures = charts.all_charts(data)
    for name, svg in pictures.items():
        assert (DOCS / "charts" / f"{name}.svg").read_text() == svg.write(), REMEDY
        assert text.count(f"](charts/{name}.svg)") == 1
    assert {path.stem for path in (DOCS / "charts").glob("*.svg")} == set(pictures)


def test_the_page_is_of_a_full_run():
    assert rates.complete(json.loads(STORED.read_text()))


def test_a_run_that_is_not_full_is_known():
    data = example.results()
    assert rates.complete(data)
    data["rates"]["boot"]["edk2"].pop()
    assert not rates.complete(data)
    for key, part in (("counts", {}), ("parts", {}), ("rates", {}),
                      ("about", example.ABOUT | {"rounds": 6})):
        assert not rates.complete(example.results() | {key: part})
    data = example.results()
    data["about"]["rounds"] = 1
    for series in (series for rounds in data["rates"].values() for series in rounds.values()):
        del series[1:]
    assert not rates.complete(data)
