# SPDX-License-Identifier: BSD-2-Clause
"""Disks: sums, dumps and writes against the image file, their properties, and their errors."""
import json
import os
import random
import re
import shutil
import subprocess

import pexpect
import pytest

import host
from host import SECTOR, crc_line, hexdump
from machine import CPU, ROOT, TIMEOUT_S, Stdio, image_path

pytestmark = pytest.mark.rings

SECTORS = 2048
BYTES = SECTORS * SECTOR


def disk_options(path, number=0, drive="", device=""):
    return ["-drive", f"file={path},format=raw,if=none,id=d{number}{drive}",
            "-device", f"virtio-blk-device,drive=d{number}{device}"]


def info(machine, number=0):
    """blk info as a dictionary."""
    lines = machine.lines(f"blk info {number}")
    return {line.split(None, 1)[0]: line.split(None, 1)[1] for line in lines}


# --- the command line of the issue, word for word ---------------------------------------------

@pytest.mark.parametrize("kind", ["elf", "bin"])
@pytest.mark.parametrize("force_legacy", [None, "false"], ids=["legacy", "modern"])
@pytest.mark.parametrize("arch", ["arm", "aarch64"])
def test_sum_of_256_mib(tmp_path, big_disk, arch, force_legacy, kind):
    source, crc = big_disk
    disk = tmp_path / "X"
    shutil.copyfile(source, disk)  # QEMU opens it for writing, which locks it
    args = ["-M", "virt", "-cpu", CPU[arch], "-nographic",
            "-kernel", str(image_path(arch, kind)),
            "-drive", f"file={disk},format=raw,if=none,id=d",
            "-device", "virtio-blk-device,drive=d"]
    if force_legacy:
        args += ["-global", f"virtio-mmio.force-legacy={force_legacy}"]
    args += ["-append", "blk sum 0; poweroff"]
    qemu = pexpect.spawn("qemu-system-aarch64", args, cwd=str(ROOT), encoding="latin-1",
                         timeout=3 * TIMEOUT_S)
    try:
        qemu.expect(pexpect.EOF)
        qemu.close()
        assert f"crc32 {crc:08x} bytes {256 << 20}" in qemu.before.splitlines()
        assert qemu.exitstatus == 0
    finally:
        qemu.close(force=True)
        disk.unlink()


# --- reading ----------------------------------------------------------------------------------

def test_sums(lab, platform):
    data = host.random_bytes(4 << 20, str(platform))
    machine = lab.boot(platform, *disk_options(lab.file("disk.img", data)))
    assert machine.run("blk sum 0") == crc_line(data) + "\n"
    rng = random.Random(1)
    ranges = [(0, 1), (8191, 1), (0, 8192), (1, 8191), (127, 2), (128, 128), (129, 4000)]
    ranges += [(first, rng.randint(1, 8192 - first)) for first in
               (rng.randrange(8192) for _ in range(8))]
    for first, count in ranges:
        part = data[first * SECTOR:(first + count) * SECTOR]
        assert machine.run(f"blk sum 0 {first} {count}") == crc_line(part) + "\n", (first, count)
    assert machine.run("blk sum 0 0x10 0x20") == crc_line(data[0x2000:0x6000]) + "\n"
    machine.poweroff()


@pytest.mark.rings("packed", "swiotlb")
def test_hex_dump(lab, platform):
    data = host.random_bytes(BYTES, str(platform))
    machine = lab.boot(platform, *disk_options(lab.file("disk.img", data)))
    for first, count in ((0, None), (0, 1), (2047, 1), (7, 3), (126, 5), (1000, 200)):
        command = f"blk read 0 {first}" + (f" {count}" if count else "")
        start, end = first * SECTOR, (first + (count or 1)) * SECTOR
        assert machine.lines(command) == hexdump(data[start:end], start), command
    machine.poweroff()


def test_beyond_4_gib(lab, pair):
    """Sector numbers and offsets of more than 32 bits; the file is sparse."""
    sectors = (5 << 40) // SECTOR
    path = lab.file("disk.img", 5 << 40)
    marks = {}
    with open(path, "r+b") as disk:
        for sector in ((4 << 30) // SECTOR - 1, (4 << 30) // SECTOR, 1 << 32, sectors - 1):
            marks[sector] = host.random_bytes(SECTOR, sector)
            disk.seek(sector * SECTOR)
            disk.write(marks[sector])
    machine = lab.boot(pair, *disk_options(path))
    assert info(machine)["capacity"] == f"{sectors} sectors, {5 << 40} bytes"
    for sector, data in marks.items():
        assert machine.lines(f"blk read 0 {sector}") == hexdump(data, sector * SECTOR)
        assert machine.run(f"blk sum 0 {sector} 1") == crc_line(data) + "\n"
    assert machine.run(f"blk write 0 {sectors - 2} far away") == ""
    machine.poweroff()
    with open(path, "rb") as disk:
        disk.seek((sectors - 2) * SECTOR)
        assert disk.read() == b"far away".ljust(SECTOR, b"\0") + marks[sectors - 1]


def test_past_the_end(lab, pair):
    data = host.random_bytes(BYTES, "end")
    path = lab.file("disk.img", data)
    machine = lab.boot(pair, *disk_options(path))

    def error(command, sector):
        return f"{command}: sector {sector} is beyond the end of the disk ({SECTORS} sectors)\n"

    huge = 2 ** 64 - 1
    for arguments, sector in (("2048", 2048), ("2047 2", 2048), ("0 2049", 2048),
                              (f"{huge}", huge), (f"0 {huge}", 2048), (f"2047 {huge}", 2048),
                              ("9999 1", 9999)):
        assert machine.run(f"blk read 0 {arguments}") == error("blk read", sector)
    assert machine.run("blk sum 0 0 2049") == error("blk sum", 2048)
    assert machine.run(f"blk sum 0 {huge} {huge}") == error("blk sum", huge)
    assert machine.run("blk write 0 2048 text") == error("blk write", 2048)
    assert machine.run("blk fill 0 2040 9 1") == error("blk fill", 2048)
    assert machine.run(f"blk read 0 {huge + 1}") == \
        f"blk read: sector {huge + 1} is too large (at most {huge})\n"
    assert machine.run("blk sum 0") == crc_line(data) + "\n"
    machine.poweroff()
    assert path.read_bytes() == data


def test_ctrl_c_ends_a_long_sum(lab, arch, big_disk):
    machine = lab.boot(arch, *disk_options(big_disk[0], drive=",readonly=on"))
    machine.serial.begin("blk sum 0")
    machine.serial.send("\x03")
    assert machine.serial.prompt() == "blk sum: interrupted\n"
    with open(big_disk[0], "rb") as disk:
        start = disk.read(1 << 20)
    assert machine.run("blk sum 0 0 2048") == crc_line(start) + "\n"
    assert " 0 buffers in flight" in machine.run("vq 0 0")


# --- writing ----------------------------------------------------------------------------------

def test_writes_reach_the_file(lab, platform):
    expected = bytearray(host.random_bytes(BYTES, str(platform)))
    path = lab.file("disk.img", bytes(expected))
    machine = lab.boot(platform, *disk_options(path))

    def put(sector, data):
        expected[sector * SECTOR:sector * SECTOR + len(data)] = data

    assert machine.run("blk write 0 5 Hello,   virtio world") == ""
    put(5, b"Hello, virtio world".ljust(SECTOR, b"\0"))
    assert machine.run('blk write 0 2047 "two  blanks"') == ""
    put(2047, b"two  blanks".ljust(SECTOR, b"\0"))
    assert machine.run('blk write 0 6 ""') == ""
    put(6, bytes(SECTOR))
    for sector, count, byte in ((0, 1, 0xff), (100, 1000, 0x5a), (127, 2, 1), (2046, 1, 0)):
        assert machine.run(f"blk fill 0 {sector} {count} 0x{byte:02x}") == ""
        put(sector, bytes([byte]) * count * SECTOR)
    assert machine.lines("blk read 0 5") == hexdump(expected[5 * SECTOR:6 * SECTOR], 5 * SECTOR)
    assert machine.run("blk sum 0") == crc_line(bytes(expected)) + "\n"
    assert machine.run("blk flush 0") == ""
    assert path.read_bytes() == expected  # after the flush, before QEMU ends
    machine.poweroff()
    assert path.read_bytes() == expected


def test_fill_of_a_whole_disk(lab, arch):
    path = lab.file("disk.img", host.random_bytes(4 << 20, "fill"))
    machine = lab.start(arch, *disk_options(path),
                        append="blk fill 0 0 8192 165; blk flush 0; poweroff")
    machine.finish()
    assert path.read_bytes() == b"\xa5" * (4 << 20)


def test_longest_text(lab, arch):
    path = lab.file("disk.img", 4096)
    text = "x" * 511  # a sector holds the text and, in our buffer, its end
    machine = lab.start(arch, *disk_options(path), append=f"blk write 0 1 {text}; "
                        f"blk write 0 2 {'y' * 513}; blk flush 0; poweroff")
    assert "blk write: the text is longer than a sector (512 bytes)" in machine.finish()
    assert path.read_bytes() == bytes(512) + text.encode() + b"\0" + bytes(3072)


def test_two_terminals_write_to_one_disk(lab, arch):
    """Commands of two shells take turns; both writes arrive."""
    path = lab.file("disk.img", 65536)
    channel = lab.channel(Stdio)
    machine = lab.boot(arch, *disk_options(path), "-chardev", "stdio,id=c,signal=off",
                       "-device", "virtio-serial-device", "-device", "virtconsole,chardev=c")
    console = lab.terminal("console", channel)
    console.prompt()
    for number in range(20):
        machine.serial.send(f"blk write 0 {2 * number} serial {number}\r")
        console.send(f"blk write 0 {2 * number + 1} console {number}\r")
    for _ in range(20):
        assert "error" not in machine.serial.prompt() + console.prompt()
    machine.run("blk flush 0")
    machine.poweroff()
    data = path.read_bytes()
    for number in range(20):
        for odd, name in enumerate(("serial", "console")):
            sector = data[(2 * number + odd) * SECTOR:][:SECTOR]
            assert sector == f"{name} {number}".encode().ljust(SECTOR, b"\0")


@pytest.mark.numbered
@pytest.mark.parametrize("how", ["drive", "blockdev"])
def test_read_only_disk(lab, pair, how):
    data = host.random_bytes(BYTES, "read-only")
    path = lab.file("disk.img", data)
    if how == "drive":
        options = disk_options(path, drive=",readonly=on")
    else:
        options = ["-blockdev", f"driver=file,filename={path},node-name=d0,read-only=on",
                   "-device", "virtio-blk-device,drive=d0"]
    machine = lab.boot(pair, *options)
    assert info(machine)["access"] == "read-only"
    assert "RO" in host.parse_lsdev(machine.run("lsdev"))[0]["features"]
    assert machine.run("blk write 0 0 text") == "blk write: the disk is read-only\n"
    assert machine.run("blk fill 0 0 1 0") == "blk fill: the disk is read-only\n"
    assert machine.run("blk flush 0") in ("", "blk flush: not supported by the device\n")
    assert machine.run("blk sum 0") == crc_line(data) + "\n"
    machine.poweroff()
    assert path.read_bytes() == data


# --- errors that the disk has -----------------------------------------------------------------

def blkdebug(path, *rules):
    """A disk on which the requests of @rules fail, and not those that QEMU would merge with them."""
    node = {"driver": "blkdebug", "node-name": "d0", "inject-error": list(rules),
            "image": {"driver": "file", "filename": str(path)}}
    return ["-blockdev", json.dumps(node), "-device",
            "virtio-blk-device,drive=d0,rerror=report,werror=report,request-merging=off"]


def test_read_error(lab, platform):
    data = host.random_bytes(BYTES, "bad sector")
    machine = lab.boot(platform, *blkdebug(
        lab.file("disk.img", data),
        {"event": "none", "iotype": "read", "errno": 5, "sector": 1000}))
    assert machine.run("blk read 0 1000") == \
        "blk read: reading sectors 1000 to 1000: I/O error\n"
    assert re.fullmatch(r"blk sum: reading sectors \d+ to \d+: I/O error\n",
                        machine.run("blk sum 0"))
    first, last = map(int, re.search(r"sectors (\d+) to (\d+)", machine.run("blk sum 0")).groups())
    assert first <= 1000 <= last
    # The sectors around it, the queue and the machine are as good as before.
    assert machine.lines("blk read 0 999") == hexdump(data[999 * SECTOR:1000 * SECTOR],
                                                      999 * SECTOR)
    assert machine.run("blk sum 0 0 1000") == crc_line(data[:1000 * SECTOR]) + "\n"
    assert machine.run("blk sum 0 1001 1047") == crc_line(data[1001 * SECTOR:]) + "\n"
    assert " 0 buffers in flight" in machine.run("vq 0 0")
    assert host.parse_lsdev(machine.run("lsdev"))[0]["state"] == "live"
    machine.poweroff()


def test_error_that_goes_away(lab, arch):
    data = host.random_bytes(BYTES, "once")
    machine = lab.boot(arch, *blkdebug(
        lab.file("disk.img", data),
        {"event": "none", "iotype": "read", "errno": 5, "sector": 7, "once": True}))
    assert machine.run("blk read 0 7") == "blk read: reading sectors 7 to 7: I/O error\n"
    assert machine.run("blk sum 0") == crc_line(data) + "\n"
    machine.poweroff()


def test_write_and_flush_error(lab, arch):
    data = host.random_bytes(BYTES, "write error")
    path = lab.file("disk.img", data)
    machine = lab.boot(arch, *blkdebug(
        path, {"event": "none", "iotype": "write", "errno": 5, "sector": 20},
        {"event": "none", "iotype": "flush", "errno": 5, "once": True}))
    assert machine.run("blk write 0 20 lost") == \
        "blk write: writing sectors 20 to 20: I/O error\n"
    assert machine.run("blk write 0 21 kept") == ""
    assert machine.run("blk flush 0") == "blk flush: I/O error\n"
    assert machine.run("blk flush 0") == ""
    machine.poweroff()
    assert path.read_bytes() == \
        data[:21 * SECTOR] + b"kept".ljust(SECTOR, b"\0") + data[22 * SECTOR:]


# --- properties -------------------------------------------------------------------------------

@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 4096 + 512, (1 << 20) - 512,
                                  (1 << 20) + 100, 127 * 512, 129 * 512])
@pytest.mark.one_ring
def test_sizes(lab, arch, size):
    """QEMU rounds a file up to whole sectors; what is beyond its end reads as zero."""
    data = host.random_bytes(size, size)
    machine = lab.boot(arch, *disk_options(lab.file("disk.img", data)))
    rounded = data.ljust(-(-size // SECTOR) * SECTOR, b"\0")
    assert info(machine)["capacity"] == f"{len(rounded) // SECTOR} sectors, {len(rounded)} bytes"
    assert machine.run("blk sum 0") == crc_line(rounded) + "\n"
    last = len(rounded) // SECTOR
    assert machine.run(f"blk read 0 {last}") == \
        f"blk read: sector {last} is beyond the end of the disk ({last} sectors)\n"
    machine.poweroff()


def test_disks_are_counted_in_order(lab, platform):
    disks = [host.random_bytes((number + 1) * 100 * SECTOR, number) for number in range(5)]
    options = []
    for number, data in enumerate(disks):
        options += disk_options(lab.file(f"disk{number}.img", data), number,
                                device=f",serial=DISK-{number}")
    machine = lab.boot(platform, *options)
    for number, data in enumerate(disks):
        assert machine.run(f"blk sum {number}") == crc_line(data) + "\n"
        assert info(machine, number)["serial"] == f'"DISK-{number}"'
    assert machine.run("blk sum 5") == "blk: no block device 5 (5 present)\n"
    machine.poweroff()


def test_info(lab, platform):
    machine = lab.boot(platform, *disk_options(
        lab.file("disk.img", BYTES), device=",serial=0123456789ABCDEFGHIJ"))
    shown = info(machine)
    assert shown["capacity"] == f"{SECTORS} sectors, {BYTES} bytes"
    assert shown["blocks"] == "512 bytes, physical 512"
    assert shown["access"] == "read-write"
    assert shown["cache"] == "write-back"
    assert shown["serial"] == '"0123456789ABCDEFGHIJ"'  # all 20 bytes, without an end
    assert shown["queue"] == f"{platform.queue_size} descriptors"
    seg_max, most = map(int, re.fullmatch(
        r"seg_max (\d+), size_max \d+, at most (\d+) sectors", shown["requests"]).groups())
    assert 1 <= seg_max <= min(254, platform.queue_size - 2) and most >= 128
    machine.poweroff()


@pytest.mark.parametrize("drive, device, expected", [
    ("", "", "write-back"), (",cache=writethrough", "", "write-through"),
    ("", ",write-cache=off", "write-through"), ("", ",config-wce=off", "write-back"),
])
@pytest.mark.one_ring
def test_cache_mode(lab, arch, drive, device, expected):
    machine = lab.boot(arch, *disk_options(lab.file("disk.img", BYTES), drive=drive,
                                           device=device))
    assert info(machine)["cache"] == expected
    assert machine.run("blk flush 0") == ""
    machine.poweroff()


@pytest.mark.parametrize("logical, physical, least, best", [
    (512, 4096, 4096, 65536), (4096, 4096, 4096, 8192), (4096, 16384, 16384, 32768),
    (1024, 1024, 1024, 4096), (2048, 4096, 0, 0)])
@pytest.mark.rings("packed", "plain", "size4", "packed-size5", "swiotlb", "packed-swiotlb")
def test_block_sizes_and_topology(lab, arch, logical, physical, least, best):
    """Sectors of 512 bytes can be read and written whatever the disk's blocks are."""
    expected = bytearray(host.random_bytes(BYTES, logical))
    path = lab.file("disk.img", bytes(expected))
    machine = lab.boot(arch, *disk_options(
        path, device=f",logical_block_size={logical},physical_block_size={physical},"
        f"min_io_size={least},opt_io_size={best}"))
    shown = info(machine)
    assert shown["blocks"] == f"{logical} bytes, physical {physical}"
    assert shown["topology"] == f"alignment offset 0, minimum I/O {least // logical}, " \
        f"optimal I/O {best // logical} blocks"
    assert machine.run("blk sum 0") == crc_line(bytes(expected)) + "\n"
    for first, count in ((0, 1), (1, 1), (7, 2), (127, 2), (1021, 3), (2047, 1), (3, 1500)):
        part = bytes(expected[first * SECTOR:(first + count) * SECTOR])
        assert machine.run(f"blk sum 0 {first} {count}") == crc_line(part) + "\n"
        if count <= 3:
            assert machine.lines(f"blk read 0 {first} {count}") == hexdump(part, first * SECTOR)
    for first, count, byte in ((1, 1, 0x11), (126, 5, 0x22), (2047, 1, 0x33), (300, 800, 0x44)):
        assert machine.run(f"blk fill 0 {first} {count} {byte}") == ""
        expected[first * SECTOR:(first + count) * SECTOR] = bytes([byte]) * count * SECTOR
    assert machine.run("blk write 0 77 neighbours stay") == ""
    expected[77 * SECTOR:78 * SECTOR] = b"neighbours stay".ljust(SECTOR, b"\0")
    assert machine.run("blk flush 0") == ""
    machine.poweroff()
    assert path.read_bytes() == expected


@pytest.mark.parametrize("size", [4, 64, 1024])
@pytest.mark.one_ring
def test_queue_sizes(lab, pair, size):
    """QEMU 7.2 tells of 1024 entries behind virtio-mmio whatever its queue-size is, and only cuts
    seg_max; others may tell the truth. We take at most 256."""
    data = host.random_bytes(BYTES, size)
    path = lab.file("disk.img", data)
    machine = lab.boot(pair, *disk_options(path, device=f",queue-size={size}"))
    queue_size, form = host.parse_lsdev(machine.run("lsdev"))[0]["queues"]["requests"]
    assert queue_size in (256, min(size, 256)) and form == "split"
    shown = info(machine)
    assert shown["queue"] == f"{queue_size} descriptors"
    assert 1 <= int(re.match(r"seg_max (\d+)", shown["requests"])[1]) <= size - 2
    assert machine.run("blk sum 0") == crc_line(data) + "\n"
    assert machine.run("blk fill 0 10 300 0x77") == ""
    machine.run("blk flush 0")
    machine.poweroff()
    assert path.read_bytes() == data[:10 * SECTOR] + b"\x77" * 300 * SECTOR + data[310 * SECTOR:]


@pytest.mark.parametrize("event_idx", ["on", "off"])
@pytest.mark.parametrize("indirect", ["on", "off"])
@pytest.mark.one_ring
def test_ring_features(lab, pair, event_idx, indirect):
    data = host.random_bytes(2 << 20, (event_idx, indirect))
    path = lab.file("disk.img", data)
    machine = lab.boot(pair, *disk_options(
        path, device=f",event_idx={event_idx},indirect_desc={indirect}"))
    features = host.parse_lsdev(machine.run("lsdev"))[0]["features"]
    assert ("EVENT_IDX" in features, "INDIRECT_DESC" in features) == \
        (event_idx == "on", indirect == "on")
    assert ("VERSION_1" in features) == (not pair.legacy)
    for _ in range(3):
        assert machine.run("blk sum 0") == crc_line(data) + "\n"
    assert machine.run("blk fill 0 1 4000 9") == ""
    machine.run("blk flush 0")
    machine.poweroff()
    assert path.read_bytes() == data[:SECTOR] + b"\x09" * 4000 * SECTOR + data[4001 * SECTOR:]


def test_resize_while_running(lab, pair):
    path = lab.file("disk.img", BYTES)
    machine = lab.boot(pair, *disk_options(path))
    machine.qmp.command("block_resize", device="d0", size=2 * BYTES)
    for _ in range(200):
        if info(machine)["capacity"] == f"{2 * SECTORS} sectors, {2 * BYTES} bytes":
            break
    else:
        raise AssertionError("the new size does not show")
    assert machine.run(f"blk write 0 {2 * SECTORS - 1} new land") == ""
    machine.poweroff()
    assert os.path.getsize(path) == 2 * BYTES
    assert path.read_bytes()[-SECTOR:] == b"new land".ljust(SECTOR, b"\0")


@pytest.mark.one_ring
def test_snapshot_of_qemu_tools(lab, arch):
    """A format that only the host knows makes no difference to the guest."""
    raw = lab.file("disk.raw", host.random_bytes(BYTES, "qcow2"))
    image = raw.with_suffix(".qcow2")
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", raw, image], check=True, timeout=60)
    machine = lab.boot(arch, "-drive", f"file={image},format=qcow2,if=none,id=d", "-device",
                       "virtio-blk-device,drive=d")
    assert machine.run("blk write 0 3 through the format") == ""
    assert machine.run("blk flush 0") == ""
    machine.poweroff()
    back = lab.file("back.raw", 0)
    subprocess.run(["qemu-img", "convert", "-O", "raw", image, back], check=True, timeout=60)
    expected = bytearray(raw.read_bytes())
    expected[3 * SECTOR:4 * SECTOR] = b"through the format".ljust(SECTOR, b"\0")
    assert back.read_bytes() == expected
    image.unlink()
