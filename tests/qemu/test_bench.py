# SPDX-License-Identifier: BSD-2-Clause
"""The commands `bench ...`: their lines, that their figures are the queues' own, and exact counts."""
import dataclasses
import itertools
import json
import re

import pytest

import counted
import host
from counted import CONSOLE, DEVICES, Echo, counts_of, parse_bench
from machine import Ring

PACKED = Ring("packed", packed=True)
JOBS = ["blk 0 r rand 4096 qd=32 n=640", "blk 0 w seq 512 n=100", "blk 1 r rand 4096 n=50",
        "net 0 tx 64 n=300", "net 1 rtt 64 n=50", "net 1 rx 64 n=40", "rng 0 1000 n=10",
        "con 0 100 n=50", "con 0 6000 wait=poll n=50"]
# Where a job's device stands in lsdev, and its queues that the device is notified of and interrupts for.
PLACES = {"blk 0": (0, (0,)), "blk 1": (1, (0,)), "rng 0": (2, (0,)), "net 0": (3, (0, 1)),
          "net 1": (4, (0, 1)), "con 0": (5, (0, 1))}


def with_echo(echo):
    return (*DEVICES, "-netdev", echo.netdev(), "-device", "virtio-net-device,netdev=echo",
            *CONSOLE)


def bench(machine, job):
    """The figures that `bench @job` prints, on one line."""
    output = machine.run(f"bench {job}")
    assert output.count("\n") == 1, output
    lines = parse_bench(output)
    assert list(lines) == [job], output
    return lines[job]


@pytest.mark.parametrize("ring", [Ring(), PACKED], ids=lambda ring: ring.name)
def test_line_and_figures(lab, arch, ring):
    """Each command's line: the command, and figures that fit together. Without -icount there is no counter of
    instructions."""
    echo = lab.channel(Echo)
    machine = lab.boot(dataclasses.replace(arch, ring=ring), *with_echo(echo))
    for job in JOBS:
        figures = bench(machine, job)
        assert list(figures) == ["ns", "per_s", "insn", "notify", "irq", "mmio"]
        assert all(re.fullmatch(r"\d+\.\d\d", figures[name]) for name in counted.FIGURES)
        assert figures["insn"] == "0.00" and float(figures["notify"]) > 0
        assert float(figures["mmio"]) >= float(figures["notify"])
        ns, per_s = int(figures["ns"]), int(figures["per_s"])
        assert ns > 0 and 1e9 / (ns + 1) - 1 <= per_s <= 1e9 / ns
    assert echo.frames == 50 + 40
    machine.poweroff()


def queue_sums(machine, device, queues):
    rings = [host.parse_vq(machine.run(f"vq {device} {queue}")) for queue in queues]
    return {name: sum(ring[name] for ring in rings) for name in ("added", "notified")}


def line_count(machine, device):
    irq = host.parse_lsdev(machine.run("lsdev"))[device]["irq"]
    return int(re.search(rf"^irq {irq} .* count (\d+) ", machine.run("irq"), re.M)[1])


@pytest.mark.parametrize("ring", [Ring(), PACKED], ids=lambda ring: ring.name)
def test_figures_are_those_of_the_queues(lab, arch, ring):
    """Notifications and interrupts of a job are what `vq` and `irq` say more after it than before. 100 pieces
    of work: two decimals tell all."""
    echo = lab.channel(Echo)
    machine = lab.boot(dataclasses.replace(arch, ring=ring), *with_echo(echo))
    for job in ("blk 0 r rand 4096 qd=8 n=100", "blk 1 w seq 4096 qd=4 n=100", "net 0 tx 100 n=100",
                "net 0 tx 100 batch=16 n=100",
                "net 1 rtt 100 n=100", "net 1 rx 1514 n=100", "rng 0 600 n=100", "con 0 600 n=100",
                "con 0 6000 n=100"):
        device, queues = PLACES[" ".join(job.split()[:2])]
        before, interrupts = queue_sums(machine, device, queues), line_count(machine, device)
        figures = bench(machine, job)
        after = queue_sums(machine, device, queues)
        assert after["added"] - before["added"] >= 100
        assert round(float(figures["notify"]) * 100) == after["notified"] - before["notified"], job
        # A sender that found no room has asked for an interrupt, which may come after its job.
        late = line_count(machine, device) - interrupts - round(float(figures["irq"]) * 100)
        assert 0 <= late <= (2 if " tx " in job else 0), job
    machine.poweroff()


def test_boot_marks(lab, arch):
    """In the order in which they happen, and the time that uptime gives for the devices."""
    machine = lab.boot(arch, append="bench boot")
    at_boot = parse_bench(machine.boot_text)["boot"]
    assert list(at_boot) == ["ns", "reset", "c", "mmu", "devices", "prompt", "insn", "insn_mmu",
                             "insn_devices", "since"]
    assert at_boot["insn"] == "0"  # without -icount
    marks = [int(at_boot[name]) for name in ("c", "mmu", "devices", "prompt")]
    assert marks == sorted(marks) and marks[0] > 0 and len(set(marks)) == 4
    assert at_boot["ns"] == at_boot["prompt"]
    later = bench(machine, "boot")
    assert int(later.pop("since")) > int(at_boot.pop("since")) >= marks[3] - marks[2]
    assert later == at_boot
    seconds = re.search(r"booted in (\S+) s", machine.run("uptime"))[1]
    assert seconds == f"{marks[2] // 10**9}.{marks[2] % 10**9 // 10**6:03}"
    machine.poweroff()


# What an emulator translates until a machine with a disk and a card is switched off, and 3 %.
BLOCKS = {"aarch64": 1975, "arm": 2140}


def test_a_boot_takes_few_kinds_of_code(lab, arch, tmp_path):
    """Nearly all of a boot is code that runs once, and under an emulator the time to translate it: the count
    of translated blocks stands for the time to start (docs/PERFORMANCE.md)."""
    log = tmp_path / "blocks"
    lab.start(arch, "-d", "in_asm", "-D", log, *DEVICES[:4], "-device", "virtio-net-device",
              append="poweroff").finish()
    blocks = log.read_text().count("\nIN:")
    assert 0 < blocks <= BLOCKS[arch.arch]


@pytest.mark.parametrize("mode", ["", "virtualization=on", "secure=on"])
def test_boot_marks_count_instructions(arch, mode):
    """An instruction is a nanosecond: both counters say the same from C on, as far as the clock's ticks of
    16 ns tell. Whatever level the machine starts in."""
    text = counted.run(arch, ["bench boot", "bench rng 0 64 n=1", "bench boot"],
                       machine_options=mode and f",{mode}")
    first, second = [line for line in text.splitlines() if line.startswith("BENCH boot")]
    # Later jobs count for themselves.
    assert first[:first.index(" since=")] == second[:second.index(" since=")]
    boot = {name: int(value) for name, value in parse_bench(first)["boot"].items()}
    insn = {"c": 0, "mmu": boot["insn_mmu"], "devices": boot["insn_devices"], "prompt": boot["insn"]}
    for name in ("mmu", "devices", "prompt"):
        # What the secure monitor does for us is not counted.
        assert -64 <= boot[name] - boot["c"] - insn[name] <= (2000 if mode == "secure=on" else 64)
    assert 0 < insn["mmu"] < insn["devices"] < insn["prompt"]


@pytest.mark.parametrize("wait", ["wfi", "poll"])
def test_interrupt_latency(lab, arch, wait):
    machine = lab.boot(arch)
    figures = bench(machine, f"irq n=50 wait={wait}")
    assert list(figures)[-3:] == ["min", "avg", "max"]
    least, mean, most = (int(figures[name]) for name in ("min", "avg", "max"))
    assert 0 < least <= mean <= most
    # One entry serves several interrupts where the host was away for longer than a period.
    assert 0 < float(figures["irq"]) < 50 and figures["notify"] == "0.00"
    assert int(figures["ns"]) >= 200000  # the timer's period
    machine.poweroff()


def disk_counts(machine):
    """What QEMU's disk has done: operations and bytes, of reads and writes."""
    stats = machine.qmp.command("query-blockstats")[0]["stats"]
    return tuple(stats[name] for name in ("rd_operations", "rd_bytes", "wr_operations", "wr_bytes"))


@pytest.mark.parametrize("wait", ["wfi", "poll"])
def test_disk_jobs_on_a_file(lab, arch, wait):
    """Which QEMU's threads read and write while the guest goes on."""
    disk = lab.file("disk", 16 << 20)
    machine = lab.boot(arch, "-drive", f"file={disk},format=raw,if=none,id=d", "-device",
                       "virtio-blk-device,drive=d,request-merging=off")
    for direction, order, size, depth in itertools.product("rw", ("rand", "seq"), (512, 65536), (1, 32)):
        before = disk_counts(machine)
        bench(machine, f"blk 0 {direction} {order} {size} qd={depth} wait={wait} n=50")
        done = [now - then for now, then in zip(disk_counts(machine), before)]
        assert done == ([50, 50 * size, 0, 0] if direction == "r" else [0, 0, 50, 50 * size])
    machine.poweroff()


@pytest.mark.parametrize("ring", [Ring(), PACKED], ids=lambda ring: ring.name)
@pytest.mark.parametrize("wait", ["wfi", "poll"])
def test_disk_jobs_over_their_whole_range(lab, arch, ring, wait):
    """The smallest and largest sizes and depths, both directions and orders: QEMU has done as many
    operations, of that size."""
    machine = lab.boot(dataclasses.replace(arch, ring=ring),
                       "-blockdev", f"null-co,node-name=d,size={1 << 30}", "-device",
                       "virtio-blk-device,drive=d,request-merging=off", memory=640)
    for direction, order, size, depth, n in itertools.product(
            "rw", ("rand", "seq"), (512, 3584, 1 << 20), (1, 2, 256), (1, 300)):
        before = disk_counts(machine)
        bench(machine, f"blk 0 {direction} {order} {size} qd={depth} wait={wait} n={n}")
        done = [now - then for now, then in zip(disk_counts(machine), before)]
        assert done == ([n, n * size, 0, 0] if direction == "r" else [0, 0, n, n * size])
    machine.poweroff()


@pytest.mark.parametrize("ring", [Ring(), PACKED], ids=lambda ring: ring.name)
def test_a_polled_disk_does_not_interrupt(lab, arch, ring):
    """Neither one that answers within the notification nor one that does so later. A queue's first answer
    may: QEMU's split ring does not look for the event index there."""
    machine = lab.boot(dataclasses.replace(arch, ring=ring), *DEVICES)
    for disk, depth in itertools.product((0, 1), (1, 4, 32)):
        bench(machine, f"blk {disk} r rand 4096 qd={depth} n=64")
        before = line_count(machine, disk)
        figures = bench(machine, f"blk {disk} r rand 4096 qd={depth} wait=poll n=64")
        assert figures["irq"] == "0.00" and line_count(machine, disk) == before
        # No register but the one for notifications is touched.
        assert figures["mmio"] == figures["notify"] != "0.00"
        # Interrupts are back.
        assert "crc32" in machine.run(f"blk sum {disk} 0 8")
    machine.poweroff()


@pytest.mark.parametrize("ring", [Ring(), PACKED], ids=lambda ring: ring.name)
@pytest.mark.parametrize("wait", ["wfi", "poll"])
def test_a_console_gets_every_byte_of_a_job(lab, arch, ring, wait):
    """In writes of less than a buffer, more than one, more than there are. Polled, it does not interrupt."""
    out = lab.file("out", b"")
    machine = lab.boot(dataclasses.replace(arch, ring=ring), "-chardev", f"file,id=c,path={out}",
                       "-device", "virtio-serial-device", "-device", "virtconsole,chardev=c")
    machine.run("bench con 0 1 n=1")  # QEMU interrupts for a queue's first buffer in any case
    shell, interrupts = out.read_bytes(), line_count(machine, 0)
    assert shell.endswith(b"!")
    for size, n in ((1, 100), (255, 50), (1000, 20), (65536, 3)):
        figures = bench(machine, f"con 0 {size} n={n} wait={wait}")
        written = bytes(33 + at % 90 for at in range(size)) * n
        assert out.read_bytes() == shell + written
        shell += written
        if wait == "poll":
            assert figures["irq"] == "0.00" and figures["mmio"] == figures["notify"]
    assert (line_count(machine, 0) > interrupts) == (wait == "wfi")
    assert machine.run("con 0 the same again") == "" and out.read_bytes() == shell + b"the same again\n"
    machine.poweroff()


@pytest.mark.parametrize("ring", [Ring(), PACKED], ids=lambda ring: ring.name)
def test_a_console_job_takes_as_much_input_as_it_says(lab, arch, ring):
    """What the other end sends stays there until it is asked for; what is left is the shell's."""
    channel = lab.channel()
    jobs = ["con 0 100 dir=rx n=50", "con 0 3000 wait=poll dir=rx n=4", "con 0 1 n=1 dir=rx"]
    channel.sock.sendall(b"#" * (100 * 50 + 3000 * 4 + 1) + b"echo the rest\r")
    machine = lab.boot(dataclasses.replace(arch, ring=ring), "-chardev", f"socket,id=c,fd={channel.fd}",
                       "-device", "virtio-serial-device", "-device", "virtconsole,chardev=c",
                       append="; ".join(f"bench {job}" for job in jobs))
    figures = parse_bench(machine.boot_text)
    assert list(figures) == jobs and figures[jobs[1]]["irq"] == "0.00"
    console = lab.terminal("console", channel)
    assert console.prompt() == ""
    assert console.prompt() == "echo the rest\nthe rest\n"
    machine.poweroff()


ERRORS = {
    "bench": "bench: incomplete command (try help)",
    "bench nothing": "bench: unknown command nothing (try help)",
    "bench blk 9 r rand 4096": "bench: no block device 9 (2 present)",
    "bench net 2 tx 64": "bench: no net device 2 (2 present)",
    "bench rng 1 64": "bench: no entropy device 1 (1 present)",
    "bench blk 0 x rand 4096": "bench blk: x rand: not r|w rand|seq",
    "bench blk 0 r some 4096": "bench blk: r some: not r|w rand|seq",
    "bench blk 0 r rand 0": "bench blk: 0: not a number of sectors for one request",
    "bench blk 0 r rand 513": "bench blk: 513: not a number of sectors for one request",
    "bench blk 0 r rand 1048577": "bench blk: bytes 1048577 is too large (at most 1048576)",
    "bench blk 0 r rand 512 qd=257": "bench blk: qd 257 is too large (at most 256)",
    "bench blk 0 r rand 512 qd=0": "bench blk: 0: no such option, or out of range",
    "bench blk 0 r rand 512 q=1": "bench blk: q=1: no such option, or out of range",
    "bench blk 0 r rand 512 qd": "bench blk: qd: no such option, or out of range",
    "bench blk 0 r rand 512 n=": "bench blk: n '' is not a number",
    "bench blk 0 r rand 512 wait=never": "bench blk: never: no such option, or out of range",
    "bench blk 0 r rand 1048576 qd=256 n=256": "bench blk: buffers: out of memory",
    "bench net 0 tx 45": "bench net: 45: a frame has 46 bytes at least",
    "bench net 0 tx 1515": "bench net: bytes 1515 is too large (at most 1514)",
    "bench net 0 xr 64": "bench net: xr: not tx|rtt|rx",
    "bench net 0 rtt 64 n=3": "bench net: nothing comes back",
    "bench net 0 rx 64 n=3": "bench net: nothing comes back",
    "bench net 0 tx 64 batch=65": "bench net: batch 65 is too large (at most 64)",
    "bench net 0 tx 64 n=0": "bench net: 0: no such option, or out of range",
    "bench rng 0 65537": "bench rng: bytes 65537 is too large (at most 65536)",
    "bench rng 0 0": "bench rng: bytes is 0",
    "bench con 0 65537": "bench con: bytes 65537 is too large (at most 65536)",
    "bench con 0 0": "bench con: bytes is 0",
    "bench con 0 64 wait=now": "bench con: now: no such option, or out of range",
    "bench con 0 64 dir=up": "bench con: up: no such option, or out of range",
    "bench con 0 64 dir=rx": "bench con: timed out",
    "bench con 1 64": "bench: no console device 1 (1 present)",
    "bench irq wait=": "bench irq: : no such option, or out of range",
    "bench irq n=1000001": "bench irq: n 1000001 is too large (at most 1000000)",
    "bench boot now": "usage: bench boot",
}


def test_errors_are_one_line(lab, arch):
    """... and the same device works afterwards."""
    machine = lab.boot(arch, *DEVICES, "-device", "virtio-net-device", *CONSOLE)
    for command, answer in ERRORS.items():
        assert machine.run(command) == answer + "\n"
    for job in ("blk 0 r rand 4096 qd=256 n=256", "blk 0 r seq 1048576 qd=2 n=4",
                "net 0 tx 1514 n=100", "rng 0 65536 n=1", "con 0 64 n=10", "irq n=10"):
        assert bench(machine, job)["ns"] != "0"
    machine.poweroff()


@pytest.mark.parametrize("lost, count", [((1,), 1), ((20, 21, 40), 3), ((98, 99, 100), 3)])
def test_lost_frames_are_an_error_with_their_number(lab, arch, lost, count):
    """... wherever they are missed, and the same device works afterwards."""
    echo = lab.channel(lambda: Echo(lose=lost))
    machine = lab.boot(arch, *with_echo(echo))
    assert machine.run("bench net 1 rx 64 n=100") == f"bench net: {count} of 100 frames lost\n"
    assert bench(machine, f"net 1 rx 1000 n={lost[0] - 1 or 1}" if lost[0] > 1 else "net 1 rtt 64 n=10")
    machine.poweroff()


def test_damaged_frames_are_not_counted(lab, arch):
    """A checksum that is wrong, be it that of IPv4 or of UDP."""
    class Damage(Echo):
        def answers(self, frame):
            for number, answer in enumerate(super().answers(frame)):
                at = {10: 24, 20: 41, 30: 63}.get(number)
                yield answer if at is None else answer[:at] + bytes([answer[at] ^ 4]) + answer[at + 1:]

    echo = lab.channel(Damage)
    machine = lab.boot(arch, *with_echo(echo))
    assert machine.run("bench net 1 rx 64 n=100") == "bench net: 3 of 100 frames lost\n"
    assert echo.frames == 100
    machine.poweroff()


def test_a_frame_longer_than_the_mtu_is_refused(lab, arch):
    machine = lab.boot(arch, "-device", "virtio-net-device,host_mtu=1000")
    assert machine.run("bench net 0 tx 1015").count("\n") == 1
    assert bench(machine, "net 0 tx 1014 n=10")["notify"] != "0.00"
    machine.poweroff()


@pytest.mark.parametrize("wait", ["wfi", "poll"])
def test_a_disk_that_fails_ends_the_job(lab, arch, wait):
    node = {"driver": "blkdebug", "node-name": "d",
            "image": {"driver": "null-co", "size": 1 << 20},
            "inject-error": [{"event": "none", "iotype": "read", "errno": 5, "sector": 400,
                              "once": True}]}
    machine = lab.boot(arch, "-blockdev", json.dumps(node), "-device",
                       "virtio-blk-device,drive=d,rerror=report,request-merging=off")
    assert machine.run(f"bench blk 0 r seq 4096 qd=8 wait={wait} n=100") == "bench blk: I/O error\n"
    assert bench(machine, f"blk 0 r rand 4096 qd=8 wait={wait} n=100")["ns"] != "0"
    machine.poweroff()


@pytest.mark.parametrize("ring", [Ring(), PACKED], ids=lambda ring: ring.name)
def test_counts_are_exact(arch, ring):
    """Two runs agree in each count, to the last digit. Not those of rx: its frames come when the host finds
    time, and two at once where that is late."""
    jobs = [job for job in JOBS if " rx " not in job]

    def run():
        lines = parse_bench(counted.run(dataclasses.replace(arch, ring=ring),
                                        [f"bench {job}" for job in jobs],
                                        devices=(*DEVICES, *CONSOLE)))
        return {job: counts_of(figures) for job, figures in lines.items()}

    counts, _ = counted.repeatable(run)
    assert counts and list(counts) == jobs
    assert all(float(figures["insn"]) > 0 for figures in counts.values())
    assert counts["net 0 tx 64 n=300"]["irq"] == "0.00"
    assert counts["blk 1 r rand 4096 n=50"]["irq"] == "1.00"
