# SPDX-License-Identifier: BSD-2-Clause
"""Many devices at once: order, counting, what lsdev, irq and vq say of them."""
import random
import re

import pytest

import host
from host import bus_name, crc_line, mmio_irq, parse_lsdev

pytestmark = [pytest.mark.rings, pytest.mark.numbered]

TYPES = {"block": ("virtio_blk", {"requests"}), "net": ("virtio_net", {"rx", "tx"}),
         "console": ("virtio_console", {"rx", "tx"}), "entropy": ("virtio_rng", {"requests"}),
         "balloon": ("-", set()), "input": ("-", set())}


def check_place(platform, device, position):
    """That lsdev's @device is the @position-th on its bus."""
    if platform.pci and platform.pci.port:
        # Each port has a bus below it, and room for more.
        assert re.fullmatch(r"pci@(?!00)[0-9a-f]{2}:00\.0", device["bus"])
    else:
        assert device["bus"] == bus_name(platform, position)
    if not platform.pci:
        assert device["irq"] == str(mmio_irq(position))


class Mixture:
    """Options for devices of the given types, and what is behind them."""

    def __init__(self, lab, types):
        self.types = types
        self.args = []
        self.disks = []
        for position, kind in enumerate(types):
            getattr(self, kind)(lab, position)

    def block(self, lab, position):
        data = host.random_bytes((position + 1) * 50 * 512, position)
        self.disks.append(data)
        path = lab.file(f"disk{position}.img", data)
        self.args += ["-drive", f"file={path},format=raw,if=none,id=d{position}", "-device",
                      f"virtio-blk-device,drive=d{position}"]

    def net(self, _lab, position):
        self.args += ["-netdev", f"user,id=n{position}", "-device",
                      f"virtio-net-device,netdev=n{position},mac=52:54:00:00:01:{position:02x}"]

    def console(self, _lab, position):
        self.args += ["-chardev", f"null,id=c{position}", "-device",
                      f"virtio-serial-device,id=s{position}", "-device",
                      f"virtconsole,bus=s{position}.0,chardev=c{position}"]

    def entropy(self, _lab, _position):
        self.args += ["-device", "virtio-rng-device"]

    def balloon(self, _lab, _position):
        self.args += ["-device", "virtio-balloon-device"]

    def input(self, _lab, _position):
        self.args += ["-device", "virtio-keyboard-device"]

    def check(self, machine):
        platform = machine.platform
        devices = parse_lsdev(machine.run("lsdev"))
        assert len(devices) == len(self.types)
        for position, (kind, device) in enumerate(zip(self.types, devices)):
            driver, queues = TYPES[kind]
            assert device["index"] == position
            check_place(platform, device, position)
            assert (device["type"], device["driver"]) == (kind, driver)
            assert device["state"] == ("live" if driver != "-" else "no-driver")
            assert device["queues"].keys() == queues
            assert all(platform.has_size(size) and form == platform.form
                       for size, form in device["queues"].values())
            if driver != "-":
                assert platform.ring.features(platform.legacy) <= device["features"]
                assert ("VERSION_1" in device["features"]) == (not platform.legacy)
        for number, data in enumerate(self.disks):
            assert machine.run(f"blk sum {number}") == crc_line(data) + "\n"
        nets = [position for position, kind in enumerate(self.types) if kind == "net"]
        for number, position in enumerate(nets):
            assert f"52:54:00:00:01:{position:02x}" in machine.lines(f"net info {number}")[0]
        for number in range(self.types.count("entropy")):
            assert re.fullmatch(r"[0-9a-f]{32}\n", machine.run(f"rng {number} 16"))
        for number in range(self.types.count("console")):
            assert machine.run(f"con {number} hello") == ""


def large_pool(platform):
    """Arguments for many network devices, whose receive buffers all wait in the pool."""
    return "swiotlb=32768" if platform.ring.dma == "swiotlb" else None


def test_one_of_each(lab, platform):
    mixture = Mixture(lab, ["block", "net", "console", "entropy"])
    machine = lab.boot(platform, *mixture.args)
    mixture.check(machine)
    machine.poweroff()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.rings("packed", "plain", "size4", "packed-size5", "swiotlb", "packed-swiotlb")
def test_all_slots_in_any_order(lab, pair, seed):
    types = ["block"] * 10 + ["net"] * 8 + ["entropy"] * 7 + ["console"] * 7
    random.Random(seed).shuffle(types)
    mixture = Mixture(lab, types)
    machine = lab.boot(pair, *mixture.args, append=large_pool(pair))
    mixture.check(machine)
    machine.poweroff()


@pytest.mark.parametrize("kind", ["block", "net", "console", "entropy"])
@pytest.mark.rings("packed", "plain", "size4", "packed-size5", "swiotlb", "packed-swiotlb")
def test_all_slots_of_one_type(lab, arch, kind):
    mixture = Mixture(lab, [kind] * 32)
    machine = lab.boot(arch, *mixture.args, append=large_pool(arch))
    mixture.check(machine)
    machine.poweroff()


def test_types_without_a_driver(lab, platform):
    mixture = Mixture(lab, ["balloon", "block", "input", "entropy", "input", "net"])
    machine = lab.boot(platform, *mixture.args)
    mixture.check(machine)
    assert machine.run("vq 0 0") == "vq: device 0 has no queue 0\n"
    machine.poweroff()


def irq_counts(machine):
    """Interrupts by the name of their handler, and of each queue. A queue's own vector may come when nobody
    wants it."""
    text = machine.run("irq")
    lines = {name: int(count) for name, count in
             re.findall(r"^irq \d+ (.+) count (\d+) unhandled \d+$", text, re.M)}
    queues = {name: int(count) for name, count in
              re.findall(r"^queue (\d+ \S+) interrupts (\d+) spurious \d+$", text, re.M)}
    assert f"controller GICv{machine.platform.gic} spurious 0\n" in text
    # An SMMU has two lines of one name; ports have lines of their own, for hot-plug.
    others = r"SMMU.*|pci@00:\S+" if machine.platform.pci and machine.platform.pci.port else "SMMU.*"
    lines = {name: count for name, count in lines.items() if not re.fullmatch(others, name)}
    others = re.findall(rf"^(?:controller |messages |irq \d+ (?:{others}) count)", text, re.M)
    assert len(lines) + len(queues) + len(others) == len(text.splitlines()), text
    return lines, queues


def lines_of(platform, device):
    """The names of the lines of lsdev's @device. Where it is left to QEMU, each queue has a vector of its own, but
    for consoles, which may have more queues than vectors."""
    bus, queues = device["bus"], device["queues"]
    vectors = platform.pci.vectors if platform.pci else 0
    if vectors is None:
        vectors = 2 if device["type"] == "console" else 1 + len(queues)
    if vectors <= 1:
        return [bus]
    if vectors <= len(queues):
        return [f"{bus} config", bus]
    return [f"{bus} {name}" for name in ["config", *queues]]


def test_interrupts_are_counted(lab, platform):
    mixture = Mixture(lab, ["block", "net", "console", "entropy"])
    machine = lab.boot(platform, *mixture.args)
    devices = parse_lsdev(machine.run("lsdev"))
    block, net, console, entropy = [lines_of(platform, device) for device in devices]
    lines, queues = irq_counts(machine)
    assert set(lines) >= {"pl011", "timer", *block, *net, *entropy}
    of_console = set(lines) - {"pl011", "timer", *block, *net, *entropy}
    assert of_console == set(console) or \
        of_console == {f"{devices[2]['bus']} {name}" for name in ("config", "rx", "tx")}
    assert queues.keys() == {"0 block:requests", "1 net:rx", "1 net:tx", "2 console:rx",
                             "2 console:tx", "3 entropy:requests"}
    machine.run("blk sum 0")
    machine.run("net arp 0 10.0.2.2")
    machine.run("rng 0 16")
    later_lines, later_queues = irq_counts(machine)

    def more(names):
        return sum(later_lines[name] for name in names) > sum(lines[name] for name in names)
    assert [more(names) for names in ([*block], [*net], [*entropy], ["pl011"])] == [True] * 4
    assert not more(of_console)  # nobody has used it
    for name in ("0 block:requests", "1 net:rx", "3 entropy:requests"):
        assert later_queues[name] > queues[name], name
    machine.poweroff()


def test_ring_dump(lab, platform):
    mixture = Mixture(lab, ["block", "net"])
    machine = lab.boot(platform, *mixture.args)

    before = host.parse_vq(machine.run("vq 0 0"))
    assert before["name"] == "requests" and before["address"] % 4096 == 0
    assert platform.has_size(before["size"]) and before["form"] == platform.form
    for number in range(10):
        machine.run(f"blk read 0 {number}")
    after = host.parse_vq(machine.run("vq 0 0"))
    if platform.form == "split":
        for index in ("avail", "device_avail", "used", "taken"):
            assert after[index] - before[index] == 10
    else:
        assert after["avail"] == after["used"]
    assert after["free"] == after["size"] and after["in_flight"] == 0
    assert {name: after[name] - before[name] for name in ("added", "used_count", "kicks",
                                                          "notified")} \
        == {"added": 10, "used_count": 10, "kicks": 10, "notified": 10}

    receive = host.parse_vq(machine.run("vq 1 0"))
    assert receive["name"] == "rx" and receive["in_flight"] > 0  # they wait there for frames
    assert receive["added"] - receive["used_count"] == receive["in_flight"]
    assert receive["in_flight"] + receive["free"] <= receive["size"]
    transmit = host.parse_vq(machine.run("vq 1 1"))
    assert transmit["name"] == "tx" and transmit["in_flight"] == 0
    assert machine.run("vq 1 2") == "vq: device 1 has no queue 2\n"
    assert machine.run("vq 2 0") == "vq: no device 2 (see lsdev)\n"
    machine.poweroff()
