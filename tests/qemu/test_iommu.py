# SPDX-License-Identifier: BSD-2-Clause
"""Devices behind an SMMUv3: the three backends, what is mapped, and accesses that stray."""
import itertools
import re
import zlib

import pytest

import host
from machine import Platform

DISK_BYTES = 4 << 20
SETUP = ("SMMUv3 smmuv3@9050000: stage 1, 48-bit addresses, 4 KiB pages, "
         "two-level stream table of 65536 ids, 256 commands, 128 events")
STRAY = r"disk 0 reads to 0x([0-9a-f]+): I/O error, faults (\d+)"
PLATFORMS = [Platform(arch, "modern", gic) for arch, gic in itertools.product(("arm", "aarch64"), (2, 3))]


def boot(lab, platform, data, append, packed=False, platform_access=True):
    disk = lab.file("disk.img", data)
    option = f",packed={'on' if packed else 'off'},iommu_platform={'on' if platform_access else 'off'}"
    return lab.boot(platform, "-net", "none", "-drive", f"file={disk},format=raw,if=none,id=d",
                    "-device", f"virtio-blk-pci,drive=d,disable-legacy=on{option}", append=append,
                    machine_options=",iommu=smmuv3")


@pytest.fixture(name="data", scope="module")
def fixture_data():
    return host.random_bytes(DISK_BYTES, "iommu")


@pytest.mark.parametrize("platform", PLATFORMS, ids=str)
def test_setup_is_shown(lab, platform):
    machine = lab.boot(platform, "-net", "none", machine_options=",iommu=smmuv3")
    assert machine.lines("iommu") == [SETUP, "faults 0 lost 0"]
    assert any("SMMUv3 smmuv3@9050000 count 0" in line for line in machine.lines("irq"))


def test_without_an_iommu(lab, platform):
    machine = lab.boot(platform, append="dma=iommu")
    assert machine.run("iommu") == "no IOMMU\n"


@pytest.mark.parametrize("options", ("", ",iommu=smmuv3"), ids=("none", "smmuv3"))
@pytest.mark.parametrize("arch", ("arm", "aarch64"))
def test_virtio_mmio_goes_past_it(lab, arch, options):
    """No IOMMU stands before these slots: who asks for one is told."""
    machine = lab.boot(Platform(arch, "modern", 3), "-net", "none", "-device", "virtio-rng-device",
                       append="dma=iommu", machine_options=options)
    assert re.search(r"^warning: mmio@[0-9a-f]+: dma=iommu, but there is no IOMMU before it: direct\r?$",
                     machine.boot_text, re.M), machine.boot_text
    assert re.fullmatch(r"[0-9a-f]{32}\n", machine.run("rng 0 16"))


MODES = {"direct": "direct", "swiotlb": "confined", "iommu": "mapped"}


@pytest.mark.parametrize("packed", (False, True), ids=("split", "packed"))
@pytest.mark.parametrize("dma", MODES)
@pytest.mark.parametrize("platform", PLATFORMS, ids=str)
def test_disk(lab, platform, dma, packed, data):
    """The disk works through it, and no access is refused that should not be."""
    machine = boot(lab, platform, data, f"dma={dma}", packed)
    assert machine.run("blk sum 0") == host.crc_line(data) + "\n"
    assert machine.run("blk write 0 77 through the tables") == ""
    assert machine.run("blk fill 0 1000 2000 0x5c") == ""
    want = bytearray(data)
    want[77 * 512:78 * 512] = b"through the tables".ljust(512, b"\0")
    want[1000 * 512:3000 * 512] = b"\x5c" * (2000 * 512)
    assert machine.run("blk sum 0") == host.crc_line(bytes(want)) + "\n"
    lines = machine.lines("iommu")
    assert lines[:2] == [SETUP, "faults 0 lost 0"]
    assert re.fullmatch(rf"stream 0x8 pci@00:01.0 {MODES[dma]} \d+ KiB faults 0", lines[2])
    if dma == "iommu":
        maps, bounced, exhausted, lost = map(int, re.fullmatch(
            r"  pages \d+ stand-ins 0 maps (\d+) bounced (\d+) exhausted (\d+) lost (\d+)",
            lines[3]).groups())
        assert maps > 100 and bounced > 100 and exhausted == 0 and lost == 0


@pytest.mark.parametrize("memory", (64, 256))
@pytest.mark.parametrize("dma", ("swiotlb", "iommu"))
@pytest.mark.parametrize("arch", ("arm", "aarch64"))
def test_every_type_of_device(lab, arch, dma, memory, data):
    """A stream each; also where memory is short, and so are stand-in pages: then requests wait."""
    disk = lab.file("disk.img", data)
    options = "iommu_platform=on,disable-legacy=on"
    machine = lab.boot(Platform(arch, "modern", 3), "-net", "none",
                       "-drive", f"file={disk},format=raw,if=none,id=d",
                       "-device", f"virtio-blk-pci,drive=d,{options}",
                       "-netdev", "user,id=n", "-device", f"virtio-net-pci,netdev=n,{options}",
                       "-device", f"virtio-rng-pci,{options}",
                       "-device", f"virtio-serial-pci,{options}",
                       "-chardev", "null,id=c", "-device", "virtconsole,chardev=c",
                       append=f"dma={dma}", machine_options=",iommu=smmuv3", memory=memory)
    assert machine.run("net arp 0 10.0.2.2") == "10.0.2.2 is at 52:55:0a:00:02:02\n"
    assert "4 sent, 4 received" in machine.run("net ping 0 10.0.2.2")
    assert re.fullmatch(r"[0-9a-f]{32}\n", machine.run("rng 0 16"))
    assert machine.run("bench blk 0 r rand 512 qd=256 n=2000").startswith("BENCH blk")
    assert machine.run("bench net 0 tx 1514 batch=64 n=2000").startswith("BENCH net")
    assert machine.run("blk sum 0") == host.crc_line(data) + "\n"
    lines = machine.lines("iommu")
    assert lines[1] == "faults 0 lost 0"
    streams = [line for line in lines if line.startswith("stream")]
    assert [line.split()[1] for line in streams] == ["0x8", "0x10", "0x18", "0x20"]
    assert all(line.split()[3] == MODES[dma] for line in streams)
    assert all(line.endswith("lost 0") for line in lines if line.startswith("  pages"))


@pytest.mark.parametrize("packed", (False, True), ids=("split", "packed"))
@pytest.mark.parametrize("dma", ("swiotlb", "iommu"))
@pytest.mark.parametrize("platform", PLATFORMS, ids=str)
def test_stray_access(lab, platform, dma, packed, data):
    """What is not mapped is not written: the request fails, the fault is shown, and the disk goes on."""
    machine = boot(lab, platform, data, f"dma={dma}", packed)
    text = machine.run("dma-stray 0")
    address, faults = re.search(STRAY, text).groups()
    assert (f"SMMUv3 smmuv3@9050000: fault: stream 0x8 (pci@00:01.0) writes 0x{address}: "
            "unmapped (F_TRANSLATION)") in text
    assert machine.run("blk sum 0") == host.crc_line(data) + "\n"
    # Once more: few faults a second are printed, all are counted.
    assert re.search(STRAY, machine.run("dma-stray 0"))
    assert machine.run("blk sum 0") == host.crc_line(data) + "\n"
    assert int(machine.lines("iommu")[1].split()[1]) > int(faults) > 0


@pytest.mark.parametrize("dma", ("swiotlb", "iommu"))
@pytest.mark.parametrize("arch", ("arm", "aarch64"))
def test_stray_access_of_a_shared_stream(lab, arch, dma, data):
    """Behind a conventional bridge all have one stream: it may have been each of them, so each has the fault."""
    options = "disable-legacy=on,iommu_platform=on,bus=pb"
    disks = itertools.chain.from_iterable(
        ("-drive", f"file={lab.file(f'disk{n}.img', data)},format=raw,if=none,id=d{n}",
         "-device", f"virtio-blk-pci,drive=d{n},addr={n + 1},{options}") for n in range(2))
    machine = lab.boot(Platform(arch, "modern", 3), "-net", "none",
                       "-device", "pcie-root-port,id=rp,chassis=1", "-device", "pcie-pci-bridge,id=pb,bus=rp",
                       *disks, append=f"dma={dma}", machine_options=",iommu=smmuv3")
    for disk in range(2):
        text = machine.run(f"dma-stray {disk}")
        assert re.search(rf"disk {disk} reads to 0x[0-9a-f]+: I/O error, faults [1-9]", text), text
        assert disk or re.search(r"fault: stream 0x\w+ \(pci@\S+ or another of its stream\) writes", text)
        # The other one hears of it when it looks next, which is with its next request.
        assert "I/O error" in machine.run(f"blk sum {1 - disk}")
        assert machine.run("blk sum 0") == machine.run("blk sum 1") == host.crc_line(data) + "\n"
    streams = [line.split() for line in machine.lines("iommu") if line.startswith("stream")]
    assert len(streams) == 2 and streams[0][1] == streams[1][1] and streams[0][-1] == streams[1][-1]


@pytest.mark.parametrize("dma", ("swiotlb", "iommu"))
@pytest.mark.parametrize("arch", ("arm", "aarch64"))
def test_stray_access_that_hides_others(lab, arch, dma, data):
    """QEMU may report each word of it: then the queue overflows, and nobody knows who else has strayed."""
    disks = itertools.chain.from_iterable(
        ("-drive", f"file={lab.file(f'disk{n}.img', data)},format=raw,if=none,id=d{n}",
         "-device", f"virtio-blk-pci,drive=d{n},disable-legacy=on,iommu_platform=on") for n in range(2))
    machine = lab.boot(Platform(arch, "modern", 3), "-net", "none", *disks, append=f"dma={dma}",
                       machine_options=",iommu=smmuv3")
    for _ in range(2):
        before = machine.lines("iommu")[1].split()
        assert re.search(STRAY, machine.run("dma-stray 0"))
        lost = machine.lines("iommu")[1].split()[3] != before[3]
        assert ("I/O error" in machine.run("blk sum 1")) == lost
        # Once, each of them; none has a fault of its own.
        assert machine.run("blk sum 0") == machine.run("blk sum 1") == host.crc_line(data) + "\n"
    assert [line.split()[-1] for line in machine.lines("iommu") if line.startswith("stream 0x10 ")] == ["0"]


def test_stray_access_without_an_iommu(lab, platform, data):
    """Nothing would stop it, so it is not tried."""
    machine = boot(lab, platform, data, "dma=direct")
    assert machine.run("dma-stray 0") == "dma-stray: disk 0: no IOMMU holds it: it would do it\n"
    assert machine.run("blk sum 0") == f"crc32 {zlib.crc32(data):08x} bytes {len(data)}\n"


@pytest.mark.parametrize("dma", ("swiotlb", "iommu"))
def test_device_that_goes_past_it(lab, platform, dma, data):
    """Without VIRTIO_F_ACCESS_PLATFORM a device uses physical addresses, and no translation is between."""
    machine = boot(lab, platform, data, f"dma={dma}", platform_access=False)
    assert ("the device goes past the IOMMU" in machine.boot_text) == (dma == "iommu")
    assert machine.run("blk sum 0") == host.crc_line(data) + "\n"
    assert machine.run("dma-stray 0").startswith("dma-stray: disk 0: no IOMMU holds it")
