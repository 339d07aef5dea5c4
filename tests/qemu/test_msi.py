# SPDX-License-Identifier: BSD-2-Clause
"""Message-signalled interrupts: each controller's messages reach their lines, raised by `irq test`.

It takes four lines for a device that the machine does not have, raises them in turn, expects each at its
own handler exactly once, and gives them back.
"""
import re

import pytest

from debugger import run_under_gdb
from machine import Platform

ARCHES = ("arm", "aarch64")


def usage(machine):
    """What `irq` says of controllers of messages: {name: (lines, used)}."""
    found = re.findall(r"^messages (.*) lines (\d+) used (\d+) doorbell 0x[0-9a-f]+$",
                       machine.run("irq"), re.M)
    return {name: (int(lines), int(used)) for name, lines, used in found}


def check_messages(machine, name, first, lines):
    """Twice: what a test took must have come back."""
    assert usage(machine) == {name: (lines, 0)}
    for _ in range(2):
        came = re.findall(rf"^{name} vector (\d) irq (\d+) came after \d+ ns$",
                          machine.run("irq test"), re.M)
        assert came == [(str(n), str(first + n)) for n in (3, 2, 1, 0)]
        assert usage(machine) == {name: (lines, 0)}
    assert f"controller GICv{machine.platform.gic} spurious 0" in machine.lines("irq")
    machine.poweroff()


@pytest.mark.parametrize("image", ["elf", "bin"])
@pytest.mark.parametrize("secure", ["off", "on"])
@pytest.mark.parametrize("arch", ARCHES)
def test_v2m(lab, arch, secure, image):
    """A flat image is started outside of the secure world, where that is not ours to set up."""
    machine = lab.boot(Platform(arch, "modern", 2), image=image,
                       machine_options=f",secure={secure}")
    check_messages(machine, "GICv2m", 80, 64)


# GICv4 has one table more; with several CPUs the messages come to the first.
ITS_MACHINES = {"plain": "", "secure": ",secure=on", "virtualization": ",virtualization=on",
                "gicv4": ",gic-version=4,virtualization=on"}


@pytest.mark.parametrize("image, cpus", [("elf", 1), ("bin", 1), ("elf", 3)])
@pytest.mark.parametrize("options", ITS_MACHINES.values(), ids=ITS_MACHINES)
@pytest.mark.parametrize("arch", ARCHES)
def test_its(lab, arch, options, image, cpus):
    machine = lab.boot(Platform(arch, "modern", 3), "-smp", str(cpus), image=image,
                       machine_options=options)
    check_messages(machine, "GICv3 ITS", 8192, 512)


@pytest.mark.parametrize("arch", ARCHES)
def test_without_a_controller_of_messages(lab, arch):
    machine = lab.boot(Platform(arch, "modern", 3), machine_options=",its=off")
    assert machine.boot_text == f"Vireo {arch}, 0 devices\n"
    assert usage(machine) == {}
    assert machine.run("irq test") == "irq: no controller of messages on this machine\n"
    assert machine.run("irq tset") == "irq: 'tset' is not test\n"
    machine.poweroff()


# Behind a bridge to conventional PCI both functions send messages in its name, so an ITS takes them for one device.
@pytest.mark.parametrize("gic, first", [(2, 80), (3, 8192)])
@pytest.mark.parametrize("arch", ARCHES)
def test_devices_behind_one_bridge_have_messages_each(lab, arch, gic, first):
    machine = lab.boot(
        Platform(arch, "modern", gic), "-nic", "none", "-device", "pcie-pci-bridge,id=b", "-blockdev",
        "null-co,node-name=d,size=1048576", "-device", "virtio-blk-pci,bus=b,addr=1,drive=d",
        "-device", "virtio-rng-pci,bus=b,addr=2")
    used = usage(machine)
    machine.run("blk read 0 0 1")
    machine.run("rng 0 16")
    lines = dict((name, (int(irq), int(count))) for irq, name, count in re.findall(
        r"^irq (\d+) (.*) count (\d+) unhandled 0$", machine.run("irq"), re.M))
    of_pci = {name: line for name, line in lines.items() if name.startswith("pci@01:")}
    assert sorted(of_pci) == ["pci@01:01.0 config", "pci@01:01.0 requests",
                              "pci@01:02.0 config", "pci@01:02.0 requests"]
    assert sorted(irq for irq, _ in of_pci.values()) == list(range(first, first + 4))
    assert [used[name][1] for name in used] == [4]
    assert all(count > 0 for name, (_, count) in of_pci.items() if "requests" in name)
    # Others' come to nobody else, and lines come back.
    machine.run("irq test")
    assert usage(machine) == used
    machine.poweroff()


@pytest.mark.parametrize("arch", ARCHES)
def test_a_controller_without_lines(lab, arch):
    """31 devices with two vectors each leave two lines of a GICv2m."""
    devices = [word for slot in range(1, 32) for word in ("-device", f"virtio-rng-pci,addr={slot:#x}")]
    machine = lab.boot(Platform(arch, "modern", 2), "-nic", "none", *devices)
    assert usage(machine) == {"GICv2m": (64, 62)}
    assert machine.run("irq test") == "irq: GICv2m: no lines: all are taken\n"
    assert usage(machine) == {"GICv2m": (64, 62)}
    machine.run("rng 30 16")
    machine.poweroff()


# What the controller is told to raise is changed on the way: nothing of it arrives.
@pytest.mark.parametrize("gic, name, function, first", [
    (2, "GICv2m", "v2m_raise", 80), (3, "GICv3 ITS", "its_raise", 8192)])
@pytest.mark.parametrize("arch", ARCHES)
def test_a_message_that_does_not_come(lab, arch, gic, name, function, first):
    said, machine = run_under_gdb(
        lab, Platform(arch, "modern", gic), "irq test; irq; poweroff", f"break {function}", "continue",
        "set var ((struct msi_message *)message)->data = 40", "delete", "continue")
    text = machine.serial.rest()
    assert f"irq: {name}: vector 3, irq {first + 3}: timed out\n" in text, said
    assert re.search(rf"^messages {name} lines \d+ used 0 ", text, re.M)
    assert not re.search(r"^irq \d+ irq test", text, re.M)
