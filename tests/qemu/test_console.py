# SPDX-License-Identifier: BSD-2-Clause
"""The virtio console: a second terminal with the same shell, and a way out for text."""
import pytest

import host
from machine import Stdio

pytestmark = pytest.mark.rings

STDIO = ["-chardev", "stdio,id=con0,signal=off", "-device", "virtio-serial-device", "-device",
         "virtconsole,chardev=con0"]

def with_console(lab, platform, *args):
    """A machine with a console, and that console's terminal."""
    channel = lab.channel(Stdio)
    machine = lab.boot(platform, *STDIO, *args)
    console = lab.terminal("console", channel)
    assert console.prompt() == ""
    return machine, console


@pytest.mark.numbered
def test_shell_on_the_console(lab, platform):
    machine, console = with_console(lab, platform)
    assert console.run("echo from the console") == "from the console\n"
    assert console.run("lsdev") == machine.run("lsdev")
    assert console.run("nonsense") == "nonsense: unknown command (try help)\n"
    device = host.parse_lsdev(machine.run("lsdev"))[0]
    assert (device["type"], device["state"]) == ("console", "live")
    assert device["queues"].keys() == {"rx", "tx"}
    assert machine.run("echo and here") == "and here\n"
    console.begin("poweroff")
    machine.finish()


def test_line_editing_on_the_console(lab, arch):
    machine, console = with_console(lab, arch)
    console.send("ecko\b\bho hi\x1b[D\x1b[D>\r")
    console.expect_exact("\r\n")
    assert console.prompt() == ">hi\n"
    console.send("\x1b[A\r")
    console.expect_exact("\r\n")
    assert console.prompt() == ">hi\n"
    assert machine.serial.silent(0.2) == ""  # each terminal has its own history and echo


def test_text_to_the_console(lab, platform):
    machine, console = with_console(lab, platform)
    for text in ("hello", "two  words", "x" * 200):
        assert machine.run(f'con 0 "{text}"') == ""
        assert console.expect_exact("\n") == text
    assert machine.run("con 0 one two   three") == ""
    assert console.expect_exact("\n") == "one two three"
    machine.poweroff()


def test_text_at_boot(lab, pair):
    channel = lab.channel(Stdio)
    machine = lab.start(pair, *STDIO, append="con 0 ready; con 0 set; poweroff")
    console = lab.terminal("console", channel)
    machine.finish()
    assert console.rest() == "ready\nset\n"


def test_several_consoles(lab, pair):
    channels = [lab.channel() for _ in range(3)]
    args = []
    for number, channel in enumerate(channels):
        args += ["-chardev", f"socket,id=con{number},fd={channel.fd}", "-device",
                 f"virtio-serial-device,id=vs{number}", "-device",
                 f"virtconsole,bus=vs{number}.0,chardev=con{number}"]
    machine = lab.boot(pair, *args)
    consoles = [lab.terminal(f"console {n}", channel) for n, channel in enumerate(channels)]
    for number, console in enumerate(consoles):
        assert console.prompt() == ""
        assert machine.run(f"con {number} number {number}") == ""
        assert console.expect_exact("\n") == f"number {number}"
    for console in consoles:
        console.send("echo all together\r")
    for console in consoles:
        assert console.prompt() == "echo all together\nall together\n"
    assert machine.run("con 3 x") == "con: no console device 3 (3 present)\n"
    machine.poweroff()


def test_large_paste(lab, platform):
    """More than the driver's buffers hold: the host waits, and nothing is lost."""
    machine, console = with_console(lab, platform)
    assert 2 * 200 * 240 < Stdio.PIPE_BYTES
    texts = [host.random_bytes(110, n).hex() for n in range(200)]
    console.send("".join(f"echo {text}\r" for text in texts))
    for text in texts:
        assert console.prompt() == f"echo {text}\n{text}\n"
    assert machine.run("echo alive") == "alive\n"
    machine.poweroff()


def test_large_output(lab, platform):
    data = host.random_bytes(1 << 20, "console")
    assert 350 * 32 * 82 < Stdio.PIPE_BYTES
    disk = lab.file("disk.img", data)
    machine, console = with_console(lab, platform, "-drive",
                                    f"file={disk},format=raw,if=none,id=d", "-device",
                                    "virtio-blk-device,drive=d")
    assert console.lines("blk read 0 100 350") == host.hexdump(data[51200:230400], 51200)
    assert machine.run("blk sum 0") == host.crc_line(data) + "\n"
    machine.poweroff()


def test_both_terminals_at_once(lab, pair):
    """Commands of two terminals in one machine, each answered where it was asked."""
    machine, console = with_console(lab, pair)
    machine.serial.send("".join(f"echo serial {n}\r" for n in range(100)))
    console.send("".join(f"echo console {n}\r" for n in range(100)))
    for number in range(100):
        assert machine.serial.prompt() == f"echo serial {number}\nserial {number}\n"
        assert console.prompt() == f"echo console {number}\nconsole {number}\n"
    machine.poweroff()


def test_random_bytes(lab, arch):
    machine, console = with_console(lab, arch)
    for part in range(4):
        console.send(host.random_bytes(5000, ("console", part)))
        console.send("\x03\recho alive\r")
        console.expect_exact("echo alive\r\nalive\r\n")
        console.prompt()
    assert machine.run("echo alive") == "alive\n"
    machine.poweroff()


@pytest.mark.parametrize("chardev", ["null", "socket,server=on,wait=off,path={path}"],
                         ids=["null", "unconnected"])
def test_nobody_at_the_console(lab, pair, chardev, tmp_path_factory):
    directory = tmp_path_factory.mktemp("c")
    path = directory / "s"
    assert len(str(path)) < 100
    machine = lab.boot(pair, "-chardev", chardev.format(path=path) + ",id=con0", "-device",
                       "virtio-serial-device", "-device", "virtconsole,chardev=con0")
    for number in range(50):
        assert machine.run(f"con 0 {'x' * 200} {number}") == ""
    assert machine.run("echo alive") == "alive\n"
    machine.poweroff()


@pytest.mark.rings("packed", "plain", "size4", "packed-size5")
def test_console_that_nobody_reads(lab, pair):
    """Connected, but its reader has stopped. Whether QEMU then drops output (as of 7.2) or makes
    the guest wait: writing comes to an end, and all else goes on."""
    channel = lab.channel()
    machine = lab.boot(pair, "-chardev", f"socket,id=con0,fd={channel.fd}", "-device",
                       "virtio-serial-device", "-device", "virtconsole,chardev=con0")
    for _ in range(1000):
        output = machine.run(f"con 0 {'x' * 240}")
        assert output in ("", "con: timed out\n")
        if output:
            break
    channel.sock.send(b"help\rlsdev\rhelp\r")
    assert machine.run("echo alive") == "alive\n"
    assert "virtio_console" in machine.run("lsdev")
    # When it is read again it works again.
    console = lab.terminal("console", channel)
    console.silent(1)
    console.send("\x03\recho back again\r")
    console.expect_exact("\r\nback again\r\n")
    assert machine.run("con 0 and once more") == ""
    console.expect_exact("and once more\n")
    machine.poweroff()


def test_serial_port_that_is_no_console(lab, arch):
    """A port of another number, which belongs to a feature we do not negotiate, does no harm."""
    machine = lab.boot(arch, "-chardev", "null,id=c", "-device", "virtio-serial-device",
                       "-device", "virtserialport,chardev=c,nr=1")
    assert machine.run("echo alive") == "alive\n"
    machine.poweroff()
