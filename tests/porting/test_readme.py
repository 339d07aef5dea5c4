# SPDX-License-Identifier: BSD-2-Clause
"""README.md shows how the library is embedded: what stands there is a file that compiles and links with the other two."""
import re
import pytest
import page

DIST = page.TOP / "build/dist"
COMPILERS = {
    "arm": "arm-none-eabi-gcc -mthumb -march=armv7-a",
    "aarch64": "aarch64-linux-gnu-gcc",
    "host": "gcc",
}
# What README says is left to be provided, and elsewhere a clock. Divisions on Armv7 are the compiler's.
LEFT = {"memcpy", "memset", "memcmp"}
COMPILER = re.compile(r"__aeabi_\w+|_GLOBAL_OFFSET_TABLE_")


def snippet():
    """(program, options of vireo.c)."""
    text = (page.TOP / "README.md").read_text(encoding="utf-8")
    section = re.search(r"^## Embedding it\n(.*?)^## ", text, re.M | re.S)[1]
    program = re.search(r"^```c\n(.*?)^```$", section, re.M | re.S)[1]
    return program, re.search(r"cc -c (.*) vireo\.c \*/", program)[1]


def must(line, folder):
    status, output, errors = page.run(line, folder)
    assert status == 0 and not errors, f"$ {line}\n{output}{errors}"
    return output


@pytest.mark.parametrize("cpu", COMPILERS)
def test_the_snippet_and_the_library_are_one_program(cpu, tmp_path):
    program, options = snippet()
    (tmp_path / "embedder.c").write_text(program, encoding="utf-8")
    cc = f"{COMPILERS[cpu]} -Os -std=c11 -Wall -Wextra -Werror -I{DIST}"
    must(f"{cc} -c embedder.c", tmp_path)
    must(f"{cc} -c {options} {DIST}/vireo.c", tmp_path)
    tools = COMPILERS[cpu].split()[0].removesuffix("gcc")
    must(f"{tools}ld -r -o one.o embedder.o vireo.o", tmp_path)
    missing = {line.split()[-1] for line in must(f"{tools}nm -u one.o", tmp_path).splitlines() if line}
    clock = {"port_now_ns"} if cpu == "host" else set()
    assert {name for name in missing if not COMPILER.fullmatch(name)} == LEFT | clock
    assert re.search(r" T read_first_sector$", must(f"{tools}nm one.o", tmp_path), re.M)
