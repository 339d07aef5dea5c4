# SPDX-License-Identifier: BSD-2-Clause
"""The driver's own counts of a job, beside those of QEMU's trace: notifications, interrupts, accesses to
registers. Each job does 100 pieces of work, of which two decimals tell all."""
import dataclasses

import pytest

import host
import traced
from counted import CONSOLE, DEVICES, Echo, parse_bench
from machine import Platform, Ring

# Each with the place of its device in lsdev.
JOBS = {
    "blk 0 r rand 4096 qd=1 n=100": 0, "blk 0 r rand 4096 qd=32 n=100": 0,
    "blk 0 w seq 512 qd=1 wait=poll n=100": 0, "blk 1 r rand 4096 qd=1 n=100": 1,
    "blk 1 r rand 4096 qd=32 n=100": 1, "blk 1 w rand 512 qd=32 wait=poll n=100": 1,
    "rng 0 500 n=100": 2, "net 0 tx 64 n=100": 3, "net 0 tx 64 batch=10 n=100": 3,
    "net 1 rtt 64 n=100": 4, "con 0 64 n=100": 5, "con 0 6000 n=100": 5,
}
PLATFORMS = [Platform(arch, gic=gic, ring=ring) for arch in ("arm", "aarch64") for gic in (2, 3)
             for ring in (Ring(), Ring("packed", packed=True))]


def compare(lab, platform):
    """Runs the jobs, and finds each count exactly as QEMU has it, in each way that QEMU has."""
    echo, trace = lab.channel(Echo), lab.file("trace", b"")
    machine = lab.start(platform, *DEVICES, "-netdev", echo.netdev(), "-device",
                        "virtio-net-device,netdev=echo", *CONSOLE, *traced.options(trace),
                        append="; ".join(["lsdev", *(f"bench {job}" for job in JOBS), "poweroff"]))
    text = machine.finish()
    lines = parse_bench(text)
    devices = host.parse_lsdev("\n".join(line for line in text.splitlines() if " driver " in line))
    assert list(lines) == list(JOBS)
    seen = traced.jobs(trace)
    assert len(seen) == len(JOBS)
    for (job, figures), qemu in zip(lines.items(), seen):
        counts = {name: round(float(figures[name]) * 100) for name in ("notify", "irq", "mmio")}
        for name, sources in (("notify", qemu.notifications()),
                              ("irq", qemu.interrupts(int(devices[JOBS[job]]["irq"]), platform.gic)),
                              ("mmio", qemu.accesses(platform.gic))):
            assert sources == dict.fromkeys(sources, counts[name]), f"{job}: {name}"
        assert counts["notify"] > 0, job
        check_interrupts(job, counts["irq"], qemu.interrupts_raised())


def check_interrupts(job, taken, raised):
    """A disk that takes its time interrupts for a request, but for those whose end a guest that was held up finds by itself;
    nobody interrupts more often than was raised."""
    if "wait=poll" in job:
        assert taken <= 1, job  # QEMU asks nobody about a queue's first buffer
    elif job.startswith("blk 1") and "qd=1 " in job:
        assert 0 < taken <= 100, job
    if raised is not None:
        assert taken <= raised, job


@pytest.mark.parametrize("platform", PLATFORMS, ids=str)
def test_counts_are_those_of_qemu(lab, platform):
    compare(lab, platform)


@pytest.mark.parametrize("arch", ["arm", "aarch64"])
def test_accesses_alone_are_enough(lab, arch, monkeypatch):
    """As with a QEMU whose devices have other events, or none."""
    monkeypatch.setattr(traced, "available", lambda: traced.ACCESSES)
    compare(lab, Platform(arch))


def fake_qemu(path, events):
    path.write_text("#!/bin/sh\nprintf '%s\\n' " + " ".join(events) + "\n")
    path.chmod(0o755)
    return str(path)


def test_events_that_are_missing_are_seen(tmp_path, monkeypatch):
    """Accesses are needed; of the others, what there is is used, and a count without a source is an error."""
    some = [name for name in traced.EVENTS if name not in ("virtio_queue_notify", "gicv3_icc_iar1_read")]
    monkeypatch.setattr(traced, "QEMU", fake_qemu(tmp_path / "some", some))
    assert traced.available.__wrapped__() == tuple(some)
    monkeypatch.setattr(traced, "QEMU", fake_qemu(tmp_path / "less", some[1:]))
    with pytest.raises(AssertionError, match="no memory_region_ops_read"):
        traced.available.__wrapped__()
    monkeypatch.setattr(traced, "available", lambda: tuple(some))
    with pytest.raises(AssertionError, match="no gicv3_icc_iar1_read"):
        traced.Job([]).interrupts(79, gic=3)
    (tmp_path / "trace").write_text("")
    with pytest.raises(AssertionError, match="no text of the UART"):
        traced.jobs(tmp_path / "trace")
