# SPDX-License-Identifier: BSD-2-Clause
"""Devices that come and go on pcie-root-ports, by QMP: they are driven at once, requests of one that goes
end with an error, others do not notice, and nothing is left over."""
import re
import time
import zlib

import pytest

import host
from machine import PROMPT, Platform

TIMES = 50
BYTES = 2 << 20
PLATFORMS = [Platform(arch, gic=gic) for arch in ("arm", "aarch64") for gic in (2, 3)]
# Behind an SMMU a port uses its wire.
GUARDED = [Platform(arch, gic=3) for arch in ("arm", "aarch64")]
GONE = "the device is gone"
IN, OUT = "plugged in\r\n", "removed\r\n"


@pytest.fixture(params=PLATFORMS, ids=str)
def slot_platform(request):
    return request.param


class Slots:
    """A machine with a disk that stays, and slots for what comes and goes."""
    KINDS = {"blk": {"driver": "virtio-blk-pci", "drive": "hot"},
             "net": {"driver": "virtio-net-pci", "netdev": "n"},
             "rng": {"driver": "virtio-rng-pci"},
             "con": {"driver": "virtio-serial-pci"}}
    CYCLES = ("blk", "net", "rng")
    SLOW = ["-object", "throttle-group,id=slow,x-bps-read=524288", "-blockdev",
            "driver=throttle,node-name=hot,throttle-group=slow,file=file"]

    def __init__(self, lab, platform, *args, slow=False, guarded=False, **options):
        self.properties = {"disable_legacy": "on"}
        if guarded:
            args += ("-global", "virtio-device.iommu_platform=on")
            options |= {"machine_options": ",iommu=smmuv3", "append": "dma=iommu"}
        steady, hot = (host.random_bytes(BYTES, name) for name in ("steady", "hot"))
        self.crc, self.hot_crc = (f"crc32 {zlib.crc32(data):08x} bytes {BYTES}\n"
                                  for data in (steady, hot))
        self.machine = lab.boot(
            platform, "-drive", f"file={lab.file('steady', steady)},format=raw,if=none,id=steady",
            "-device", "virtio-blk-pci,drive=steady,disable-legacy=on",
            # Not -drive, which is gone with its device.
            "-blockdev", f"driver=raw,node-name={'file' if slow else 'hot'},file.driver=file,"
            f"file.filename={lab.file('hot', hot)}", *(self.SLOW if slow else []),
            "-netdev", "user,id=n", "-device", "pcie-root-port,id=slot0,chassis=1",
            "-device", "pcie-root-port,id=slot1,chassis=2", *args, **options)
        self.run = self.machine.run

    def wait(self, *texts):
        """Until all of them have come, in any order; returns all that came."""
        left, got = set(texts), ""
        while left:
            match = self.machine.serial.expect("|".join(map(re.escape, left)))
            got += match.string[:match.end()]
            left.remove(match[0])
        return got.replace("\r\n", "\n")

    def add(self, kind, slot=0, **properties):
        self.machine.qmp.command("device_add", id=f"hot{slot}", bus=f"slot{slot}",
                                 **(self.KINDS[kind] | self.properties | properties))

    def remove(self, slot=0):
        self.machine.qmp.command("device_del", id=f"hot{slot}")

    def removed(self, slot=0):
        """Its parts are reported first, without a name."""
        while self.machine.qmp.event("DEVICE_DELETED")["data"].get("device") != f"hot{slot}":
            pass

    def counts(self):
        """What must be the same after as before."""
        used = re.search(r"heap    used (\d+) bytes", self.run("mem"))[1]
        lines = self.machine.lines("irq")
        messages = [re.search(r"^messages .* used \d+", line)[0] for line in lines
                    if line.startswith("messages ")]
        assert messages  # lines that are taken, whether there is a handler or not
        return {"heap": used, "irq": len(lines), "messages": messages,
                "lsdev": self.machine.lines("lsdev"), "lspci": self.machine.lines("lspci")}


def use(slots, kind):
    """The device that was plugged in works."""
    if kind == "blk":
        assert slots.run("blk sum 1") == slots.hot_crc
    elif kind == "net":
        assert "1 sent, 1 received" in slots.run("net ping 0 10.0.2.2 1")
    else:
        assert re.fullmatch(r"[0-9a-f]{32}\n", slots.run("rng 0 16"))


def cycle(slots, kind):
    """In and out, each while the other disk is read."""
    slots.machine.serial.begin("blk sum 0")
    slots.add(kind)
    assert slots.crc in slots.wait(IN, PROMPT)
    assert len(slots.machine.lines("lsdev")) == 2
    use(slots, kind)
    slots.machine.serial.begin("blk sum 0")
    slots.remove()
    assert slots.crc in slots.wait(OUT, PROMPT)
    slots.removed()
    assert len(slots.machine.lines("lsdev")) == 1


def test_fifty_times_while_another_disk_is_read(lab, slot_platform):
    slots = Slots(lab, slot_platform)
    before = slots.counts()
    for number in range(TIMES):
        cycle(slots, Slots.CYCLES[number % 3])
    assert slots.counts() == before
    assert slots.run("blk sum 0") == slots.crc
    slots.machine.poweroff()


@pytest.mark.parametrize("guarded", GUARDED, ids=str)
def test_behind_an_iommu(lab, guarded):
    slots = Slots(lab, guarded, guarded=True)
    cycle(slots, "blk")  # the IOMMU's table for the bus behind the port stays
    before = slots.counts() | {"iommu": len(slots.machine.lines("iommu"))}
    for number in range(9):
        cycle(slots, Slots.CYCLES[number % 3])
    assert slots.counts() | {"iommu": len(slots.machine.lines("iommu"))} == before
    slots.machine.poweroff()


def test_requests_of_a_disk_that_goes(lab, slot_platform):
    """A disk so slow that requests are in flight when it goes."""
    slots = Slots(lab, slot_platform, slow=True)
    before = slots.counts()
    for _ in range(3):
        slots.add("blk")
        slots.wait(IN)
        slots.machine.serial.begin("blk sum 1")
        time.sleep(0.2)
        slots.remove()
        output = slots.wait(OUT, PROMPT)
        assert GONE in output, output
        slots.removed()
        assert slots.run("blk sum 0") == slots.crc
        assert "no block device 1 (1 present)" in slots.run("blk sum 1")
    assert slots.counts() == before
    slots.machine.poweroff()


def test_a_disk_of_four_queues(lab, slot_platform):
    """Idle when it goes, and with requests in flight on each queue."""
    slots = Slots(lab, slot_platform, slow=True)
    before = slots.counts()
    for busy in (False, True, False, True):
        slots.add("blk", num_queues=4)
        slots.wait(IN)
        assert re.search(r"^queues +4$", slots.run("blk info 1"), re.M)
        slots.machine.serial.begin("blk sum 1" if busy else "blk sum 1 0 256")
        if busy:
            time.sleep(0.2)
        else:
            assert "crc32" in slots.machine.serial.prompt()
        slots.remove()
        assert GONE in slots.wait(OUT, PROMPT) if busy else slots.wait(OUT)
        slots.removed()
        assert slots.run("blk sum 0") == slots.crc
    assert slots.counts() == before
    slots.machine.poweroff()


def test_requests_of_a_network_that_goes(lab, slot_platform):
    slots = Slots(lab, slot_platform)
    before = slots.counts()
    for _ in range(3):
        slots.add("net")
        slots.wait(IN)
        slots.machine.serial.begin("net ping 0 10.0.2.2 60000")
        slots.machine.serial.expect_exact("seq=3 ")
        slots.remove()
        output = slots.wait(OUT, PROMPT)
        assert f"net ping: {GONE}" in output, output
        slots.removed()
    assert slots.counts() == before
    slots.machine.poweroff()


def test_a_request_of_an_entropy_device_that_goes(lab, slot_platform):
    """Its source never gives a byte."""
    channel = lab.channel()
    slots = Slots(lab, slot_platform, "-chardev", f"socket,id=e,fd={channel.fd}", "-object",
                  "rng-egd,id=mute,chardev=e")
    before = slots.counts()
    for _ in range(3):
        slots.add("rng", rng="mute")
        slots.wait(IN)
        slots.machine.serial.begin("rng 0 16")
        time.sleep(0.2)
        slots.remove()
        output = slots.wait(OUT, PROMPT)
        assert f"rng: {GONE}" in output, output
        slots.removed()
    assert slots.counts() == before
    slots.machine.poweroff()


def test_what_was_there_at_boot_can_go(lab, slot_platform):
    slots = Slots(lab, slot_platform, "-device", "virtio-rng-pci,id=hot0,bus=slot0,disable-legacy=on")
    assert len(slots.machine.lines("lsdev")) == 2
    assert re.fullmatch(r"[0-9a-f]{32}\n", slots.run("rng 0 16"))
    slots.remove()
    slots.wait(OUT)
    slots.removed()
    assert len(slots.machine.lines("lsdev")) == 1
    before = slots.counts()
    cycle(slots, "blk")
    assert slots.counts() == before
    slots.machine.poweroff()


def test_numbers(lab, slot_platform):
    """Who stays keeps his number, and who comes takes the lowest that is free."""
    slots = Slots(lab, slot_platform)
    for slot in range(2):
        slots.add("rng", slot)
        slots.wait(IN)
    lines = slots.machine.lines("lsdev")
    assert [line.split()[:2] for line in lines] == \
        [["0", "pci@00:01.0"], ["1", "pci@01:00.0"], ["2", "pci@03:00.0"]]
    slots.remove(0)
    slots.wait(OUT)
    slots.removed()
    assert "no entropy device 0 (1 present)" in slots.run("rng 0 16")
    assert re.fullmatch(r"[0-9a-f]{32}\n", slots.run("rng 1 16"))
    slots.add("rng", 0)
    slots.wait(IN)
    assert [line.split()[:2] for line in slots.machine.lines("lsdev")] == \
        [line.split()[:2] for line in lines]
    for number in range(2):
        assert re.fullmatch(r"[0-9a-f]{32}\n", slots.run(f"rng {number} 16"))
    slots.machine.poweroff()


def test_a_shell_comes_and_goes_with_its_console(lab, slot_platform):
    channels = [lab.channel() for _ in range(3)]
    args = [word for n, channel in enumerate(channels)
            for word in ("-chardev", f"socket,id=c{n},fd={channel.fd}")]
    slots = Slots(lab, slot_platform, *args)
    counts = []
    for number, channel in enumerate(channels):
        terminal = lab.terminal(f"console {number}", channel)
        # QEMU wants a port to be there when the driver comes.
        slots.machine.qmp.command("stop")
        slots.add("con")
        slots.machine.qmp.command("device_add", id="line", driver="virtconsole", bus="hot0.0",
                                  chardev=f"c{number}")
        slots.machine.qmp.command("cont")
        slots.wait(IN)
        terminal.send("echo here\r")
        terminal.expect_exact("\r\nhere\r\n")
        terminal.prompt()
        assert terminal.run("blk sum 0") == slots.crc
        slots.remove()
        slots.wait(OUT)
        slots.removed()
        assert slots.run("blk sum 0").endswith(slots.crc)
        counts.append(slots.counts())
    assert counts[0] == counts[1] == counts[2]
    slots.machine.poweroff()
