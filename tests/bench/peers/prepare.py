#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes what runs the peers of Debian's packages:

    prepare.py take ROOT FOLDER ARCH    of the packages unpacked in ROOT: the kernel, the drivers that
                                        are modules, the images of U-Boot and EDK2
    prepare.py pack FOLDER INIT         FOLDER/initramfs.cpio: the program INIT as /init, the modules in
                                        the order in which they can be loaded
"""
import gzip
import pathlib
import re
import shutil
import stat
import sys

UBOOT = {"arm": "qemu_arm", "aarch64": "qemu_arm64"}
EDK2 = {"arm": ("qemu-efi-arm", "AAVMF32_CODE.fd"), "aarch64": ("qemu-efi-aarch64", "AAVMF_CODE.fd")}
DRIVERS = ("virtio_mmio", "virtio_blk", "virtio_net", "af_packet")


def normal(name):
    """Modules' names and their files' differ in this."""
    return name.replace("-", "_")


def only(paths, what):
    paths = sorted(paths)
    if len(paths) != 1:
        sys.exit(f"prepare: {what}: expected one, found {[str(path) for path in paths]}")
    return paths[0]


class Modules:
    """A kernel's folder of modules. Its package has no modules.dep: that is made when it is
    installed, of what each module says itself."""

    def __init__(self, folder):
        self.files = {normal(path.stem): path for path in folder.rglob("*.ko")}
        built_in = (folder / "modules.builtin").read_text().split()
        self.built_in = {normal(pathlib.Path(path).stem) for path in built_in}
        self.version = folder.name

    def needs(self, name):
        found = re.search(rb"\0depends=([^\0]*)\0", self.files[name].read_bytes())
        return [normal(need) for need in found[1].decode().split(",") if need] if found else []

    def in_order(self, names):
        order = []

        def add(name):
            if name in order or name in self.built_in:
                return
            if name not in self.files:
                sys.exit(f"prepare: Linux {self.version} has no {name}")
            for need in self.needs(name):
                add(need)
            order.append(name)

        for name in names:
            add(name)
        return [self.files[name] for name in order]


def package_version(root, package):
    """The unpacked packages have no metadata, but each has its changelog."""
    folder = root / "usr/share/doc" / package
    log = next(path for path in (folder / "changelog.Debian.gz", folder / "changelog.gz")
               if path.exists())
    return gzip.decompress(log.read_bytes()).decode(errors="replace").split("\n")[0]


def take(root, folder, arch):
    root, folder = pathlib.Path(root), pathlib.Path(folder)
    modules = Modules(only((root / "lib/modules").iterdir(), "folders of modules"))
    packages = (f"linux-image-{modules.version}", "u-boot-qemu", EDK2[arch][0])
    for old in ("modules", "doc"):
        shutil.rmtree(folder / old, ignore_errors=True)
        (folder / old).mkdir()
    shutil.copyfile(only((root / "boot").glob("vmlinuz-*"), "kernels"), folder / "kernel")
    shutil.copyfile(root / "usr/lib/u-boot" / UBOOT[arch] / "u-boot.bin", folder / "u-boot.bin")
    # Debian fills its image up to the size of the flash, which would only take time to load.
    edk2 = (root / "usr/share/AAVMF" / EDK2[arch][1]).read_bytes()
    (folder / "edk2.fd").write_bytes(edk2.rstrip(b"\0"))
    for number, module in enumerate(modules.in_order(DRIVERS)):
        shutil.copyfile(module, folder / "modules" / f"{number}-{module.name}")
    for package in packages:
        shutil.copyfile(root / "usr/share/doc" / package / "copyright",
                        folder / "doc" / f"{package}.copyright")
    (folder / "versions.txt").write_text("".join(
        f"{package}: {package_version(root, package)}\n" for package in packages))


def cpio_entry(number, name, mode, data=b""):
    """In the form that the kernel reads: SVR4 with hexadecimal fields, all owned by root."""
    path = name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(mode) else 1
    fields = (number, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(path), 0)
    entry = b"070701" + b"".join(b"%08X" % field for field in fields) + path
    entry += bytes(-len(entry) % 4) + data
    return entry + bytes(-len(entry) % 4)


def pack(folder, init):
    folder = pathlib.Path(folder)
    modules = sorted((folder / "modules").iterdir())
    listed = "".join(f"/lib/{path.name}\n" for path in modules).encode()
    files = [("init", stat.S_IFREG | 0o755, pathlib.Path(init).read_bytes()),
             ("modules", stat.S_IFREG | 0o644, listed), ("lib", stat.S_IFDIR | 0o755, b"")]
    files += [(f"lib/{path.name}", stat.S_IFREG | 0o644, path.read_bytes()) for path in modules]
    entries = [cpio_entry(number, *file) for number, file in enumerate(files, 1)]
    (folder / "initramfs.cpio").write_bytes(b"".join(entries) + cpio_entry(0, "TRAILER!!!", 0))


if __name__ == "__main__":
    if sys.argv[1:2] == ["take"] and len(sys.argv) == 5:
        take(*sys.argv[2:])
    elif sys.argv[1:2] == ["pack"] and len(sys.argv) == 4:
        pack(*sys.argv[2:])
    else:
        sys.exit(__doc__)
