# SPDX-License-Identifier: BSD-2-Clause
"""What the host knows by itself: the values that the guest's answers are compared with."""
import hashlib
import random
import re
import socket
import struct
import zlib

SECTOR = 512


def random_bytes(count, seed):
    """@count bytes, the same for the same @seed."""
    digest = hashlib.sha256(repr(seed).encode()).digest()
    return random.Random(int.from_bytes(digest, "big")).randbytes(count)


def hexdump(data, offset=0):
    """@data as the shell shows it: a list of lines."""
    lines = []
    for at in range(0, len(data), 16):
        row = data[at:at + 16]
        halves = [" ".join(f"{byte:02x}" for byte in row[i:i + 8]).ljust(23) for i in (0, 8)]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7f else "." for byte in row)
        lines.append(f"{offset + at:08x}  {halves[0]}  {halves[1]}  |{text}|")
    return lines


def crc_line(data):
    return f"crc32 {zlib.crc32(data):08x} bytes {len(data)}"


# --- what lsdev shows -------------------------------------------------------------------------

_DEVICE = re.compile(
    r"(?P<index>\d+) (?P<bus>\S+) irq (?P<irq>\d+|-) (?P<type>\S+) driver (?P<driver>\S+) "
    r"(?P<state>\S+?)(?: \((?P<error>.*)\))? queues (?P<queues>\S+) features (?P<features>\S+)")


def parse_lsdev(text):
    """The lines of lsdev as dictionaries."""
    devices = []
    for line in text.splitlines():
        match = _DEVICE.fullmatch(line)
        assert match, f"lsdev printed {line!r}"
        device = match.groupdict()
        device["index"] = int(device["index"])
        device["queues"] = {} if device["queues"] == "-" else {
            name: (int(size), form) for name, size, form in
            (re.fullmatch(r"([^:]+):(\d+)/(\S+)", q).groups()
             for q in device["queues"].split(","))}
        device["features"] = set(device["features"].split(",")) - {"-"}
        devices.append(device)
    return devices


_RING = re.compile(
    r"(?P<name>\w+): (?P<form>split|packed) ring of (?P<size>\d+) at 0x(?P<address>[0-9a-f]+)\n"
    r"(?:avail idx (?P<avail>\d+) \(device sees (?P<device_avail>\d+)\), "
    r"used idx (?P<used>\d+) \(taken back (?P<taken>\d+)\)\n|"
    r"next avail (?P<next_avail>\d+) round (?P<avail_round>[01]), "
    r"next used (?P<next_used>\d+) round (?P<used_round>[01])\n)"
    r"(?P<free>\d+) descriptors free, (?P<in_flight>\d+) buffers in flight, interrupts \w")


def parse_vq(text):
    """What vq shows. A packed ring's places count on through two rounds, so that places of
    different rounds differ. @used_count is the number of buffers taken back."""
    match = _RING.match(text)
    assert match, f"vq printed {text!r}"
    ring = {name: value if name in ("name", "form") else int(value, 16 if name == "address" else 10)
            for name, value in match.groupdict().items() if value is not None}
    for name in ("avail", "used") if ring["form"] == "packed" else ():
        assert ring[f"next_{name}"] < ring["size"]
        ring[name] = ring[f"next_{name}"] + (0 if ring[f"{name}_round"] else ring["size"])
    counts = dict(re.findall(r"(\w+) (\d+)", re.search(r"^added .*$", text, re.M)[0]))
    return ring | {"used_count" if name == "used" else name: int(value)
                   for name, value in counts.items()}


def pool_counts(machine):
    """What mem says of the bounce pool: its numbers by name; nothing where there is none."""
    line = re.search(r"^swiotlb (\d+) KiB, (.*)$", machine.run("mem"), re.M)
    return {"KiB": int(line[1])} | {name: int(value) for name, value in
                                    re.findall(r"([\w-]+) (\d+)", line[2])} if line else {}


def bus_name(platform, position):
    """The bus name of the @position-th -device: QEMU fills virt's slots of virtio-mmio downwards, and those of PCI
    upwards, behind the host bridge. (A device behind a port has the port's bus for itself.)"""
    if platform.pci:
        return f"pci@00:{position + 1:02x}.0"
    return f"mmio@{0x0a000000 + (31 - position) * 0x200:x}"


def mmio_irq(position):
    """Its interrupt, with virtio-mmio."""
    return 48 + 31 - position


# --- network ----------------------------------------------------------------------------------

BROADCAST = b"\xff" * 6


class Wire:
    """The other end of QEMU's socket netdev: frames with their length ahead of them."""

    def __init__(self, channel):
        self._sock = channel.sock

    def send(self, frame):
        self._sock.sendall(struct.pack(">I", len(frame)) + frame)

    def _receive_exactly(self, count):
        data = b""
        while len(data) < count:
            piece = self._sock.recv(count - len(data))
            assert piece, "QEMU closed the network"
            data += piece
        return data

    def receive(self):
        """The next frame that the guest sent; fails at the time limit of the socket."""
        return self._receive_exactly(struct.unpack(">I", self._receive_exactly(4))[0])

    def nothing_for(self, seconds):
        """Whether the guest sends nothing within @seconds."""
        before = self._sock.gettimeout()
        self._sock.settimeout(seconds)
        try:
            self._sock.recv(1)
            return False
        except (socket.timeout, TimeoutError):
            return True
        finally:
            self._sock.settimeout(before)


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def ip_bytes(text):
    return socket.inet_aton(text)


def checksum(data):
    """The Internet checksum (RFC 1071): 0 over data that holds a right one."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ethernet(to, source, ethertype, payload):
    return to + source + struct.pack(">H", ethertype) + payload


def arp(operation, sender_mac, sender_ip, target_mac, target_ip):
    return struct.pack(">HHBBH", 1, 0x0800, 6, 4, operation) + \
        sender_mac + ip_bytes(sender_ip) + target_mac + ip_bytes(target_ip)


def ipv4(source, target, protocol, payload, ident=0, flags=0):
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ident, flags, 64, protocol,
                         0, ip_bytes(source), ip_bytes(target))
    return header[:10] + struct.pack(">H", checksum(header)) + header[12:] + payload


def icmp(kind, ident, seq, data):
    message = struct.pack(">BBHHH", kind, 0, 0, ident, seq) + data
    return message[:2] + struct.pack(">H", checksum(message)) + message[4:]
