#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes the library two files: amalgamate.py FOLDER VERSION writes FOLDER/vireo.h and FOLDER/vireo.c.

vireo.h is all public headers, each behind what it needs; vireo.c is what is left, file by file. A name that is
private to its file in the tree must be so in the one file too: where two files use the same one, each gets its
file's name in front. Macros of a file end with it. Parts that can be left out stand in #if, and the headers of
more than one part before all of them.
"""
import collections
import errno
import pathlib
import re
import sys

import sources

# What may be left out at compile time, and what one thereby does without; see also virtio/options.h.
WHAT = {
    "VIREO_MMIO": "the MMIO transport",
    "VIREO_PCI": "the PCI transport",
    "VIREO_VHOST_USER": "the vhost-user transport",
    "VIREO_BLK": "disks",
    "VIREO_NET": "networks",
    "VIREO_CONSOLE": "consoles",
    "VIREO_RNG": "entropy sources",
}
# Files with a condition of their own.
CONDITIONS = {
    "virtio/port_pool.c": "defined(VIRTIO_PORT_POOL_BYTES)",
    "virtio/port_time.c": "defined(ARCH_COUNTER_H)",
    "virtio/vring_packed.c": "VIREO_PACKED",
    "virtio/vring_packed_short.c": "VIREO_PACKED && VIREO_SHORT_WAYS",
    "virtio/vring_split_short.c": "VIREO_SHORT_WAYS",
}
ARCHITECTURES = [("defined(__aarch64__)", "aarch64"), ("defined(__arm__)", "arm"),
                 ("defined(__riscv)", "riscv"), ("defined(__x86_64__) || defined(__i386__)", "x86")]

SYSTEM = {"errno.h", "stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "string.h"}
SYSTEM_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]+<([^>\n]+)>[^\n]*\n", re.M)
OUR_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"[^"\n]+"[^\n]*\n', re.M)
LICENCE = re.compile(r"\A/\* SPDX-License-Identifier: BSD-2-Clause \*/\n")
SKIPPED = re.compile(r"/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)
MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.M)
ERRNO = re.compile(r"\bE[A-Z0-9]{2,}\b")

# What a file defines at its outermost level and for itself.
STATIC = re.compile(r"^static\b[^;{=()]*?\b(\w+)[ \t]*(?:\(|=|;|\[)", re.M)
TAG = re.compile(r"^(?:static\s+)?(?:const\s+)?(?:struct|union|enum)\s+(\w+)\s*\{", re.M)
ENUM = re.compile(r"^(?:static\s+)?enum\b[^{;]*\{(.*?)\}", re.M | re.S)
TYPEDEF = re.compile(r"^typedef\b[^;]*?\b(\w+);", re.M)


def without_comments(text):
    return SKIPPED.sub(" ", text)


def body(path, guarded=False):
    """The text of a file without its licence line and includes; a header without its guard too, unless @guarded."""
    text = LICENCE.sub("", sources.read(path))
    for name in SYSTEM_INCLUDE.findall(text):
        if name not in SYSTEM and not name.startswith("arch/"):
            sys.exit(f"{path} includes <{name}>, which a freestanding program need not have")
    text = OUR_INCLUDE.sub("", SYSTEM_INCLUDE.sub("", text))
    if path.endswith(".h") and not guarded:
        guard = re.search(r"^#ifndef (\w+)\n#define \1\n", text, re.M)
        text = text[:guard.start()] + text[guard.end():]
        text = re.sub(r"\n#endif\s*\Z", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"


def own_names(path):
    """What @path calls by names that are nobody else's business."""
    text = without_comments(sources.read(path))
    names = set(STATIC.findall(text)) | set(TAG.findall(text)) | set(TYPEDEF.findall(text))
    for constants in ENUM.findall(text):
        names.update(re.findall(r"\b([A-Za-z_]\w*)\b(?=\s*(?:[,=]|\Z))", constants))
    return names


def clashes(paths):
    """Names that more than one of @paths has for itself, or that also are somebody's public ones."""
    count = collections.Counter(name for path in paths for name in own_names(path))
    used = collections.Counter()
    for path in paths:
        used.update(set(re.findall(r"\b[A-Za-z_]\w*\b", without_comments(sources.read(path)))))
    headers = sources.closure(sources.public_headers())
    in_headers = set()
    for path in headers:
        in_headers.update(re.findall(r"\b(\w+)\s*\(", without_comments(sources.read(path))))
    # A static function of one file may be a local variable of another: that hides it there, which is
    # allowed but for -Wshadow; so only what is defined twice is renamed.
    return {name for name, n in count.items() if n > 1 or name in in_headers}


def rename(text, names, prefix):
    """Puts @prefix before each of @names, but not where it is a member, or in comments and strings."""
    if not names:
        return text
    word = re.compile(r"(?<![\w.])(?<!->)(" + "|".join(sorted(names, key=len, reverse=True)) + r")\b")
    result, at = [], 0
    for skip in SKIPPED.finditer(text):
        result += [word.sub(prefix + r"\1", text[at:skip.start()]), skip[0]]
        at = skip.end()
    return "".join(result + [word.sub(prefix + r"\1", text[at:])])


def quiet(text):
    """Functions in headers that nobody calls are no mistake."""
    return re.sub(r"\bstatic (inline|__always_inline)\b", r"static VIREO_UNUSED \1", text)


def title(path):
    return f"\n/* ===== {path} {'=' * max(3, 84 - len(path))} */\n\n"


def header(path):
    return title(path) + quiet(body(path))


def source(path, common):
    prefix = re.sub(r"^(virtio_|lib_)?", "vireo_", pathlib.Path(path).stem, count=1) + "_"
    text = rename(body(path), own_names(path) & common, prefix)
    undo = "".join(f"#undef {name}\n" for name in dict.fromkeys(MACRO.findall(without_comments(text))))
    text = title(path) + text + ("\n" + undo if undo else "")
    condition = CONDITIONS.get(path)
    return f"\n#if {condition}\n{text}\n#endif /* {condition} */\n" if condition else text


# --- vireo.h ----------------------------------------------------------------------------------

H_HEAD = """\
/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Vireo @VERSION@: virtio guest drivers without an operating system, in two files. Made by ports/library/amalgamate.py from the
 * project's sources, which are many files, with tests and documents.
 *
 *	cc -std=c11 -ffreestanding -c vireo.c		and link it; include this header
 *
 * What you provide and what you call stands below, under "virtio/port.h"; what has a default may be left out. The least
 * is a clock (on Arm there is one) and memory: port_alloc() and port_free(), or -DVIRTIO_PORT_POOL_BYTES=65536 for
 * vireo.c. Of C's library memcpy(), memset() and memcmp() are called, nothing else.
 *
 * Parts that you do not need: -DVIREO_NET=0 leaves the network driver out, and so on:
 *
@PARTS@ *
 * -DVIREO_DEFAULT=0 leaves out all of them that are not set to 1. For a CPU that is not known here
 * -DVIREO_ARCH='"my_arch.h"' names a header with barriers and accesses to registers: see vireo.c.
 */
#ifndef VIREO_H
#define VIREO_H

#define VIREO_VERSION "@VERSION@"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Errors are negative errno values: the C library's, where there is one, else these. */
#ifdef __has_include
#if __has_include(<errno.h>)
#include <errno.h>
#endif
#endif
@ERRNO@
#define VIREO_UNUSED __attribute__((unused))
"""


def part_lines():
    names = [macro for macro, _ in sources.parts() if macro]
    options = re.findall(r"/\* ([^*]+?) \*/\n#ifndef (VIREO_\w+)", sources.read("virtio/options.h"))
    lines = [(name, WHAT[name]) for name in names] + [(name, " ".join(what.split())) for what, name in options]
    return "".join(f" *\t{name:<20} {what}\n" for name, what in lines)


def errno_lines(texts):
    names = sorted({name for text in texts for name in ERRNO.findall(without_comments(text))
                    if hasattr(errno, name)}, key=lambda name: getattr(errno, name))
    return "".join(f"#ifndef {name}\n#define {name} {getattr(errno, name)}\n#endif\n" for name in names)


def make_h(version):
    public = sources.public_headers()
    text = H_HEAD.replace("@VERSION@", version).replace("@PARTS@", part_lines())
    text = text.replace("@ERRNO@", errno_lines([sources.read(path) for path in sources.c_files() + public]))
    # With their guards: whoever includes one of the tree's headers too gets nothing twice.
    text += "".join(title(path) + quiet(body(path, guarded=True)) for path in public)
    return text + "\n#endif /* VIREO_H */\n"


# --- vireo.c ----------------------------------------------------------------------------------

C_HEAD = """\
/* SPDX-License-Identifier: BSD-2-Clause */
/* Vireo @VERSION@, all of it: see vireo.h. */
#include "vireo.h"

/* --- what is in --------------------------------------------------------------------------- */

#ifndef VIREO_DEFAULT
#define VIREO_DEFAULT 1
#endif
@DEFAULTS@
void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memset(void *memory, int value, size_t size);
int memcmp(const void *a, const void *b, size_t size);

/* --- the CPU ------------------------------------------------------------------------------- */

/*
 * VIREO_ARCH names a header in place of these: barrier() for the compiler; dma_rmb(), dma_wmb() and dma_mb() between
 * accesses to memory that a device uses as well; mmio_wmb() from memory to registers, mmio_mb() both ways;
 * mmio_read8() to mmio_read64() and mmio_write8() to mmio_write64(), one plain access each, in two halves where the CPU has
 * none of 64 bits.
 */
#if defined(VIREO_ARCH)
#include VIREO_ARCH
"""


def arch_text():
    text = ""
    for condition, arch in ARCHITECTURES:
        text += f"#elif {condition}\n"
        for path in sorted((sources.TOP / "lib/arch" / arch / "arch").glob("*.h")):
            if path.name not in ("barrier.h", "counter.h", "mmio.h"):
                continue
            name = path.relative_to(sources.TOP).as_posix()
            guard = "\n#define ARCH_COUNTER_H\n" if path.name == "counter.h" else ""
            text += title(name) + guard + quiet(body(name))
    text += '#else\n#error "vireo: this CPU is not known: see VIREO_ARCH"\n#endif\n'
    return text + header("lib/arch/library/arch/cpu.h")


def headers_of(paths, known):
    return [path for path in sources.closure(paths) if path.endswith(".h") and path not in known]


def make_c(version):
    parts, public = sources.parts(), set(sources.public_headers())
    common = clashes(sources.c_files())
    needed = collections.Counter()
    for macro, files in parts:
        for path in headers_of(files, public):
            needed[path] += 2 if macro is None else 1
    shared = [path for path in headers_of(sources.c_files(), public) if needed[path] > 1]
    defaults = "".join(f"#ifndef {macro}\n#define {macro} VIREO_DEFAULT\n#endif\n"
                       for macro, _ in parts if macro)
    text = C_HEAD.replace("@VERSION@", version).replace("@DEFAULTS@", defaults) + arch_text()
    text += "".join(header(path) for path in shared)
    for macro, files in parts:
        private = headers_of(files, public | set(shared))
        part = "".join(header(path) for path in private) + "".join(source(path, common) for path in files)
        text += f"\n#if {macro}\n{part}\n#endif /* {macro} */\n" if macro else part
    return text


def main():
    folder, version = pathlib.Path(sys.argv[1]), sys.argv[2]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vireo.h").write_text(make_h(version), encoding="utf-8")
    (folder / "vireo.c").write_text(make_c(version), encoding="utf-8")


if __name__ == "__main__":
    main()
