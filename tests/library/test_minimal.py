# SPDX-License-Identifier: BSD-2-Clause
"""The smallest image that there is (minimal.c) is small, and works: QEMU gives it bytes that we know."""
import subprocess
from library import BUILD

IMAGE = BUILD / "size/minimal.elf"
QEMU = ["qemu-system-arm", "-M", "virt", "-cpu", "cortex-a15", "-m", "64", "-display", "none", "-monitor", "none",
        "-serial", "null", "-semihosting", "-global", "virtio-mmio.force-legacy=false", "-kernel", IMAGE]


def run_image(*devices):
    done = subprocess.run([*QEMU, *devices], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    return done.returncode, (done.stdout + done.stderr).decode()


def test_it_prints_what_the_device_gave(tmp_path):
    (tmp_path / "bytes").write_bytes(b"Sixteen of them!")
    status, output = run_image("-object", f"rng-random,filename={tmp_path / 'bytes'},id=r",
                               "-device", "virtio-rng-device,rng=r")
    assert (status, output) == (0, b"Sixteen of them!".hex() + "\n")


def test_it_finds_the_device_in_any_slot_and_among_others(tmp_path):
    (tmp_path / "bytes").write_bytes(b"0123456789abcdef")
    status, output = run_image("-netdev", "user,id=n", "-device", "virtio-net-device,netdev=n",
                               "-object", f"rng-random,filename={tmp_path / 'bytes'},id=r",
                               "-device", "virtio-rng-device,rng=r", "-device", "virtio-serial-device")
    assert (status, output) == (0, b"0123456789abcdef".hex() + "\n")


def test_without_a_device_it_says_so():
    assert run_image() == (3, "")


def test_a_device_that_gives_nothing_ends_in_a_timeout():
    status, output = run_image("-chardev", "null,id=c", "-object", "rng-egd,chardev=c,id=r",
                               "-device", "virtio-rng-device,rng=r")
    assert (status, output) == (4, "")
