# SPDX-License-Identifier: BSD-2-Clause
"""`make install` into a folder, and a program of a user who knows nothing but that folder."""
import os
import shlex
import pytest
from library import BUILD, CROSS, HERE, has, make, run
import sources

USER = HERE / "user.c"
WARNINGS = ["-std=c11", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Werror"]
ALPHABET = "abcdefghijklmnopqrstuvwxyz\n"


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """Staged for /opt/vireo, and moved: nothing may depend on where it was to be."""
    folder = tmp_path_factory.mktemp("install")
    make("install", "ARCH=host", "PREFIX=/opt/vireo", f"DESTDIR={folder / 'stage'}")
    (folder / "stage/opt/vireo").rename(folder / "moved")
    return folder / "moved"


def pkg_config(prefix, *arguments):
    env = dict(os.environ, PKG_CONFIG_PATH=str(prefix / "lib/pkgconfig"))
    return shlex.split(run("pkg-config", *arguments, "vireo", env=env))


def test_pkg_config_leads_to_a_program_that_runs(prefix, tmp_path):
    run("gcc", *WARNINGS, *pkg_config(prefix, "--cflags"), USER, *pkg_config(prefix, "--libs"),
        "-o", tmp_path / "user")
    assert run(tmp_path / "user").endswith(ALPHABET)
    assert pkg_config(prefix, "--modversion")[0].count(".") == 2


@pytest.mark.skipif(not has("cmake"), reason="cmake is not installed")
def test_cmake_finds_it_and_builds_the_same_program(prefix, tmp_path):
    series = ".".join(pkg_config(prefix, "--modversion")[0].split(".")[:2])
    (tmp_path / "CMakeLists.txt").write_text(f"""
        cmake_minimum_required(VERSION 3.13)
        project(user C)
        find_package(vireo {series} REQUIRED)
        add_executable(user {USER})
        target_link_libraries(user vireo::vireo)
    """)
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}", env=env)
    run("cmake", "--build", tmp_path / "build", env=env)
    assert run(tmp_path / "build/user").endswith(ALPHABET)


@pytest.mark.skipif(not has("cmake"), reason="cmake is not installed")
def test_cmake_refuses_another_series(prefix, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text("""
        cmake_minimum_required(VERSION 3.13)
        project(user C)
        find_package(vireo 0.5 QUIET)
        if(vireo_FOUND)
            message(FATAL_ERROR "0.5 is not what is installed")
        endif()
    """)
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}")


def test_every_header_stands_alone(prefix, tmp_path):
    """In C, by itself, and with nothing of the tree on the include path."""
    headers = sources.public_headers()
    assert "virtio/virtio_mmio.h" in headers and "drivers/virtio/virtio_blk.h" in headers
    for header in headers:
        (tmp_path / "one.c").write_text(f'#include "{header}"\n#include "{header}"\nint alone;\n')
        run("gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{prefix}/include/vireo", "-c",
            tmp_path / "one.c", "-o", tmp_path / "one.o")


def test_no_header_of_one_part_alone_is_installed(prefix):
    installed = {path.relative_to(prefix / "include/vireo").as_posix()
                 for path in (prefix / "include").rglob("*.h")}
    assert installed == set(sources.public_headers())
    assert not [name for name in installed if "private" in name or name.endswith("/vring.h")]


@pytest.mark.parametrize("arch", ["arm", "aarch64"])
def test_the_archive_of_the_architecture_is_installed(arch, tmp_path):
    make("install", f"ARCH={arch}", "PREFIX=/usr", f"DESTDIR={tmp_path}")
    assert (tmp_path / "usr/lib/libvireo.a").read_bytes() == (BUILD / arch / "libvireo.a").read_bytes()
    run(CROSS[arch] + "nm", tmp_path / "usr/lib/libvireo.a")
