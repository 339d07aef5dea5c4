#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks that every source includes only what its layer may (docs/DESIGN.md).

    apps/bench -> apps/shell -> drivers/virtio -> virtio -> lib
                  apps/shell -> drivers/pci/pci.h
    boot, drivers/<class>  -> lib
    ports/<port>           -> everything below the apps

Besides, virtio/ and drivers/virtio/ must run on any machine: no heap, no stdio streams, no board
address, and nothing of lib/ that only a machine of its own can offer.
"""
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("apps", "boot", "drivers", "lib", "ports", "virtio")
PORTABLE = ("virtio", "drivers/virtio")

# What the layers above lib/ get through virtio/port.h, so that a port can provide it otherwise.
MACHINE_HEADERS = {f"lib/{name}.h" for name in
                   ("bootargs", "devicetree", "devicetree_index", "machine", "pages", "timer")}

COMMENT_OR_STRING = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.M)
FORBIDDEN_CALL = re.compile(
    r"(?<![\w.>])(malloc|calloc|realloc|free|aligned_alloc|memalign|alloca|strdup|"
    r"printf|vprintf|fprintf|puts|putchar|fputs|fwrite|fflush|exit|abort)\s*\(")
# The windows of QEMU's virt board below its RAM: GIC, UART, virtio-mmio, flash.
BOARD_ADDRESS = re.compile(r"\b0[xX]0*(?:8|9|[aA])[0-9a-fA-F]{6}\b")


def layer(path):
    """The folder that counts as one layer: "virtio", "drivers/virtio", "apps/shell" ..."""
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] in ("apps", "drivers", "ports") else parts[0]


def allowed(source):
    """Prefixes that a file of layer @source may include, apart from its own layer."""
    top = source.split("/")[0]
    if top == "lib":
        return ()
    if top in ("boot", "virtio"):
        return ("lib/",)
    if source == "drivers/virtio":
        return ("virtio/", "lib/")
    if top == "drivers":
        return ("lib/",)
    if top == "ports":
        return ("boot/", "drivers/", "virtio/", "lib/")
    # apps: bench's commands are the shell's.
    return (("apps/shell/",) if source == "apps/bench" else ()) + \
        ("drivers/virtio/", "drivers/pci/pci.h", "virtio/", "lib/")


def blank(match):
    """Keeps line numbers."""
    return re.sub(r"[^\n]", " ", match[0])


def check(path):
    text = (TOP / path).read_text(encoding="utf-8")
    source = layer(path)
    may = allowed(source) + (source + "/",)
    portable = source in PORTABLE

    def line(match):
        return text.count("\n", 0, match.start()) + 1

    for match in INCLUDE.finditer(text):
        quote, name = match.groups()
        if quote == "<":
            continue
        if not (TOP / name).is_file():
            yield line(match), f'"{name}" is no path from the top of the tree'
        elif not name.startswith(may):
            yield line(match), f"{source} must not include {name}"
        elif portable and name in MACHINE_HEADERS:
            yield line(match), f"{source} must go through virtio/port.h, not {name}"
    if not portable:
        return
    code = COMMENT_OR_STRING.sub(blank, text)
    for match in FORBIDDEN_CALL.finditer(code):
        yield line(match), f"{source} must not call {match[1]}()"
    for match in BOARD_ADDRESS.finditer(code):
        yield line(match), f"{source} must not know the board's address {match[0]}"


def main():
    paths = sorted(path.relative_to(TOP).as_posix() for folder in FOLDERS
                   for path in (TOP / folder).rglob("*.[chS]"))
    breaches = [f"{path}:{line}: {what}" for path in paths for line, what in check(path)]
    print("\n".join(breaches) if breaches else f"layers: {len(paths)} files, no breach")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
