# SPDX-License-Identifier: BSD-2-Clause
"""ports/template compiles as it stands: from the installed library, and beside the two files on every CPU. That it works
is shown by tests/unit/test_template.c."""
import os
import re
import shlex
import pytest
from library import BUILD, TOP, make, run
from test_dist import COMPILERS

FILES = ["port.c", "devices.c", "template.h"]
FLAGS = ["-std=c11", "-Wall", "-Wextra", "-Werror"]
# A machine with one slot, and nothing in it.
MAIN = """
    {include}
    static _Alignas(4096) char registers[4096];
    int main(void)
    {{
        const struct template_slot slot = {{registers, 0, sizeof(registers), -1}};
        return template_start(&slot, 1);
    }}
"""


@pytest.fixture
def copied(tmp_path):
    """As somebody has it who uses the two files: all includes are one."""
    for name in FILES:
        text = (TOP / "ports/template" / name).read_text()
        text = re.sub(r'#include "(?!ports/template)[^"]+"\n', '#include "vireo.h"\n', text)
        (tmp_path / name).write_text(text.replace("ports/template/", ""))
    (tmp_path / "main.c").write_text(MAIN.format(include='#include "template.h"'))
    return tmp_path


@pytest.mark.parametrize("compiler", COMPILERS)
def test_it_compiles_beside_the_two_files_on_every_cpu(compiler, copied):
    for name in ("port.c", "devices.c", "main.c"):
        run(*COMPILERS[compiler], *FLAGS, "-ffreestanding", "-I", BUILD / "dist", "-c", name, "-o",
            name + ".o", cwd=copied)


def test_it_is_a_whole_port_for_bare_arm(copied):
    run("arm-none-eabi-gcc", *FLAGS, "-ffreestanding", "-Os", "-mthumb", "-march=armv7-a", "-nostartfiles",
        "-Wl,-emain", "-DVIRTIO_PORT_POOL_BYTES=262144", "-I", BUILD / "dist", "port.c", "devices.c", "main.c", BUILD / "dist/vireo.c", "-o", "all.elf",
        cwd=copied)


def test_it_is_a_whole_port_for_a_hosted_program(copied):
    run("gcc", *FLAGS, "-I", BUILD / "dist", "port.c", "devices.c", "main.c", BUILD / "dist/vireo.c", "-o", "all",
        cwd=copied)
    run(copied / "all")


def test_it_compiles_with_the_installed_library(tmp_path):
    make("install", "ARCH=host", "PREFIX=/usr", f"DESTDIR={tmp_path}")
    env = dict(os.environ, PKG_CONFIG_PATH=str(tmp_path / "usr/lib/pkgconfig"))
    flags = shlex.split(run("pkg-config", "--cflags", "--libs", "vireo", env=env))
    folder = tmp_path / "ports/template"
    folder.mkdir(parents=True)
    for name in FILES:
        (folder / name).write_text((TOP / "ports/template" / name).read_text())
    (tmp_path / "main.c").write_text(MAIN.format(include='#include "ports/template/template.h"'))
    run("gcc", *FLAGS, f"-I{tmp_path}", tmp_path / "main.c", folder / "port.c", folder / "devices.c", *flags, "-o",
        tmp_path / "all")
    run(tmp_path / "all")
