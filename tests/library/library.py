# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of the library share: the compilers, and commands that show what went wrong."""
import os
import pathlib
import shutil
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = TOP / "build"
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(TOP / "ports/library"))

CROSS = {"arm": "arm-none-eabi-", "aarch64": "aarch64-linux-gnu-", "host": ""}


def run(*command, timeout=300, **options):
    """The output of a command that must succeed."""
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, **options)
    output = done.stdout.decode(errors="replace")
    assert done.returncode == 0, f"{' '.join(map(str, command))}\nended with {done.returncode}:\n{output}"
    return output


def make(*arguments):
    """make in the tree, which has nothing left to build and looks for no packages."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return run("make", "-C", TOP, "DEPS=no", "-j1", *arguments, env=env)


def has(program):
    return shutil.which(program) is not None
