# SPDX-License-Identifier: BSD-2-Clause
"""The commands that `make debug` gives to gdb: what they say of a ring whose state is known."""
import re

import pytest

from debugger import run_under_gdb


def gdb(lab, platform, boot, *commands):
    """Runs the commands @boot; returns what the gdb @commands print, the last of which ends the machine."""
    said, _ = run_under_gdb(lab, platform, boot, *commands, "kill", devices=("-device", "virtio-rng-device"))
    return said


# At the second request's notification: the first has come back, the second is in flight. By the count of
# requests and not of stops: on a busy host QEMU may report one stop twice.
SECOND_NOTIFY = ("break vm_notify if ((struct vring_virtqueue *)vq)->added == 2", "continue")


@pytest.mark.rings("packed", "plain", "packed-noevent", "size4", "packed-size5")
def test_a_ring_with_a_buffer_in_flight(lab, pair):
    said = gdb(lab, pair, "rng 0 8; rng 0 16; poweroff", *SECOND_NOTIFY, "virtio-devices",
               "virtqueue 0 0", "print vq")
    size = pair.queue_size
    assert re.search(r"^0: mmio@\w+ id 4 virtio_rng VIRTIO_STATE_LIVE features 0x[0-9a-f]+$", said,
                     re.M), said
    assert f"   queue 0 requests: {size - 1} free, struct virtqueue at 0x" in said

    line = re.search(r"^mmio@\w+ queue 0 requests: (\d+) descriptors, (\d+) free, *(.*)$", said, re.M)
    assert line, said
    assert (int(line[1]), int(line[2])) == (size, size - 1)
    assert set(line[3].split()) == {word for word, there in (
        ("event_idx", pair.ring.event_idx), ("indirect", pair.ring.indirect),
        ("legacy", pair.legacy)) if there}
    assert re.findall(r"^   (added .*)$", said, re.M) == [
        "added 2, used 1, kicks 2, notified 2, interrupts 1, spurious 0"]
    if pair.form == "packed":
        assert "   next available 2, next used 1, all published\n" in said
    else:
        assert "   available: idx 2, written by us up to 2, published 2\n" in said
        assert "   used: idx 1, taken back up to 1\n" in said
    in_flight = re.findall(r"^   in flight: .* descriptors (\d+) writable (\d+) bytes$", said, re.M)
    assert in_flight == [("1", "16")], said


def test_a_queue_by_address_and_queues_that_are_not_there(lab, arch):
    said = gdb(lab, arch, "rng 0 8; poweroff", "virtio-devices", "break vm_notify", "continue",
               "virtqueue 0 7", "virtqueue 9 0", "virtqueue", "virtqueue vq")
    for error in ("device 0 has no queue 7", "device 9 has no queue 0",
                  "virtqueue ADDRESS, or virtqueue DEVICE QUEUE"):
        assert error in said
    assert "   added 1, used 0, kicks 1, notified 1, interrupts 0, spurious 0\n" in said
