# SPDX-License-Identifier: BSD-2-Clause
"""Discarding and zeroing sectors of a disk, seen in the image file: its contents, and the storage that it takes."""
import os
import re

import pytest

import host
from host import SECTOR, crc_line

pytestmark = pytest.mark.rings("packed", "noindirect", "packed-noindirect", "size4", "swiotlb")

SECTORS = 8192
MIB = 1 << 20


def disk(path, drive="discard=unmap", device=""):
    return ["-drive", f"file={path},format=raw,if=none,id=d,{drive}",
            "-device", f"virtio-blk-device,drive=d{device}"]


def stored(path):
    return os.stat(path).st_blocks * 512


def erasing(machine):
    """What blk info says: (most discarded, aligned to, most zeroed, whether it unmaps)."""
    line = re.search(r"^erasing +discard (\d+) sectors aligned to (\d+), zero (\d+) sectors( \(unmap\))?$",
                     machine.run("blk info 0"), re.M)
    return *map(int, line.groups()[:3]), bool(line[4])


def test_zeroes_and_discards_in_the_file(lab, platform):
    expected = bytearray(host.random_bytes(SECTORS * SECTOR, str(platform)))
    path = lab.file("disk.img", bytes(expected))
    machine = lab.boot(platform, *disk(path))
    assert {"DISCARD", "WRITE_ZEROES"} <= host.parse_lsdev(machine.run("lsdev"))[-1]["features"]
    assert erasing(machine)[0] > SECTORS and erasing(machine)[2] > SECTORS
    for first, count, unmap in ((0, 1, ""), (7, 2, " unmap"), (1000, 3000, ""), (8191, 1, ""),
                                (4096, 2048, " unmap")):
        assert machine.run(f"blk zero 0 {first} {count}{unmap}") == ""
        expected[first * SECTOR:(first + count) * SECTOR] = bytes(count * SECTOR)
        assert machine.run("blk sum 0") == crc_line(bytes(expected)) + "\n"
    assert path.read_bytes() == expected
    before = stored(path)
    assert machine.run("blk discard 0 6144 2048") == ""
    machine.run("blk flush 0")
    assert stored(path) <= before - MIB + 65536
    # Whatever is read there now: around it nothing has changed.
    assert path.read_bytes()[:6144 * SECTOR] == expected[:6144 * SECTOR]
    machine.poweroff()


@pytest.mark.one_ring
def test_storage_is_given_up_by_unmap_alone(lab, pair):
    path = lab.file("disk.img", host.random_bytes(8 * MIB, str(pair)))
    machine = lab.boot(pair, *disk(path))
    full = stored(path)
    assert full >= 8 * MIB and erasing(machine)[3]
    assert machine.run("blk zero 0 0 4096") == ""
    machine.run("blk flush 0")
    assert stored(path) >= full - 65536
    assert machine.run("blk zero 0 0 4096 unmap") == ""
    machine.run("blk flush 0")
    assert stored(path) <= full - 2 * MIB + 65536
    assert machine.run("blk sum 0 0 4096") == crc_line(bytes(2 * MIB)) + "\n"
    machine.poweroff()


@pytest.mark.one_ring
def test_a_range_over_the_limit_goes_in_pieces(lab, pair):
    path = lab.file("disk.img", host.random_bytes(4 * MIB, str(pair)))
    machine = lab.boot(pair, *disk(path, device=",max-discard-sectors=100,max-write-zeroes-sectors=33,"
                                   "discard_granularity=4096"))
    assert erasing(machine) == (100, 8, 33, True)
    assert machine.run("blk zero 0 5 3000 unmap") == ""
    assert machine.run("blk sum 0 5 3000") == crc_line(bytes(3000 * SECTOR)) + "\n"
    before = stored(path)
    assert machine.run("blk discard 0 4096 4096") == ""
    machine.run("blk flush 0")
    assert stored(path) <= before - 2 * MIB + 65536
    machine.poweroff()


@pytest.mark.one_ring
def test_a_disk_that_cannot(lab, pair):
    data = host.random_bytes(SECTORS * SECTOR, "neither")
    path = lab.file("disk.img", data)
    machine = lab.boot(pair, *disk(path, device=",discard=off,write-zeroes=off"))
    assert erasing(machine) == (0, 1, 0, False)
    for command in ("discard 0 8 8", "zero 0 8 8", "zero 0 8 8 unmap"):
        assert machine.run(f"blk {command}") == f"blk {command.split()[0]}: changing sectors 8 to 15: " \
            "not supported by the device\n"
    machine.poweroff()
    assert path.read_bytes() == data


@pytest.mark.one_ring
def test_what_is_refused(lab, arch):
    data = host.random_bytes(SECTORS * SECTOR, "refused")
    path = lab.file("disk.img", data)
    machine = lab.boot(arch, *disk(path, device=",logical_block_size=4096,physical_block_size=4096"))
    beyond = "sector 8192 is beyond the end of the disk (8192 sectors)"
    for command, message in (("discard 0 8191 2", beyond), ("zero 0 8192 1", beyond),
                             ("discard 0 0 0", "count is 0"), ("zero 0 0 8 trim", "trim: not unmap"),
                             ("discard 0 0 4", "not whole blocks"), ("zero 0 4 8", "not whole blocks")):
        assert machine.run(f"blk {command}") == f"blk {command.split()[0]}: {message}\n"
    assert machine.run("blk sum 0") == crc_line(data) + "\n"
    assert machine.run("blk zero 0 8 16") == ""
    machine.poweroff()
    assert path.read_bytes() == data[:8 * SECTOR] + bytes(16 * SECTOR) + data[24 * SECTOR:]


@pytest.mark.one_ring
def test_a_read_only_disk(lab, arch):
    path = lab.file("disk.img", SECTORS * SECTOR)
    machine = lab.boot(arch, *disk(path, drive="discard=unmap,readonly=on"))
    for command in ("discard 0 0 8", "zero 0 0 8"):
        assert machine.run(f"blk {command}") == f"blk {command.split()[0]}: the disk is read-only\n"
    machine.poweroff()
