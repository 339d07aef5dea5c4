# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures of the QEMU tests: the platforms, a laboratory that starts machines, disks."""
import contextlib
import fcntl
import itertools
import os
import zlib

import pytest

import host
from machine import BUILD, Channel, Machine, Platform, Terminal, image_path

PLATFORMS = [Platform(arch, transport, gic) for arch, transport, gic in
             itertools.product(("arm", "aarch64"), ("modern", "legacy"), (2, 3))]
ARCHES = [Platform("arm"), Platform("aarch64")]
# Fewer combinations, in which each value of each property occurs with each architecture.
PAIRS = [Platform("arm", "modern", 2), Platform("arm", "legacy", 3),
         Platform("aarch64", "legacy", 2), Platform("aarch64", "modern", 3)]


def pytest_sessionstart():
    missing = [str(image_path(arch, kind)) for arch in ("arm", "aarch64")
               for kind in ("elf", "bin") if not image_path(arch, kind).exists()]
    if missing:
        raise pytest.UsageError(f"build the images first (make all): no {', '.join(missing)}")


@pytest.fixture(params=PLATFORMS, ids=str)
def platform(request):
    """Every architecture x transport x interrupt controller."""
    return request.param


@pytest.fixture(params=PAIRS, ids=str)
def pair(request):
    """Every architecture x transport, each interrupt controller with each architecture."""
    return request.param


@pytest.fixture(params=ARCHES, ids=lambda p: p.arch)
def arch(request):
    """Both architectures, modern transport, GICv2."""
    return request.param


class Lab:
    """Starts machines for one test and clears everything away after it."""

    def __init__(self, directory):
        self.directory = directory
        self.machines = []
        self._channels = []
        self._new_channels = []
        self._files = []
        self._terminals = []

    def channel(self, kind=Channel):
        """A socket pair (or Stdio) for the next machine."""
        channel = kind()
        self._channels.append(channel)
        self._new_channels.append(channel)
        return channel

    def start(self, platform, *args, **options):
        """A machine that has just been started."""
        machine = Machine(platform, *args, channels=self._new_channels, **options)
        self._new_channels = []
        self.machines.append(machine)
        return machine

    def boot(self, platform, *args, **options):
        """A machine whose shell waits for a command. What it printed is in @boot_text."""
        machine = self.start(platform, *args, **options)
        machine.boot_text = machine.serial.prompt()
        return machine

    def file(self, name, data):
        """A file with @data (bytes, or a size for zeros)."""
        path = self.directory / name
        with open(path, "wb") as out:
            if isinstance(data, int):
                out.truncate(data)
            else:
                out.write(data)
        self._files.append(path)
        return path

    def terminal(self, name, channel):
        """A terminal of the guest at the other end of @channel."""
        terminal = Terminal(name, channel)
        self._terminals.append(terminal)
        return terminal

    def close(self):
        """Ends every QEMU, whatever goes wrong with one. Descriptors are closed when nobody reads
        them any more, since their numbers are used again."""
        with contextlib.ExitStack() as stack:
            for path in self._files:
                stack.callback(path.unlink, missing_ok=True)
            for channel in self._channels:
                stack.callback(channel.close)
            for terminal in self._terminals:
                stack.callback(terminal.join)
            for machine in self.machines:
                stack.callback(machine.close)


@pytest.fixture
def lab(tmp_path, request):
    lab = Lab(tmp_path)
    request.node.lab = lab
    yield lab
    lab.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    lab = getattr(item, "lab", None)
    if report.failed and lab:
        for number, machine in enumerate(lab.machines):
            report.sections.append((f"machine {number}", machine.report()))


@pytest.fixture(scope="session")
def big_disk():
    """A file of 256 MiB of random bytes that every run shares, and its CRC-32. Read only: QEMU
    locks what it writes to."""
    path = BUILD / "test" / "random-256M.img"
    size = 256 << 20
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_suffix(".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists() or path.stat().st_size != size:
            partial = path.with_suffix(".part")
            with open(partial, "wb") as out:
                for piece in range(size >> 20):
                    out.write(host.random_bytes(1 << 20, ("big disk", piece)))
            os.replace(partial, path)
        crc = 0
        with open(path, "rb") as disk:
            while piece := disk.read(1 << 20):
                crc = zlib.crc32(piece, crc)
    return path, crc
