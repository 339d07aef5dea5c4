#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs what is proven of the rings: Frama-C on their sources, Spin models of their races, and arithmetic
for all inputs.

One line a property, and "N passed, N failed" at the end. A model from which a needed barrier was
taken must fail: it counts as passed when it does. Logs are kept in build/proof. See docs/PROOFS.md.
"""
import concurrent.futures
import os
import re
import subprocess
import sys

import frama_c

OUT = "build/proof"


def run(name, command, **kwargs):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            timeout=1800, check=False, **kwargs)
    with open(f"{OUT}/{re.sub('[^A-Za-z0-9_]+', '-', name)}.log", "w", encoding="utf-8") as log:
        log.write(result.stdout)
    return result


def spin(model, flags):
    name = "spin " + " ".join([model, *flags])
    folder = f"{OUT}/{re.sub('[^A-Za-z0-9]+', '-', name)}"
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/model.pml", "w", encoding="utf-8") as out:
        subprocess.run(["cpp", "-P", *flags, f"tests/proof/{model}.pml"], stdout=out, check=True)
    subprocess.run(["spin", "-a", "model.pml"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["gcc", "-O1", "-w", "-DSAFETY", "-o", "pan", "pan.c"], cwd=folder, check=True)
    text = run(name, ["./pan", "-E", "-m100000"], cwd=folder).stdout
    if needed(model, flags):
        return "assertion violated" in text
    return "errors: 0" in text and "max search depth too small" not in text


def needed(model, flags):
    """Whether @flags take away a barrier that the model needs; docs/PROOFS.md tells of the others."""
    removed = [flag for flag in flags if flag.startswith("-DNO_")]
    unneeded = "-DNO_RMB" if model == "publish" else "-DNO_WMB"
    return bool(removed) and removed[0] != unneeded


def models():
    for model, modes in (("publish", [[]]), ("enable_cb", [[], ["-DREARM"], ["-DDELAYED"]])):
        for form in ([], ["-DPACKED"]):
            for event in ([], ["-DEVENT"]):
                for mode in modes:
                    if mode and not event:
                        continue
                    for removed in ([], ["-DNO_WMB"], ["-DNO_MB"], ["-DNO_RMB"]):
                        yield model, form + event + mode + removed


def event_index():
    program = f"{OUT}/event_index"
    subprocess.run(["gcc", "-O2", "-Wall", "-Werror", "-I.", "-Ilib/arch/host", "-o", program,
                    "tests/proof/event_index.c"], check=True)
    return run("event index", [program]).returncode == 0


def barriers():
    return run("barriers", [sys.executable, "tests/proof/check_barriers.py"]).returncode == 0


def main():
    os.makedirs(OUT, exist_ok=True)
    frama_c.find_provers()
    jobs = [(f"eva: any device, any calls: {variant[0]}", frama_c.eva, (run, variant))
            for variant in frama_c.VARIANTS]
    jobs += [(f"wp: {file}: {', '.join(names)}", frama_c.contracts, (run, file))
             for file, names in frama_c.CONTRACTS.items()]
    jobs += [("event index: vring_need_event() for all inputs", event_index, ()),
            ("source: every modelled barrier stands in its function", barriers, ())]
    for model, flags in models():
        what = "fails, as it must" if needed(model, flags) else "nothing is lost"
        jobs.append((f"spin: {what}: {' '.join([model, *flags])}", spin, (model, flags)))
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for job, good in zip(jobs, pool.map(lambda job: job[1](*job[2]), jobs)):
            print(f"{'ok  ' if good else 'FAIL'} {job[0]}", flush=True)
            passed, failed = passed + good, failed + (not good)
    good = frama_c.all_reached(run)
    print(f"{'ok  ' if good else 'FAIL'} eva: every function of the formats was gone through")
    passed, failed = passed + good, failed + (not good)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
