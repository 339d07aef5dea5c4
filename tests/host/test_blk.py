# SPDX-License-Identifier: BSD-2-Clause
"""The block driver against qemu-storage-daemon's vhost-user-blk, through vireo-blk.

What the disk has is compared with the file behind it, by means of the host alone.
"""
import random
import re
import time

import pytest

from programs import SECTOR, StorageDaemon, Tool

MIB = 1 << 20
DISK = 16 * MIB
# In shared memory, and with the drivers' own structures kept out of it, so that all of them are copied.
MEMORY = [(), ("--confined",)]


class Disk:
    def __init__(self, scratch, **options):
        self.scratch = scratch
        self.image = scratch.path / "disk.img"
        self.socket = scratch.path / "s"
        self.image.write_bytes(random.Random(1).randbytes(DISK))
        self.daemon = StorageDaemon(scratch, self.image, self.socket, **options)

    def start(self, *args):
        return Tool(self.scratch, "vireo-blk", "--socket", self.socket, *args)

    def run(self, *args, status=0):
        result = self.start(*args).wait()
        assert result.status == status, str(result)
        return result


@pytest.fixture
def disk(scratch):
    return Disk(scratch)


def test_the_disk_is_described(disk):
    out = disk.run("info").out
    assert re.search(rf"^capacity +{DISK} bytes$", out, re.M)
    assert re.search(r"^serial +vhost_user_blk$", out, re.M)
    assert re.search(r"^queues +1 of 256, split$", out, re.M)
    assert re.search(r"^zeroes +up to [1-9]\d* sectors$", out, re.M)
    assert re.search(r"^read-only +no$", out, re.M)


@pytest.mark.parametrize("memory", MEMORY, ids=("shared", "confined"))
@pytest.mark.parametrize("offset, length", [
    (0, SECTOR), (7 * SECTOR, SECTOR), (0, 4096), (3 * SECTOR, 4096), (4096, 65536 + SECTOR),
    (DISK - SECTOR, SECTOR), (MIB - SECTOR, 5 * MIB + 3 * SECTOR), (0, DISK)])
def test_a_part_is_read(disk, memory, offset, length):
    out = disk.scratch.path / "out"
    disk.run(*memory, "read", offset, length, out)
    assert out.read_bytes() == disk.image.read_bytes()[offset:offset + length]


@pytest.mark.parametrize("memory", MEMORY, ids=("shared", "confined"))
@pytest.mark.parametrize("offset, length", [
    (0, SECTOR), (5 * SECTOR, 3 * SECTOR), (4096, 65536 + SECTOR), (DISK - 4096, 4096),
    (MIB - SECTOR, 5 * MIB + 3 * SECTOR)])
def test_a_part_is_written_and_nothing_else(disk, memory, offset, length):
    before = disk.image.read_bytes()
    data = random.Random(2).randbytes(length)
    source = disk.scratch.path / "in"
    source.write_bytes(data)
    disk.run(*memory, "write", offset, source)
    assert disk.image.read_bytes() == before[:offset] + data + before[offset + length:]


def test_a_file_of_no_whole_sectors_is_filled_up(disk):
    before = disk.image.read_bytes()
    source = disk.scratch.path / "in"
    source.write_bytes(b"x" * 1000)
    disk.run("copy-in", source)
    assert disk.image.read_bytes() == b"x" * 1000 + bytes(24) + before[1024:]


def test_a_copy_shows_its_progress(disk):
    out = disk.scratch.path / "out"
    err = disk.run("--progress", "copy-out", out).err
    assert out.read_bytes() == disk.image.read_bytes()
    assert re.search(r"16\.0 of 16\.0 MiB \(100 %\), [\d.]+ MiB/s +\n$", err), err


def test_flush(disk):
    disk.run("flush")


@pytest.mark.parametrize("size", [4, 64, 1024])
def test_queues_of_other_sizes(disk, size):
    out = disk.run("--queue-size", size, "info").out
    assert re.search(rf"^queues +1 of {size}, split$", out, re.M)
    disk.run("--queue-size", size, "exercise", "--depth", 8, "--count", 2000)


@pytest.mark.parametrize("memory", MEMORY, ids=("shared", "confined"))
@pytest.mark.parametrize("rings", [(), ("--no-feature", "29"), ("--no-feature", "28"),
                                   ("--no-feature", "28", "--no-feature", "29")],
                         ids=("full", "noevent", "noindirect", "plain"))
@pytest.mark.parametrize("waiting", [(), ("--polled",)], ids=("interrupts", "polled"))
def test_thousands_of_requests_go_round_the_ring(disk, memory, rings, waiting):
    """Many at a time, of all kinds and sizes, each checked; then the file has what was written last."""
    result = disk.run(*memory, *rings, "exercise", "--depth", 16, "--count", 5000, *waiting)
    assert result.out.startswith("5000 requests, 0 errors, 0 wrong"), str(result)
    check_sectors(disk.image.read_bytes())


@pytest.mark.parametrize("waiting", [(), ("--polled",)], ids=("interrupts", "polled"))
def test_four_queues(scratch, waiting):
    disk = Disk(scratch, options=",num-queues=4")
    assert re.search(r"^queues +4 of 256, split$", disk.run("info").out, re.M)
    result = disk.run("exercise", "--queues", 4, "--depth", 32, "--count", 8000, *waiting)
    assert result.out.startswith("8000 requests, 0 errors, 0 wrong"), str(result)
    check_sectors(disk.image.read_bytes())
    result = disk.run("exercise", "--queues", 5, status=2)
    assert "--queues: the disk has 4" in result.err


def test_four_queues_whose_daemon_is_killed(scratch):
    disk = Disk(scratch, options=",num-queues=4")
    tool = disk.start("--verbose", "exercise", "--queues", 4, "--depth", 32, "--time", 3)
    time.sleep(1)
    disk.daemon.kill()
    disk.daemon.start()
    result = tool.wait()
    assert result.status == 0, str(result)
    assert "recovered after error -5 (1 times so far)" in result.err, str(result)
    check_sectors(disk.image.read_bytes())


def test_zeroes(disk):
    before = disk.image.read_bytes()
    disk.run("zero", 3 * SECTOR, 5 * SECTOR)
    disk.run("zero", MIB, 2 * MIB)
    expected = bytearray(before)
    expected[3 * SECTOR:8 * SECTOR] = bytes(5 * SECTOR)
    expected[MIB:3 * MIB] = bytes(2 * MIB)
    assert disk.image.read_bytes() == expected


def test_what_is_discarded_gives_its_storage_back(disk):
    """A file's hole: its storage is gone, and all else is as it was."""
    before, blocks = disk.image.read_bytes(), disk.image.stat().st_blocks
    disk.run("discard", 4 * MIB, 8 * MIB)
    disk.run("flush")
    after = disk.image.read_bytes()
    assert after[:4 * MIB] == before[:4 * MIB] and after[12 * MIB:] == before[12 * MIB:]
    assert disk.image.stat().st_blocks <= blocks - 7 * MIB // 512


@pytest.mark.parametrize("command", [("discard", 0, 0), ("zero", MIB, 0), ("read", 0, 0, "-")])
def test_no_length_is_not_all(disk, command):
    """A script that has counted wrong must not lose its disk."""
    before = disk.image.read_bytes()
    assert "LENGTH is 0" in disk.run(*command, status=2).err
    assert disk.image.read_bytes() == before


def test_a_disk_that_knows_no_zeroes(scratch):
    """Without the features the requests are refused before anything is sent."""
    disk = Disk(scratch)
    for command, bit in (("discard", 13), ("zero", 14)):
        result = disk.run("--no-feature", bit, command, 0, MIB, status=1)
        assert "not supported" in result.err, str(result)


def check_sectors(data):
    """Every sector that `exercise` has written says where it belongs, or is zeroes; it has written most of them."""
    mix, mask = 0x9e3779b97f4a7c15, (1 << 64) - 1
    original = random.Random(1).randbytes(DISK)
    written = 0
    for sector in range(DISK // SECTOR):
        part = data[sector * SECTOR:(sector + 1) * SECTOR]
        if part == original[sector * SECTOR:(sector + 1) * SECTOR]:
            continue
        written += 1
        if part == bytes(SECTOR):
            continue
        words = [int.from_bytes(part[i:i + 8], "little") for i in range(0, SECTOR, 8)]
        times = words[1]
        assert words[0] == sector and 0 < times < 10000, f"sector {sector}"
        assert words[2:] == [(sector * mix & mask) ^ (times << 32) ^ i for i in range(2, 64)]
    assert written > DISK // SECTOR // 2


def test_bench_reports_a_rate(disk):
    out = disk.run("bench", "--depth", 32, "--count", 20000, "--polled").out
    assert re.match(r"random read: 20000 requests of 4096 bytes in [\d.]+ s, depth 32: [1-9]\d* IOPS", out)


# --- what is refused ------------------------------------------------------------------------------

def test_a_disk_that_is_read_only(scratch):
    disk = Disk(scratch, writable=False)
    before = disk.image.read_bytes()
    source = scratch.path / "in"
    source.write_bytes(b"x" * SECTOR)
    result = disk.run("write", 0, source, status=1)
    assert "Read-only file system" in result.err
    assert disk.image.read_bytes() == before


@pytest.mark.parametrize("args, text", [
    (("read", "0", "1000", "x"), "LENGTH: 1000 is no multiple of 512"),
    (("read", "0", str(DISK + SECTOR), "x"), f"the disk has {DISK} bytes"),
    (("read", "0"), "read: 3 arguments, not 1"),
    (("paint",), 'no command "paint"'),
    ((), "which command?"),
    (("--queue-size", "7k", "info"), '--queue-size: "7k" is no number'),
    (("bench", "--depth", "0"), "--depth: 1 to 256"),
    (("bench", "--op", "erase"), 'read or write, not "erase"'),
])
def test_wrong_usage_has_its_message(disk, args, text):
    result = disk.run(*args, status=2)
    assert text in result.err, str(result)


def test_help_and_the_missing_socket(scratch):
    result = Tool(scratch, "vireo-blk", "--help").wait()
    assert result.status == 0 and "usage: vireo-blk --socket PATH" in result.out
    result = Tool(scratch, "vireo-blk", "info").wait()
    assert result.status == 2 and "--socket is missing" in result.err


# --- back-ends that go away -------------------------------------------------------------------------

def test_nobody_is_there(scratch):
    result = Tool(scratch, "vireo-blk", "--socket", scratch.path / "s", "info").wait(10)
    assert result.status == 3
    assert "no vhost-user back-end: No such file or directory" in result.err


def test_a_socket_on_which_nobody_listens_any_more(disk):
    disk.daemon.kill()
    result = disk.run("info", status=3)
    assert "no vhost-user back-end: Connection refused" in result.err


@pytest.mark.parametrize("memory", MEMORY, ids=("shared", "confined"))
@pytest.mark.parametrize("waiting", [(), ("--polled",)], ids=("interrupts", "polled"))
def test_a_daemon_that_is_killed_and_comes_back(disk, memory, waiting):
    """Requests that were in flight are sent to the next one, and all of them turn out right."""
    tool = disk.start("--verbose", *memory, "exercise", "--depth", 16, "--time", 4, *waiting)
    for _ in range(2):
        time.sleep(1)
        disk.daemon.kill()
        time.sleep(0.2)
        disk.daemon.start()
    result = tool.wait()
    assert result.status == 0, str(result)
    assert "recovered after error -5 (2 times so far)" in result.err, str(result)
    assert ", 0 errors, 0 wrong" in result.out
    check_sectors(disk.image.read_bytes())


def test_a_daemon_that_is_killed_for_good(disk):
    """Every request ends with an error once the time to come back is over."""
    tool = disk.start("--reconnect", 1, "exercise", "--depth", 16, "--time", 60)
    time.sleep(1)
    disk.daemon.kill()
    start = time.monotonic()
    result = tool.wait(20)
    assert time.monotonic() - start < 10
    assert result.status == 1, str(result)
    assert "16 requests failed, the first with: No such device" in result.err, str(result)


def test_a_blocking_call_whose_daemon_is_killed(scratch):
    path = scratch.path / "s"
    daemon = StorageDaemon(scratch, None, path, size=1 << 50)
    tool = Tool(scratch, "vireo-blk", "--socket", path, "--reconnect", 1, "write", 0, "/dev/zero")
    time.sleep(1)
    daemon.kill()
    result = tool.wait(20)
    assert result.status == 1, str(result)
    assert re.search(r"write at byte \d+: No such device", result.err), str(result)


def test_a_daemon_that_is_killed_again_and_again(disk):
    """More often than a device may fail: then it is given up, and no request is left hanging."""
    tool = disk.start("exercise", "--depth", 16, "--time", 60)
    for _ in range(4):
        time.sleep(0.7)
        disk.daemon.kill()
        disk.daemon.start()
    result = tool.wait(20)
    assert result.status == 1, str(result)
    assert "more than 3 failures in 10 s" in result.err
    assert "16 requests failed, the first with: Input/output error" in result.err, str(result)


def test_one_client_after_the_other(disk):
    """A client takes nothing with it that the next one would need."""
    for _ in range(5):
        disk.run("exercise", "--depth", 4, "--count", 200)
