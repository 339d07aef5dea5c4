# SPDX-License-Identifier: BSD-2-Clause
"""PCI as QEMU sees it: what lspci shows against query-pci and against the registers themselves, read from outside."""
import re
from types import SimpleNamespace

import pytest

from machine import Platform

ECAM = {"": (0x4010000000, 256), ",highmem=off": (0x3f000000, 16)}
MEM = (0x10000000, 0x10000000 + 0x2eff0000)
MEM64 = (0x8000000000, 0x10000000000)
IO_SIZE, IO_PHYS = 0x10000, 0x3eff0000
EDU = "0x010000ed"  # edu's register 0: its version, and a mark
VECTOR = r"0x0000[0-9a-f]{4}\n"  # nobody answers with all ones

PLATFORMS = [(Platform(arch, gic=gic), options) for arch in ("arm", "aarch64") for gic in (2, 3)
             for options in ECAM]
every = pytest.mark.parametrize("platform,options", PLATFORMS,
                                ids=[f"{platform}{options}" for platform, options in PLATFORMS])

FUNCTION = re.compile(r"^(pci@(..):(..)\.(.)) (.{4}):(.{4}) class (.{6}) rev (..) caps (\S+) (.*)$")
BAR = re.compile(r"^  bar (\d) (io|mem32|mem64)( prefetchable)? size (0x\S+) at (0x\S+) cpu (0x\S+)$")


def port(number, **more):
    options = "".join(f",{name.replace('_', '-')}={value}" for name, value in more.items())
    return ["-device", f"pcie-root-port,id=rp{number},slot={number},chassis={number}{options}"]


def null_disk(name, options=""):
    return ["-blockdev", f"null-co,node-name={name},size=1048576", "-device",
            f"virtio-blk-pci,drive={name}{options}"]


def parse_lspci(text):
    functions = []
    for line in text.splitlines():
        if match := FUNCTION.match(line):
            name, bus, slot, function, vendor, device, cls, _, caps, rest = match.groups()
            functions.append(SimpleNamespace(
                name=name, where=(int(bus, 16), int(slot, 16), int(function)),
                id=(int(vendor, 16), int(device, 16)), cls=int(cls, 16), caps=caps.split(","),
                rest=rest, bars=[]))
        else:
            match = BAR.match(line)
            assert match, line
            functions[-1].bars.append(SimpleNamespace(
                index=int(match[1]), io=match[2] == "io", mem64=match[2] == "mem64",
                prefetch=bool(match[3]), size=int(match[4], 16), start=int(match[5], 16),
                phys=int(match[6], 16)))
    return functions


def of_qemu(buses):
    """query-pci's devices by (bus, slot, function), each with the device of its bridge."""
    found = {}

    def add(devices, bridge):
        for device in devices:
            found[device["bus"], device["slot"], device["function"]] = (device, bridge)
            add(device.get("pci_bridge", {}).get("devices", []), device)

    for bus in buses:
        add(bus["devices"], None)
    return found


class Config:
    """The registers of functions, read through QEMU's monitor."""

    def __init__(self, machine, options):
        self.machine = machine
        self.base = ECAM[options][0]

    def words(self, where, offset, count):
        bus, slot, function = where
        address = self.base + (bus << 20 | slot << 15 | function << 12) + offset
        text = self.machine.qmp.command("human-monitor-command",
                                        command_line=f"xp /{count}xw {address:#x}")
        return [int(word, 16) for line in text.splitlines() for word in line.split(":")[1].split()]

    def bar(self, function, bar):
        low, high = self.words(function.where, 0x10 + 4 * bar.index, 2)
        mask = 3 if bar.io else 15
        return low & ~mask & 0xffffffff | (high << 32 if bar.mem64 else 0)


def check(machine, options):
    """What lspci shows is what QEMU has; BARs are inside of all windows on the way, and alone."""
    functions = parse_lspci(machine.run("lspci"))
    qemu = of_qemu(machine.qmp.command("query-pci"))
    config = Config(machine, options)
    assert {function.where for function in functions} == set(qemu)
    taken = []
    for function in functions:
        device, bridge = qemu[function.where]
        assert function.id == (device["id"]["vendor"], device["id"]["device"])
        assert function.cls >> 8 == device["class_info"]["class"]
        assert [(bar.index, bar.size, bar.io, bar.mem64, bar.prefetch) for bar in function.bars] == \
            [(region["bar"], region["size"], region["type"] == "io",
              region.get("mem_type_64", False), region.get("prefetch", False))
             for region in device["regions"]]
        for bar in function.bars:
            assert config.bar(function, bar) == bar.start and bar.start % bar.size == 0
            check_windows(bar, bridge, options)
            taken.append((bar.io, bar.start, bar.start + bar.size))
    taken.sort()
    for (io, _, end), (other_io, start, _) in zip(taken, taken[1:]):
        assert io != other_io or end <= start
    return {function.name: function for function in functions}


def check_windows(bar, bridge, options):
    last = bar.start + bar.size - 1
    if bar.io:
        assert 0 < bar.start <= last < IO_SIZE and bar.phys == IO_PHYS + bar.start
    else:
        high = not options and bar.start >= 1 << 32
        first, end = MEM64 if high else MEM
        assert first <= bar.start <= last < end and bar.phys == bar.start
        assert bar.mem64 or not high
    if bridge:
        info = bridge["pci_bridge"]["bus"]
        ranges = [info["io_range"]] if bar.io else [info["memory_range"], info["prefetchable_range"]]
        assert any(r["base"] <= bar.start and last <= r["limit"] for r in ranges), (bar, ranges)


@every
def test_topology_of_everything(lab, platform, options):
    """Bridges behind bridges, several functions in a slot, I/O, registers reached through all of it."""
    machine = lab.boot(
        platform, *port(1), *port(2, multifunction="on", addr="4.0"), *port(3, addr="4.1"),
        "-device", "pcie-pci-bridge,id=pb,bus=rp2", *null_disk("a", ",bus=rp1"),
        *null_disk("b", ",bus=pb,addr=7,disable-modern=off,disable-legacy=off"),
        "-device", "edu,bus=pb,addr=3", "-device", "edu,addr=9",
        "-netdev", "user,id=n", "-device", "virtio-net-pci,netdev=n,addr=5.0,multifunction=on,romfile=",
        "-device", "virtio-rng-pci,addr=5.3", machine_options=options)
    functions = check(machine, options)
    assert len(functions) == 11
    ids = [function.id for function in functions.values()]
    assert ids.count((0x1234, 0x11e8)) == 2
    # edu's registers, on the root bus and behind two bridges.
    for function in functions.values():
        if function.id == (0x1234, 0x11e8):
            assert machine.run(f"pcireg {function.name} 0 0") == EDU + "\n"
    # The vector of a disk's common structure, 16 bits. It is above 4 GiB where there is such a window.
    disk = next(function for function in functions.values() if function.where[0] == 1)
    bar = next(bar for bar in disk.bars if bar.index == 4)
    assert (bar.start >= 1 << 32) == (options == "")
    assert re.fullmatch(VECTOR, machine.run(f"pcireg {disk.name[4:]} 4 0x10"))
    assert {"msix", "vendor", "express"} <= set(disk.caps)
    # Off again: nobody drives edu.
    for function in functions.values():
        if function.id == (0x1234, 0x11e8):
            assert Config(machine, options).words(function.where, 4, 1)[0] & 7 == 0
    machine.poweroff()


@every
def test_empty_bus(lab, platform, options):
    machine = lab.boot(platform, machine_options=options)
    assert [function.id for function in check(machine, options).values()] == [(0x1b36, 0x0008)]
    machine.poweroff()


@pytest.mark.parametrize("options", ECAM)
def test_interrupts_are_qemus(lab, arch, options):
    """INTx as virt wires it: by slot and pin, turned by each bridge."""
    machine = lab.boot(arch, *port(1, addr="6"), "-device", "pcie-pci-bridge,id=pb,bus=rp1",
                       "-device", "edu,bus=pb,addr=2", "-device", "edu,addr=7", "-device", "edu,addr=8",
                       machine_options=options)
    lines = {function.where[1:]: int(re.search(r"int(.) irq (\d+)", function.rest)[2])
             for function in check(machine, options).values() if function.id == (0x1234, 0x11e8)}
    assert lines == {(7, 0): 35 + 3, (8, 0): 35, (2, 0): 35 + (6 + 2) % 4}
    machine.poweroff()


@pytest.mark.parametrize("options", ECAM)
def test_bridges_of_all_kinds(lab, arch, options):
    """A switch of PCI Express with two ports, and conventional bridges one behind the other."""
    machine = lab.boot(
        arch, *port(1, addr="2"), "-device", "x3130-upstream,id=up,bus=rp1",
        "-device", "xio3130-downstream,id=d0,bus=up,chassis=8,slot=8",
        "-device", "xio3130-downstream,id=d1,bus=up,chassis=9,slot=9",
        "-device", "pcie-pci-bridge,id=pb,bus=d1", "-device", "pci-bridge,id=c0,bus=pb,addr=4,chassis_nr=20",
        "-device", "pci-bridge,id=c1,bus=c0,addr=5,chassis_nr=21", "-device", "edu,bus=c1,addr=6",
        *null_disk("a", ",bus=d0"), machine_options=options)
    functions = check(machine, options).values()
    assert len(functions) == 1 + 1 + 3 + 1 + 2 + 1 + 1
    edu = next(function for function in functions if function.id == (0x1234, 0x11e8))
    assert machine.run(f"pcireg {edu.name} 0 0") == EDU + "\n"
    machine.poweroff()


@pytest.mark.parametrize("gic", (2, 3))
def test_ids_are_those_of_the_iommu(lab, gic):
    """What arrives at the SMMU from behind a bridge to conventional PCI is that bridge's own."""
    machine = lab.boot(Platform("aarch64", gic=gic), *port(1, addr="2"), *port(2, addr="3"), "-device",
                       "pcie-pci-bridge,id=pb,bus=rp2", "-device", "edu,bus=pb,addr=6",
                       *null_disk("a", ",bus=rp1"), machine_options=",iommu=smmuv3")
    for function in check(machine, "").values():
        if function.id == (0x1b36, 0x0008):
            continue  # the host bridge asks for nothing
        bus, slot, number = function.where
        wanted = bus << 8 if function.id == (0x1234, 0x11e8) else bus << 8 | slot << 3 | number
        assert function.rest.endswith(f" iommu {wanted:#x}"), function
    machine.poweroff()


def slot_of(number):
    """Eight ports in each slot."""
    return {"addr": f"{1 + number // 8}.{number % 8}",
            "multifunction": "on" if number % 8 == 0 else "off"}


@pytest.mark.parametrize("options", ECAM)
def test_many_ports(lab, arch, options):
    """More hot-plug ports than there are pieces of I/O, or spare bus numbers: each device has its addresses."""
    args = []
    for number in range(12):
        args += port(number, **slot_of(number))
    for number in range(0, 12, 3):
        args += null_disk(f"d{number}", f",bus=rp{number}")
    machine = lab.boot(arch, *args, machine_options=options)
    functions = check(machine, options)
    assert len(functions) == 1 + 12 + 4
    for device, _ in of_qemu(machine.qmp.command("query-pci")).values():
        if "pci_bridge" in device:
            info = device["pci_bridge"]["bus"]
            memory = info["memory_range"]
            assert memory["limit"] - memory["base"] + 1 >= 2 << 20  # for what may be plugged in
            assert device["bus"] < info["secondary"] <= info["subordinate"]
    machine.poweroff()


@pytest.mark.parametrize("gic", (2, 3))
@pytest.mark.parametrize("arch", ("arm", "aarch64"))
def test_many_devices(lab, arch, gic):
    """Each behind a port of its own: registers in 80 places, below and above 4 GiB."""
    args = []
    for number in range(40):
        args += port(number, **slot_of(number))
        args += ["-device", f"virtio-rng-pci,bus=rp{number},disable-legacy=on"]
    machine = lab.boot(Platform(arch, gic=gic), *args)
    assert machine.boot_text == f"Vireo {arch}, 40 devices\n"
    lines = machine.lines("lsdev")
    assert len(lines) == 40 and all(" driver virtio_rng live " in line for line in lines)
    for number in (0, 20, 39):
        assert re.fullmatch(r"[0-9a-f]{32}\n", machine.run(f"rng {number} 16"))
    machine.poweroff()


def test_all_of_the_address_space_is_ram(lab):
    """Armv7 with as much RAM as it can reach: registers above find their window below it."""
    machine = lab.boot(Platform("arm"), "-device", "edu,addr=1", *null_disk("a", ",addr=2"), memory="3072")
    check(machine, "")
    assert machine.run("pcireg 00:01.0 0 0") == EDU + "\n"
    assert re.fullmatch(VECTOR, machine.run("pcireg 00:02.0 4 0x10"))
    machine.poweroff()


def test_a_bar_too_large_is_reported(lab, arch):
    machine = lab.boot(arch, "-object", "memory-backend-ram,id=m,size=1G,share=on", "-device",
                       "ivshmem-plain,memdev=m,addr=1", "-device", "edu,addr=2",
                       machine_options=",highmem=off", memory="64")
    assert "pci@00:01.0: no room for BAR 2 of 0x40000000 bytes" in machine.boot_text
    assert "bar 2 mem64 prefetchable size 0x40000000 without an address" in machine.run("lspci")
    assert "has no such register" in machine.run("pcireg 00:01.0 2 0")
    assert machine.run("pcireg 00:02.0 0 0") == EDU + "\n"
    machine.poweroff()


MASTER, NO_WIRE = 1 << 2, 1 << 10


@pytest.mark.parametrize("arch", ("arm", "aarch64"))
@pytest.mark.parametrize("options", ("", ",iommu=smmuv3"))
def test_who_may_do_what(lab, arch, options):
    """Only what is driven masters the bus; only where somebody listens is the wire pulled."""
    machine = lab.boot(
        Platform(arch, gic=3), *null_disk("vectors", ",addr=1"), *null_disk("wire", ",addr=2,vectors=0"),
        "-device", "virtio-balloon-pci,addr=3", "-device", "pci-testdev,addr=4", *port(1, addr="5"),
        machine_options=options)
    config = Config(machine, "")
    commands = [config.words((0, slot, 0), 4, 1)[0] & 0xffff for slot in range(1, 6)]
    assert [bool(command & MASTER) for command in commands] == [True, True, False, False, True]
    assert [bool(command & NO_WIRE) for command in commands] == [True, False, True, True, not options]
    for number in range(2):
        assert " bytes 1048576\n" in machine.run(f"blk sum {number}")
    assert re.search(r"balloon.* driver ", machine.run("lsdev"))
    machine.poweroff()


@pytest.mark.parametrize("gic", (2, 3))
@pytest.mark.parametrize("arch", ("arm", "aarch64"))
def test_a_bar_too_large_beside_a_disk(lab, arch, gic):
    """Behind one bridge: the disk has its addresses, and so its interrupts."""
    machine = lab.boot(Platform(arch, gic=gic), "-device", "pcie-pci-bridge,id=b", "-device",
                       "pci-testdev,bus=b,addr=1,membar=1T", *null_disk("a", ",bus=b,addr=2,disable-legacy=on"))
    assert machine.boot_text.count("no room for BAR 2 of 0x10000000000 bytes") == 1
    assert machine.boot_text.count("no room for") == 1
    assert " bytes 1048576\n" in machine.run("blk sum 0")
    count = re.search(r"^irq \d+ pci@01:02.0 requests count (\d+) ", machine.run("irq"), re.M)
    assert int(count[1]) > 0
    machine.poweroff()


def test_errors(lab, arch):
    machine = lab.boot(arch, "-device", "edu,addr=2")
    assert machine.run("pcireg 00:09.0 0 0") == "pcireg: no function 00:09.0 (see lspci)\n"
    assert machine.run("pcireg 00:02.0 6 0") != ""
    assert "no such register" in machine.run("pcireg 00:02.0 0 0x100000")
    assert "no multiple of 4" in machine.run("pcireg 00:02.0 0 2")
    assert machine.run("pcireg 00:02.0 0 0xffffffffffffffffc") != ""
    machine.poweroff()
