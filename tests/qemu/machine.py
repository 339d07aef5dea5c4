# SPDX-License-Identifier: BSD-2-Clause
"""One QEMU with one Vireo image in it: the command line, its terminals, QMP, its end.

Everything between a test and its QEMU goes through socket pairs that QEMU inherits, never through
a path or a port: workers cannot collide, nobody has to wait for a socket to appear, and no byte is
lost before somebody listens. Every wait has an end. The limits are only there against hangs; they
are far above what a busy machine needs.
"""
import dataclasses
import fcntl
import io
import itertools
import json
import os
import pathlib
import queue
import re
import select
import shlex
import socket
import subprocess
import tempfile
import threading
import time

import pexpect
from pexpect import spawnbase

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("VIREO_BUILD", ROOT / "build"))
QEMU = os.environ.get("QEMU", "qemu-system-aarch64")
PROMPT = "vireo> "
TIMEOUT_S = 120

CPU = {"arm": "cortex-a15", "aarch64": "cortex-a57"}


@dataclasses.dataclass(frozen=True)
class Ring:
    """What the rings of all devices are like: what QEMU offers, and boot options of ours."""
    name: str = "default"
    packed: bool = False
    event_idx: bool = True
    indirect: bool = True
    queue_size: int = 0  # boot option queue-size=; 0: not given
    dma: str = ""        # boot option dma=; "": not given

    DEFAULT_SIZE = 256
    DEVICE_SIZE = 1024  # what QEMU 7.2 takes at most behind virtio-mmio

    def qemu_options(self):
        """For all devices at once: virtio-device is the class that all are of."""
        changed = ["packed=on"] if self.packed else []
        changed += [] if self.event_idx else ["event_idx=off"]
        changed += [] if self.indirect else ["indirect_desc=off"]
        return [word for option in changed for word in ("-global", f"virtio-device.{option}")]

    def boot_options(self):
        return ([f"queue-size={self.queue_size}"] if self.queue_size else []) + \
            ([f"dma={self.dma}"] if self.dma else [])

    def form(self, legacy):
        """What lsdev calls the format."""
        return "packed" if self.packed and not legacy else "split"

    def size(self, legacy):
        """The size of each queue; that of a split ring is a power of two."""
        size = min(self.queue_size or self.DEFAULT_SIZE, self.DEVICE_SIZE)
        return size if self.form(legacy) == "packed" else 1 << (size.bit_length() - 1)

    def features(self, legacy):
        """Those of lsdev's features that say what a ring is like."""
        names = {"RING_PACKED": self.packed and not legacy, "EVENT_IDX": self.event_idx,
                 "INDIRECT_DESC": self.indirect}
        return {name for name, there in names.items() if there}


@dataclasses.dataclass(frozen=True)
class Pci:
    """How devices sit on PCI Express: what QEMU offers, and boot options of ours."""
    name: str
    transitional: bool = False  # has the legacy interface, too
    legacy: bool = False        # boot option virtio_pci=legacy: driven through that
    vectors: int | None = None  # of MSI-X; None: QEMU's choice, 0: the wired line
    port: bool = False          # each device behind a pcie-root-port of its own
    iommu: str = ""             # "smmuv3" or "virtio": the devices go through it

    # Without a legacy interface that could be switched off, and without a choice of vectors.
    MODERN_ONLY, WIRED = ("virtio-keyboard",), ("virtio-balloon",)

    def device(self, name, number):
        """The words for "virtio-NAME-device,...", the machine's @number-th device."""
        kind, *properties = name.split(",")
        if self.vectors is not None and not kind.startswith(self.WIRED):
            properties.append(f"vectors={self.vectors}")
        properties.append(f"disable-legacy={'off' if self.transitional else 'on'}")
        if kind.startswith(self.MODERN_ONLY):
            properties = properties[:-1]
        if self.iommu:
            properties.append("iommu_platform=on")
        ahead = []
        if self.port:
            ahead = [f"pcie-root-port,id=port{number},chassis={number + 1}", "-device"]
            properties.append(f"bus=port{number}")
        return ahead + [",".join([kind.removesuffix("-device") + "-pci", *properties])]


@dataclasses.dataclass(frozen=True)
class Platform:
    """What the core tests run on: each combination of these."""
    arch: str = "arm"
    transport: str = "modern"  # virtio-mmio's interface: modern or legacy
    gic: int = 2
    ring: Ring = Ring()
    pci: Pci | None = None  # devices on PCI instead of virtio-mmio

    def __str__(self):
        name = f"{self.arch}-{self.pci.name if self.pci else self.transport}-gicv{self.gic}"
        return name if self.ring == Ring() else f"{name}-{self.ring.name}"

    @property
    def legacy(self):
        return self.pci.legacy if self.pci else self.transport == "legacy"

    def devices(self, args):
        """The command line @args, which names devices as they are called on virtio-mmio."""
        if not self.pci:
            return args
        words = ["-device", "virtio-iommu-pci"] if self.pci.iommu == "virtio" else []
        for number, arg in enumerate(args):
            is_device = re.match(r"virtio-\w+-device(,|$)", arg)
            words += self.pci.device(arg, number) if is_device else [arg]
        return words

    def machine_options(self):
        return ",iommu=smmuv3" if self.pci and self.pci.iommu == "smmuv3" else ""

    def boot_options(self):
        return self.ring.boot_options() + \
            (["virtio_pci=legacy"] if self.pci and self.pci.legacy else [])

    @property
    def form(self):
        return self.ring.form(self.legacy)

    @property
    def queue_size(self):
        return self.ring.size(self.legacy)

    def has_size(self, size):
        """Whether a queue may have this size. On PCI QEMU gives each type of device one of its own."""
        return 1 <= size <= self.queue_size if self.pci else size == self.queue_size


def image_path(arch, kind="elf", name="vireo"):
    return BUILD / arch / f"{name}.{kind}"


class Channel:
    """A socket pair: one end is the test's, QEMU inherits the other as file descriptor @fd."""

    def __init__(self):
        self.sock, self._guest = socket.socketpair()
        self.sock.settimeout(TIMEOUT_S)  # also makes it non-blocking
        self.fd = self._guest.fileno()
        self.reader = self.writer = self.sock.fileno()

    def handed_over(self):
        self._guest.close()

    def close(self):
        self._guest.close()
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the other end was first
        self.sock.close()


class Stdio:
    """QEMU's standard input and output, for `-chardev stdio`. QEMU drops a virtconsole's output
    where its reader is slow. A pipe, unlike a socket, is sure to hold PIPE_BYTES in small pieces.
    """
    PIPE_BYTES = 1 << 20
    fd = None

    def __init__(self):
        self.stdin, self.writer = os.pipe()
        self.reader, self.stdout = os.pipe()
        fcntl.fcntl(self.reader, fcntl.F_SETPIPE_SZ, self.PIPE_BYTES)
        for end in (self.reader, self.writer):
            os.set_blocking(end, False)

    def handed_over(self):
        for end in (self.stdin, self.stdout):
            os.close(end)
        self.stdin = self.stdout = None

    def close(self):
        for end in (self.reader, self.writer, self.stdin, self.stdout):
            if end is not None:
                os.close(end)


class _Stream(spawnbase.SpawnBase):
    """What QEMU writes to a channel, for pexpect. A thread takes it at once, as a guest stands
    still while its serial line waits for a reader."""

    def __init__(self, channel):
        super().__init__(timeout=TIMEOUT_S, encoding="latin-1")
        self._fd = channel.reader
        self._pieces = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def _receive(self):
        try:
            while select.select([self._fd], [], [])[0] and (data := os.read(self._fd, 65536)):
                self._pieces.put(data)
        except ConnectionResetError:
            pass  # QEMU ended before it had read all
        self._pieces.put(b"")

    def join(self):
        """Waits until QEMU has closed its end; only then may the descriptor be closed."""
        self._thread.join(TIMEOUT_S)
        assert not self._thread.is_alive()

    def read_nonblocking(self, size=1, timeout=None):
        if self.flag_eof:
            raise pexpect.EOF("end of the stream")
        try:
            data = self._pieces.get(timeout=max(timeout, 0) if timeout is not None else None)
        except queue.Empty:
            raise pexpect.TIMEOUT("nothing came") from None
        if not data:
            self.flag_eof = True
            raise pexpect.EOF("end of the stream")
        # A UART sends single bytes. Searching is cheaper in larger pieces.
        while not self._pieces.empty():
            piece = self._pieces.get()
            if not piece:
                self._pieces.put(piece)
                break
            data += piece
        text = self._decoder.decode(data)
        self._log(text, "read")
        return text


class Terminal:
    """A terminal of the guest with a shell on it. Text is latin-1: a character is a byte."""

    def __init__(self, name, channel):
        self.name = name
        self.channel = channel
        self.log = io.StringIO()
        self._stream = _Stream(channel)
        self._stream.logfile_read = self.log

    def send(self, text):
        """Types @text (str or bytes). Takes as long as the guest does, within the time limit."""
        data = text.encode("latin-1") if isinstance(text, str) else text
        end = time.monotonic() + TIMEOUT_S
        while data:
            left = end - time.monotonic()
            assert left > 0, f"{self.name}: the guest takes no more input"
            if select.select([], [self.channel.writer], [], left)[1]:
                data = data[os.write(self.channel.writer, data):]

    def expect_exact(self, text, timeout=TIMEOUT_S):
        """Waits for @text and returns what came before it."""
        try:
            self._stream.expect_exact(text, timeout=timeout)
        except (pexpect.TIMEOUT, pexpect.EOF) as error:
            raise AssertionError(f"{self.name}: no {text!r} ({type(error).__name__}); after it "
                                 f"came {self._stream.before[-2000:]!r}") from None
        return self._stream.before

    def expect(self, pattern, timeout=TIMEOUT_S):
        """Waits for the regular expression and returns its match."""
        try:
            self._stream.expect(pattern, timeout=timeout)
        except (pexpect.TIMEOUT, pexpect.EOF) as error:
            raise AssertionError(f"{self.name}: no /{pattern}/ ({type(error).__name__}); there "
                                 f"came {self._stream.before[-2000:]!r}") from None
        return self._stream.match

    def prompt(self, timeout=TIMEOUT_S):
        """Waits for the prompt; returns the lines before it."""
        return self.expect_exact(PROMPT, timeout).replace("\r\n", "\n")

    def run(self, command, timeout=TIMEOUT_S):
        """Types @command at the prompt; returns its output, with \\n as line end."""
        self.begin(command)
        return self.prompt(timeout)

    def begin(self, command):
        """Types @command at the prompt and waits until the shell has taken it."""
        self.send(command + "\r")
        self.expect_exact(command + "\r\n")

    def lines(self, command):
        return self.run(command).splitlines()

    def rest(self, timeout=TIMEOUT_S):
        """All that comes until QEMU ends."""
        try:
            self._stream.expect(pexpect.EOF, timeout=timeout)
        except pexpect.TIMEOUT:
            raise AssertionError(f"{self.name}: QEMU goes on; there came "
                                 f"{self._stream.before[-2000:]!r}") from None
        return self._stream.before.replace("\r\n", "\n")

    def poll(self, text, action):
        """Calls @action again and again until @text comes; returns what came before it."""
        end = time.monotonic() + TIMEOUT_S
        while True:
            action()
            if self._stream.expect_exact([text, pexpect.TIMEOUT], timeout=0.05) == 0:
                return self._stream.before
            assert time.monotonic() < end, f"{self.name}: no {text!r}"

    def join(self):
        self._stream.join()

    def silent(self, seconds):
        """What comes within @seconds; for showing that nothing does."""
        try:
            self._stream.expect(pexpect.EOF, timeout=seconds)
        except pexpect.TIMEOUT:
            pass
        return self._stream.before


class Qmp:
    """QEMU's control protocol: a JSON object a line."""

    def __init__(self, channel):
        self._sock = channel.sock
        self._pending = b""
        self.events = []
        assert "QMP" in self._receive()
        self.command("qmp_capabilities")

    def _receive(self):
        while b"\n" not in self._pending:
            data = self._sock.recv(65536)  # has a time limit
            assert data, "QEMU ended while a QMP answer was due"
            self._pending += data
        line, self._pending = self._pending.split(b"\n", 1)
        return json.loads(line)

    def command(self, name, /, **arguments):
        message = {"execute": name, "arguments": {k.replace("_", "-"): v
                                                  for k, v in arguments.items()}}
        self._sock.sendall(json.dumps(message).encode() + b"\n")
        while True:
            answer = self._receive()
            if "return" in answer:
                return answer["return"]
            assert "error" not in answer, f"QMP {name}: {answer['error']}"
            self.events.append(answer)

    def event(self, name):
        """Waits for the event @name and returns it."""
        while True:
            for event in self.events:
                if event["event"] == name:
                    self.events.remove(event)
                    return event
            self.events.append(self._receive())


class Machine:
    """A running QEMU. Options that a test does not give are those of an ordinary `virt`."""

    def __init__(self, platform, *args, image="elf", program="vireo", cpu=None, memory="128",
                 smp=None, machine_options="", append=None, semihosting=True, qemu=QEMU, channels=()):
        self.platform = platform
        self._serial = Channel()
        self._control = Channel()
        self._qmp = None
        self.channels = [self._serial, self._control, *channels]
        self.serial = Terminal("serial", self._serial)
        self.command_line = [
            qemu, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-M", f"virt,gic-version={platform.gic}{platform.machine_options()}{machine_options}",
            "-cpu", cpu or CPU[platform.arch], "-m", str(memory),
            "-global", f"virtio-mmio.force-legacy={'true' if platform.legacy else 'false'}",
            "-chardev", f"socket,id=serial0,fd={self._serial.fd}", "-serial", "chardev:serial0",
            "-chardev", f"socket,id=qmp0,fd={self._control.fd}", "-mon",
            "chardev=qmp0,mode=control",
            "-kernel", str(image_path(platform.arch, image, program)),
        ]
        if smp:
            self.command_line += ["-smp", str(smp)]
        if semihosting:
            self.command_line += ["-semihosting-config", "enable=on,target=native"]
        self.command_line += platform.ring.qemu_options()
        arguments = platform.boot_options() + ([] if append is None else [append])
        if arguments:
            self.command_line += ["-append", "; ".join(arguments)]
        self.command_line += platform.devices([str(arg) for arg in args])
        self._errors = tempfile.TemporaryFile()
        stdio = [channel for channel in self.channels if isinstance(channel, Stdio)]
        self._process = subprocess.Popen(
            self.command_line, stdin=stdio[0].stdin if stdio else subprocess.DEVNULL,
            stdout=stdio[0].stdout if stdio else self._errors, stderr=self._errors,
            pass_fds=[channel.fd for channel in self.channels if channel.fd is not None])
        for channel in self.channels:
            channel.handed_over()

    @property
    def qmp(self):
        if not self._qmp:
            self._qmp = Qmp(self._control)
        return self._qmp

    @property
    def errors(self):
        """What QEMU itself has printed."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")

    @property
    def pid(self):
        return self._process.pid

    @property
    def running(self):
        return self._process.poll() is None

    def run(self, command, timeout=TIMEOUT_S):
        return self.serial.run(command, timeout)

    def lines(self, command):
        return self.serial.lines(command)

    def status(self):
        """Waits until QEMU ends and returns its exit status."""
        try:
            return self._process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise AssertionError("QEMU does not end") from None

    def finish(self):
        """Waits until QEMU ends, with status 0; returns what came on the serial line."""
        text = self.serial.rest()
        assert self.status() == 0, self.errors
        return text

    def poweroff(self):
        self.serial.begin("poweroff")
        return self.finish()

    def close(self):
        """Ends QEMU. Its channels stay open, see Lab.close()."""
        if self.running:
            self._process.kill()
        self._process.wait()
        self.serial.join()
        for channel in (self._serial, self._control):
            channel.close()
        self._errors.close()

    def _devices(self):
        """Each virtio device as QEMU sees it, and its queues, those with a ring: who waits for whom?"""
        for device in self.qmp.command("x-query-virtio"):
            path = device["path"]
            yield f"{path}: {self.qmp.command('x-query-virtio-status', path=path)}"
            for queue in itertools.count():
                try:
                    yield str(self.qmp.command("x-query-virtio-queue-status", path=path, queue=queue))
                except AssertionError:
                    break  # that was the last one

    def _state(self):
        """Of a QEMU that runs. One before 7.2 cannot tell of its devices."""
        lines = []
        try:
            lines.append(self.qmp.command("human-monitor-command", command_line="info registers"))
            lines.extend(self._devices())
        except (AssertionError, OSError) as error:
            lines.append(f"no more: {error}")
        return "\n".join(lines)

    def report(self):
        """Everything that helps to understand a failed test."""
        self.serial.silent(0.1)
        status = "running" if self.running else f"exit status {self._process.returncode}"
        return "\n".join([shlex.join(self.command_line), status,
                          self._state() if self.running else "", self.errors,
                          self.serial.log.getvalue().replace("\r\n", "\n")])
