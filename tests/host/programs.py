# SPDX-License-Identifier: BSD-2-Clause
"""The programs of the host port's tests: our tools, built with sanitizers, and devices that others wrote.

Whatever is started here is ended with the test, and every wait has an end. A tool whose sanitizers have something to
say fails the test, whatever was expected of it.
"""
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("VIREO_BUILD", ROOT / "build"))
CHECKED = BUILD / "host/checked"
TIMEOUT_S = 120
SECTOR = 512

# A sanitizer's exit status must be none of the tools' own.
SANITIZER_STATUS = 99
ENVIRONMENT = dict(os.environ, ASAN_OPTIONS=f"exitcode={SANITIZER_STATUS}:detect_leaks=1",
                   UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1")


class Scratch:
    """A folder whose path is short enough for the sockets in it."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="vireo-"))
        self.processes = []

    def start(self, command, **options):
        process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                   **options)
        self.processes.append(process)
        return process

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        shutil.rmtree(self.path, ignore_errors=True)


def wait_until(condition, what, seconds=TIMEOUT_S):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.01)


class Result:
    def __init__(self, command, status, out, err):
        self.command, self.status, self.out, self.err = command, status, out, err

    def __str__(self):
        return f"{' '.join(self.command)}\nstatus {self.status}\n{self.out}{self.err}"


class Tool:
    """A run of one of our tools."""

    def __init__(self, scratch, name, *args):
        self.command = [str(CHECKED / name), *(str(arg) for arg in args)]
        self.process = scratch.start(self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                     env=ENVIRONMENT)

    def wait(self, seconds=TIMEOUT_S):
        out, err = self.process.communicate(timeout=seconds)
        result = Result(self.command, self.process.returncode, out.decode(errors="replace"),
                        err.decode(errors="replace"))
        assert result.status != SANITIZER_STATUS and result.status >= 0, str(result)
        assert "runtime error" not in result.err and "Sanitizer" not in result.err, str(result)
        return result


class StorageDaemon:
    """qemu-storage-daemon, which exports a disk: a file, or with None nothing (null-co)."""

    def __init__(self, scratch, image, socket_path, writable=True, options="", size=1 << 30,
                 second_socket=None):
        self.scratch, self.socket = scratch, socket_path
        disk = f"driver=file,node-name=f,filename={image},discard=unmap" if image else \
            f"driver=null-co,node-name=f,size={size},read-zeroes=on"
        self.command = ["qemu-storage-daemon", "--blockdev", disk,
                        "--blockdev", "driver=raw,node-name=d,file=f,discard=unmap"]
        self.export("e", socket_path, writable, options)
        if second_socket:
            self.export("e2", second_socket, writable, options)
        self.process = None
        self.start()

    def export(self, name, path, writable, options):
        self.command += ["--export", f"type=vhost-user-blk,id={name},node-name=d,"
                         f"writable={'on' if writable else 'off'},addr.type=unix,addr.path={path}{options}"]

    def start(self):
        self.socket.unlink(missing_ok=True)
        self.process = self.scratch.start(self.command)
        wait_until(self.listens, "qemu-storage-daemon to listen")

    def listens(self):
        assert self.process.poll() is None, f"qemu-storage-daemon ended: {self.command}"
        return self.socket.exists() and listening(self.socket)

    def kill(self):
        self.process.kill()
        self.process.wait()


class Testpmd:
    """DPDK's testpmd, which returns every frame that comes through its vhost port, or (icmpecho) answers ARP and pings."""

    __test__ = False  # by its name pytest would take it for a test
    ROOT = BUILD / "third_party/dpdk/root"

    def __init__(self, scratch, socket_path, mode="io"):
        self.scratch, self.socket = scratch, socket_path
        libraries = next(self.ROOT.glob("usr/lib/*/librte_eal.so.*")).parent
        # Plug-ins are not loaded from where others may write, such as below /tmp: these are loaded beforehand.
        self.environment = dict(os.environ, LD_LIBRARY_PATH=str(libraries),
                                LD_PRELOAD="librte_net_vhost.so.23 librte_mempool_ring.so.23")
        cpus = sorted(os.sched_getaffinity(0))
        lcores = f"0@{cpus[0]},1@{cpus[-1]}"
        self.command = [self.ROOT / "usr/bin/dpdk-testpmd", "--no-huge", "--no-pci", "-m", "256",
                        "--lcores", lcores, "--no-telemetry", "--no-shconf",
                        "--vdev", f"net_vhost0,iface={socket_path},queues=1", "--",
                        f"--forward-mode={mode}", "--port-topology=loop", "--total-num-mbufs=8192",
                        "--auto-start", "--stats-period=3600"]
        self.process = self.log = None
        self.start()

    def start(self):
        self.socket.unlink(missing_ok=True)
        self.log = (self.scratch.path / "testpmd.log").open("wb")
        self.process = self.scratch.start(self.command, env=self.environment, stdout=self.log,
                                          stderr=subprocess.STDOUT)
        wait_until(self.listens, "testpmd to listen")

    def listens(self):
        assert self.process.poll() is None, (self.scratch.path / "testpmd.log").read_text()
        return self.socket.exists() and listening(self.socket)

    def kill(self):
        self.process.kill()
        self.process.wait()


def listening(path):
    """Whether somebody listens at @path, without connecting: the daemon takes one client at a time."""
    lines = pathlib.Path("/proc/net/unix").read_text(encoding="ascii", errors="replace").splitlines()
    so_acceptcon = 0x10000
    return any(line.split()[-1] == str(path) and int(line.split()[3], 16) & so_acceptcon
               for line in lines[1:] if len(line.split()) == 8)
