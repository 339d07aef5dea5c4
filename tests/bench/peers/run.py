#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""One job on one participant: run.py [OPTIONS] PARTICIPANT JOB (--help has more).

The participants are vireo, vireo-packed (with the packed ring) and floor (our images), and of `make
bench-peers`: linux as Debian has it, linux-tuned (no scheduler, statistics, merging, mitigations),
linux-best (tuned by all that we know of: see LINUX_BEST and linux_init.c), uboot and edk2. All have the
same machine. A job is what Vireo's bench command takes, without the word bench:

    blk 0 r rand 4096 qd=32 wait=wfi n=20000      net 0 tx 64 batch=64 n=20000
    boot                                          net 0 rtt 64 n=2000

A participant prints BENCH, the job, and its figures as KEY=VALUE; ns is that of one operation. The
result has those; host_ns, the time from QEMU's start until the line came; and end_ns, the time until QEMU has
ended. Of `boot`, host_ns is the time until all devices were ready, which a line may say was `since` before it, and what
ns and per_s are of. The floor's `boot` is to power off at once: it prints nothing, and its end is what counts.
"""
import argparse
import json
import os
import pathlib
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("VIREO_BUILD", ROOT / "build"))
QEMU = os.environ.get("QEMU", "qemu-system-aarch64")
CPU = {"arm": "cortex-a15", "aarch64": "cortex-a57"}
DISK_BYTES = 1 << 30
LIMIT_S = 120
LINUX_STOCK = "console=ttyAMA0 quiet panic=-1"
LINUX_TUNED = "mitigations=off bench_tuned=1"
# Where its addresses are random Linux keeps its page tables apart from user space's, whatever
# mitigations= says: without nokaslr a system call costs 40 us more here.
LINUX_BEST = "mitigations=off nokaslr bench_tuned=2"
UBOOT_PROMPT = rb"\n=> "


class BenchError(Exception):
    """The job was not measured."""


def needed(*parts):
    path = BUILD.joinpath(*parts)
    if not path.exists():
        raise BenchError(f"{path} is not there: make bench-peers, or make ARCH=...")
    return str(path)


class Serial:
    """QEMU with its serial line on pipes. Every wait ends with the participant's time."""

    def __init__(self, command, limit, fds):
        self._errors = tempfile.TemporaryFile()
        self.start = time.monotonic_ns()
        self._deadline = time.monotonic() + limit
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=self._errors, pass_fds=fds)
        self._searched = 0
        self.text = b""

    def _more(self):
        """Reads what has come; False at the end."""
        left = self._deadline - time.monotonic()
        pipe = self._process.stdout.fileno()
        if left <= 0 or not select.select([pipe], [], [], left)[0]:
            raise BenchError("no end within the time limit; so far:\n" + self.report())
        data = os.read(pipe, 65536)
        self.text += data
        return bool(data)

    def find(self, pattern):
        """The first match behind the one found before, and the ns since the start."""
        while True:
            found = re.compile(pattern).search(self.text, self._searched)
            if found:
                self._searched = found.end()
                return found, time.monotonic_ns() - self.start
            if not self._more():
                raise BenchError("QEMU ended without the line; it said:\n" + self.report())

    def send(self, line):
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def finish(self):
        """Reads to the end; the ns from the start to QEMU's end."""
        while self._more():
            pass
        try:
            status = self._process.wait(max(1, self._deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise BenchError("QEMU does not end") from None
        if status:
            raise BenchError(f"QEMU's exit status is {status}:\n" + self.report())
        return time.monotonic_ns() - self.start

    def report(self):
        self._errors.seek(0)
        return self.text.decode(errors="replace") + self._errors.read().decode(errors="replace")

    def close(self):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()
        self._errors.close()


def machine(arch, network):
    """What is the same for all."""
    return [QEMU, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-M", "virt", "-cpu", CPU[arch], "-m", "512", "-accel", "tcg,thread=single",
            "-global", "virtio-mmio.force-legacy=false", "-serial", "stdio",
            "-blockdev",
            f"driver=null-co,node-name=disk0,size={DISK_BYTES},read-zeroes=off",
            "-device", "virtio-blk-device,drive=disk0", *network]


def vireo(*options):
    """lsdev says, behind the job, of which format the rings are."""
    def all_options(arch, job):
        return [*options, "-kernel", needed(arch, "vireo.elf"),
                "-append", f"bench {job}; {'' if job == 'boot' else 'lsdev; '}poweroff"]
    return all_options


def floor(arch, job):
    """It has no other commands; `boot` is to power off at once, which is an image of its own."""
    if job == "boot":
        return ["-kernel", needed(arch, "off.elf")]
    return ["-kernel", needed(arch, "floor.elf"), "-append", f"{job}; poweroff"]


def linux(*words):
    def options(arch, job):
        jobs = [] if job == "boot" else [f'bench="{job}"']
        return ["-kernel", needed("peers", arch, "kernel"),
                "-initrd", needed("peers", arch, "initramfs.cpio"),
                "-append", " ".join([LINUX_STOCK, *words, *jobs])]
    return options


def firmware(image):
    """It hands the kernel's command line on to the program."""
    def options(arch, job):
        return ["-bios", needed("peers", arch, image),
                "-kernel", needed("peers", arch, "bench.efi"),
                "-append", "none" if job == "boot" else job]
    return options


def drive_uboot(serial, arch, job):
    """Types at U-Boot what starts the program. Its boot ends with a prompt where the disk is known;
    the card it finds before."""
    size = pathlib.Path(needed("peers", arch, "bench.efi")).stat().st_size
    serial.find(rb"Hit any key")
    serial.send("")
    serial.find(UBOOT_PROMPT)
    serial.send("virtio scan")
    _, boot_ns = serial.find(UBOOT_PROMPT)
    if job == "boot":
        serial.send("poweroff")
        return boot_ns
    serial.send("qfw load ${kernel_addr_r} ${ramdisk_addr_r}")
    serial.find(UBOOT_PROMPT)
    serial.send(f"bootefi ${{kernel_addr_r}}:{size:x}")
    return None


PARTICIPANTS = {
    "vireo": vireo(), "vireo-packed": vireo("-global", "virtio-device.packed=on"), "floor": floor, "linux": linux(),
    "linux-tuned": linux(LINUX_TUNED), "linux-best": linux(LINUX_BEST),
    "uboot": firmware("u-boot.bin"), "edk2": firmware("edk2.fd"),
}


def figures(words):
    """KEY=VALUE of each word whose value is a number."""
    pairs = (word.split("=", 1) for word in words if "=" in word)
    return {key: float(value) if "." in value else int(value, 0) for key, value in pairs
            if re.fullmatch(r"0x[0-9a-f]+|\d+(\.\d+)?", value)}


def parse(job, line, host_ns):
    result = {"job": job, "insn": 0, "host_ns": host_ns, **figures(line.split())}
    result["host_ns"] -= result.pop("since", 0)
    if "ticks" in result:
        passed = result.pop("ticks") / result.pop("hz")
        result["ns"] = int(passed * 1e9 / result["n"])
        result["per_s"] = int(result["n"] / passed)
    if job == "boot":
        result |= {"n": 1, "ns": result["host_ns"], "per_s": 1e9 / result["host_ns"]}
    if not result.get("per_s") or not result.get("n"):
        raise BenchError(f"no figures: {line}")
    return result


def check_rings(serial, participant, job):
    """A packed ring that QEMU does not offer would be a split one under another name."""
    form = {"vireo": b"/split", "vireo-packed": b"/packed"}.get(participant)
    if form and job != "boot" and form not in serial.text:
        raise BenchError(f"{participant}: no ring is {form.decode()}:\n" + serial.report())


def find_line(serial, participant, arch, job):
    """The line with the job's figures, and the ns from the start until it came."""
    boot_ns = None
    if participant == "uboot":
        boot_ns = drive_uboot(serial, arch, job)
    elif participant == "floor" and job == "boot":
        boot_ns = serial.finish()
    if boot_ns:
        return "boot", boot_ns
    line = rb"^(BENCH " + re.escape(job.encode()) + rb"(?: [^\r\n]*)?|BENCH-ERROR[^\r\n]*)\r*\n"
    found, host_ns = serial.find(b"(?m)" + line)
    return found[1].decode(errors="replace"), host_ns


def measure(serial, participant, arch, job):
    line, host_ns = find_line(serial, participant, arch, job)
    if line.startswith("BENCH-ERROR"):
        raise BenchError(line)
    end_ns = serial.finish()
    check_rings(serial, participant, job)
    return parse(job, line, host_ns) | {"end_ns": end_ns}


def pinned(command, cpu):
    return command if cpu is None else ["taskset", "-c", str(cpu), *command]


def run(participant, job, arch="aarch64", cpu=None, limit=LIMIT_S, extra=()):
    """Runs @job on @participant, QEMU (and the echo) on the host's processor @cpu, with the @extra
    arguments for QEMU; returns a dict with at least participant, job, n, ns, per_s, insn and
    host_ns, or raises BenchError."""
    echo = serial = None
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) if " rtt " in job else ()
    network, fds = ["-device", "virtio-net-device"], ()
    try:
        if ends:
            ours, fds = ends[0].fileno(), (ends[1].fileno(),)
            network = ["-netdev", f"dgram,id=net0,local.type=fd,local.str={fds[0]}",
                       "-device", "virtio-net-device,netdev=net0"]
            echo = subprocess.Popen(
                pinned([needed("peers", "echo"), str(ours), str(limit)], cpu), pass_fds=(ours,))
        command = machine(arch, network) + PARTICIPANTS[participant](arch, job) + list(extra)
        try:
            serial = Serial(pinned(command, cpu), limit, fds)
            result = measure(serial, participant, arch, job)
        except BenchError as error:
            raise BenchError(f"{participant}: {job}: {error}\n{shlex.join(command)}") from None
        return {"participant": participant, "arch": arch, **result}
    finally:
        if serial:
            serial.close()
        if echo:
            echo.kill()
            echo.wait()
        for end in ends:
            end.close()


def end_with_children():
    """A SIGTERM (that of timeout, say) ends Python at once, but not what it has started."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))


def main():
    end_with_children()
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", choices=CPU, default="aarch64")
    parser.add_argument("--cpu", type=int)
    parser.add_argument("--limit", type=int, default=LIMIT_S)
    parser.add_argument("--qemu-args", default="", help="more of them, as in a shell")
    parser.add_argument("participant", choices=PARTICIPANTS)
    parser.add_argument("job")
    options = parser.parse_args()
    try:
        result = run(options.participant, options.job, options.arch, options.cpu, options.limit,
                     shlex.split(options.qemu_args))
    except BenchError as error:
        sys.exit(f"run: {error}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
