#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""make bench-host: what a driver costs on a vhost-user disk (bench.c), on qemu-storage-daemon with a disk that does nothing."""
import os
import subprocess
import sys

from programs import BUILD, Scratch, StorageDaemon


def main():
    scratch = Scratch()
    try:
        sockets = [scratch.path / name for name in ("a", "b")]
        daemon = StorageDaemon(scratch, None, sockets[0], second_socket=sockets[1])
        # Each has its CPU, where there are two.
        cpus = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(daemon.process.pid, cpus[-1:])
        os.sched_setaffinity(0, cpus[:1])
        return subprocess.run([BUILD / "host/bench-host", *sockets, *sys.argv[1:]], timeout=600,
                              check=False).returncode
    finally:
        scratch.close()


if __name__ == "__main__":
    sys.exit(main())
