# SPDX-License-Identifier: BSD-2-Clause
"""The shell itself: its commands' names and errors, line editing, and what must not crash it."""
import random
import re
import string

import pytest

import host
from machine import PROMPT

pytestmark = pytest.mark.numbered

COMMANDS = [
    "help", "poweroff", "exit STATUS", "echo TEXT", "mem", "uptime",
    "panic [null|stack|text|exec|undef]", "iommu", "dma-stray N", "irq [test]", "lsdev",
    "vq DEV QUEUE", "lspci", "pcireg FUNCTION BAR OFFSET", "blk info N",
    "blk read N SECTOR [COUNT]", "blk sum N [SECTOR COUNT]", "blk write N SECTOR TEXT",
    "blk fill N SECTOR COUNT BYTE", "blk discard N SECTOR COUNT",
    "blk zero N SECTOR COUNT [unmap]", "blk flush N", "net info N", "net dump N COUNT",
    "net arp N A.B.C.D", "net ping N A.B.C.D [COUNT]", "rng N BYTES", "con N TEXT",
    "bench blk N r|w rand|seq BYTES [qd=N] [n=N] [wait=wfi|poll]",
    "bench net N tx|rtt|rx BYTES [batch=N] [n=N]",
    "bench rng N BYTES [n=N]", "bench con N BYTES [n=N] [wait=wfi|poll] [dir=tx|rx]",
    "bench irq [n=N] [wait=wfi|poll]", "bench boot",
]


def all_devices(lab, disk_bytes=1 << 20):
    """Options for one device of each type; the network is QEMU's own."""
    disk = lab.file("disk.img", host.random_bytes(disk_bytes, "all devices"))
    return ["-drive", f"file={disk},format=raw,if=none,id=d", "-device",
            "virtio-blk-device,drive=d", "-netdev", "user,id=n", "-device",
            "virtio-net-device,netdev=n", "-chardev", "null,id=c", "-device",
            "virtio-serial-device", "-device", "virtconsole,chardev=c", "-device",
            "virtio-rng-device"]


def test_help_lists_every_command_in_a_line(lab, arch):
    machine = lab.boot(arch)
    lines = machine.lines("help")
    assert [re.split(r"  +", line)[0].strip() for line in lines] == COMMANDS
    for line in lines:
        assert len(re.split(r"  +", line)[1]) > 5 and len(line) < 80


ERRORS = {
    "nonsense": "nonsense: unknown command (try help)",
    "HELP": "HELP: unknown command (try help)",
    "blk": "blk: incomplete command (try help)",
    "blk eat 0": "blk: unknown command eat (try help)",
    "net": "net: incomplete command (try help)",
    "net frob": "net: unknown command frob (try help)",
    "help me": "usage: help",
    "lsdev 1": "usage: lsdev",
    "vq": "usage: vq DEV QUEUE",
    "vq 0": "usage: vq DEV QUEUE",
    "vq 0 0": "vq: no device 0 (see lsdev)",
    "vq x 0": "vq: device 'x' is not a number",
    "blk info": "usage: blk info N",
    "blk info 0": "blk: no block device 0 (0 present)",
    "blk info -1": "blk info: device '-1' is not a number",
    "blk info 0x": "blk info: device '0x' is not a number",
    "blk info 99999999999999999999":
        "blk info: device 99999999999999999999 is too large (at most 2147483647)",
    "blk sum 0 1": "usage: blk sum N [SECTOR COUNT]",
    "blk sum 2147483647": "blk: no block device 2147483647 (0 present)",
    "blk read 0": "usage: blk read N SECTOR [COUNT]",
    "blk write 0 1": "usage: blk write N SECTOR TEXT",
    "blk fill 0 0 1": "usage: blk fill N SECTOR COUNT BYTE",
    "blk discard 0 1": "usage: blk discard N SECTOR COUNT",
    "blk zero 0": "usage: blk zero N SECTOR COUNT [unmap]",
    "blk zero 0 0 1": "blk: no block device 0 (0 present)",
    "blk flush 0": "blk: no block device 0 (0 present)",
    "net info 0": "net: no net device 0 (0 present)",
    "net dump 0 1": "net: no net device 0 (0 present)",
    "net arp 0 10.0.2.2": "net: no net device 0 (0 present)",
    "net ping 0 10.0.2.2": "net: no net device 0 (0 present)",
    "rng 0 1": "rng: no entropy device 0 (0 present)",
    "con 0 x": "con: no console device 0 (0 present)",
    "panic quietly": "panic: no such fault as 'quietly'",
    'echo "': "shell: a quote is not closed",
}


def test_errors_are_one_line(lab, arch):
    machine = lab.boot(arch)
    for command, error in ERRORS.items():
        assert machine.run(command) == error + "\n", command
    # As many words as fit into a line.
    assert machine.run("echo" + " x" * 125) == "x " * 124 + "x\n"
    assert machine.run("echo alive") == "alive\n"


@pytest.mark.rings
def test_errors_with_devices(lab, arch):
    machine = lab.boot(arch, *all_devices(lab))
    for command, error in {
        "blk info 1": "blk: no block device 1 (1 present)",
        "net info 7": "net: no net device 7 (1 present)",
        "rng 0 0": "rng: count is 0",
        "rng 0 4097": "rng: count 4097 is too large (at most 4096)",
        "rng 0 1e3": "rng: count '1e3' is not a number",
        "rng 1 1": "rng: no entropy device 1 (1 present)",
        "con 1 x": "con: no console device 1 (1 present)",
        "blk read 0 x": "blk read: sector 'x' is not a number",
        "blk read 0 0 0": "blk read: count is 0",
        "blk fill 0 0 1 256": "blk fill: byte 256 is too large (at most 255)",
        "blk write 0 0 \"\" " + "x" * 200: "",
        "net arp 0 10.0.2": "net arp: '10.0.2' is no IPv4 address",
        "net arp 0 10.0.2.256": "net arp: '10.0.2.256' is no IPv4 address",
        "net ping 0 1.2.3.4.5": "net ping: '1.2.3.4.5' is no IPv4 address",
        "net ping 0 10.0.2.2 0": "net ping: count is 0",
        "net ping 0 10.0.2.2 65536": "net ping: count 65536 is too large (at most 65535)",
        "net dump 0 -5": "net dump: count '-5' is not a number",
        "vq 4 0": "vq: no device 4 (see lsdev)",
        "vq 0 1": "vq: device 0 has no queue 1",
    }.items():
        assert machine.run(command) == (error + "\n" if error else ""), command


def test_words_and_quotes(lab, arch):
    machine = lab.boot(arch)
    for command, output in {
        "echo": "", "  echo   a \t b  ": "a b", 'echo "a   b"': "a   b", 'echo a"b c"d': "ab cd",
        'echo "" x': " x", "": None, "   ": None, "echo ;": ";", "echo a;b": "a;b",
        "echo \\n %s %n %x": "\\n %s %n %x",
    }.items():
        typed = command.replace("\t", "")
        assert machine.run(typed) == ("" if output is None else output + "\n"), command


def test_mem_shows_the_memory_map(lab, platform):
    machine = lab.boot(platform, memory=256)
    text = machine.run("mem")
    ranges = {name: (int(start, 16), int(end, 16), int(kib)) for name, start, end, kib in
              re.findall(r"^(\w+) +([0-9a-f]{8,})-([0-9a-f]{8,}) (\d+) KiB", text, re.M)}
    assert ranges.keys() == {"ram", "image", "text", "rodata", "data", "heap"}
    for start, end, kib in ranges.values():
        assert start < end and kib == (end - start + 1023) // 1024
    assert ranges["ram"] == (0x40000000, 0x50000000, 256 << 10)
    assert ranges["image"][0] == ranges["text"][0]
    assert ranges["text"][1] <= ranges["rodata"][0] and ranges["rodata"][1] <= ranges["data"][0]
    assert ranges["data"][1] == ranges["image"][1] <= ranges["heap"][0]
    assert ranges["heap"][1] <= ranges["ram"][1]
    used, free = map(int, re.search(r"used (\d+) bytes, free (\d+) bytes$", text, re.M).groups())
    assert 0 < used < 1 << 20
    assert used + free == ranges["heap"][1] - ranges["heap"][0]


def test_uptime_goes_on(lab, platform):
    machine = lab.boot(platform)
    times = []
    for _ in range(5):
        match = re.fullmatch(r"up (\d+)\.(\d{3}) s, booted in (\d+\.\d{3}) s\n",
                             machine.run("uptime"))
        times.append(int(match[1]) * 1000 + int(match[2]))
        boot = float(match[3])
    assert times == sorted(times) and 0 < boot * 1000 <= times[0] < times[-1] + 1


# --- line editing -----------------------------------------------------------------------------

UP, DOWN, RIGHT, LEFT = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D"
CTRL_A, CTRL_C, CTRL_E, CTRL_K, CTRL_L, CTRL_U, CTRL_W = "\x01\x03\x05\x0b\x0c\x15\x17"


def type_line(machine, keys):
    """Types @keys and Enter; returns the output of what that line was."""
    machine.serial.send(keys + "\r")
    machine.serial.expect_exact("\r\n")
    return machine.serial.prompt()


@pytest.mark.parametrize("keys, output", [
    ("ecko\b\bho hi", "hi"),
    ("ecko\x7f\x7fho hi", "hi"),
    ("\b\b\x7fecho hi", "hi"),
    ("cho hi" + CTRL_A + "e", "hi"),
    ("cho hi\x1b[He" + CTRL_E + "!", "hi!"),
    ("cho hi\x1bOHe\x1bOF!", "hi!"),
    ("cho hi\x1b[1~e\x1b[4~!", "hi!"),
    ("echo ac" + LEFT + "b", "abc"),
    ("echo ac" + LEFT + LEFT + RIGHT + "b", "abc"),
    ("echo c" + LEFT * 300 + RIGHT * 5 + "ab", "abc"),
    ("echo abc" + RIGHT * 10 + "d", "abcd"),
    ("echo abXc" + LEFT * 2 + "\x1b[3~", "abc"),
    ("echo abc\x1b[3~", "abc"),
    ("rubbish" + CTRL_U + "echo hi", "hi"),
    ("rubbishecho hi" + LEFT * 7 + CTRL_U, "hi"),
    ("echo hi there" + LEFT * 6 + CTRL_K, "hi"),
    ("echo one two  " + CTRL_W + "three", "one three"),
    ("word" + CTRL_W * 3 + "echo hi", "hi"),
    ("echo hi\x00\x01\x05\x1b[99~\x1b[1;5C\x1b[200~\x1bq", "hi"),
    ("echo h\x80\xff\xe9i", "hi"),
    ("echo hi" + CTRL_L, "hi"),
    ("rubbish" + CTRL_C + "echo hi", None),
])
def test_line_editing(lab, arch, keys, output):
    machine = lab.boot(arch)
    if output is None:
        machine.serial.send("rubbish" + CTRL_C)
        assert machine.serial.prompt() == "rubbish^C\n"
        assert machine.run("echo hi") == "hi\n"
    else:
        assert type_line(machine, keys) == output + "\n"


def test_echo_keeps_screen_and_line_alike(lab, arch):
    """The bytes that come back, played on a small terminal, show what the line has become."""
    machine = lab.boot(arch)
    rng = random.Random(7)
    for _ in range(20):
        line, cursor, keys = list("echo "), 5, "echo "
        for _ in range(60):
            key = rng.choice(["x", "letter", "letter", "left", "right", "back", "delete"])
            if key in ("x", "letter"):
                char = rng.choice(string.ascii_letters)
                line.insert(cursor, char)
                cursor += 1
                keys += char
            elif key == "left" and cursor > 5:
                cursor -= 1
                keys += LEFT
            elif key == "right" and cursor < len(line):
                cursor += 1
                keys += RIGHT
            elif key == "back" and cursor > 5:
                cursor -= 1
                del line[cursor]
                keys += "\b"
            elif key == "delete" and cursor < len(line):
                del line[cursor]
                keys += "\x1b[3~"
        machine.serial.send(keys + "\r")
        echoed = machine.serial.expect_exact("\r\n")
        assert play(echoed) == "".join(line).ljust(len(play(echoed)))
        assert machine.serial.prompt() == "".join(line[5:]) + "\n"


def play(echoed):
    """What one line of a terminal shows after @echoed."""
    cells, cursor = [], 0
    for char in re.findall(r"\x1b\[K|.", echoed, re.S):
        if char == "\b":
            cursor -= 1
        elif char == "\x1b[K":
            del cells[cursor:]
        else:
            cells[cursor:cursor + 1] = [char]
            cursor += 1
    return "".join(cells)


def test_history(lab, arch):
    machine = lab.boot(arch)
    for number in range(20):
        machine.run(f"echo {number}")
    assert type_line(machine, UP) == "19\n"
    # The same line again is not kept twice.
    assert type_line(machine, UP * 2) == "18\n"
    assert type_line(machine, UP * 2 + DOWN) == "18\n"
    # 16 lines are kept: going further up stays at the oldest.
    for number in range(100, 116):
        machine.run(f"echo {number}")
    assert type_line(machine, UP * 50) == "100\n"
    # What was being typed comes back at the bottom.
    assert type_line(machine, "echo typed" + UP * 3 + DOWN * 3) == "typed\n"
    # A line of the history can be edited.
    assert type_line(machine, UP + "!") == "typed!\n"
    # Blank lines and lines thrown away are not kept.
    machine.run("   ")
    machine.serial.send("echo lost" + CTRL_C)
    machine.serial.prompt()
    assert type_line(machine, UP) == "typed!\n"


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_line_ends(lab, arch, end):
    machine = lab.boot(arch)
    machine.serial.send(f"echo one{end}echo two{end}")
    assert machine.serial.prompt() == "echo one\none\n"
    assert machine.serial.prompt() == "echo two\ntwo\n"
    assert machine.serial.silent(0.5) == ""


def test_typing_ahead(lab, platform):
    """A large paste: every command of it runs, in order, and no byte is lost."""
    machine = lab.boot(platform)
    texts = [host.random_bytes(100, n).hex() for n in range(100)]
    machine.serial.send("".join(f"echo {text}\r" for text in texts))
    for text in texts:
        assert machine.serial.prompt() == f"echo {text}\n{text}\n"


@pytest.mark.rings
def test_typing_while_a_command_runs(lab, arch):
    machine = lab.boot(arch, *all_devices(lab))
    machine.serial.send("blk sum 0\rblk read 0 0 100\recho done\r")
    data = host.random_bytes(1 << 20, "all devices")
    assert machine.serial.prompt() == f"blk sum 0\n{host.crc_line(data)}\n"
    machine.serial.expect_exact("blk read 0 0 100\r\n")
    assert machine.serial.prompt().splitlines() == host.hexdump(data[:51200])
    assert machine.serial.prompt() == "echo done\ndone\n"


def test_longest_line(lab, arch):
    machine = lab.boot(arch)
    text = "x" * (255 - len("echo "))
    assert machine.run("echo " + text) == text + "\n"
    for extra in (1, 100, 5000):
        machine.serial.send("echo " + text + "y" * extra + "\r")
        machine.serial.expect_exact("\r\n")
        assert machine.serial.prompt() == \
            "shell: line too long (at most 255 characters), not run\n"
    assert machine.run("echo alive") == "alive\n"


def test_ctrl_c_ends_a_command(lab, arch):
    machine = lab.boot(arch, "-netdev", "user,id=n", "-device", "virtio-net-device,netdev=n")
    machine.serial.begin("net dump 0 100")
    machine.serial.send(CTRL_C)
    assert re.fullmatch(r"net dump: interrupted \(\d+ received\)\n", machine.serial.prompt())
    assert machine.run("echo alive") == "alive\n"


# --- nothing typed can crash the image --------------------------------------------------------

def alive(machine, mark):
    """Whether the shell still answers, after whatever was typed. Ctrl-C empties the line."""
    machine.serial.send(f"{CTRL_C}\recho alive-{mark}\r")
    machine.serial.expect_exact(f"echo alive-{mark}\r\n")
    assert machine.serial.prompt() == f"alive-{mark}\n"


@pytest.mark.parametrize("seed", range(4))
def test_random_bytes(lab, arch, seed):
    machine = lab.boot(arch, *all_devices(lab))
    for part in range(8):
        machine.serial.send(host.random_bytes(4096, ("typed", seed, part)))
        alive(machine, part)
    machine.poweroff()


def test_every_byte_after_an_escape(lab, arch):
    machine = lab.boot(arch)
    for byte in range(256):
        for prefix in (b"\x1b", b"\x1b[", b"\x1bO", b"\x1b[3;", b"\x1b[999999999999"):
            machine.serial.send(b"echo x" + prefix + bytes([byte]) + b"\x03")
    alive(machine, "escapes")


def test_long_junk(lab, arch):
    machine = lab.boot(arch)
    machine.serial.send(b"\xff" * 20000 + b"A" * 20000 + b"\x08" * 20000 + b"\x1b[A" * 5000)
    alive(machine, "junk")
    machine.serial.send(b"\r" * 3000)
    alive(machine, "returns")


NASTY = ["0", "1", "-1", "00", "0x0", "0xffffffffffffffff", "18446744073709551615",
         "18446744073709551616", "4294967295", "4294967296", "2047", "2048", "2049", "1.2.3.4",
         "255.255.255.255", "....", "%n%n%s", "\"\"", "\"a b\"", "x" * 60, "'", "\\", "=", "a=b",
         "*", "/", "0x", "--help", "~", "\t", "$(ls)", "9" * 40, "*** panic", "{}", ";", "|"]
# Those that end the machine or wait long for the outside world are left to other tests.
HARMLESS = ["help", "echo", "mem", "uptime", "irq", "lsdev", "vq", "blk info", "blk read",
            "blk sum", "blk write", "blk fill", "blk zero", "blk discard", "blk flush", "net info", "net arp x", "rng", "con",
            "bench blk", "bench net 0 tx", "bench rng", "bench con", "bench irq", "bench boot", "bench", "blk", "net", "zzz", "exit x", "poweroff now", "panic x"]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.rings("packed", "swiotlb")
def test_random_commands(lab, arch, seed):
    """Every command ends with a prompt, whatever its arguments; errors are a single line."""
    machine = lab.boot(arch, *all_devices(lab))
    rng = random.Random(seed)
    for _ in range(150):
        command = rng.choice(HARMLESS)
        words = [rng.choice(NASTY) for _ in range(rng.randrange(5))]
        if command.startswith("blk read"):
            words[2:] = ["3"]
        line = " ".join([command] + words)[:255].replace("\t", "")
        output = machine.run(line)
        if ": " in output.split("\n")[0] and command not in ("echo", "help", "lsdev", "mem", "vq"):
            assert output.count("\n") == 1, f"{line}: {output}"
        assert "***" not in output or "***" in line
    alive(machine, "commands")
    assert PROMPT not in machine.run("lsdev")
    machine.poweroff()


@pytest.mark.rings
def test_prompt_after_every_command(lab, platform):
    """Each command that needs no argument, on a machine with all devices."""
    machine = lab.boot(platform, *all_devices(lab))
    for command in ("help", "mem", "uptime", "irq", "lsdev", "blk info 0", "blk flush 0",
                    "net info 0", "rng 0 8", "con 0 hello", "vq 0 0", "vq 1 0", "vq 1 1",
                    "vq 2 0", "vq 2 1", "vq 3 0"):
        output = machine.run(command)
        assert "usage" not in output and "unknown" not in output, command
    assert machine.run("con 0 hello") == "" and machine.run("blk flush 0") == ""
    machine.poweroff()
