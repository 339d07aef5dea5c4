# SPDX-License-Identifier: BSD-2-Clause
"""docs/PORTING.md to the letter: an empty folder, the two files of `make dist`, and what the page says. Each of its
programs boots or runs with a disk and prints what stands on that."""
import os
import re
import shutil
import signal
import pytest
import page

DIST = page.TOP / "build/dist"
TEXT = (page.TOP / "docs/PORTING.md").read_text(encoding="utf-8")
SECTIONS = {step.section for step in page.parse(TEXT)}
BOARD, ARM, ARM64 = "1. The board", "2. Armv7, polled", "3. AArch64, with interrupts"
LINUX, THREADS = "4. A Linux process", "5. An RTOS with threads"
TREE = "6. Devices from a device tree"
HELLO = "Sector one says hello."


@pytest.fixture
def folder(tmp_path):
    """An empty folder with the two files. What a page leaves running ends with the test."""
    for name in ("vireo.c", "vireo.h"):
        shutil.copy(DIST / name, tmp_path)
    yield tmp_path
    pid = tmp_path / "daemon.pid"
    if pid.exists():
        try:
            os.kill(int(pid.read_text()), signal.SIGTERM)
        except ProcessLookupError:
            pass


def steps_of(text, *sections):
    steps = [step for step in page.parse(text) if step.section in sections]
    assert {step.section for step in steps} == set(sections)
    return steps


def changed(before, after, text=TEXT):
    """The page with one line's words changed, wherever they stand."""
    assert before in text, f"the page has changed: {before}"
    return text.replace(before, after)


def test_armv7_polled_with_static_memory_reads_a_sector(folder):
    page.follow(steps_of(TEXT, BOARD, ARM), folder)


def test_aarch64_with_interrupts_reads_a_sector(folder):
    page.follow(steps_of(TEXT, BOARD, ARM64), folder)


@pytest.mark.parametrize("section", [ARM, ARM64])
def test_it_works_as_well_with_legacy_devices(section, folder):
    text = changed(" -global virtio-mmio.force-legacy=false \\\n", " \\\n")
    page.follow(steps_of(text, BOARD, section), folder)


def test_a_second_disk_is_found_by_the_second_line_of_the_table(folder):
    """Without the first: the table's first slot is empty then, and the page says that this is no error."""
    text = changed("-device virtio-blk-device,drive=d",
                   "-device virtio-blk-device,drive=d,bus=virtio-mmio-bus.30")
    text = changed("mmio@a003e00: disk", "mmio@a003c00: disk", text)
    page.follow(steps_of(text, BOARD, ARM), folder)


def test_a_linux_process_reads_a_sector_from_a_third_party_device(folder):
    page.follow(steps_of(TEXT, BOARD, LINUX), folder)


def test_threads_read_sectors_from_a_third_party_device(folder):
    page.follow(steps_of(TEXT, BOARD, LINUX, THREADS), folder)


def test_devices_are_found_in_a_device_tree(folder):
    page.follow(steps_of(TEXT, BOARD, TREE), folder)


def sanitized(sanitizer, text=TEXT):
    return changed("$ gcc -std=gnu11 -O2", f"$ gcc -std=gnu11 -O1 -g -fsanitize={sanitizer} -fno-sanitize-recover=all",
                   text)


@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
def test_threads_satisfy_the_sanitizers(sanitizer, folder):
    page.follow(steps_of(sanitized(sanitizer), BOARD, LINUX, THREADS), folder)


def test_the_thread_sanitizer_finds_a_lock_that_is_none(folder):
    text = changed("	pthread_mutex_lock(&lock->mutex);\n	return 0;", "	(void)lock;\n	return 0;")
    text = changed("	(void)state;\n	pthread_mutex_unlock(&lock->mutex);", "	(void)state;\n	(void)lock;", text)
    with pytest.raises(AssertionError, match="data race"):
        page.follow(steps_of(sanitized("thread", text), BOARD, LINUX, THREADS), folder)


@pytest.mark.parametrize("section", [ARM, ARM64, LINUX])
def test_the_text_comes_from_the_disk(section, folder):
    text = changed(HELLO, "Nobody has written this into a program.")
    page.follow(steps_of(text, BOARD, section), folder)


# What the page says of a mistake is what is seen.
MISTAKES = {
    "another sector": (ARM, "virtio_blk_read(disk, 1,", "virtio_blk_read(disk, 2,", "read_disk: 0"),
    "no driver": (ARM, "	virtio_blk_init(&bus);\n", "", "read_disk: -19"),
    "nobody polls": (ARM, "	virtio_bus_poll(&bus);\n", "", "recovered after error -116.*read_disk: -116"),
    "another slot": (ARM, "{{0x0a003e00, 79}, ", "{", "read_disk: -19"),
    "a pool too small": (ARM, "POOL_BYTES=65536", "POOL_BYTES=2048", "error -12.*read_disk: -19"),
    "another interrupt": (ARM64, "#define DISK_IRQ  79u", "#define DISK_IRQ  78u",
                          "recovered after error -110.*read_disk: -110"),
    "nobody polls the process": (LINUX, "	virtio_bus_poll(&bus);\n", "", "read_disk: -110"),
    "memory that is not shared": (LINUX, "MAP_SHARED | MAP_FIXED", "MAP_PRIVATE | MAP_FIXED", "read_disk: -110"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_line_of_the_page_does_not_pass(mistake, folder):
    """The program owes its result to each of these lines; and what runs is the disk's program, not what makes it."""
    section, before, after, symptom = MISTAKES[mistake]
    with pytest.raises(AssertionError, match=r"\$ (qemu-system-\w+ -M \S+ -cpu|\./host disk)") as error:
        page.follow(steps_of(changed(before, after), BOARD, section), folder)
    seen = str(error.value).split("\n", 1)[1]
    assert HELLO not in seen
    assert re.search(symptom, seen, re.S)


def test_every_block_of_the_page_is_followed_by_a_test():
    assert SECTIONS == {BOARD, ARM, ARM64, LINUX, THREADS, TREE}


def test_every_link_into_the_page_has_its_heading():
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
               for heading in re.findall(r"^#+ (.*)$", TEXT, re.M)}
    links = re.findall(r"\]\(#([\w-]+)\)", TEXT)
    assert links and set(links) <= anchors


def test_every_function_of_the_page_is_in_the_header():
    """Names in the tables: what is shortened there (`_get`) is not looked for."""
    header = (DIST / "vireo.h").read_text(encoding="utf-8")
    tables = "\n".join(line for line in TEXT.splitlines() if line.startswith("|"))
    names = set(re.findall(r"`((?:virtio|vhost|port|work)_\w+)(?:\(\))?`", tables))
    assert len(names) > 30
    assert [name for name in sorted(names) if not re.search(rf"\b{name}\b", header)] == []
