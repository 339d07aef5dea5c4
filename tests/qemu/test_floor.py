# SPDX-License-Identifier: BSD-2-Clause
"""The floor (tests/bench/floor) does what it is compared for: it moves all the data, once, and what it
counts is the same each time."""
import re
import socket
import zlib

import pytest

import host
from machine import TIMEOUT_S, Channel

DISK_BYTES = 8 << 20
ICOUNT = ("-icount", "shift=0")
NULL_DISK = ("-blockdev", f"driver=null-co,node-name=d0,size={1 << 30}", "-device",
             "virtio-blk-device,drive=d0")


class DatagramChannel(Channel):
    """A channel that keeps frames apart."""

    def __init__(self):
        self.sock, self._guest = socket.socketpair(type=socket.SOCK_DGRAM)
        self.sock.settimeout(TIMEOUT_S)
        self.fd = self._guest.fileno()
        self.reader = self.writer = self.sock.fileno()


def run(lab, arch, jobs, *args):
    """The machine, and the figures of each job's line."""
    machine = lab.start(arch, *ICOUNT, *args, program="floor", append="; ".join(jobs))
    figures = []
    for job in jobs:
        if job != "poweroff":
            line = machine.serial.expect(rf"BENCH {re.escape(job)} ([^\r\n]*)\r\n")[1]
            figures.append(dict(word.split("=") for word in line.split()))
    return machine, figures


def requests(order, total, count):
    """Which of the @total requests that fit on the disk are read."""
    state = 0
    for number in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        yield state >> (32 - (total.bit_length() - 1)) if order == "rand" else number % total


@pytest.mark.parametrize("order, size, depth, count", [
    ("rand", 4096, 32, 640), ("rand", 4096, 1, 40), ("rand", 512, 8, 80), ("seq", 1 << 20, 4, 12)])
@pytest.mark.parametrize("wait", ["wfi", "pend", "poll"])
def test_each_read_brings_what_the_disk_holds(lab, arch, order, size, depth, count, wait):
    data = host.random_bytes(DISK_BYTES, "floor")
    disk = lab.file("disk", data)
    job = f"blk 0 r {order} {size} qd={depth} wait={wait} n={count}"
    # Powered off, QEMU stays for the question below.
    machine, [figures] = run(lab, arch, [job, "poweroff"], "-no-shutdown", "-drive",
                             f"file={disk},format=raw,if=none,id=d0", "-device",
                             "virtio-blk-device,drive=d0")
    last = list(requests(order, DISK_BYTES // size, count))[-depth:]
    expected = zlib.crc32(b"".join(data[at * size:(at + 1) * size] for at in last))
    assert figures["sum"] == f"{expected:08x}"
    assert (figures["bad"], figures["used_idx"]) == ("0", str(count))
    [stats] = [device["stats"] for device in machine.qmp.command("query-blockstats")
               if device.get("device") == "d0"]
    assert (stats["rd_operations"], stats["rd_bytes"]) == (count, count * size)


@pytest.mark.parametrize("wait", ["wfi", "pend"])
@pytest.mark.parametrize("depth, limit", [(1, 60), (32, 15)])
def test_instructions_are_counted_and_the_same_each_time(lab, arch, depth, limit, wait):
    job = f"blk 0 r rand 4096 qd={depth} wait={wait} n=3200"
    twice = f"blk 0 r rand 4096 qd={depth} wait={wait} n=6400"
    machine, figures = run(lab, arch, [job, job, twice, "poweroff"], *NULL_DISK)
    machine.finish()
    first, second, third = (int(job["insn"]) for job in figures)
    assert first == second
    # All that is counted once a job is what measuring and the first wait cost.
    assert 0 < 2 * first - third < 100
    assert 3200 < third - first < 3200 * limit


def test_without_a_counter_no_instructions_are_claimed(lab, arch):
    machine = lab.start(arch, *NULL_DISK, program="floor",
                        append="blk 0 r rand 4096 qd=32 wait=wfi n=320; poweroff")
    assert " insn=0 " in machine.finish()


def frame_of(size):
    payload = bytes(index % 256 for index in range(size - 42))
    udp = (9).to_bytes(2, "big") + (7).to_bytes(2, "big") + (size - 34).to_bytes(2, "big") + b"\0\0"
    return host.ethernet(host.BROADCAST, host.mac_bytes("52:54:00:12:34:56"), 0x0800,
                         host.ipv4("10.0.2.15", "10.0.2.2", 17, udp + payload, flags=0x4000))


@pytest.mark.parametrize("size, batch, count", [(64, 512, 5120), (1514, 8, 80)])
@pytest.mark.parametrize("wait", ["wfi", "poll"])
def test_each_frame_arrives_once(lab, arch, size, batch, count, wait):
    channel = lab.channel()
    machine = lab.start(arch, *ICOUNT, "-netdev", f"socket,id=n0,fd={channel.fd}", "-device",
                        "virtio-net-device,netdev=n0", program="floor",
                        append=f"net 0 tx {size} batch={batch} wait={wait} n={count}; poweroff")
    wire = host.Wire(channel)
    assert {wire.receive() for _ in range(count)} == {frame_of(size)}
    assert f"used_idx={count}\n" in machine.finish()
    assert channel.sock.recv(1) == b"", "more frames than were asked for"


@pytest.mark.parametrize("wait", ["wfi", "pend", "poll"])
def test_each_round_trip_waits_for_its_frame(lab, arch, wait):
    channel = lab.channel(DatagramChannel)
    machine = lab.start(arch, *ICOUNT, "-netdev",
                        f"dgram,id=n0,local.type=fd,local.str={channel.fd}", "-device",
                        "virtio-net-device,netdev=n0", program="floor",
                        append=f"net 0 rtt 64 wait={wait} n=300; poweroff")
    frame, answer = frame_of(64), host.random_bytes(100, "answer")
    for number in range(300):
        assert channel.sock.recv(2048) == frame
        if number == 150:
            channel.sock.settimeout(0.2)
            with pytest.raises(TimeoutError):
                channel.sock.recv(2048)
            channel.sock.settimeout(TIMEOUT_S)
        channel.sock.send(answer if number == 299 else frame)
    assert f"used_idx=300 len=100 sum={zlib.crc32(answer):08x}\n" in machine.finish()


@pytest.mark.parametrize("virtualization", ["off", "on"])
def test_an_image_powers_off_at_once(lab, arch, virtualization):
    machine = lab.start(arch, "-machine", f"virtualization={virtualization}", program="off",
                        semihosting=False)
    assert machine.finish() == ""


@pytest.mark.parametrize("job, message", [
    ("blk 0 w rand 4096", "unknown"),
    ("blk 1 r rand 4096 qd=1 wait=poll n=1", "no device 1 of type 2"),
    ("blk 0 r rand 4096 qd=32 n=33", "no multiple"),
    ("blk 0 r rand 4096 qd=1 wait=maybe n=1", "wait=maybe is unknown"),
    ("blk 0 r seq 1000 n=1", "not a power of two of sectors")])
def test_a_job_that_cannot_be_run_says_why(lab, arch, job, message):
    machine = lab.start(arch, *NULL_DISK, program="floor", append=job)
    assert message in machine.serial.rest()
    assert machine.status() == 1


# Nobody answers. sleep=off lets the clock jump to the end of the wait.
def test_a_device_that_is_silent_ends_the_job(lab, arch):
    channel = lab.channel(DatagramChannel)
    machine = lab.start(arch, "-icount", "shift=0,sleep=off", "-netdev",
                        f"dgram,id=n0,local.type=fd,local.str={channel.fd}", "-device",
                        "virtio-net-device,netdev=n0", program="floor",
                        append="net 0 rtt 64 wait=wfi n=1")
    assert "the device does not answer" in machine.serial.rest()
    assert machine.status() == 1
