# SPDX-License-Identifier: BSD-2-Clause
"""Made-up results of `make bench`, for its tests: every participant in every measure, 7 rounds."""
import copy

import count
import measures

# Round by round the machine gets slower, for all alike: a ratio within a round does not see it.
SLOWER = (1.0, 1.0, 1.25, 1.0, 2.0, 1.0, 1.0)
SPEED = {"vireo": 800000.0, "vireo-packed": 760000.0, "floor": 1000000.0, "linux": 80000.0,
         "linux-tuned": 100000.0, "linux-best": 160000.0, "uboot": 400000.0, "edk2": 200000.0}
ABOUT = {"date": "2026-01-02", "rounds": 7, "scale": 1.0, "host": "A processor", "cpus": 2,
         "kernel": "Linux 6.1", "qemu": "QEMU 7.2", "cpu": "cortex-a57", "pinned": 1,
         "others_percent": 0.4, "peers": ["linux-image 6.1"]}


def series(measure, name):
    factor = [1 / SPEED[name] * slower * 1e7 if measure.once else SPEED[name] / slower
              for slower in SLOWER]
    return [round(value, 3) for value in factor]


def counts():
    """Where there is a budget there is a count: one piece of work each."""
    platforms = {}
    for key, jobs in count.read_budget(count.BUDGET).items():
        names = count.counted.FIGURES
        platforms[" ".join(key)] = {
            job: {name: 1.0 for name, limit in zip(names, limits) if limit != "-"}
            for job, limits in jobs}
    return platforms


def results():
    rates = {one.key: {name: series(one, name) for name in one.counts} for one in measures.MEASURES}
    return copy.deepcopy({
        "about": ABOUT, "rates": rates, "counts": counts(),
        "floor": {"blk 0 r rand 4096 qd=32 n=3200": 7.83},
        "parts": {"4 KiB read": {"device driver": 120.25, "virtqueue": 80.5, "interrupts": 0.1}}})
