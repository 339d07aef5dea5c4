# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures of the QEMU tests: the platforms, a laboratory that starts machines, disks.

Every test runs with QEMU's own kind of ring (split, event index, indirect tables) on all platforms
that its fixture names. Those marked `rings` run once more for each other kind, on modern virtio-mmio, and
for each way to sit on PCI: tests of `platform` with both architectures, others with one, in turn. With
--all-variants it is every kind with every platform.
"""
import dataclasses
import contextlib
import fcntl
import itertools
import os
import re
import zlib

import pytest

import host
from machine import BUILD, Channel, Machine, Pci, Platform, Ring, Terminal, image_path

PLATFORMS = [Platform(arch, transport, gic) for arch, transport, gic in
             itertools.product(("arm", "aarch64"), ("modern", "legacy"), (2, 3))]
ARCHES = [Platform("arm"), Platform("aarch64")]
# Fewer combinations, in which each value of each property occurs with each architecture.
PAIRS = [Platform("arm", "modern", 2), Platform("arm", "legacy", 3),
         Platform("aarch64", "legacy", 2), Platform("aarch64", "modern", 3)]
FIXTURES = {"platform": PLATFORMS, "pair": PAIRS, "arch": ARCHES}

# Each feature alone, pairs of them, all; sizes: the smallest that drives a disk, one that is no
# power of two, the largest that the devices take; and buffers that bounce through a pool.
RINGS = [
    Ring("packed", packed=True),
    Ring("noevent", event_idx=False),
    Ring("noindirect", indirect=False),
    Ring("packed-noevent", packed=True, event_idx=False),
    Ring("packed-noindirect", packed=True, indirect=False),
    Ring("plain", event_idx=False, indirect=False),
    Ring("packed-plain", packed=True, event_idx=False, indirect=False),
    Ring("size4", queue_size=4),
    Ring("packed-size5", packed=True, queue_size=5),
    Ring("size1024", queue_size=1024),
    Ring("packed-size1000", packed=True, queue_size=1000),
    Ring("swiotlb", dma="swiotlb"),
    Ring("packed-swiotlb", packed=True, dma="swiotlb"),
]

# On PCI, each with the properties of one platform; what is not said is as QEMU has it. Both interfaces, all kinds of
# interrupts (GICv2m with version 2, the ITS with 3), both ring formats, bounced and direct.
PACKED = Ring("packed", packed=True)
BOUNCED = Ring("swiotlb", dma="swiotlb")
BUSES = [
    {"pci": Pci("pci"), "gic": 2},
    {"pci": Pci("pci"), "gic": 3},
    {"pci": Pci("pci"), "gic": 3, "ring": PACKED},
    {"pci": Pci("pci-intx", vectors=0), "gic": 2, "ring": PACKED},
    {"pci": Pci("pci-intx", vectors=0), "gic": 3},
    {"pci": Pci("pci-1vector", vectors=1), "gic": 3},
    {"pci": Pci("pci-2vectors", vectors=2), "gic": 2, "ring": BOUNCED},
    {"pci": Pci("pci-transitional", transitional=True), "gic": 3},
    {"pci": Pci("pci-legacy", transitional=True, legacy=True), "gic": 2},
    {"pci": Pci("pci-legacy", transitional=True, legacy=True), "gic": 3, "ring": BOUNCED},
    {"pci": Pci("pci-legacy-intx", transitional=True, legacy=True, vectors=0), "gic": 3},
    {"pci": Pci("pci-port", port=True), "gic": 3, "ring": BOUNCED},
    {"pci": Pci("pci-port-intx", port=True, vectors=0), "gic": 2},
    {"pci": Pci("pci-smmu", iommu="smmuv3"), "gic": 3, "ring": Ring("iommu", dma="iommu")},
    {"pci": Pci("pci-smmu", iommu="smmuv3"), "gic": 2,
     "ring": Ring("packed-iommu", packed=True, dma="iommu")},
    {"pci": Pci("pci-smmu-intx", vectors=0, iommu="smmuv3"), "gic": 3, "ring": BOUNCED},
    {"pci": Pci("pci-smmu-port", port=True, iommu="smmuv3"), "gic": 3,
     "ring": Ring("packed-swiotlb", packed=True, dma="swiotlb")},
    {"pci": Pci("pci-viommu", iommu="virtio"), "gic": 3, "ring": Ring("iommu", dma="iommu")},
    {"pci": Pci("pci-viommu-intx", vectors=0, iommu="virtio"), "gic": 2,
     "ring": Ring("packed-iommu", packed=True, dma="iommu")},
    {"pci": Pci("pci-viommu", iommu="virtio"), "gic": 2, "ring": BOUNCED},
]

# What the command iommu calls a stream whose device has the backend.
CONFINEMENT = {"iommu": "mapped", "swiotlb": "confined", "": "direct"}


def pytest_sessionstart():
    missing = [str(image_path(arch, kind)) for arch in ("arm", "aarch64")
               for kind in ("elf", "bin") if not image_path(arch, kind).exists()]
    if missing:
        raise pytest.UsageError(f"build the images first (make all): no {', '.join(missing)}")


def pytest_addoption(parser):
    parser.addoption("--all-variants", action="store_true",
                     help="every kind of ring with every platform of a test")


def pytest_configure(config):
    config.addinivalue_line("markers", "rings(*names): runs with these kinds of ring too, or all and on PCI")
    config.addinivalue_line("markers", "one_ring: does not, although its module does")
    config.addinivalue_line("markers", "numbered: counts devices, of which a virtio-iommu is one")


def other_platforms(fixture, test, names, every):
    """The platforms for rings and buses that are not QEMU's own."""
    assert set(names) <= {ring.name for ring in RINGS}
    kinds = [{"ring": ring} for ring in RINGS if ring.name in names or not names]
    kinds += [] if names else BUSES
    if every:
        return [dataclasses.replace(platform, **kind) for kind in kinds
                for platform in (ARCHES if "pci" in kind else FIXTURES[fixture])]
    if fixture == "platform":
        return [dataclasses.replace(platform, **kind) for kind in kinds for platform in ARCHES]
    first = zlib.crc32(test.encode())  # the same in each worker
    return [dataclasses.replace(ARCHES[(first + number) % 2], **kind)
            for number, kind in enumerate(kinds)]


def pytest_generate_tests(metafunc):
    own = {name.strip() for mark in metafunc.definition.iter_markers("parametrize")
           for name in mark.args[0].split(",")}
    mark = metafunc.definition.get_closest_marker("rings")
    if metafunc.definition.get_closest_marker("one_ring"):
        mark = None
    for fixture, platforms in FIXTURES.items():
        if fixture not in metafunc.fixturenames or fixture in own:
            continue
        if mark:
            platforms = platforms + other_platforms(fixture, metafunc.definition.name, mark.args,
                                                    metafunc.config.getoption("all_variants"))
        if metafunc.definition.get_closest_marker("numbered"):
            platforms = [p for p in platforms if not (p.pci and p.pci.iommu == "virtio")]
        metafunc.parametrize(fixture, platforms, indirect=True, ids=str)


@pytest.fixture
def platform(request):
    """Every architecture x transport x interrupt controller."""
    return request.param


@pytest.fixture
def pair(request):
    """Every architecture x transport, each interrupt controller with each architecture."""
    return request.param


@pytest.fixture
def arch(request):
    """Both architectures, modern transport, GICv2."""
    return request.param


def check_devices(machine):
    """That the devices sit where the platform says and have the rings that it says, so that no test
    passes with others."""
    legacy, ring, pci = machine.platform.legacy, machine.platform.ring, machine.platform.pci
    text = machine.run("lsdev")
    devices = host.parse_lsdev(text) if text != "no devices\n" else []
    devices = [device for device in devices if device["type"] != "iommu"]
    if pci and pci.iommu:
        streams = re.findall(r"^stream 0x\w+ (\S+) (\w+) ", machine.run("iommu"), re.M)
        places = {(device["bus"], CONFINEMENT[ring.dma]) for device in devices}
        assert places <= set(streams) and len(streams) - len(places) == (pci.iommu == "virtio")
    devices = [device for device in devices if device["driver"] != "-"]
    if devices:
        assert bool(host.pool_counts(machine)) == (ring.dma == "swiotlb")
    for device in devices:
        assert device["bus"].startswith("pci@" if pci else "mmio@"), text
        assert {form for _, form in device["queues"].values()} == {ring.form(legacy)}, text
        assert all(machine.platform.has_size(size) for size, _ in device["queues"].values()), text
        assert device["features"] & {"RING_PACKED", "EVENT_IDX", "INDIRECT_DESC"} == \
            ring.features(legacy), text
        assert ("VERSION_1" in device["features"]) == (not legacy), text


class Lab:
    """Starts machines for one test and clears everything away after it."""

    def __init__(self, directory):
        self.directory = directory
        self.machines = []
        self._channels = []
        self._new_channels = []
        self._files = []
        self._terminals = []

    def channel(self, kind=Channel):
        """A socket pair (or Stdio) for the next machine."""
        channel = kind()
        self._channels.append(channel)
        self._new_channels.append(channel)
        return channel

    def start(self, platform, *args, **options):
        """A machine that has just been started."""
        machine = Machine(platform, *args, channels=self._new_channels, **options)
        self._new_channels = []
        self.machines.append(machine)
        return machine

    def boot(self, platform, *args, **options):
        """A machine whose shell waits for a command. What it printed is in @boot_text."""
        machine = self.start(platform, *args, **options)
        machine.boot_text = machine.serial.prompt()
        if platform.ring != Ring() or platform.pci:
            check_devices(machine)
        return machine

    def file(self, name, data):
        """A file with @data (bytes, or a size for zeros)."""
        path = self.directory / name
        with open(path, "wb") as out:
            if isinstance(data, int):
                out.truncate(data)
            else:
                out.write(data)
        self._files.append(path)
        return path

    def terminal(self, name, channel):
        """A terminal of the guest at the other end of @channel."""
        terminal = Terminal(name, channel)
        self._terminals.append(terminal)
        return terminal

    def close(self):
        """Ends every QEMU, whatever goes wrong with one. Descriptors are closed when nobody reads
        them any more, since their numbers are used again."""
        with contextlib.ExitStack() as stack:
            for path in self._files:
                stack.callback(path.unlink, missing_ok=True)
            for channel in self._channels:
                stack.callback(channel.close)
            for terminal in self._terminals:
                stack.callback(terminal.join)
            for machine in self.machines:
                stack.callback(machine.close)


@pytest.fixture
def lab(tmp_path, request):
    lab = Lab(tmp_path)
    request.node.lab = lab
    yield lab
    lab.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    lab = getattr(item, "lab", None)
    if report.failed and lab:
        for number, machine in enumerate(lab.machines):
            report.sections.append((f"machine {number}", machine.report()))


@pytest.fixture(scope="session")
def big_disk():
    """A file of 256 MiB of random bytes that every run shares, and its CRC-32. Read only: QEMU
    locks what it writes to."""
    path = BUILD / "test" / "random-256M.img"
    size = 256 << 20
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_suffix(".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists() or path.stat().st_size != size:
            partial = path.with_suffix(".part")
            with open(partial, "wb") as out:
                for piece in range(size >> 20):
                    out.write(host.random_bytes(1 << 20, ("big disk", piece)))
            os.replace(partial, path)
        crc = 0
        with open(path, "rb") as disk:
            while piece := disk.read(1 << 20):
                crc = zlib.crc32(piece, crc)
    return path, crc
