# SPDX-License-Identifier: BSD-2-Clause
"""Networks: frames to and from a host program, byte for byte; ARP and ICMP; the link."""
import re
import struct

import pytest

import host
from host import BROADCAST, Wire, arp, ethernet, hexdump, icmp, ip_bytes, ipv4, mac_bytes
from machine import Platform, Ring

pytestmark = pytest.mark.rings

MAC = "52:54:00:ab:cd:ef"
GUEST = mac_bytes(MAC)
HOST_MAC = "02:00:00:00:00:01"
HOST = mac_bytes(HOST_MAC)
GUEST_IP, HOST_IP = "10.0.2.15", "10.0.2.7"
SYNC, END, TEST = 0x88b5, 0x88b6, 0x88b7  # EtherTypes for local experiments, and ours


def wired(lab, platform, append=None, device=""):
    """A machine whose network ends in the test."""
    channel = lab.channel()
    machine = lab.boot(platform, "-netdev", f"socket,id=n0,fd={channel.fd}", "-device",
                       f"virtio-net-device,netdev=n0,mac={MAC}{device}", append=append)
    return machine, Wire(channel)


def info(machine, number=0):
    return {line.split(None, 1)[0]: line.split(None, 1)[1]
            for line in machine.lines(f"net info {number}")}


def shown(frame):
    """A frame as net dump shows it."""
    to, source = (frame[at:at + 6].hex(":") for at in (0, 6))
    return [f"{len(frame)} bytes {source} > {to} ethertype {frame[12:14].hex()}"] + hexdump(frame)


def start_dump(machine, wire, count=1000000):
    """Starts net dump and returns when it is known to receive."""
    machine.serial.begin(f"net dump 0 {count}")
    machine.serial.poll(f"ethertype {SYNC:04x}", lambda: wire.send(
        ethernet(GUEST, HOST, SYNC, bytes(46))))


def dump(machine, wire, frames):
    """The lines that net dump shows of @frames, which are sent in one go."""
    start_dump(machine, wire)
    for frame in frames:
        wire.send(frame)
    end = ethernet(GUEST, HOST, END, bytes(46))
    wire.send(end)
    text = machine.serial.expect_exact("\r\n".join(shown(end)) + "\r\n").replace("\r\n", "\n")
    machine.serial.send("\x03")
    assert "interrupted" in machine.serial.prompt()
    # What was sent until it received: the first one is cut.
    sync = "\n".join(shown(ethernet(GUEST, HOST, SYNC, bytes(46)))) + "\n"
    return text[text.index("\n00000000"):].split("\n", 5)[5].replace(sync, "").splitlines()


def test_frames_arrive_byte_for_byte(lab, platform):
    machine, wire = wired(lab, platform)
    sizes = [60, 61, 63, 64, 65, 127, 128, 129, 511, 1000, 1499, 1500, 1501, 1513, 1514]
    frames = [ethernet(GUEST, HOST, TEST, host.random_bytes(size - 14, (str(platform), size)))
              for size in sizes]
    frames.append(ethernet(BROADCAST, HOST, TEST, b"to all".ljust(46, b"\xff")))
    assert dump(machine, wire, frames) == [line for frame in frames for line in shown(frame)]
    assert " 0 errors," in info(machine)["received"]
    machine.poweroff()


def test_oversized_frames_do_no_harm(lab, pair):
    """Frames beyond the largest are not delivered; those around them are."""
    machine, wire = wired(lab, pair)
    good = [ethernet(GUEST, HOST, TEST, host.random_bytes(200, n)) for n in range(3)]
    bad = [ethernet(GUEST, HOST, TEST, host.random_bytes(size - 14, size))
           for size in (1515, 1518, 2000, 9000, 60000)]
    frames = [good[0], bad[0], bad[1], good[1], bad[2], bad[3], bad[4], good[2]]
    lines = dump(machine, wire, frames)
    expected = [line for frame in good for line in shown(frame)]
    assert [line for line in lines if line in expected] == expected
    machine.poweroff()


def test_short_frames_do_no_harm(lab, pair):
    """Below Ethernet's minimum, and even below its header."""
    machine, wire = wired(lab, pair)
    whole = ethernet(GUEST, HOST, TEST, host.random_bytes(100, 1))
    start_dump(machine, wire)
    for size in (1, 6, 13, 14, 15, 20, 41, 42, 59):
        wire.send(whole[:size])
    wire.send(whole)
    machine.serial.expect_exact("\r\n".join(shown(whole)) + "\r\n")
    machine.serial.send("\x03")
    machine.serial.prompt()
    machine.poweroff()


def test_dump_ends_after_its_count(lab, arch):
    machine, wire = wired(lab, arch)
    frame = ethernet(GUEST, HOST, TEST, bytes(range(100)))
    machine.serial.begin("net dump 0 3")
    text = machine.serial.poll("vireo> ", lambda: wire.send(frame)).replace("\r\n", "\n")
    lines = text.splitlines()
    if lines[-1].endswith(" frames missed"):
        lines.pop()
    assert lines == shown(frame) * 3


@pytest.mark.one_ring
def test_dump_gives_up_in_silence(lab, arch):
    machine, _wire = wired(lab, arch)
    assert machine.run("net dump 0 2") == "net dump: no frame for 10 s (0 received)\n"


# --- what the guest sends ---------------------------------------------------------------------

def arp_request(target, source=GUEST_IP):
    return ethernet(BROADCAST, GUEST, 0x0806, arp(1, GUEST, source, bytes(6), target))


def check_echo_request(frame, seq, source=GUEST_IP, target=HOST_IP):
    """Takes an echo request apart; returns its ICMP identifier and data."""
    assert frame[:14] == HOST + GUEST + b"\x08\x00"
    packet = frame[14:]
    version, _tos, length, _ident, flags, ttl, protocol = struct.unpack(">BBHHHBB", packet[:10])
    assert version == 0x45 and length == len(packet) and protocol == 1 and ttl >= 32
    assert flags & 0x3fff == 0, "a fragment"
    assert host.checksum(packet[:20]) == 0, "the IP header's checksum"
    assert packet[12:20] == ip_bytes(source) + ip_bytes(target)
    message = packet[20:]
    assert host.checksum(message) == 0, "the ICMP checksum"
    kind, code, _sum, ident, number = struct.unpack(">BBHHH", message[:8])
    assert (kind, code, number) == (8, 0, seq)
    assert len(message) == 64
    return ident, message[8:]


def arp_reply(ip=HOST_IP, mac=HOST, to_ip=GUEST_IP):
    return ethernet(GUEST, mac, 0x0806, arp(2, mac, ip, GUEST, to_ip).ljust(46, b"\0"))


def echo_reply(ident, seq, data, source=HOST_IP, target=GUEST_IP):
    return ethernet(GUEST, HOST, 0x0800, ipv4(source, target, 1, icmp(0, ident, seq, data)))


def test_arp(lab, platform):
    machine, wire = wired(lab, platform)
    machine.serial.begin(f"net arp 0 {HOST_IP}")
    assert wire.receive() == arp_request(HOST_IP)
    # Answers to other questions do not count.
    wire.send(arp_reply(ip="10.0.2.8", mac=mac_bytes("02:00:00:00:00:99")))
    wire.send(ethernet(GUEST, HOST, 0x0806, arp(1, HOST, HOST_IP, bytes(6), "10.0.2.99")))
    wire.send(arp_reply()[:30])
    wire.send(arp_reply())
    assert machine.serial.prompt() == f"{HOST_IP} is at {HOST_MAC}\n"
    assert wire.nothing_for(0.2)
    machine.poweroff()


@pytest.mark.one_ring
def test_arp_without_an_answer(lab, arch):
    machine, wire = wired(lab, arch)
    machine.serial.begin("net arp 0 10.0.2.77")
    for _ in range(3):
        assert wire.receive() == arp_request("10.0.2.77")
    assert machine.serial.prompt() == "net arp: no answer from 10.0.2.77\n"
    assert wire.nothing_for(0.2)


def test_ping(lab, platform):
    machine, wire = wired(lab, platform)
    machine.serial.begin(f"net ping 0 {HOST_IP} 3")
    assert wire.receive() == arp_request(HOST_IP)
    wire.send(arp_reply())
    for seq in (1, 2, 3):
        ident, data = check_echo_request(wire.receive(), seq)
        wire.send(echo_reply(ident, seq, data))
    lines = machine.serial.prompt().splitlines()
    for seq in (1, 2, 3):
        assert re.fullmatch(rf"64 bytes from {HOST_IP}: seq={seq} time=\d+ us", lines[seq - 1])
    assert lines[3:] == ["3 sent, 3 received"]
    sent = info(machine)["sent"]
    assert sent == f"4 frames, {42 + 3 * 98} bytes, 0 refused"
    machine.poweroff()


def test_ping_takes_only_its_own_reply(lab, pair):
    machine, wire = wired(lab, pair)
    machine.serial.begin(f"net ping 0 {HOST_IP} 1")
    wire.receive()
    wire.send(arp_reply())
    ident, data = check_echo_request(wire.receive(), 1)
    good = echo_reply(ident, 1, data)
    bad_ip_sum = good[:24] + bytes([good[24] ^ 1]) + good[25:]
    bad_icmp_sum = good[:-1] + bytes([good[-1] ^ 1])
    long_length = good[:16] + b"\xff\xff" + good[18:]
    for frame in (echo_reply(ident, 2, data), echo_reply(ident ^ 1, 1, data),
                  echo_reply(ident, 1, data, source="10.0.2.8"),
                  echo_reply(ident, 1, data, target="10.0.2.16"),
                  bad_ip_sum, bad_icmp_sum, long_length, good[:40], good[:60],
                  ethernet(GUEST, HOST, 0x0800, ipv4(HOST_IP, GUEST_IP, 17, good[34:])),
                  ethernet(GUEST, HOST, 0x86dd, good[14:]),
                  ethernet(GUEST, HOST, 0x0800,
                           ipv4(HOST_IP, GUEST_IP, 1, icmp(8, ident, 1, data))),
                  ethernet(GUEST, HOST, 0x0800,
                           ipv4(HOST_IP, GUEST_IP, 1, icmp(0, ident, 1, data), flags=0x2000))):
        wire.send(frame)
    assert machine.serial.prompt() == \
        f"net ping: no reply from {HOST_IP}\n1 sent, 0 received\n"
    machine.serial.begin(f"net ping 0 {HOST_IP} 1")
    wire.receive()
    wire.send(arp_reply())
    wire.receive()
    wire.send(good + bytes(20))  # padding after the packet is none of its business
    assert re.fullmatch(rf"64 bytes from {HOST_IP}: seq=1 time=\d+ us\n1 sent, 1 received\n",
                        machine.serial.prompt())


def test_guest_answers_arp_while_it_pings(lab, arch):
    machine, wire = wired(lab, arch)
    machine.serial.begin(f"net ping 0 {HOST_IP} 1")
    wire.receive()
    wire.send(arp_reply())
    ident, data = check_echo_request(wire.receive(), 1)
    wire.send(ethernet(BROADCAST, HOST, 0x0806,
                       arp(1, HOST, HOST_IP, bytes(6), GUEST_IP).ljust(46, b"\0")))
    assert wire.receive() == ethernet(HOST, GUEST, 0x0806,
                                      arp(2, GUEST, GUEST_IP, HOST, HOST_IP))
    wire.send(echo_reply(ident, 1, data))
    assert machine.serial.prompt().endswith("1 sent, 1 received\n")


def test_given_address_and_gateway(lab, arch):
    """ip= and gw=: what is not on our /24 goes to the gateway's hardware address."""
    machine, wire = wired(lab, arch, append="ip=192.168.7.20; gw=192.168.7.1")
    machine.serial.begin("net ping 0 9.8.7.6 1")
    assert wire.receive() == arp_request("192.168.7.1", source="192.168.7.20")
    wire.send(arp_reply(ip="192.168.7.1", to_ip="192.168.7.20"))
    ident, data = check_echo_request(wire.receive(), 1, "192.168.7.20", "9.8.7.6")
    wire.send(echo_reply(ident, 1, data, "9.8.7.6", "192.168.7.20"))
    assert machine.serial.prompt().endswith("1 sent, 1 received\n")
    machine.serial.begin("net arp 0 192.168.7.33")
    assert wire.receive() == arp_request("192.168.7.33", source="192.168.7.20")
    machine.serial.send("\x03")
    assert machine.serial.prompt() == "net arp: interrupted\n"


def test_transmit_ring_wraps_around(lab, pair):
    """More frames than the ring has places, each looked at."""
    machine, wire = wired(lab, pair)
    count = 600
    machine.serial.begin(f"net ping 0 {HOST_IP} {count}")
    wire.receive()
    wire.send(arp_reply())
    for seq in range(1, count + 1):
        ident, data = check_echo_request(wire.receive(), seq)
        wire.send(echo_reply(ident, seq, data))
    assert machine.serial.prompt().endswith(f"{count} sent, {count} received\n")
    machine.poweroff()


# --- QEMU's own network -----------------------------------------------------------------------

def test_user_network(lab, platform):
    machine = lab.boot(platform, "-netdev", "user,id=n0", "-device",
                       "virtio-net-device,netdev=n0")
    assert machine.run("net arp 0 10.0.2.2") == "10.0.2.2 is at 52:55:0a:00:02:02\n"
    lines = machine.lines("net ping 0 10.0.2.2")
    assert len(lines) == 5 and lines[4] == "4 sent, 4 received"
    assert machine.run("net arp 0 10.0.2.77") == "net arp: no answer from 10.0.2.77\n"
    machine.poweroff()


def test_scripted_ping(lab, pair):
    machine = lab.start(pair, "-netdev", "user,id=n0", "-device", "virtio-net-device,netdev=n0",
                        append="net ping 0 10.0.2.2 2; poweroff")
    assert machine.finish().endswith("2 sent, 2 received\n")


# --- configuration ----------------------------------------------------------------------------

@pytest.mark.parametrize("device, mtu", [
    ("", 1500), (",host_mtu=1500", 1500), (",host_mtu=1400", 1400), (",host_mtu=68", 68),
    (",host_mtu=9000", 1500)])
@pytest.mark.one_ring
def test_mac_and_mtu(lab, arch, device, mtu):
    machine, _wire = wired(lab, arch, device=device)
    shown_info = info(machine)
    assert shown_info["mac"] == MAC
    assert shown_info["mtu"] == str(mtu)
    assert shown_info["link"] == "up, 0 changes"
    features = host.parse_lsdev(machine.run("lsdev"))[0]["features"]
    assert {"MAC", "STATUS"} <= features
    assert ("MTU" in features) == (device not in ("", ",host_mtu=9000"))
    machine.poweroff()


def test_macs_of_several(lab, pair):
    args = []
    for number in range(4):
        args += ["-netdev", f"user,id=n{number}", "-device",
                 f"virtio-net-device,netdev=n{number},mac=52:54:00:00:00:{number:02x}"]
    machine = lab.boot(pair, *args)
    for number in range(4):
        assert info(machine, number)["mac"] == f"52:54:00:00:00:{number:02x}"
        assert machine.run(f"net arp {number} 10.0.2.2") == "10.0.2.2 is at 52:55:0a:00:02:02\n"
    machine.poweroff()


@pytest.mark.parametrize("event_idx", ["on", "off"])
@pytest.mark.parametrize("indirect", ["on", "off"])
@pytest.mark.one_ring
def test_ring_features(lab, pair, event_idx, indirect):
    machine, wire = wired(lab, pair, device=f",event_idx={event_idx},indirect_desc={indirect}")
    frames = [ethernet(GUEST, HOST, TEST, host.random_bytes(300, n)) for n in range(10)]
    assert dump(machine, wire, frames) == [line for frame in frames for line in shown(frame)]
    machine.serial.begin(f"net arp 0 {HOST_IP}")
    assert wire.receive() == arp_request(HOST_IP)
    wire.send(arp_reply())
    assert machine.serial.prompt() == f"{HOST_IP} is at {HOST_MAC}\n"
    machine.poweroff()


def wait_for_link(machine, expected):
    for _ in range(1000):
        if info(machine)["link"] == expected:
            return
    raise AssertionError(f"the link is {info(machine)['link']}, not {expected}")


def test_link_down_and_up(lab, platform):
    machine, wire = wired(lab, platform)
    for turn in range(3):
        machine.qmp.command("set_link", name="n0", up=False)
        wait_for_link(machine, f"down, {2 * turn + 1} changes")
        assert machine.run(f"net arp 0 {HOST_IP}") == "net arp: the link is down\n"
        assert machine.run(f"net ping 0 {HOST_IP}").startswith("net ping: the link is down\n")
        machine.qmp.command("set_link", name="n0", up=True)
        wait_for_link(machine, f"up, {2 * turn + 2} changes")
        machine.serial.begin(f"net arp 0 {HOST_IP}")
        assert wire.receive() == arp_request(HOST_IP)
        wire.send(arp_reply())
        assert machine.serial.prompt() == f"{HOST_IP} is at {HOST_MAC}\n"
    machine.poweroff()


def test_link_goes_down_while_waiting(lab, arch):
    machine, wire = wired(lab, arch)
    machine.serial.begin(f"net ping 0 {HOST_IP} 100")
    wire.receive()
    wire.send(arp_reply())
    wire.receive()
    machine.qmp.command("set_link", name="n0", up=False)
    text = machine.serial.prompt()
    assert "net ping: the link is down\n" in text
    assert re.search(r"^\d+ sent, 0 received$", text, re.M)


def test_link_down_from_the_start(lab, pair):
    """Down before the driver looks: no change is reported later, it has to see it by itself."""
    channel = lab.channel()
    machine = lab.start(pair, "-S", "-netdev", f"socket,id=n0,fd={channel.fd}", "-device",
                        f"virtio-net-device,netdev=n0,mac={MAC}")
    machine.qmp.command("set_link", name="n0", up=False)
    machine.qmp.command("cont")
    machine.serial.prompt()
    assert info(machine)["link"].startswith("down")
    machine.qmp.command("set_link", name="n0", up=True)
    for _ in range(1000):
        if info(machine)["link"].startswith("up"):
            break
    assert info(machine)["link"].startswith("up")
    machine.serial.begin(f"net arp 0 {HOST_IP}")
    assert Wire(channel).receive() == arp_request(HOST_IP)


# --- load -------------------------------------------------------------------------------------

def wait_for_received(machine, count):
    """The number of frames received, once it is @count or stays below."""
    frames = errors = None
    for _ in range(2000):
        frames, errors = map(int, re.fullmatch(
            r"(\d+) frames, \d+ bytes, (\d+) errors, \d+ dropped",
            info(machine)["received"]).groups())
        if frames >= count:
            break
    return frames, errors


def test_flood_while_idle(lab, platform):
    """Nobody asked for these frames. All are taken, and shell and network work as before."""
    machine, wire = wired(lab, platform)
    for number in range(5000):
        wire.send(ethernet(GUEST, HOST, TEST, struct.pack(">I", number).ljust(100, b"*")))
    assert wait_for_received(machine, 5000) == (5000, 0)
    machine.serial.begin(f"net arp 0 {HOST_IP}")
    assert wire.receive() == arp_request(HOST_IP)
    wire.send(arp_reply())
    assert machine.serial.prompt() == f"{HOST_IP} is at {HOST_MAC}\n"
    machine.poweroff()


@pytest.mark.parametrize(
    "platform", [Platform("arm", "legacy", 2), Platform("aarch64", "modern", 3),
                 Platform("arm", ring=Ring("packed", packed=True)),
                 Platform("aarch64", ring=Ring("packed-noevent-size1000", packed=True,
                                               event_idx=False, queue_size=1000))], ids=str)
def test_receive_index_wraps_around(lab, platform):
    """More than 65536 frames: the 16-bit indexes of the ring begin anew."""
    machine, wire = wired(lab, platform)
    frame = ethernet(GUEST, HOST, TEST, bytes(50))
    for _ in range(70000):
        wire.send(frame)
    assert wait_for_received(machine, 70000) == (70000, 0)
    frames = [ethernet(GUEST, HOST, TEST, host.random_bytes(300, n)) for n in range(5)]
    assert dump(machine, wire, frames) == [line for f in frames for line in shown(f)]
    machine.poweroff()


def test_random_frames(lab, arch):
    """Rubbish of every length and type, while a ping listens and while nobody does."""
    machine, wire = wired(lab, arch)
    for part in range(2):
        if part:
            machine.serial.begin("net arp 0 10.0.2.200")
        for number in range(400):
            size = 1 + number * 4
            wire.send(host.random_bytes(size, (part, number)))
            kind = (0x0806, 0x0800)[number % 2]
            wire.send(ethernet(GUEST, HOST, kind, host.random_bytes(size % 100, number)))
        if part:
            assert machine.serial.prompt() == "net arp: no answer from 10.0.2.200\n"
    assert machine.run("echo alive") == "alive\n"
    machine.poweroff()
