# SPDX-License-Identifier: BSD-2-Clause
"""The image of apps/bench: the same jobs at the same cost in less memory, from boot arguments alone."""
import re

import pytest

import counted
from counted import CONSOLE, DEVICES, counts_of, parse_bench
from machine import image_path

JOBS = ["blk 0 r rand 4096 qd=32 n=320", "blk 0 w seq 512 n=50", "blk 1 r rand 4096 n=20",
        "net 0 tx 64 n=100", "net 1 rtt 64 n=10", "rng 0 1000 n=10", "con 0 600 n=10", "boot"]


@pytest.mark.parametrize("kind", ["elf", "bin"])
def test_lines_are_all_it_prints(lab, arch, kind):
    """Besides what the drivers log."""
    machine = lab.start(arch, *DEVICES, program="bench", image=kind,
                        append=f"loglevel=0; bench {JOBS[0]}; bench {JOBS[5]}; poweroff")
    text = machine.finish()
    assert list(parse_bench(text)) == [JOBS[0], JOBS[5]]
    assert all(line.startswith("BENCH ") for line in text.splitlines())


def test_it_counts_what_the_shell_counts(arch):
    """To the last digit."""
    def run():
        both = [parse_bench(counted.run(arch, [f"bench {job}" for job in JOBS],
                                        devices=(*DEVICES, *CONSOLE), program=program))
                for program in ("vireo", "bench")]
        return [{job: counts_of(figures) for job, figures in lines.items() if job != "boot"}
                for lines in both]

    (shell, bench), _ = counted.repeatable(run)
    assert shell == bench and list(shell) == JOBS[:-1]


def test_help_lists_the_commands_of_this_image(lab, arch):
    machine = lab.start(arch, program="bench", append="help; poweroff")
    names = [re.match(r"bench \w+|\w+", line)[0] for line in machine.finish().splitlines() if line]
    assert names[:3] == ["help", "poweroff", "exit"]
    assert {"bench blk", "bench net", "bench rng", "bench con", "bench irq", "bench boot"} <= set(names[3:])
    assert all(name.startswith("bench ") for name in names[3:])


@pytest.mark.parametrize("append, status, last", [
    ("bench boot", 0, "BENCH boot ns="),
    ("bench blk 0 r rand 4096; bench boot", 1, "BENCH boot ns="),
    ("lsdev", 1, "lsdev: unknown command (try help)"),
    ("bench blk 0 r rand 4096; poweroff", 0, "bench: no block device 0 (0 present)"),
    ("ip=1.2.3.4", 1, "bench: no boot arguments"),
    (None, 1, "bench: no boot arguments"),
])
def test_it_ends_with_its_commands(lab, arch, append, status, last):
    """One that fails does not keep the next from running, and shows in QEMU's status."""
    machine = lab.start(arch, program="bench", append=append)
    assert machine.serial.rest().splitlines()[-1].startswith(last)
    assert machine.status() == status


def test_an_unknown_option_is_reported(lab, arch):
    machine = lab.start(arch, program="bench", append="ip=1.2.3.4; bench boot")
    assert machine.finish().splitlines()[0] == "boot option: ip=1.2.3.4 is unknown"


def test_it_is_smaller_than_the_shell(arch):
    """By more than a tenth."""
    shell, bench = (image_path(arch.arch, "bin", program).stat().st_size
                    for program in ("vireo", "bench"))
    assert bench < shell * 9 // 10
