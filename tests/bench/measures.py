# SPDX-License-Identifier: BSD-2-Clause
"""What `make bench` measures, on whom, and the bounds that the project has set for it.

A measure is one job, which every participant does that can. A bound is on Vireo's ratio to a participant
within a round, or on its own figure; a count's bound is on what QEMU counts exactly (counted.py).
"""
import dataclasses

from figures import Bound, quotients

NAMES = {"vireo": "Vireo", "vireo-packed": "Vireo, packed ring", "floor": "the floor",
         "linux": "Linux", "linux-tuned": "Linux, tuned", "linux-best": "Linux, best",
         "uboot": "U-Boot", "edk2": "EDK2"}
OURS = ("vireo", "vireo-packed")
LINUX = ("linux", "linux-tuned", "linux-best")
FIRMWARE = ("uboot", "edk2")
MULTIPLE = 64  # of the greatest batch; the floor takes no part of one


@dataclasses.dataclass(frozen=True)
class Measure:
    """@commands and @counts by participant: how many operations take half a second or so, or where @unit is
    ms how many runs. A figure is the @field of a run's result: operations a second, or the time of one.
    The runs are those of the measure @of. @remark: what a reader has to know besides the title."""
    key: str
    title: str
    unit: str
    commands: dict
    counts: dict
    field: str = "per_s"
    of: str = ""
    remark: str = ""

    @property
    def once(self):
        return self.unit == "ms"

    @property
    def heading(self):
        return f"{self.title}; {self.remark}" if self.remark else self.title

    @property
    def runs(self):
        return self.of or self.key

    def repeats(self, participant):
        """Runs in a round: what is over in no time is done several times."""
        return self.counts[participant] if self.once else 1

    def job(self, participant, scale=1.0):
        count = round(self.counts[participant] * scale / MULTIPLE) * MULTIPLE
        return self.commands[participant].format(n=max(count, MULTIPLE))

    def name(self, participant):
        """The floor of a boot is no loop, but an image that does nothing else."""
        return "powers off at once" if self.once and participant == "floor" else NAMES[participant]

    def figure(self, result):
        return result[self.field] / 1e6 if self.once else result[self.field]


def each(bare, linux, firmware=None):
    """A value for each participant; firmware takes part where it has one."""
    values = dict.fromkeys((*OURS, "floor"), bare) | dict.fromkeys(LINUX, linux)
    return values | (dict.fromkeys(FIRMWARE, firmware) if firmware else {})


def measure(key, title, unit, command, counts, **others):
    """@others: the commands of those that have one of their own, by participant or "firmware"; field, of, remark."""
    named = {name: others.pop(name) for name in ("field", "of", "remark") if name in others}
    commands = dict.fromkeys(counts, command)
    firmware = others.pop("firmware", None)
    if firmware:
        others |= dict.fromkeys(FIRMWARE, firmware)
    return Measure(key, title, unit, commands | others, counts, **named)


# The floor waits in the way that is the fastest for it. Firmware sends one frame at a time: it has no
# batches.
MEASURES = (
    measure("read-32", "4 KiB random reads, depth 32", "reads",
            "blk 0 r rand 4096 qd=32 wait=wfi n={n}", each(320000, 40000)),
    measure("read-1", "4 KiB random reads, depth 1", "reads",
            "blk 0 r rand 4096 qd=1 wait=wfi n={n}", each(64000, 6400, 50000)),
    measure("big-4", "1 MiB sequential reads, depth 4", "reads",
            "blk 0 r seq 1048576 qd=4 wait=wfi n={n}", each(160000, 2048)),
    measure("big-1", "1 MiB sequential reads, depth 1", "reads",
            "blk 0 r seq 1048576 qd=1 wait=wfi n={n}", each(51200, 2048, 40000)),
    measure("send-64", "64-byte frames sent, batch 64", "frames",
            "net 0 tx 64 batch=64 n={n}", each(1280000, 38400, 38400),
            floor="net 0 tx 64 batch=64 wait=wfi n={n}", firmware="net 0 tx 64 batch=1 n={n}",
            remark="firmware: one at a time"),
    measure("trip", "UDP round trips, 64 bytes", "round trips", "net 0 rtt 64 n={n}",
            each(25600, 5120), floor="net 0 rtt 64 wait=wfi n={n}"),
    measure("boot", "From QEMU's start to all devices ready", "ms", "boot", each(5, 1, 1), field="host_ns"),
    measure("end", "From QEMU's start to QEMU's end, powered off when all is ready", "ms", "boot",
            dict.fromkeys((*OURS, "floor"), 5), field="end_ns", of="boot"),
)
BY_KEY = {one.key: one for one in MEASURES}
# The page's sections: a chart each, with these measures.
CHARTS = (("reads-4k", "4 KiB random reads", ("read-32", "read-1")),
          ("reads-1m", "1 MiB sequential reads", ("big-4", "big-1")),
          ("network", "Frames sent, UDP round trips", ("send-64", "trip")),
          ("boot", "The boot", ("boot", "end")))


@dataclasses.dataclass(frozen=True)
class RateBound:
    """@versus: a participant, or None for the figure itself."""
    measure: str
    versus: str
    bound: Bound

    def series(self, samples, ours):
        """The figures that are judged, or None where one of the two has not run."""
        rounds = samples.get(self.measure, {})
        if ours not in rounds or (self.versus and self.versus not in rounds):
            return None
        if not self.versus:
            return rounds[ours]
        return quotients(rounds[ours], rounds[self.versus])

    def text(self):
        if not self.versus:
            return f"{self.bound} a second"
        name = BY_KEY[self.measure].name(self.versus)
        return f"{self.bound} times {name.replace('powers', 'an image that powers')}"


RATE_BOUNDS = (
    RateBound("read-32", "floor", Bound(least=0.85)),
    RateBound("read-32", "linux", Bound(least=9)),
    RateBound("read-32", "linux-tuned", Bound(least=7)),
    RateBound("read-1", "floor", Bound(least=0.9)),
    RateBound("read-1", "linux", Bound(least=10)),
    RateBound("read-1", "linux-tuned", Bound(least=6)),
    RateBound("read-1", "uboot", Bound(least=1.5)),
    RateBound("big-4", "linux", Bound(least=12)),
    RateBound("big-1", "uboot", Bound(least=1.25)),
    RateBound("send-64", None, Bound(least=1000000)),
    RateBound("send-64", "linux", Bound(least=15)),
    RateBound("trip", "linux", Bound(least=2.8)),
    RateBound("boot", "floor", Bound(most=1.3)),
)


@dataclasses.dataclass(frozen=True)
class CountBound:
    """@job: the beginning of a job of budget.tsv, up to a word's end. @most and @most_arm: for AArch64 and
    Armv7; None where the project has set none."""
    title: str
    job: str
    figure: str
    most: float = None
    most_arm: float = None

    def bound(self, arch):
        most = self.most if arch == "aarch64" else self.most_arm
        return Bound(most=most) if most is not None else None


# Boot's unit is a thousand instructions (count.py). A copy of 1 MiB takes 16,384 instructions at the
# very least, 64 bytes each, which no load or store of these CPUs moves.
DISK, SLOW_DISK = "blk 0 r rand 4096", "blk 1 r rand 4096"
COUNT_BOUNDS = (
    CountBound("instructions, 4 KiB read, depth 32", f"{DISK} qd=32 n=3200", "insn", 200, 250),
    CountBound("instructions, 4 KiB read, depth 1", f"{DISK} qd=1 n=1000", "insn", 400, 500),
    CountBound("instructions, a disk that answers later, depth 1", f"{SLOW_DISK} qd=1", "insn"),
    CountBound("register accesses, 4 KiB read, depth 32", f"{DISK} qd=32 n=3200", "mmio", 5 / 32, 5 / 32),
    CountBound("register accesses, depth 1", f"{DISK} qd=1 n=1000", "mmio", 5, 5),
    CountBound("register accesses, a disk that answers later, depth 1", f"{SLOW_DISK} qd=1", "mmio"),
    CountBound("notifications, depth 32", f"{DISK} qd=32 n=3200", "notify", 1 / 32, 1 / 32),
    CountBound("notifications, depth 1", f"{SLOW_DISK} qd=1", "notify", 1, 1),
    CountBound("interrupts, depth 32", f"{DISK} qd=32 n=3200", "irq", 1 / 32, 1 / 32),
    CountBound("interrupts, depth 1", f"{SLOW_DISK} qd=1", "irq", 1, 1),
    CountBound("instructions, 1 MiB read: no payload copied", "blk 0 r seq 1048576 qd=4", "insn",
               16384, 16384),
    CountBound("instructions, frame of 64 bytes sent, batch 64", "net 0 tx 64 batch=64", "insn", 150),
    CountBound("instructions, UDP round trip", "net 1 rtt 64", "insn", 600),
    CountBound("thousands of instructions, reset to first command", "boot", "insn", 2000),
)


def job_of(beginning, jobs):
    """The one of @jobs that begins with these words."""
    found = [job for job in jobs if f"{job} ".startswith(f"{beginning} ")]
    if len(found) != 1:
        raise LookupError(f"{beginning}: {len(found)} jobs of budget.tsv begin so")
    return found[0]
