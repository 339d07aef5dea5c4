# SPDX-License-Identifier: BSD-2-Clause
"""The two files of `make dist` as a stranger compiles them: any of four CPUs, gcc and clang, C11 and no C library, each
driver alone and all of them. tests/unit/test_port.c drives devices with them (build/host/dist_port)."""
import re
import pytest
from library import BUILD, has, run
import sources

DIST = BUILD / "dist"
FLAGS = ["-std=c11", "-ffreestanding", "-Wall", "-Wextra", "-Werror", "-c", DIST / "vireo.c"]
THUMB = ["-mthumb", "-march=armv7-a"]
CLANG = ["clang-14", "-nostdlibinc"]
COMPILERS = {
    "gcc-arm": ["arm-none-eabi-gcc", *THUMB],
    "gcc-aarch64": ["aarch64-linux-gnu-gcc"],
    "gcc-riscv64": ["riscv64-unknown-elf-gcc", "-march=rv64imac", "-mabi=lp64"],
    "gcc-x86-64": ["gcc"],
    "clang-arm": [*CLANG, "--target=arm-none-eabi", *THUMB],
    "clang-aarch64": [*CLANG, "--target=aarch64-none-elf"],
    "clang-riscv64": [*CLANG, "--target=riscv64-none-elf", "-march=rv64imac", "-mabi=lp64"],
    "clang-x86-64": ["clang-14"],
}
PARTS = [macro for macro, _ in sources.parts() if macro]
DRIVERS = [macro for macro in PARTS if macro not in ("VIREO_MMIO", "VIREO_PCI", "VIREO_VHOST_USER")]
TRANSPORTS = [macro for macro in PARTS if macro not in DRIVERS]
OPTIONS = re.findall(r"#ifndef (VIREO_\w+)", sources.read("virtio/options.h"))

# What each driver brings: its call to make it known.
INIT = {"VIREO_BLK": "virtio_blk_init", "VIREO_NET": "virtio_net_init", "VIREO_CONSOLE": "virtio_console_init",
        "VIREO_RNG": "virtio_rng_init"}
PROBE = {"VIREO_MMIO": "virtio_mmio_probe", "VIREO_PCI": "virtio_pci_probe"}


def compile_with(compiler, folder, *options):
    assert has(COMPILERS[compiler][0]), f"{COMPILERS[compiler][0]} is not installed (make deps)"
    run(*COMPILERS[compiler], *FLAGS, *options, "-o", folder / "vireo.o")
    symbols = {"U": set(), "defined": set()}
    for line in run("readelf", "-sW", folder / "vireo.o").splitlines():
        cells = line.split()
        if len(cells) == 8 and cells[4] in ("GLOBAL", "WEAK"):
            symbols["U" if cells[6] == "UND" else "defined"].add(cells[7])
    return symbols


def on(*macros):
    return ["-DVIREO_DEFAULT=0", *(f"-D{macro}=1" for macro in macros)]


def libc_of(compiler):
    """What a compiler calls of its own library: Armv7 need not divide, nor RISC-V count zeroes."""
    extra = r"|__aeabi_\w+" if "-arm" in compiler else r"|__ctz[sd]i2" if "riscv" in compiler else ""
    return re.compile(r"memcpy|memset|memcmp|_GLOBAL_OFFSET_TABLE_" + extra)


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("optimise", ["-O0", "-O2"])
def test_all_of_it_compiles_and_needs_three_functions(compiler, optimise, tmp_path):
    symbols = compile_with(compiler, tmp_path, optimise)
    port = {"port_alloc", "port_free"} | (set() if re.search("arm|aarch64", compiler) else {"port_now_ns"})
    assert {name for name in symbols["U"] if not libc_of(compiler).fullmatch(name)} == port
    assert set(INIT.values()) | set(PROBE.values()) <= symbols["defined"]


@pytest.mark.parametrize("compiler", COMPILERS)
def test_each_driver_and_each_transport_compiles_alone(compiler, tmp_path):
    pairs = {(driver, TRANSPORTS[0]) for driver in DRIVERS} | {(DRIVERS[0], transport) for transport in TRANSPORTS}
    for driver, transport in sorted(pairs):
        symbols = compile_with(compiler, tmp_path, "-Os", *on(driver, transport))
        assert symbols["defined"] & set(INIT.values()) == {INIT[driver]}
        assert symbols["defined"] & set(PROBE.values()) == {PROBE[name] for name in [transport] if name in PROBE}


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("compiler", ["gcc-arm", "clang-x86-64"])
def test_each_option_may_be_left_out(compiler, option, tmp_path):
    for optimise in ("-O0", "-O2"):
        symbols = compile_with(compiler, tmp_path, optimise, f"-D{option}=0")
        assert not [name for name in symbols["U"] if name.startswith(("vring", "virtqueue", "virtio"))]
        compile_with(compiler, tmp_path, optimise, *(f"-D{name}=0" for name in OPTIONS))


@pytest.mark.parametrize("compiler", COMPILERS)
def test_the_pool_makes_port_alloc_unnecessary(compiler, tmp_path):
    symbols = compile_with(compiler, tmp_path, "-O2", "-DVIRTIO_PORT_POOL_BYTES=65536")
    assert {"port_alloc", "port_free", "port_alloc_pages"} <= symbols["defined"]


def test_an_unknown_cpu_is_asked_for_its_barriers(tmp_path):
    """s390x, which is known nowhere: an error without VIREO_ARCH, and with it a big-endian build."""
    command = ["s390x-linux-gnu-gcc", *FLAGS, "-I", BUILD.parent, "-o", tmp_path / "vireo.o"]
    with pytest.raises(AssertionError, match="this CPU is not known"):
        run(*command)
    run(*command, '-DVIREO_ARCH="tests/library/refdev_arch.h"')


def test_names_of_one_file_do_not_leak(tmp_path):
    """Nothing is public but what a header says, and names from vireo.c alone are not to be seen."""
    symbols = compile_with("gcc-x86-64", tmp_path, "-O0")
    prefix = re.compile(r"(virtio|vring|virtqueue|port|dma|sg|list|work|format|alloc_pages|free_pages|console|net|"
                        r"detach_buf|more_used|rng|blk|packed|vhost)_?")
    assert [name for name in symbols["defined"] if not prefix.match(name)] == []


def test_the_header_is_c_for_a_hosted_program_too(tmp_path):
    """With the C library's headers before and behind it, twice, and with those of the tree."""
    (tmp_path / "user.c").write_text("""
        #include <errno.h>
        #include <string.h>
        #include "vireo.h"
        #include "vireo.h"
        #include "virtio/virtio.h"
        #include <stdio.h>
        int main(void) { struct virtio_bus bus; virtio_bus_init(&bus, 0); return bus.driver_count; }
    """)
    run("gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-I", DIST, "-I", BUILD.parent, "-c",
        tmp_path / "user.c", "-o", tmp_path / "user.o")
