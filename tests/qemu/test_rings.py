# SPDX-License-Identifier: BSD-2-Clause
"""Rings of every kind and size: thousands of requests, their statistics, sizes too small."""
import zlib

import pytest

import host
from host import parse_lsdev, parse_vq
from machine import Platform, Ring

pytestmark = pytest.mark.numbered

MIB = 1 << 20


def one_of_each(lab):
    """Options for one device of each type; of the disk, which comes first, the data."""
    data = host.random_bytes(4 * MIB, "rings")
    disk = lab.file("disk.img", data)
    return ["-drive", f"file={disk},format=raw,if=none,id=d,readonly=on", "-device",
            "virtio-blk-device,drive=d", "-netdev", "user,id=n", "-device",
            "virtio-net-device,netdev=n", "-chardev", "null,id=c", "-device",
            "virtio-serial-device", "-device", "virtconsole,chardev=c", "-device",
            "virtio-rng-device"], data


def idle_ring(machine, device, queue, waiting=0):
    """What vq shows of a queue on which no more than @waiting buffers wait, checked."""
    ring = parse_vq(machine.run(f"vq {device} {queue}"))
    platform = machine.platform
    assert platform.has_size(ring["size"]) and ring["form"] == platform.form
    assert ring["in_flight"] <= waiting
    assert ring["added"] == ring["used_count"] + ring["in_flight"]
    assert ring["notified"] <= ring["kicks"]
    # Several buffers a kick, several an interrupt, never the other way round.
    assert ring["kicks"] <= ring["added"] and ring["interrupts"] <= ring["used_count"]
    if ring["in_flight"] == 0:
        assert ring["free"] == ring["size"] and ring["avail"] == ring["used"]
    return ring


@pytest.mark.rings
def test_thousands_of_requests(lab, platform, big_disk):
    """64 MiB twice, in requests of 64 KiB: the ring wraps around again and again."""
    path, _crc = big_disk
    crc = 0
    with open(path, "rb") as disk:
        for _ in range(64):
            crc = zlib.crc32(disk.read(MIB), crc)
    machine = lab.boot(platform, "-drive", f"file={path},format=raw,if=none,id=d,readonly=on",
                       "-device", "virtio-blk-device,drive=d")
    before = idle_ring(machine, 0, 0)
    for _ in range(2):
        assert machine.run(f"blk sum 0 0 {64 * MIB // host.SECTOR}") == \
            f"crc32 {crc:08x} bytes {64 * MIB}\n"
    after = idle_ring(machine, 0, 0)
    assert after["added"] - before["added"] == 2 * 64 * MIB // 65536
    assert after["interrupts"] > before["interrupts"]
    assert after["notified"] > before["notified"]
    if platform.ring.dma == "swiotlb":
        pool = host.pool_counts(machine)
        assert pool["maps"] >= after["added"] and pool["exhausted"] == 0
        assert pool["high-water"] > 0 and pool["used"] <= pool["KiB"]
    machine.poweroff()


@pytest.mark.rings
def test_statistics(lab, pair):
    """Each queue's counts after some work on it; the line's is no less than its queues'."""
    options, data = one_of_each(lab)
    machine = lab.boot(pair, *options)
    assert machine.run("blk sum 0") == host.crc_line(data) + "\n"
    assert machine.lines("net ping 0 10.0.2.2 40")[-1] == "40 sent, 40 received"
    for number in range(40):
        assert machine.run(f"con 0 {number}") == ""
        assert len(machine.run("rng 0 32")) == 65
    assert idle_ring(machine, 0, 0)["used_count"] >= 64
    received = idle_ring(machine, 1, 0, waiting=pair.queue_size)
    assert received["used_count"] >= 41 and received["in_flight"] > 0
    # A frame that was sent is taken back with the next one at the latest.
    assert idle_ring(machine, 1, 1, waiting=pair.queue_size)["added"] >= 41
    assert idle_ring(machine, 2, 0, waiting=pair.queue_size)["used_count"] == 0
    assert idle_ring(machine, 2, 1, waiting=pair.queue_size)["added"] >= 40
    assert idle_ring(machine, 3, 0)["used_count"] >= 40
    machine.poweroff()


SMALL = [Platform(arch, ring=Ring(f"{'packed-' if packed else ''}{'' if indirect else 'direct-'}"
                                  f"size{size}", packed=packed, indirect=indirect, queue_size=size))
         for arch in ("arm", "aarch64") for packed in (False, True) for indirect in (False, True)
         for size in (1, 2, 3, 4, 5, 100)]


@pytest.mark.parametrize("platform", SMALL, ids=str)
def test_small_rings(lab, platform):
    """A disk needs room for header, data and status; one without it is refused, with one reason,
    and the other devices work. Split rings of 3 and 5 are of 2 and 4, those of 100 of 64."""
    options, data = one_of_each(lab)
    machine = lab.start(platform, *options)
    text = machine.serial.prompt()
    disk, *others = parse_lsdev(machine.run("lsdev"))
    for device in others:
        assert set(device["queues"].values()) == {(platform.queue_size, platform.form)}
        assert device["state"] == "live"
    if platform.queue_size < 3:
        assert f"a queue of {platform.queue_size} is too small for a disk\n" in text
        assert (disk["state"], disk["error"]) == ("failed", "invalid argument")
        assert machine.run("blk sum 0") == \
            "blk: block device 0 does not work (failed: invalid argument)\n"
    else:
        assert "error" not in text
        assert machine.run("blk sum 0") == host.crc_line(data) + "\n"
        assert idle_ring(machine, 0, 0)["used_count"] >= 64
    assert machine.lines("net ping 0 10.0.2.2 20")[-1] == "20 sent, 20 received"
    for number in range(20):
        assert machine.run(f"con 0 {number}") == ""
        assert len(machine.run("rng 0 32")) == 65
    machine.poweroff()


@pytest.mark.parametrize("size, split, packed", [
    ("1", 1, 1), ("7", 4, 7), ("256", 256, 256), ("1023", 512, 1023), ("1025", 1024, 1024),
    ("32768", 1024, 1024), ("00016", 16, 16), ("4 ", 4, 4), ("\"8\"", 8, 8)])
def test_queue_size_option(lab, arch, size, split, packed):
    for offered, expected in (("off", split), ("on", packed)):
        machine = lab.boot(arch, "-device", "virtio-rng-device", "-global",
                           f"virtio-device.packed={offered}", append=f"queue-size={size}")
        assert machine.boot_text == f"Vireo {arch.arch}, 1 device\n"
        form = "packed" if offered == "on" else "split"
        assert parse_lsdev(machine.run("lsdev"))[0]["queues"] == {"requests": (expected, form)}
        assert len(machine.run("rng 0 32")) == 65
        machine.poweroff()


@pytest.mark.parametrize("size", ["", "0", "32769", "-1", "+4", "4x", "0x10", "many", "4 4",
                                  "4294967297", "18446744073709551617"])
def test_bad_queue_size_option(lab, arch, size):
    """One line says so, and the default is used."""
    machine = lab.boot(arch, "-device", "virtio-rng-device", append=f"queue-size={size}; echo on")
    assert machine.boot_text == \
        f"error: boot option queue-size={size}: not 1 to 32768, using 256\n" \
        f"Vireo {arch.arch}, 1 device\non\n"
    assert parse_lsdev(machine.run("lsdev"))[0]["queues"] == {"requests": (256, "split")}
    machine.poweroff()
