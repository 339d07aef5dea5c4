#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the host programs of tests/unit, commands, and pytest folders (tests/qemu, tests/bench), and adds
up all.

A command is one test: it passes where its exit status is 0.

The last line of output is "N passed, N failed" (and ", N skipped" where tests were skipped). The
exit status is 0 only where something passed and nothing failed: a program that crashes, hangs,
or ends before the tests it announced counts the missing ones as failed.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

UNIT_TIMEOUT_S = 300
COMMAND_TIMEOUT_S = 24 * 3600
PLAN = re.compile(r"^1\.\.(\d+)\s*$")
# Not anchored: what the tested code prints may stand before it on the same line.
RESULT = re.compile(r"(?P<no>not )?ok (?P<number>\d+) (?P<skip># SKIP|-)")


class Sum:
    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def count_tap(output, status):
    """The sum of one cmocka program's TAP output; @status is its exit status."""
    total, planned = Sum(), 0
    for line in output.splitlines():
        if match := PLAN.match(line):
            planned += int(match[1])
        elif match := RESULT.search(line):
            if match["skip"] == "# SKIP":
                total.skipped += 1
            elif match["no"]:
                total.failed += 1
            else:
                total.passed += 1
    total.failed += max(0, planned - total.passed - total.failed - total.skipped)
    if (status != 0 or planned == 0) and total.failed == 0:
        total.failed = 1
    return total


def run_unit(program):
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP")
    env.setdefault("ASAN_OPTIONS", "detect_stack_use_after_return=1")
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
    try:
        done = subprocess.run(shlex.split(program), env=env, stdin=subprocess.DEVNULL, check=False,
                              timeout=UNIT_TIMEOUT_S, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        output, status = done.stdout.decode(errors="replace"), done.returncode
    except subprocess.TimeoutExpired as late:
        output = (late.stdout or b"").decode(errors="replace")
        output += f"\nended after {UNIT_TIMEOUT_S} s\n"
        status = 1
    return program, count_tap(output, status), output


def run_command(command):
    """@command is NAME=PROGRAM ARGUMENTS..., without a shell."""
    name, _, line = command.partition("=")
    try:
        done = subprocess.run(shlex.split(line), stdin=subprocess.DEVNULL, check=False,
                              timeout=COMMAND_TIMEOUT_S, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        output, passed = done.stdout.decode(errors="replace"), done.returncode == 0
    except (OSError, subprocess.TimeoutExpired) as error:
        output, passed = str(error), False
    return name, Sum(passed=int(passed), failed=int(not passed)), output


def run_commands(commands, workers, verbose):
    total = Sum()
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for name, result, output in pool.map(run_command, commands):
            if result.failed or verbose:
                print(output.rstrip())
            print(f"{name}: {result}", flush=True)
            total.add(result)
    return total


def run_units(programs, workers):
    total = Sum()
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for program, result, output in pool.map(run_unit, programs):
            if result.failed:
                print(output.rstrip())
            print(f"{pathlib.Path(program).name}: {result}", flush=True)
            total.add(result)
    return total


def count_junit(report, status):
    total = Sum()
    if report.exists():
        for suite in ElementTree.parse(report).getroot().iter("testsuite"):
            failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            skipped = int(suite.get("skipped", 0))
            total.add(Sum(int(suite.get("tests", 0)) - failed - skipped, failed, skipped))
    # 5: pytest found no test.
    if status not in (0, 5) and total.failed == 0:
        total.failed = 1
    return total


def run_pytest(folder, workers, report, extra):
    report.unlink(missing_ok=True)
    report.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-n", str(workers), f"--junitxml={report}",
               *extra, folder]
    status = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
    return count_junit(report, status)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--pytest", metavar="FOLDER", action="append", default=[],
                        help="a folder of pytest files; may be given several times")
    parser.add_argument("--reports", type=pathlib.Path, default="build/test",
                        help="where FOLDER's results go as NAME.xml")
    parser.add_argument("--pytest-args", default="", help="options for pytest, in one word")
    parser.add_argument("--command", metavar="NAME=COMMAND", action="append", default=[],
                        help="a command that is one test; may be given several times")
    parser.add_argument("--alone", metavar="PROGRAM", action="append", default=[],
                        help="one more of the programs, which runs while nothing else does")
    parser.add_argument("--verbose", action="store_true", help="the output of commands that pass too")
    parser.add_argument("programs", nargs="*", help="programs that print TAP (cmocka's do), with their arguments")
    args = parser.parse_args()

    total = run_units(args.programs, args.workers)
    total.add(run_units(args.alone, 1))
    total.add(run_commands(args.command, args.workers, args.verbose))
    for folder in args.pytest:
        report = args.reports / f"{pathlib.Path(folder).name}.xml"
        total.add(run_pytest(folder, args.workers, report, args.pytest_args.split()))
    print(total, flush=True)
    return 0 if total.passed and not total.failed else 1


if __name__ == "__main__":
    sys.exit(main())
