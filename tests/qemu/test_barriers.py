# SPDX-License-Identifier: BSD-2-Clause
"""The barriers of the ring in the images: those that real hardware needs, at the right place.

No QEMU runs here: the instructions are read from the image. An emulator forgives a missing barrier.
"""
import pathlib
import re
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
OBJDUMP = {"arm": "arm-none-eabi-objdump", "aarch64": "aarch64-linux-gnu-objdump"}


def disassembly(arch, symbol):
    text = subprocess.run(
        [OBJDUMP[arch], "-d", f"--disassemble={symbol}", TOP / "build" / arch / "vireo.elf"],
        capture_output=True, check=True, text=True).stdout
    assert f"<{symbol}>:" in text
    return text


def barriers(arch, symbol):
    """The dmb instructions of a function, in the order of their addresses."""
    return re.findall(r"\bdmb\s+(\w+)", disassembly(arch, symbol))


KICKS = ["virtqueue_kick_prepare_split", "virtqueue_kick_prepare_packed",
         "kick_short_split", "kick_short_packed"]


# 6.1#7: with VIRTIO_F_ORDER_PLATFORM and without it, for the code is the same: a store barrier before
# the buffers are published, a full one before the device's wish is read. Each covers all CPUs and
# devices of the inner-shareable domain.
@pytest.mark.parametrize("arch", ["arm", "aarch64"])
@pytest.mark.parametrize("kick", KICKS)
def test_a_kick_has_the_barriers_of_real_hardware(arch, kick):
    assert barriers(arch, kick) == ["ishst", "ish"]


# Where one side's word may cross the other's. QEMU before 8.1 leaves the barrier itself out on a machine
# with one CPU, and loses interrupts; the counter, read right behind it, orders both sides (docs/DESIGN.md).
DEKKER = KICKS + [f"{name}_{ring}" for ring in ("split", "packed") for name in (
    "vring_rearm", "enable_cb_short", "virtqueue_enable_cb_delayed", "virtqueue_poll")]
FENCE = {"arm": r"dmb\s+ish\n.*\bmrrc\s+15, 1, \w+, \w+, cr14\b",
         "aarch64": r"dmb\s+ish\n.*\bmrs\s+\w+, cntvct_el0\b"}


@pytest.mark.parametrize("arch", ["arm", "aarch64"])
@pytest.mark.parametrize("symbol", DEKKER)
def test_word_and_look_are_ordered_on_an_emulator_too(arch, symbol):
    assert len(re.findall(FENCE[arch], disassembly(arch, symbol))) == \
        barriers(arch, symbol).count("ish") > 0


# The structure that the ring's cost stands on: a full barrier in the kick alone.
OFFERS = [f"{call}_short_{ring}" for ring in ("split", "packed") for call in (
    "add_outbuf", "add_inbuf_ctx", "add_sgs", "add_sgs_indirect", "add_direct_indirect", "add_table",
    "add_prepared")]


@pytest.mark.parametrize("arch", ["arm", "aarch64"])
@pytest.mark.parametrize("add", OFFERS)
def test_offering_a_buffer_needs_no_barrier(arch, add):
    assert barriers(arch, add) == []


@pytest.mark.parametrize("arch", ["arm", "aarch64"])
@pytest.mark.parametrize("get", ["get_buf_short_split", "get_buf_short_packed"])
def test_taking_a_buffer_back_orders_reads_alone(arch, get):
    """While no interrupts are wanted. Armv7 has no barrier that is for reads only."""
    assert barriers(arch, get) == [{"arm": "ish", "aarch64": "ishld"}[arch]]


# A message has no register that its handler would read first: between the acknowledgement and the look at the
# ring there is the interrupt controller alone.
READ = {"v2": r"\bldr\s", "v3": r"\bmrc\s|\bmrs\s"}


@pytest.mark.parametrize("gic", ["v2", "v3"])
@pytest.mark.parametrize("arch", ["arm", "aarch64"])
def test_an_interrupt_is_acknowledged_before_memory_is_looked_at(arch, gic):
    before, *after = re.split(r"\bdsb\s+sy\b", disassembly(arch, f"{gic}_acknowledge"))
    assert len(after) == 1
    assert re.search(READ[gic], before) and not re.search(READ[gic], after[0])
