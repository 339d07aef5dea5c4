# SPDX-License-Identifier: BSD-2-Clause
"""A page as its reader takes it: files to be saved and commands to be typed, in the order in which they stand there.

A block of code is a file whose name stands before it, in the words "...`name`:"; or the commands of a terminal
(```console): lines behind "$ ", which a backslash continues, and below each what it prints.
"""
import dataclasses
import os
import pathlib
import re
import signal
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
COMMAND_TIMEOUT_S = 60

HEADING = re.compile(r"^## (.*)$")
FENCE = re.compile(r"^```(\w*)$")
NAME = re.compile(r"`([\w.]+)`[:.]")


@dataclasses.dataclass
class Command:
    line: str
    output: list


@dataclasses.dataclass
class Step:
    section: str
    name: str  # of a file; None: commands
    text: str

    def commands(self):
        found = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append(Command(line[2:], []))
            elif found[-1].line.endswith("\\"):
                found[-1].line += "\n" + line
            else:
                found[-1].output.append(line)
        return found


def parse(text):
    """All blocks of a page. A block that is neither a file nor commands is an error: nobody would test it."""
    steps, section, before, block, kind = [], None, "", None, None
    for line in text.splitlines():
        fence = FENCE.match(line)
        if block is not None and not fence:
            block.append(line)
        elif block is not None:
            name = None
            if kind != "console":
                names = NAME.findall(before)
                assert names, f"section {section}: a block of code that is no file:\n" + "\n".join(block[:3])
                name = names[-1]
            steps.append(Step(section, name, "\n".join(block) + "\n"))
            block, before = None, ""
        elif fence:
            block, kind = [], fence[1]
        elif HEADING.match(line):
            section, before = HEADING.match(line)[1], ""
        else:
            before += line + "\n"
    assert block is None, "a block of code that does not end"
    return steps


def run(line, folder):
    """(status, output, errors) of one command line, as a shell runs it. What does not end in time is ended."""
    with subprocess.Popen(["sh", "-c", line], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, start_new_session=True) as shell:
        try:
            output, errors = shell.communicate(timeout=COMMAND_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(shell.pid, signal.SIGKILL)
            output, errors = shell.communicate()
            errors += b"does not end\n"
    return shell.returncode, output.decode(errors="replace").replace("\r", ""), errors.decode(errors="replace")


def type_in(command, folder):
    """The command must succeed without warnings, and print what the page says."""
    status, output, errors = run(command.line, folder)
    said = f"$ {command.line}\n{output}{errors}"
    assert status == 0, f"ended with {status}:\n{said}"
    assert output.splitlines() == command.output, f"prints something else than the page says:\n{said}"
    assert "warning" not in errors, said


def follow(steps, folder):
    for step in steps:
        if step.name:
            (folder / step.name).write_text(step.text, encoding="utf-8")
        else:
            for command in step.commands():
                type_in(command, folder)
