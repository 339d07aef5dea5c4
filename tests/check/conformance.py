#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes docs/CONFORMANCE.md of tests/requirements.tsv, after it has checked that what is said there is so:

- every requirement of the specification is there, under its strength, and no other (the list is in
  ../shared/spec; where that is absent, the file's own numbering must have no gap);
- what is fulfilled names its function, and, where it is a MUST or MUST NOT, a test;
- each function is defined in the file that is named, each test exists, runs, and names the id: in
  its body, or in the comment directly above. A check of the reference device ("refdev") names
  it in its message, in whatever file of tests/device that stands.

With --check nothing is written: it fails where the page is not what would be written.
"""
import argparse
import collections
import functools
import pathlib
import re
import sys

STRENGTHS = ("MUST", "MUST NOT", "SHALL NOT", "SHOULD", "SHOULD NOT", "MAY")
BINDING = ("MUST", "MUST NOT", "SHALL NOT")
STATES = {"yes": "fulfilled", "n/a": "does not apply", "no": "not done (optional)", "open": "open"}
CHAPTERS = {
    "2": "Basic facilities (without 2.12 and 2.13)",
    "3": "Life of a device",
    "4.1": "Virtio over PCI",
    "4.2": "Virtio over MMIO",
    "5.2": "Block device",
    "5.13": "IOMMU device",
    "6": "Reserved feature bits",
}
IN_SCOPE = re.compile(r"(2|3|4\.[12]|5\.2|5\.13|6)(\.|#)")
OUT_OF_SCOPE = re.compile(r"2\.1[23](\.|#)")
ID = re.compile(r"\d+(\.\d+)*#\d+")
SHARED = pathlib.Path("../shared/spec/virtio-1.4-driver-requirements.tsv")
LEDGER = pathlib.Path("tests/requirements.tsv")
PAGE = pathlib.Path("docs/CONFORMANCE.md")

Row = collections.namedtuple("Row", "line id strength state words functions tests")


class Ledger:
    """The file, as rows by section, and what is wrong with it."""

    def __init__(self, top):
        self.top = top
        self.sections = []  # (number, title, rows)
        self.errors = []
        for number, line in enumerate((top / LEDGER).read_text().splitlines(), 1):
            if line and not line.startswith("#"):
                self.read(number, line.split("\t"))

    def error(self, number, text):
        self.errors.append(f"{LEDGER}:{number}: {text}")

    def read(self, number, fields):
        if fields[0] == "§":
            self.sections.append((fields[1], fields[2], []))
            return
        if len(fields) != 6:
            self.error(number, f"{len(fields)} columns, not 6")
            return
        row = Row(number, *fields[:4], fields[4].split(), fields[5].split())
        if not ID.fullmatch(row.id) or row.strength not in STRENGTHS or row.state not in STATES:
            self.error(number, f"no id, strength or state: {fields[:3]}")
        elif not self.sections or row.id.split("#")[0] != self.sections[-1][0]:
            self.error(number, f"{row.id} stands in another section")
        else:
            self.sections[-1][2].append(row)

    def rows(self):
        return [row for _, _, rows in self.sections for row in rows]


@functools.lru_cache(maxsize=None)
def text_of(path):
    return path.read_text() if path.is_file() else None


# --- functions and tests --------------------------------------------------------------------

def body_of(text, name):
    """The definition of function @name with the comment directly above it, or None."""
    c_start = re.compile(rf"^[A-Za-z_][^;{{}}#/\n]*\b{re.escape(name)}\s*\([^;{{}}]*\)\s*\{{", re.M)
    py_start = re.compile(rf"^def {re.escape(name)}\(", re.M)
    for pattern, comment, end in ((c_start, r"(/\*|\s\*)", r"^\}"), (py_start, r"(#|@)", r"^(?=\S)")):
        if not (match := pattern.search(text)):
            continue
        above = []
        for line in reversed(text[:match.start()].splitlines()):
            if not re.match(comment, line):
                break
            above.insert(0, line)
        tail = re.compile(end, re.M).search(text, match.end())
        return "\n".join(above) + "\n" + text[match.start():tail.end() if tail else len(text)]
    return None


def names_id(text, requirement):
    return re.search(rf"(?<![\d.]){re.escape(requirement)}(?!\d)", text) is not None


def check_function(top, place):
    path, _, name = place.partition(":")
    text = text_of(top / path)
    if text is None:
        return f"there is no {path}"
    return None if body_of(text, name) else f"{path} defines no {name}()"


@functools.lru_cache(maxsize=None)
def device_checks(top, requirement):
    """The files of the reference device that cite @requirement in a message."""
    return [str(path.relative_to(top / "tests"))
            for path in sorted((top / "tests" / "device").glob("*.c"))
            if any(names_id(message, requirement)
                   for message in re.findall(r'"(?:\\.|[^"\\\n])*"', text_of(path)))]


def check_test(top, place, requirement):
    path, _, name = place.partition(":")
    if place == "refdev":
        return None if device_checks(top, requirement) else f"no check of tests/device cites {requirement}"
    text = text_of(top / "tests" / path)
    if text is None:
        return f"there is no tests/{path}"
    body = body_of(text, name)
    if not body:
        return f"tests/{path} has no test {name}"
    if path.endswith(".c") and len(re.findall(rf"\b{re.escape(name)}\b", text)) < 2:
        return f"tests/{path} does not run {name}"
    if not names_id(body, requirement):
        return f"tests/{path}: {name} does not name {requirement}"
    return None


# --- completeness ---------------------------------------------------------------------------

def wanted(top):
    """Ids and strengths of the specification's list, or None where it is not there."""
    text = text_of(top / SHARED)
    if text is None:
        return None
    rows = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
    return {row[0]: row[1] for row in rows
            if IN_SCOPE.match(row[0]) and not OUT_OF_SCOPE.match(row[0])}


def check_complete(ledger, spec):
    found = {}
    for row in ledger.rows():
        if row.id in found:
            ledger.error(row.line, f"{row.id} stands here twice")
        found[row.id] = row.strength
        if spec is not None and spec.get(row.id) != row.strength:
            ledger.error(row.line, f"{row.id} is {spec.get(row.id, 'unknown')}, not {row.strength}")
    missing = set(spec or ()) - set(found)
    for number, _, rows in ledger.sections:
        ids = {f"{number}#{n}" for n in range(1, 1 + max((int(r.id.split("#")[1]) for r in rows),
                                                         default=0))}
        missing |= ids - set(found)
    for requirement in sorted(missing):
        ledger.errors.append(f"{LEDGER}: {requirement} is missing")


def check_row(ledger, row):
    faults = []
    if not row.words:
        faults.append("says nothing")
    if row.state == "no" and row.strength not in ("MAY", "SHOULD", "SHOULD NOT"):
        faults.append(f"is no option but a {row.strength}")
    if row.state == "yes" and not row.functions:
        faults.append("names no function")
    if row.state == "yes" and row.strength in BINDING and not row.tests:
        faults.append("names no test")
    faults += [check_function(ledger.top, place) for place in row.functions]
    faults += [check_test(ledger.top, place, row.id) for place in row.tests]
    for fault in filter(None, faults):
        ledger.error(row.line, f"{row.id}: {fault}")


# --- the page -------------------------------------------------------------------------------

HEAD = """# Conformance to VIRTIO 1.4: the driver's side

What the specification (Committee Specification 01) requires of a driver, what in this tree fulfils
it, and what shows that it does. An id is the number of the specification's section and the place
of the statement within it; the words are ours, the specification's text is not repeated here.

This page is made by `make conformance-table` from `tests/requirements.tsv`, which also checks that
every function and test named here exists, and that each test cites the id; `make check` fails where the page
is out of date. A *check of the reference device* looks at every access that a driver makes in any
test of `tests/unit`, and fails the test where the requirement is broken.

"""


def chapter_of(section):
    return next(number for number in CHAPTERS if section == number or section.startswith(number + "."))


def summary(ledger):
    counts = {number: collections.Counter() for number in CHAPTERS}
    for section, _, rows in ledger.sections:
        for row in rows:
            force = "must" if row.strength in BINDING else "may"
            counts[chapter_of(section)][force, row.state] += 1
    lines = ["## Summary", "",
             "MUST and MUST NOT first, then what is recommended (SHOULD) or optional (MAY).", "",
             "| chapter | | fulfilled | does not apply | open | SHOULD, MAY: | done | does not apply | not done | open |",
             "|---|---|--:|--:|--:|---|--:|--:|--:|--:|"]
    total = collections.Counter()
    for number, title in CHAPTERS.items():
        total += counts[number]
        lines.append(summary_line(number, title, counts[number]))
    lines.append(summary_line("**all**", "", total))
    return lines + [""]


def summary_line(number, title, count):
    cells = [count["must", state] for state in ("yes", "n/a", "open")]
    more = [count["may", state] for state in ("yes", "n/a", "no", "open")]
    return (f"| {number} | {title} | " + " | ".join(map(str, cells)) + " | | "
            + " | ".join(map(str, more)) + " |")


def link(path):
    return f"[{path}](../{path})"


def by_file(places):
    """file:function pairs as one item a file."""
    files = collections.OrderedDict()
    for place in places:
        path, _, name = place.partition(":")
        files.setdefault(path, []).append(name)
    return files


def cell_functions(row):
    return "<br>".join(f"{link(path)}: " + ", ".join(f"`{name}`" for name in names)
                       for path, names in by_file(row.functions).items())


def cell_tests(top, row):
    items = []
    for path, names in by_file(row.tests).items():
        if path == "refdev":
            items += [f"check of the reference device: {link('tests/' + check)}"
                      for check in device_checks(top, row.id)]
        else:
            items.append(f"{link('tests/' + path)}: " + ", ".join(f"`{name}`" for name in names))
    return "<br>".join(items)


def table(top, number, title, rows):
    lines = [f"### {number} {title}", "",
             "| id | | what we do | where | shown by |", "|---|---|---|---|---|"]
    for row in rows:
        words = row.words if row.state == "yes" else f"*{STATES[row.state]}*: {row.words}"
        lines.append(f"| {row.id} | {row.strength} | {words} | {cell_functions(row)} | {cell_tests(top, row)} |")
    return lines + [""]


def page(ledger):
    lines, chapter = summary(ledger), None
    for number, title, rows in ledger.sections:
        if chapter != chapter_of(number):
            chapter = chapter_of(number)
            lines += [f"## {chapter}: {CHAPTERS[chapter]}", ""]
        lines += table(ledger.top, number, title, rows)
    return HEAD + "\n".join(lines).rstrip() + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail where the page is stale")
    parser.add_argument("--top", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    args = parser.parse_args()

    ledger = Ledger(args.top)
    check_complete(ledger, wanted(args.top))
    for row in ledger.rows():
        check_row(ledger, row)
    target = args.top / PAGE
    if not ledger.errors and args.check and text_of(target) != page(ledger):
        ledger.errors.append(f"{PAGE} is out of date: make conformance-table")
    for error in ledger.errors:
        print(error, file=sys.stderr)
    if ledger.errors:
        return 1
    if not args.check:
        target.write_text(page(ledger))
        print(f"{PAGE}: {len(ledger.rows())} requirements")
    return 0


if __name__ == "__main__":
    sys.exit(main())
