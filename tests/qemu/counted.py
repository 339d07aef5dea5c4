# SPDX-License-Identifier: BSD-2-Clause
"""QEMU with exact counts: the same image and the same commands give the same counts at every run.

`-icount shift=0` makes an instruction a nanosecond of the guest's clock. Devices still run beside the
guest, in QEMU's main loop, and how far the guest gets until an interrupt comes depends on the host.
Two things take that away:

- All of QEMU runs on one processor of the host, the main loop before the guest: what the guest asks
  a device for is done before the guest's next instruction, and its interrupt comes then.
- Devices that are to be slower than the guest (a disk with latency-ns, an echo that takes its time) are so
  much slower that the guest sleeps when they are done.

With the right to choose, both threads get a real-time priority, and other load does not matter. Without
it the guest's thread only runs where nothing else wants to; on a busy host a count may then differ.
"""
import os
import pathlib
import re
import socket
import struct
import threading
import time

from machine import Machine

ECHO_DELAY_S = 0.001
SLOW_NS = 1000000

# Disk 0 answers at once, disk 1 when the guest sleeps. Network card 0 has no peer.
DEVICES = (
    "-blockdev", "null-co,node-name=fast,size=1073741824",
    "-device", "virtio-blk-device,drive=fast",
    "-blockdev", f"null-co,node-name=slow,size=1073741824,latency-ns={SLOW_NS}",
    "-device", "virtio-blk-device,drive=slow",
    "-device", "virtio-rng-device",
    "-device", "virtio-net-device",
)

# A console that takes everything at once.
CONSOLE = ("-chardev", "null,id=console", "-device", "virtio-serial-device", "-device",
           "virtconsole,chardev=console")

FIGURES = ("insn", "notify", "irq", "mmio")
_LINE = re.compile(r"BENCH (?P<command>\S+(?: \S+)*?) ns=(?P<ns>\d+)(?P<figures>(?: \w+=[\d.]+)+)$")


def parse_bench(text):
    """The BENCH lines in @text: from a command to its figures by name, as text."""
    found = {}
    for line in text.splitlines():
        if line.startswith("BENCH "):
            match = _LINE.fullmatch(line)
            assert match, f"bench printed {line!r}"
            found[match["command"]] = {"ns": match["ns"]} | dict(
                word.split("=") for word in match["figures"].split())
    return found


def counts_of(figures):
    """What is the same at every run: all but what depends on the time spent asleep."""
    return {name: figures[name] for name in FIGURES if name in figures}


def put_in_order(pid, guest, processor):
    """QEMU's process @pid onto @processor, its main loop before its thread @guest."""
    for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {processor})
    try:
        os.sched_setscheduler(guest, os.SCHED_FIFO, os.sched_param(1))
        os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(2))
    except PermissionError:
        os.sched_setscheduler(guest, os.SCHED_IDLE, os.sched_param(0))


def counted(platform, *devices, append, processor=None, **options):
    """A Machine that counts, started. @processor: the host's that it runs on."""
    if processor is None:
        processor = min(os.sched_getaffinity(0))
    machine = Machine(platform, "-S", "-icount", "shift=0", *devices, append=append, **options)
    try:
        guest = machine.qmp.command("query-cpus-fast")[0]["thread-id"]
        put_in_order(machine.pid, guest, processor)
        machine.qmp.command("cont")
    except BaseException:
        machine.close()
        raise
    return machine


def run(platform, commands, processor=None, devices=DEVICES, **options):
    """What the guest prints that runs @commands with @devices and one network card more, at an echo.
    @options: Machine's."""
    echo = Echo()
    try:
        machine = counted(platform, *devices, "-netdev", echo.netdev(), "-device",
                          "virtio-net-device,netdev=echo", channels=[echo],
                          append="; ".join([*commands, "poweroff"]), processor=processor, **options)
        try:
            return machine.finish()
        finally:
            machine.close()
    finally:
        echo.close()


def repeatable(run, most=6):
    """What two calls of @run give alike, and the number of calls; None if no two of @most do. A host that
    takes the processor away at the wrong moment lets a slow device look fast."""
    results = []
    for _ in range(most):
        result = run()
        if result in results:
            return result, len(results) + 1
        results.append(result)
    return None, most


def checksum(data):
    """The Internet checksum of @data (RFC 1071)."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return struct.pack(">H", ~total & 0xffff)


class Echo:
    """The other end of `-netdev dgram`: sends each UDP datagram back to where it came from; who asks
    SOURCE_PORT gets as many frames as he asks for. @lose: the numbers of those that get lost."""

    SOURCE_PORT = 49153

    def __init__(self, lose=()):
        self._lose = set(lose)
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.fd = self._theirs.fileno()
        self.frames = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def handed_over(self):
        """QEMU has inherited its end."""
        self._theirs.close()
        self._thread.start()

    def netdev(self):
        return f"dgram,id=echo,local.type=fd,local.str={self.fd}"

    def _serve(self):
        try:
            while frame := self._ours.recv(65536):
                for answer in self.answers(frame):
                    time.sleep(ECHO_DELAY_S)
                    self.frames += 1
                    self._ours.send(answer)
        except OSError:
            pass  # QEMU is gone

    def answers(self, frame):
        if int.from_bytes(frame[36:38], "big") != self.SOURCE_PORT:
            yield self.answer(frame)
            return
        count, length = struct.unpack_from(">II", frame, 42)
        for number in range(1, count + 1):
            if number not in self._lose:
                yield self.numbered(frame, number, length)

    @classmethod
    def numbered(cls, question, number, length):
        """A frame of @length bytes for who has asked @question, with @number in its data and both checksums."""
        headers = cls.answer(question)[:42]
        data = struct.pack(">I", number).ljust(length - 42, b"\x5a")
        udp = headers[34:38] + struct.pack(">HH", length - 34, 0)
        total = checksum(headers[26:34] + struct.pack(">HH", 17, length - 34) + udp + data)
        udp = udp[:6] + (total if any(total) else b"\xff\xff") + data
        ip = headers[14:16] + struct.pack(">H", length - 14) + headers[18:24] + b"\0\0" + headers[26:34]
        return headers[:14] + ip[:10] + checksum(ip) + ip[12:] + udp

    @staticmethod
    def answer(frame):
        """@frame with the two ends of Ethernet, IPv4 and UDP exchanged; checksums stay right."""
        return b"\x52\x54\x00\x12\x34\x56" + b"\x02\0\0\0\0\1" + frame[12:26] + frame[30:34] + \
            frame[26:30] + frame[36:38] + frame[34:36] + frame[38:]

    def close(self):
        try:
            self._ours.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._theirs.close()
        if self._thread.is_alive():
            self._thread.join()
        self._ours.close()
