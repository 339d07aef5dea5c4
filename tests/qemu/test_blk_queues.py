# SPDX-License-Identifier: BSD-2-Clause
"""Disks of several queues: each is used, with interrupts of its own where the transport has them."""
import re

import pytest

import host
from host import SECTOR, crc_line
from machine import Pci, Platform

pytestmark = pytest.mark.rings("packed", "size4", "noevent", "packed-noindirect", "packed-swiotlb")

MOST = 4  # VIRTIO_BLK_QUEUES_MAX
NAMES = ["requests", "requests1", "requests2", "requests3"]
BYTES = 4 << 20  # 64 requests of blk sum


def disk(path, queues):
    return ["-drive", f"file={path},format=raw,if=none,id=d",
            "-device", f"virtio-blk-device,drive=d,num-queues={queues}"]


def index_of_disk(machine):
    return next(device["index"] for device in host.parse_lsdev(machine.run("lsdev"))
                if device["type"] == "block")


def counts(machine, queues):
    """Of each queue: (buffers added, interrupts)."""
    number = index_of_disk(machine)
    found = [re.search(r"added (\d+) used (\d+) .* interrupts (\d+)", machine.run(f"vq {number} {queue}"))
             for queue in range(queues)]
    assert all(one[1] == one[2] for one in found)
    return [(int(one[1]), int(one[3])) for one in found]


def sum_and_write(lab, platform, queues, used):
    data = host.random_bytes(BYTES, str(platform))
    path = lab.file("disk.img", data)
    machine = lab.boot(platform, *disk(path, queues))
    device = host.parse_lsdev(machine.run("lsdev"))[-1]
    assert device["type"] == "block" and ("MQ" in device["features"]) == (queues > 1)
    assert list(device["queues"]) == NAMES[:used]
    assert re.search(rf"^queues +{used}$", machine.run("blk info 0"), re.M)
    before = counts(machine, used)
    for _ in range(3):
        assert machine.run("blk sum 0") == crc_line(data) + "\n"
    for (added, interrupts), (added_before, interrupts_before) in zip(counts(machine, used), before):
        assert added - added_before == 3 * 64 // used
        assert interrupts > interrupts_before
    assert machine.run("blk fill 0 1000 3000 0x5a") == ""
    assert machine.run("blk zero 0 4000 10") == ""
    expected = data[:1000 * SECTOR] + b"\x5a" * 3000 * SECTOR + bytes(10 * SECTOR) + data[4010 * SECTOR:]
    assert machine.run("blk sum 0") == crc_line(expected) + "\n"
    machine.run("blk flush 0")
    assert path.read_bytes() == expected
    return machine


def test_four_queues(lab, platform):
    sum_and_write(lab, platform, 4, 4).poweroff()


@pytest.mark.parametrize("queues", [1, 2, 3, 8, 64])
@pytest.mark.one_ring
def test_any_number_of_queues(lab, pair, queues):
    # 64 requests are not spread evenly over 3.
    if queues == 3:
        data = host.random_bytes(BYTES, "three")
        machine = lab.boot(pair, *disk(lab.file("disk.img", data), 3))
        assert machine.run("blk sum 0") == crc_line(data) + "\n"
        assert sorted(added for added, _ in counts(machine, 3))[0] >= 20
        machine.poweroff()
    else:
        sum_and_write(lab, pair, queues, min(queues, MOST)).poweroff()


# Without enough vectors for all, queues share one, or the line.
@pytest.mark.parametrize("vectors, own", [(None, True), (5, True), (4, False), (2, False), (1, False), (0, False)])
@pytest.mark.parametrize("gic", [2, 3])
def test_vectors(lab, gic, vectors, own):
    platform = Platform("arm" if gic == 2 else "aarch64", gic=gic, pci=Pci("pci", vectors=vectors))
    machine = sum_and_write(lab, platform, 4, 4)
    vectors_of = re.findall(r"^irq \d+ pci@\S+ (requests\d?) count (\d+) unhandled 0$", machine.run("irq"), re.M)
    if own:
        assert [name for name, _ in vectors_of] == NAMES
        assert all(int(count) > 0 for _, count in vectors_of)
    else:
        assert len(vectors_of) < MOST
    machine.poweroff()
