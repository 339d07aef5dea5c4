# SPDX-License-Identifier: BSD-2-Clause
"""Boot arguments (-append): commands in order, options, and mistakes in both."""
import pytest

import host

BANNER = {"arm": "Vireo arm, 0 devices\n", "aarch64": "Vireo aarch64, 0 devices\n"}


def scripted(lab, platform, append, *args, **options):
    """What a machine printed that ran @append, with poweroff after it."""
    return lab.start(platform, *args, append=append + "; poweroff", **options).finish()


@pytest.mark.parametrize("image", ["elf", "bin"])
def test_commands_run_in_order(lab, platform, image):
    text = scripted(lab, platform, "echo one; echo two;echo three", image=image)
    assert text == BANNER[platform.arch] + "one\ntwo\nthree\n"


def test_prompt_follows_the_commands(lab, arch):
    machine = lab.boot(arch, append="echo one; echo two")
    assert machine.boot_text == BANNER[arch.arch] + "one\ntwo\n"
    assert machine.run("echo three") == "three\n"


@pytest.mark.parametrize("append, output", [
    ("", ""), (";", ""), (" ; ;; ", ""),
    (" echo a ;;; echo b ; ", "a\nb\n"),
    ("echo 'a;echo b'", "'a\nb'\n"),
    ('echo "a;b"; echo c', "a;b\nc\n"),
    ('echo "a  b"', "a  b\n"),
    ("echo one; frobnicate; echo two", "one\nfrobnicate: unknown command (try help)\ntwo\n"),
    ("echo one; blk sum 0; echo two", "one\nblk: no block device 0 (0 present)\ntwo\n"),
    ("blk eat 0; echo on", "blk: unknown command eat (try help)\non\n"),
    ('echo "open; echo hidden', "shell: a quote is not closed\n"),
    ("exit 300; echo on", "exit: status 300 is too large (at most 255)\non\n"),
    ("colour=blue; echo on", "boot option: colour=blue is unknown\non\n"),
    ("echo on; colour=blue", "boot option: colour=blue is unknown\non\n"),
    ("a=1; b=2; echo on",
     "boot option: a=1 is unknown\nboot option: b=2 is unknown\non\n"),
    ("empty=; echo on", "boot option: empty= is unknown\non\n"),
    ("echo a=b", "a=b\n"),
    ("echo a =b", "a =b\n"),
    ("dma=direct; echo on", "on\n"),
    ("echo on; dma=direct", "on\n"),
    ("loglevel=1; echo on", "on\n"),
    ("ip=10.9.8.7; gw=10.9.8.1; echo on", "on\n"),
    ("ip=10.9.8; echo on", "ip: '10.9.8' is no IPv4 address\non\n"),
    ("gw=300.1.1.1; echo on", "gw: '300.1.1.1' is no IPv4 address\non\n"),
])
def test_script(lab, arch, append, output):
    machine = lab.boot(arch, append=append)
    assert machine.boot_text == BANNER[arch.arch] + output
    assert machine.run("echo alive") == "alive\n"


@pytest.mark.parametrize("append, error", [
    ("dma=teleport", "error: boot option dma=teleport: unknown, using direct"),
    ("loglevel=9", "error: boot option loglevel=9: not 0, 1, 2 or 3"),
])
def test_bad_value_of_an_early_option(lab, arch, append, error):
    """Options that matter before there is a shell are complained about before its banner."""
    assert scripted(lab, arch, append + "; echo on") == f"{error}\n{BANNER[arch.arch]}on\n"


def test_without_append(lab, arch):
    assert lab.boot(arch).boot_text == BANNER[arch.arch]


def test_exit_status_of_a_script(lab, platform):
    machine = lab.start(platform, append="echo bye; exit 9; echo never")
    assert machine.serial.rest() == BANNER[platform.arch] + "bye\n"
    assert machine.status() == 9


def test_fault_in_a_script(lab, arch):
    machine = lab.start(arch, append="panic undef; echo never")
    text = machine.serial.rest()
    assert "*** undefined instruction" in text and "never" not in text
    assert machine.status() == 1


def test_options_come_before_the_devices(lab, arch):
    """Wherever it stands, an option holds for the probing: loglevel=0 hides its messages."""
    disk = lab.file("disk.img", host.random_bytes(1 << 20, 0))
    args = ["-drive", f"file={disk},format=raw,if=none,id=d", "-device",
            "virtio-blk-device,drive=d"]
    loud = scripted(lab, arch, "echo on; loglevel=2", *args)
    quiet = scripted(lab, arch, "echo on; loglevel=0", *args)
    assert "disk of 2048 sectors" in loud
    assert quiet == f"Vireo {arch.arch}, 1 device\non\n"


def test_long_command(lab, arch):
    text = "x" * (1023 - len("echo "))
    assert scripted(lab, arch, f"echo {text}") == BANNER[arch.arch] + text + "\n"
    assert scripted(lab, arch, f"echo {text}y; echo on") == \
        BANNER[arch.arch] + "shell: command too long (at most 1023 characters)\non\n"


def test_many_words(lab, arch):
    words = " ".join("w" * 127)
    assert scripted(lab, arch, f"echo {words}") == BANNER[arch.arch] + words + "\n"
    assert scripted(lab, arch, f"echo {words} w; echo on") == \
        BANNER[arch.arch] + "shell: too many words (at most 128)\non\n"


def test_more_arguments_than_fit(lab, arch):
    """What lies beyond 4 KiB is ignored, with a message; no command is run in part."""
    script = "; ".join(f"echo {number:04}" for number in range(500))
    machine = lab.boot(arch, append=script)
    lines = machine.boot_text.splitlines()
    assert lines[0] == "error: the boot arguments are too long; their end is ignored"
    assert lines[1] == BANNER[arch.arch].rstrip()
    whole = 4096 // len("echo 0000; ")
    assert lines[2:] == [f"{number:04}" for number in range(whole)]
    assert machine.run("echo alive") == "alive\n"


@pytest.mark.parametrize("seed", range(6))
def test_random_arguments(lab, arch, seed):
    """Printable rubbish as boot arguments: the prompt comes all the same."""
    noise = host.random_bytes(2000, ("append", seed))
    text = "".join(chr(0x20 + byte % 0x5f) for byte in noise)
    text = text.replace("poweroff", "").replace(",", ";")
    machine = lab.boot(arch, append=text)
    assert "***" not in machine.boot_text or "***" in text
    assert machine.run("echo alive") == "alive\n"
