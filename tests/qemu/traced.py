# SPDX-License-Identifier: BSD-2-Clause
"""What QEMU itself has seen of a bench job: the events of its trace, in the order in which they came.

The guest prints a job's line when the job is over, and nothing while it runs: so the job is what the trace
has between two accesses to the UART, the second of which begins the line. In that stretch each figure
is counted in every way for which this QEMU has the events. A figure that cannot be counted at all, or a
trace that cannot be read, is an error and no reason to skip.
"""
import functools
import re
import subprocess

from machine import QEMU

ACCESSES = ("memory_region_ops_read", "memory_region_ops_write")
EVENTS = (*ACCESSES, "virtio_queue_notify", "virtio_notify", "virtio_mmio_read", "virtio_mmio_write_offset",
          "gic_acknowledge_irq", "gicv3_icc_iar1_read", "gic_cpu_read", "gic_cpu_write", "gic_dist_read",
          "gic_dist_write")

_EVENT = re.compile(r"^(?:\d+@[\d.]+:)?(\w+) ", re.M)
_ACCESS = re.compile(r"addr 0x([0-9a-f]+) value 0x([0-9a-f]+) size \d+ name '([^']*)'")
_ACKNOWLEDGED = re.compile(r"acknowledged irq (\d+)$|ICC_IAR1 read .*value 0x([0-9a-f]+)$")
_UART_DATA = 0
_QUEUE_NOTIFY = 0x50
_SLOT_BYTES = 0x200
_GICC_IAR = 0xc


@functools.cache
def available():
    """Those of EVENTS that this QEMU has."""
    text = subprocess.run([QEMU, "-trace", "help"], check=True, capture_output=True, text=True).stdout
    names = set(text.split())
    missing = [name for name in ACCESSES if name not in names]
    assert not missing, f"this QEMU cannot trace what the guest accesses: no {', '.join(missing)}"
    return tuple(name for name in EVENTS if name in names)


def options(path):
    """QEMU's, for a trace in the file @path."""
    return ("-d", ",".join(f"trace:{name}" for name in available()), "-D", path)


class Job:
    """The events of one job."""

    def __init__(self, lines):
        self._events = [(_EVENT.match(line)[1], line) for line in lines]
        self._accesses = [(event, int(match[1], 16), int(match[2], 16), match[3])
                          for event, line in self._events
                          if event in ACCESSES and (match := _ACCESS.search(line))]

    def _count(self, *names):
        return sum(event in names for event, _ in self._events)

    def _acknowledged(self, event, line):
        found = [_ACKNOWLEDGED.search(text) for name, text in self._events if name == event]
        assert all(found), f"cannot read {event} of this QEMU's trace"
        return sum(int(match[1] or match[2], 10 if match[1] else 16) == line for match in found)

    def device_accesses(self):
        return sum(name == "virtio-mmio" for *_, name in self._accesses)

    def interrupts_raised(self):
        """How often devices wished for one; None where that is not traced."""
        return self._count("virtio_notify") if "virtio_notify" in available() else None

    def notifications(self):
        """By the name of each source that there is. Likewise below."""
        counts = {"writes to QueueNotify": sum(
            event == ACCESSES[1] and name == "virtio-mmio" and address % _SLOT_BYTES == _QUEUE_NOTIFY
            for event, address, _, name in self._accesses)}
        if "virtio_queue_notify" in available():
            counts["virtio_queue_notify"] = self._count("virtio_queue_notify")
        return counts

    def interrupts(self, line, gic):
        """Of @line, with version @gic of the interrupt controller."""
        counts = {}
        event = {2: "gic_acknowledge_irq", 3: "gicv3_icc_iar1_read"}[gic]
        if event in available():
            counts[event] = self._acknowledged(event, line)
        if gic == 2:
            counts["reads of GICC_IAR"] = sum(
                event == ACCESSES[0] and name == "gic_cpu" and address & 0xfff == _GICC_IAR and
                value & 0x3ff == line for event, address, value, name in self._accesses)
        assert counts, f"this QEMU has no event for an interrupt that is taken: no {event}"
        return counts

    def accesses(self, gic):
        """To registers of virtio devices and of the interrupt controller."""
        counts = {"memory_region_ops": sum(name == "virtio-mmio" or name.startswith("gic")
                                           for *_, name in self._accesses)}
        names = ("virtio_mmio_read", "virtio_mmio_write_offset", "gic_cpu_read", "gic_cpu_write",
                 "gic_dist_read", "gic_dist_write")
        if gic == 2 and set(names) <= set(available()):
            counts["events of the devices"] = self._count(*names)
        return counts


def jobs(path):
    """A Job for each line that begins with BENCH, in their order."""
    stretch, best, text, found = [], [], "", []
    for line in path.read_text(errors="replace").splitlines():
        if not (event := _EVENT.match(line)):
            continue
        access = _ACCESS.search(line) if event[1] in ACCESSES else None
        if not access or access[3] != "pl011":
            stretch.append(line)
            continue
        # The longest since the last line of text: an interrupt may come between two accesses.
        best, stretch = max(best, stretch, key=len), []
        if event[1] == ACCESSES[1] and int(access[1], 16) & 0xfff == _UART_DATA:
            text += chr(int(access[2], 16) & 0xff)
            if text.endswith("BENCH "):
                found.append(Job(before_line))
            if text.endswith("\n"):
                best = []
            elif len(text) < 2 or text[-2] == "\n":
                before_line = best
    assert text, "the trace has no text of the UART: does this QEMU log its trace events?"
    return found
