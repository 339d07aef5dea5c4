# SPDX-License-Identifier: BSD-2-Clause
"""A machine with gdb attached from reset on, and the commands of `make debug`."""
import subprocess
import time

from machine import ROOT, TIMEOUT_S, image_path


def run_under_gdb(lab, platform, boot, *commands, devices=()):
    """Starts a machine that runs the commands @boot; returns what the gdb @commands print, and the machine."""
    socket = lab.directory / "gdb"
    machine = lab.start(platform, "-S", "-gdb", f"unix:{socket},server=on,wait=off", *devices,
                        append=boot)
    end = time.monotonic() + TIMEOUT_S
    while not socket.exists():
        assert time.monotonic() < end, "QEMU does not listen for gdb"
        time.sleep(0.05)
    script = [f"target remote {socket}", *commands]
    result = subprocess.run(
        ["gdb-multiarch", "-nx", "-q", "-batch", image_path(platform.arch), "-x",
         ROOT / "tests/gdb/vireo.gdb", *(word for line in script for word in ("-ex", line))],
        cwd=lab.directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=TIMEOUT_S, check=False, text=True)
    assert "Traceback" not in result.stdout and "Python Exception" not in result.stdout
    return result.stdout, machine
