# SPDX-License-Identifier: BSD-2-Clause
"""Bounce buffers: every device through the pool, a pool that is too small, and the boot options.

That tests of the other files pass with dma=swiotlb is seen there; here it is what the pool itself does.
"""
import itertools
import zlib

import pytest

import host
from host import SECTOR, crc_line, ethernet, mac_bytes
from machine import Platform, Ring, Stdio

PACKED = Ring("packed", packed=True)
# Each architecture x transport, and the packed ring where there is one.
PLATFORMS = [Platform(arch, transport) for arch, transport in
             itertools.product(("arm", "aarch64"), ("modern", "legacy"))] + \
            [Platform(arch, ring=PACKED) for arch in ("arm", "aarch64")]
MODERN = [platform for platform in PLATFORMS if not platform.legacy]

MAC = "52:54:00:ab:cd:ef"
GUEST, HOST = mac_bytes(MAC), mac_bytes("02:00:00:00:00:01")
SYNC, TEST = 0x88b5, 0x88b7
DISK_BYTES = 16 << 20
POOL_KIB = 4096


class Everything:
    """A machine with one device of each type, and the other ends of them."""

    def __init__(self, lab, platform, append, device=""):
        self.disk = host.random_bytes(DISK_BYTES, "dma")
        self.path = lab.file("disk", self.disk)
        self.entropy = host.random_bytes(1 << 16, "dma entropy")
        source = lab.file("entropy", self.entropy)
        wire, console = lab.channel(), lab.channel(Stdio)
        self.machine = lab.start(
            platform,
            "-drive", f"file={self.path},format=raw,if=none,id=d0",
            "-device", f"virtio-blk-device,drive=d0{device}",
            "-netdev", f"socket,id=n0,fd={wire.fd}",
            "-device", f"virtio-net-device,netdev=n0,mac={MAC}{device}",
            "-chardev", "stdio,id=con0,signal=off",
            "-device", f"virtio-serial-device{device}", "-device", "virtconsole,chardev=con0",
            "-object", f"rng-random,id=r,filename={source}",
            "-device", f"virtio-rng-device,rng=r{device}", append=append)
        self.boot_text = self.machine.serial.prompt()
        self.wire = host.Wire(wire)
        self.console = lab.terminal("console", console)
        self.console.prompt()

    def check_disk(self):
        machine = self.machine
        assert machine.run("blk sum 0") == crc_line(self.disk) + "\n"
        assert machine.run("blk write 0 77 through the pool") == ""
        assert machine.run("blk fill 0 1000 2000 0x5c") == ""
        assert machine.run("blk flush 0") == ""
        disk = bytearray(self.disk)
        disk[77 * SECTOR:78 * SECTOR] = b"through the pool".ljust(SECTOR, b"\0")
        disk[1000 * SECTOR:3000 * SECTOR] = b"\x5c" * (2000 * SECTOR)
        self.disk = bytes(disk)
        assert self.path.read_bytes() == self.disk
        assert machine.run("blk sum 0") == crc_line(self.disk) + "\n"

    def check_net(self):
        """Frames arrive as they were sent, and leave as they should."""
        serial = self.machine.serial
        serial.begin("net dump 0 1000")
        serial.poll(f"ethertype {SYNC:04x}",
                    lambda: self.wire.send(ethernet(GUEST, HOST, SYNC, bytes(46))))
        for size in (60, 61, 1513, 1514):
            frame = ethernet(GUEST, HOST, TEST, host.random_bytes(size - 14, size))
            self.wire.send(frame)
            serial.expect_exact("\r\n".join(host.hexdump(frame)) + "\r\n")
        serial.send("\x03")
        serial.prompt()
        serial.begin("net arp 0 10.0.2.7")
        question = self.wire.receive()
        assert question[:14] == b"\xff" * 6 + GUEST + b"\x08\x06"
        assert question[28:32] == host.ip_bytes("10.0.2.15")
        self.wire.send(ethernet(GUEST, HOST, 0x0806, host.arp(
            2, HOST, "10.0.2.7", GUEST, "10.0.2.15").ljust(46, b"\0")))
        assert serial.prompt() == "10.0.2.7 is at 02:00:00:00:00:01\n"

    def check_rng(self):
        lines = self.machine.lines("rng 0 4096")
        at = self.entropy.find(bytes.fromhex("".join(lines)))
        assert len("".join(lines)) == 8192 and at >= 0

    def check_console(self):
        text = host.random_bytes(100, "console").hex()
        assert self.console.run(f"echo {text}") == text + "\n"
        assert self.machine.run(f"con 0 {text}") == ""
        assert self.console.expect_exact("\n") == text

    def check(self):
        self.check_disk()
        self.check_net()
        self.check_rng()
        self.check_console()

    def counts(self):
        return host.pool_counts(self.machine)

    def shared_kib(self):
        line = [line for line in self.machine.lines("mem") if line.startswith("shared ")]
        return int(line[0].split()[1])


@pytest.mark.parametrize("own", PLATFORMS, ids=str)
def test_every_device_through_the_pool(lab, own):
    everything = Everything(lab, own, "dma=swiotlb")
    before = everything.counts()
    assert before["KiB"] == POOL_KIB
    assert before["used"] > 0  # receive buffers
    everything.check()
    after = everything.counts()
    # 16 MiB twice in requests of 64 KiB, each with header, data and status.
    assert after["maps"] - before["maps"] > 2 * 3 * DISK_BYTES / 65536
    assert after["exhausted"] == 0
    assert after["used"] < after["high-water"] < POOL_KIB
    # The rings are shared too, and little else.
    assert POOL_KIB < everything.shared_kib() < POOL_KIB + 1024
    assert "warning" not in everything.machine.poweroff()


@pytest.mark.parametrize("own", PLATFORMS, ids=str)
def test_a_small_pool_makes_requests_wait(lab, own):
    """64 KiB for all: disk requests wait for each other, and nothing fails."""
    everything = Everything(lab, own, "dma=swiotlb; swiotlb=64")
    everything.check()
    counts = everything.counts()
    assert counts["KiB"] == 64
    assert counts["exhausted"] > 0
    assert counts["high-water"] <= 64
    everything.machine.poweroff()


def test_slots_come_back(lab, arch):
    everything = Everything(lab, arch, "dma=swiotlb; swiotlb=256")
    everything.check()
    used = everything.counts()["used"]
    for _ in range(3):
        assert everything.machine.run("blk sum 0") == crc_line(everything.disk) + "\n"
        everything.check_rng()
        everything.check_console()
    assert everything.counts()["used"] == used


@pytest.mark.parametrize("append", ["dma=direct", "dma=swiotlb"])
@pytest.mark.parametrize("own", MODERN, ids=str)
def test_access_platform(lab, own, append):
    """The feature is accepted, and devices work behind either backend."""
    everything = Everything(lab, own, append, device=",iommu_platform=on")
    for device in host.parse_lsdev(everything.machine.run("lsdev")):
        assert "ACCESS_PLATFORM" in device["features"] and device["state"] == "live"
    everything.check()
    assert bool(everything.counts()) == (append == "dma=swiotlb")


def test_direct_is_the_default(lab, arch):
    machine = lab.boot(arch, "-device", "virtio-rng-device")
    device = host.parse_lsdev(machine.run("lsdev"))[0]
    assert "ACCESS_PLATFORM" not in device["features"]
    assert host.pool_counts(machine) == {}
    assert "shared" not in machine.run("mem")


@pytest.mark.parametrize("given, kib", [("64", 64), ("65", 68), ("1000", 1000), ("8192", 8192)])
def test_pool_size(lab, arch, given, kib):
    machine = lab.boot(arch, "-device", "virtio-rng-device", append=f"swiotlb={given}; dma=swiotlb")
    assert host.pool_counts(machine)["KiB"] == kib
    assert len(machine.run("rng 0 100").replace("\n", "")) == 200


@pytest.mark.parametrize("given", ["", "0", "63", "65537", "99999999999999999999", "4M", "-64", "x"])
def test_bad_pool_size(lab, arch, given):
    machine = lab.boot(arch, "-device", "virtio-rng-device", append=f"dma=swiotlb; swiotlb={given}")
    assert f"error: boot option swiotlb={given}: not 64 to 65536 (KiB), using 4096\n" in \
        machine.boot_text
    assert host.pool_counts(machine)["KiB"] == 4096


def test_without_memory_for_the_pool_no_device_is_probed(lab, arch):
    """A device that was to be kept out of our memory does not get at it because memory is short."""
    machine = lab.boot(arch, "-device", "virtio-rng-device", memory="32",
                       append="dma=swiotlb; swiotlb=65536")
    assert "error: dma=swiotlb: no pool of 65536 KiB (-12), no device is probed\n" in \
        machine.boot_text
    assert machine.run("lsdev") == "no devices\n"
    assert machine.run("echo alive") == "alive\n"


@pytest.mark.parametrize("append", ["dma=swiotlb", "dma=swiotlb; swiotlb=64"])
def test_two_disks_share_the_pool(lab, arch, append):
    disks = [host.random_bytes(4 << 20, ("disk", n)) for n in range(2)]
    args = []
    for number, disk in enumerate(disks):
        args += ["-drive", f"file={lab.file(f'd{number}', disk)},format=raw,if=none,id=d{number}",
                 "-device", f"virtio-blk-device,drive=d{number}"]
    machine = lab.boot(arch, *args, append=append)
    for number, disk in enumerate(disks):
        assert machine.run(f"blk sum {number}") == \
            f"crc32 {zlib.crc32(disk):08x} bytes {len(disk)}\n"
    machine.poweroff()
