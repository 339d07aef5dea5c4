# SPDX-License-Identifier: BSD-2-Clause
"""libvireo.a as an embedder finds it: what it asks for, and what it offers."""
import re
import pytest
from library import BUILD, CROSS, run

# All that a freestanding C compiler asks for anyway.
LIBC = {"memcpy", "memset", "memcmp"}
# Divisions that an Armv7 CPU need not have: the compiler's own library, not C's.
COMPILER = re.compile(r"__aeabi_u?idiv(mod)?|__aeabi_u?ldivmod|_GLOBAL_OFFSET_TABLE_")
REQUIRED = {"arm": {"port_alloc", "port_free"}, "aarch64": {"port_alloc", "port_free"},
            "host": {"port_alloc", "port_free", "port_now_ns"}}
POOL = "port_pool.o"


def undefined(tool, objects, folder):
    """What remains undefined where all @objects are one."""
    run(tool + "ld", "-r", "-o", folder / "one.o", *objects)
    names = {line.split()[-1] for line in run(tool + "nm", "-u", folder / "one.o").splitlines() if line}
    return {name for name in names if not COMPILER.fullmatch(name)}


def unpack(arch, folder):
    run(CROSS[arch] + "ar", "x", BUILD / arch / "libvireo.a", cwd=folder)
    return sorted(folder.glob("*.o"))


@pytest.mark.parametrize("arch", sorted(CROSS))
def test_nothing_is_undefined_but_three_functions_and_what_a_port_must_have(arch, tmp_path):
    objects = [path for path in unpack(arch, tmp_path) if path.name != POOL]
    missing = undefined(CROSS[arch], objects, tmp_path)
    assert missing == LIBC | REQUIRED[arch]


@pytest.mark.parametrize("arch", sorted(CROSS))
def test_the_pool_takes_the_place_of_a_heap(arch, tmp_path):
    missing = undefined(CROSS[arch], unpack(arch, tmp_path), tmp_path)
    clock = REQUIRED[arch] - {"port_alloc", "port_free"}
    assert missing == LIBC | clock | {"virtio_port_pool", "virtio_port_pool_bytes"}


@pytest.mark.parametrize("arch", sorted(CROSS))
def test_what_has_a_default_is_weak_and_nothing_else_is(arch, tmp_path):
    unpack(arch, tmp_path)
    weak = set()
    for path in tmp_path.glob("*.o"):
        for line in run(CROSS[arch] + "nm", path).splitlines():
            *_, kind, name = line.split()
            if kind in "WV":
                weak.add(name)
    clock = {"port_now_ns"} - REQUIRED[arch]
    assert weak == clock | {
        "port_alloc_pages", "port_free_pages", "port_lock_init", "port_lock", "port_unlock",
        "port_device_enter", "port_device_leave", "port_device_synchronize",
        "port_event_init", "port_event_signal", "port_event_wait", "port_idle", "port_delay_ns", "port_log"}


# What is written to is a device's, a queue's or an instance's: otherwise two instances were one.
STATE = {"known_hz", "whole", "fraction"}  # what the CPU says of its clock


@pytest.mark.parametrize("arch", sorted(CROSS))
def test_no_state_is_global(arch, tmp_path):
    for path in unpack(arch, tmp_path):
        for line in run(CROSS[arch] + "nm", "--format=sysv", path).splitlines():
            cells = [cell.strip() for cell in line.split("|")]
            name, section = cells[0], cells[-1]
            if re.match(r"\.(data|bss)(?!\.rel\.ro)|\*COM", section):
                assert name.split(".")[0] in STATE, f"{path.name}: {name}"
