#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Line and branch coverage of virtio/ by the unit tests, a line for each file, and what is missing.

gcovr reads what the programs of build/coverage have left. Nothing is excluded but what a comment
in the source excludes, one branch at a time and with its reason: "GCOVR_EXCL_BR_LINE: why".
The exit status is 1 below the minimum.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys

EXCLUDED = re.compile(r"GCOVR_EXCL_\w+(?P<why>:? *\w+)?")


def measure(objects):
    """gcovr's report: a list of files, each with its lines and their branches."""
    command = ["gcovr", "--root", ".", "--filter", "virtio/", "--json", "-", "--object-directory",
               str(objects), str(objects)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(done.stderr.decode(errors="replace"))
    return json.loads(done.stdout)["files"]


def counted(entries):
    hit = sum(1 for entry in entries if entry["count"])
    return hit, len(entries)


def percent(hit, total):
    return 100.0 * hit / total if total else 100.0


def row(name, lines, branches):
    return (f"{name:<28} {lines[0]:>5} of {lines[1]:>5} {percent(*lines):>6.1f} %"
            f" {branches[0]:>5} of {branches[1]:>5} {percent(*branches):>6.1f} %")


def unexplained(path):
    """Exclusions that do not say why."""
    for number, text in enumerate(pathlib.Path(path).read_text().splitlines(), 1):
        match = EXCLUDED.search(text)
        if match and not match["why"]:
            yield f"{path}:{number}: an exclusion without a reason"


def missing(file):
    for line in file["lines"]:
        hit, total = counted(line["branches"])
        if hit < total:
            yield f"  {file['file']}:{line['line_number']}: {total - hit} of {total} not taken"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minimum", type=float, default=95, help="percent of branches")
    parser.add_argument("objects", type=pathlib.Path)
    args = parser.parse_args()

    all_lines, all_branches, gaps, wrong = [0, 0], [0, 0], [], []
    print(f"{'':<28} {'lines':>14} {'':>8} {'branches':>14}")
    for file in measure(args.objects):
        lines = [line for line in file["lines"] if not line.get("gcovr/noncode")]
        branches = [branch for line in lines for branch in line["branches"]]
        sums = counted(lines), counted(branches)
        for total, part in zip((all_lines, all_branches), sums):
            total[0] += part[0]
            total[1] += part[1]
        print(row(file["file"], *sums))
        gaps += missing(file)
        wrong += unexplained(file["file"])
    print(row("all", all_lines, all_branches))
    if gaps:
        print("branches that no test takes:", *gaps, sep="\n")
    print(*wrong, sep="\n", end="\n" if wrong else "")
    if wrong or not all_branches[1] or percent(*all_branches) < args.minimum:
        print(f"coverage: below {args.minimum:g} % of branches" if not wrong else "coverage: see above")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
