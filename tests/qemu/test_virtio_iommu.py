# SPDX-License-Identifier: BSD-2-Clause
"""Devices behind a virtio IOMMU: the three backends, accesses that stray, and its own place in the device tree."""
import itertools
import re

import pytest

import host
import test_hotplug
from machine import Platform

DISK_BYTES = 4 << 20
SETUP = "virtio-iommu pci@00:01.0: addresses 0x0 to 0xffff\\w+, domains 0 to 4294967295, probes"
MODES = {"direct": "direct", "swiotlb": "confined", "iommu": "mapped"}
PLATFORMS = [Platform(arch, "modern", gic) for arch, gic in itertools.product(("arm", "aarch64"), (2, 3))]


def boot(lab, platform, data, append, packed=False, behind=(), disk_last=True):
    """The IOMMU comes first, or after the disk, as QEMU numbers its devices."""
    disk = lab.file("disk.img", data)
    devices = [["-device", "virtio-iommu-pci"],
               ["-drive", f"file={disk},format=raw,if=none,id=d", "-device",
                "virtio-blk-pci,drive=d,disable-legacy=on,iommu_platform=on,"
                f"packed={'on' if packed else 'off'}", *behind]]
    words = itertools.chain.from_iterable(devices if disk_last else reversed(devices))
    return lab.boot(platform, "-net", "none", *words, append=append)


@pytest.fixture(name="data", scope="module")
def fixture_data():
    return host.random_bytes(DISK_BYTES, "virtio-iommu")


@pytest.mark.parametrize("packed", (False, True), ids=("split", "packed"))
@pytest.mark.parametrize("dma", MODES)
@pytest.mark.parametrize("platform", PLATFORMS, ids=str)
def test_disk(lab, platform, dma, packed, data):
    """The disk works through it, and no access is refused that should not be."""
    machine = boot(lab, platform, data, f"dma={dma}", packed,
                   ("-device", "virtio-rng-pci,disable-legacy=on,iommu_platform=on"))
    assert machine.run("blk sum 0") == host.crc_line(data) + "\n"
    assert machine.run("blk fill 0 1000 2000 0x5c") == ""
    want = bytearray(data)
    want[1000 * 512:3000 * 512] = b"\x5c" * (2000 * 512)
    assert machine.run("blk sum 0") == host.crc_line(bytes(want)) + "\n"
    lines = [line for line in machine.lines("iommu") if not line.startswith(" ")]
    assert re.fullmatch(SETUP, lines[0]) and lines[1] == "faults 0 lost 0"
    assert re.fullmatch(r"stream 0x8 pci@00:01.0 mapped 4 KiB faults 0", lines[2])
    for line, stream, slot in zip(lines[3:], ("0x10", "0x18"), (2, 3), strict=True):
        assert re.fullmatch(rf"stream {stream} pci@00:0{slot}.0 {MODES[dma]} \d+ KiB faults 0", line)


@pytest.mark.parametrize("dma", ("swiotlb", "iommu"))
@pytest.mark.parametrize("platform", PLATFORMS, ids=str)
def test_stray_access(lab, platform, dma, data):
    """What is not mapped is not written: the request fails, the fault is shown, and the disk goes on."""
    machine = boot(lab, platform, data, f"dma={dma}")
    text = machine.run("dma-stray 0")
    address, faults = re.search(r"to 0x([0-9a-f]+): I/O error, faults (\d+)", text).groups()
    assert re.search(rf"fault: stream 0x10 \(pci@00:02.0\) \w+ 0x{address}: unmapped \(MAPPING", text)
    assert machine.run("blk sum 0") == host.crc_line(data) + "\n"
    assert "I/O error" in machine.run("dma-stray 0")
    assert machine.run("blk sum 0") == host.crc_line(data) + "\n"
    assert int(machine.lines("iommu")[1].split()[1]) > int(faults) > 0


@pytest.mark.parametrize("platform", PLATFORMS[:1] + PLATFORMS[-1:], ids=str)
def test_its_place_does_not_matter(lab, platform, data):
    """It is probed before what stands in front of it in the order of slots."""
    machine = boot(lab, platform, data, "dma=iommu", disk_last=False)
    assert machine.run("blk sum 0") == host.crc_line(data) + "\n"
    assert re.search(r"^stream 0x8 pci@00:01.0 mapped \d+ KiB faults 0$", machine.run("iommu"), re.M)


@pytest.mark.parametrize("arch", ("arm", "aarch64"))
def test_devices_that_come_and_go(lab, arch):
    """Each is attached when it is plugged in, and leaves nothing when it is removed."""
    slots = test_hotplug.Slots(lab, Platform(arch, gic=3), "-global", "virtio-blk-device.iommu_platform=on",
                               "-global", "virtio-net-device.iommu_platform=on",
                               "-global", "virtio-rng-device.iommu_platform=on",
                               "-device", "virtio-iommu-pci", append="dma=iommu")
    before = None
    for kind in ("blk", *slots.CYCLES):
        slots.add(kind)
        slots.wait(test_hotplug.IN)
        test_hotplug.use(slots, kind)
        lines = slots.machine.lines("iommu")
        mapped = {re.fullmatch(r"stream \w+ (\S+) mapped .*", line)[1] for line in lines if " mapped " in line}
        assert len(mapped) == 3 and lines[1] == "faults 0 lost 0", lines  # itself, the disk that stays, and this
        slots.remove()
        slots.wait(test_hotplug.OUT)
        slots.removed()
        after = slots.counts() | {"iommu": len(slots.machine.lines("iommu"))}
        assert before in (None, after)  # what the first one has left is kept for the next
        before = after
    assert slots.run("blk sum 0") == slots.crc
    slots.machine.poweroff()
