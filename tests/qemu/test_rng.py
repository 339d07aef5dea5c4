# SPDX-License-Identifier: BSD-2-Clause
"""Entropy: as many bytes as asked for, from the host, and never the same."""
import pytest

import host

pytestmark = pytest.mark.rings


def with_rng(lab, platform, device="", append=None):
    return lab.boot(platform, "-device", f"virtio-rng-device{device}", append=append)


def hex_bytes(output):
    lines = output.splitlines()
    assert all(len(line) == 64 for line in lines[:-1]) and len(lines[-1]) <= 64
    return bytes.fromhex("".join(lines))


def test_length(lab, platform):
    machine = with_rng(lab, platform)
    for length in (1, 2, 31, 32, 33, 63, 64, 65, 1000, 4095, 4096):
        assert len(hex_bytes(machine.run(f"rng 0 {length}"))) == length
    assert machine.run("rng 0 4097") == "rng: count 4097 is too large (at most 4096)\n"
    assert machine.run("rng 0 0") == "rng: count is 0\n"
    machine.poweroff()


def test_entropy_differs_between_boots(lab, platform):
    texts = set()
    for _ in range(2):
        machine = lab.boot(platform, "-device", "virtio-rng-device", append="rng 0 64")
        texts.add(machine.boot_text)
        texts.add(machine.run("rng 0 64"))
        machine.poweroff()
    values = {hex_bytes("\n".join(text.splitlines()[-2:])) for text in texts}
    assert len(values) == 4 and all(len(value) == 64 for value in values)


def test_entropy_looks_random(lab, arch):
    """64 KiB: each byte value about 256 times. A wrong byte count or a stale buffer shows here."""
    machine = with_rng(lab, arch)
    data = b"".join(hex_bytes(machine.run("rng 0 4096")) for _ in range(16))
    counts = [data.count(value) for value in range(256)]
    assert len(data) == 65536
    # The square sum's mean is 255 with a deviation of 22.6; 500 is ten deviations away.
    assert sum((count - 256) ** 2 / 256 for count in counts) < 500


def test_bytes_come_from_the_source(lab, pair):
    """A file in place of the host's generator: what is printed is what is in it, in order."""
    data = host.random_bytes(1 << 20, "entropy")
    path = lab.file("entropy", data)
    machine = lab.boot(pair, "-object", f"rng-random,id=r,filename={path}", "-device",
                       "virtio-rng-device,rng=r")
    start = 0
    for length in (40, 4096, 1, 500):
        got = hex_bytes(machine.run(f"rng 0 {length}"))
        at = data.find(got, start)
        assert at == start if start == 0 else at >= 0, f"{length} bytes are not from the file"
        start = at + length
    machine.poweroff()


def test_several_devices(lab, arch):
    files = [lab.file(f"entropy{n}", host.random_bytes(1 << 16, n)) for n in range(3)]
    args = []
    for number, path in enumerate(files):
        args += ["-object", f"rng-random,id=r{number},filename={path}", "-device",
                 f"virtio-rng-device,rng=r{number}"]
    machine = lab.boot(arch, *args)
    for number, path in enumerate(files):
        assert hex_bytes(machine.run(f"rng {number} 100")) == path.read_bytes()[:100]
    machine.poweroff()


def test_limited_rate(lab, arch):
    """A device that gives 64 bytes each 100 ms: the driver goes on asking."""
    machine = with_rng(lab, arch, ",max-bytes=64,period=100")
    assert len(hex_bytes(machine.run("rng 0 300"))) == 300
    machine.poweroff()


@pytest.mark.rings("packed", "packed-plain")
def test_source_that_gives_nothing(lab, arch):
    """The wait has an end, and the next device works."""
    silent = lab.channel()
    machine = lab.boot(arch, "-chardev", f"socket,id=egd,fd={silent.fd}", "-object",
                       "rng-egd,id=r,chardev=egd", "-device", "virtio-rng-device,rng=r",
                       "-device", "virtio-rng-device")
    assert machine.lines("rng 0 16")[-1] == "rng: timed out"
    assert len(hex_bytes(machine.run("rng 1 16"))) == 16
    machine.poweroff()
