# SPDX-License-Identifier: BSD-2-Clause
"""Devices that are processes of their own: QEMU hands the queues of a disk and of a network card to
qemu-storage-daemon and to DPDK's testpmd. They look at the rings while the guest runs, so that a
notification that comes too early or too late is real.
"""
import pathlib
import re
import sys

import pytest

import host
from host import SECTOR, crc_line
from machine import Pci, Platform

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "host"))
from programs import Scratch, StorageDaemon, Testpmd  # noqa: E402, pylint: disable=wrong-import-position

MEMORY_MIB = 128
WIRED = Pci("pci-intx", vectors=0)
EVERYWHERE = [Platform("arm"), Platform("aarch64", gic=3), Platform("arm", pci=WIRED)]
# Legacy devices are none of the back-ends' (libvhost-user ends there).
DISKS = [*EVERYWHERE, Platform("aarch64", pci=Pci("pci"), gic=3)]
# QEMU 7.2 itself crashes with a network card of vhost-user that has MSI-X, where there is no KVM.
CARDS = [*EVERYWHERE, Platform("aarch64", pci=WIRED, gic=3)]


@pytest.fixture
def scratch():
    made = Scratch()
    yield made
    made.close()


def boot(lab, platform, socket, kind, more=""):
    """A machine whose memory the back-end at @socket shares."""
    device = f"vhost-user-{kind}" if kind == "blk" else "virtio-net"
    if platform.pci:
        device = platform.pci.device(f"{device}-device{more}", 0)[0]
    else:
        device += ("" if kind == "blk" else "-device") + more
    options = ["-object", f"memory-backend-memfd,id=m,size={MEMORY_MIB}M,share=on",
               "-chardev", f"socket,id=c0,path={socket}"]
    options += ["-device", f"{device},chardev=c0"] if kind == "blk" else \
        ["-netdev", "vhost-user,id=n0,chardev=c0", "-device", f"{device},netdev=n0"]
    return lab.boot(platform, *options, machine_options=",memory-backend=m",
                    memory=str(MEMORY_MIB))


@pytest.mark.parametrize("platform", DISKS, ids=str)
@pytest.mark.parametrize("queues", [1, 4])
def test_a_disk(lab, scratch, platform, queues):
    data = host.random_bytes(4 << 20, str(platform))
    image = scratch.path / "disk.img"
    image.write_bytes(data)
    StorageDaemon(scratch, image, scratch.path / "s", options=f",num-queues={queues}")
    machine = boot(lab, platform, scratch.path / "s", "blk", f",num-queues={queues}")
    assert machine.run("blk sum 0") == crc_line(data) + "\n"
    for first, count in ((0, 1), (8191, 1), (127, 1000)):
        part = data[first * SECTOR:(first + count) * SECTOR]
        assert machine.run(f"blk sum 0 {first} {count}") == crc_line(part) + "\n"
    assert machine.run("blk write 0 77 here") == ""
    assert machine.run("blk flush 0") == ""
    expected = bytearray(data)
    expected[77 * SECTOR:78 * SECTOR] = b"here".ljust(SECTOR, b"\0")
    assert image.read_bytes() == expected
    machine.poweroff()


@pytest.mark.parametrize("platform", CARDS, ids=str)
def test_a_network(lab, scratch, platform):
    """Testpmd answers ARP and echo requests, whose payload the guest compares."""
    Testpmd(scratch, scratch.path / "s", "icmpecho")
    machine = boot(lab, platform, scratch.path / "s", "net", ",mac=52:54:00:ab:cd:ef")
    assert re.fullmatch(r"10\.0\.2\.7 is at [0-9a-f:]{17}\n", machine.run("net arp 0 10.0.2.7"))
    answer = machine.run("net ping 0 10.0.2.7 200")
    assert re.search(r"\b200 received", answer), answer
    machine.poweroff()
