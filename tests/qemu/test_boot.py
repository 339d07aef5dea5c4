# SPDX-License-Identifier: BSD-2-Clause
"""From reset to the prompt, and the ways to end: modes, CPUs, memory, exit status, faults."""
import itertools
import re
import subprocess

import pytest

import host
from machine import Platform, image_path

NM = {"arm": "arm-none-eabi-nm", "aarch64": "aarch64-linux-gnu-nm"}
ADDRESS_DIGITS = {"arm": 8, "aarch64": 16}


@pytest.mark.parametrize("image", ["elf", "bin"])
def test_boots_without_devices(lab, platform, image):
    machine = lab.boot(platform, image=image)
    assert machine.boot_text == f"Vireo {platform.arch}, 0 devices\n"
    assert machine.run("lsdev") == "no devices\n"
    assert machine.run("echo one two") == "one two\n"
    assert f"controller GICv{platform.gic} spurious 0" in machine.lines("irq")
    assert machine.poweroff() == ""


# The mode in which QEMU starts an ELF image: the highest that the machine has. A flat image is
# started like Linux, outside of the secure world.
ELF_MODES = {
    ("arm", False, False): "SVC", ("arm", True, False): "HYP",
    ("arm", False, True): "SVC (secure)", ("arm", True, True): "SVC (secure)",
    ("aarch64", False, False): "EL1", ("aarch64", True, False): "EL2",
    ("aarch64", False, True): "EL3", ("aarch64", True, True): "EL3",
}
MODES = [(Platform(arch, "modern", gic), image, virtualization, secure)
         for arch, gic, image, virtualization, secure in itertools.product(
             ("arm", "aarch64"), (2, 3), ("elf", "bin"), (False, True), (False, True))]


def on(flag):
    return "on" if flag else "off"


@pytest.mark.parametrize(
    "platform, image, virtualization, secure", MODES,
    ids=[f"{p.arch}-gicv{p.gic}-{i}-virtualization={on(v)}-secure={on(s)}"
         for p, i, v, s in MODES])
def test_exception_level(lab, platform, image, virtualization, secure):
    """Interrupts, disk and power-off work from wherever QEMU starts us, without semihosting."""
    data = host.random_bytes(1 << 20, "mode")
    disk = lab.file("disk.img", data)
    machine = lab.boot(
        platform, "-drive", f"file={disk},format=raw,if=none,id=d",
        "-device", "virtio-blk-device,drive=d", image=image, semihosting=False,
        machine_options=f",virtualization={on(virtualization)},secure={on(secure)}")
    mode = ELF_MODES[platform.arch, virtualization, secure and image == "elf"]
    assert f"booted in {mode}" in machine.lines("mem")
    assert machine.run("blk sum 0") == host.crc_line(data) + "\n"
    assert irq_count(machine, "79 mmio@a003e00") > 0
    assert machine.poweroff() == ""


def irq_count(machine, line):
    match = re.search(rf"^irq {line} count (\d+) unhandled 0$", machine.run("irq"), re.M)
    assert match, f"irq shows no line {line} without unhandled interrupts"
    return int(match[1])


CPUS = [("arm", "cortex-a7"), ("arm", "cortex-a15"), ("aarch64", "cortex-a53"),
        ("aarch64", "cortex-a57"), ("aarch64", "cortex-a72"), ("aarch64", "cortex-a76"),
        ("aarch64", "neoverse-n1"), ("aarch64", "max")]


@pytest.mark.parametrize("gic", [2, 3])
@pytest.mark.parametrize("arch, cpu", CPUS)
def test_cpu(lab, arch, cpu, gic):
    data = host.random_bytes(1 << 20, cpu)
    disk = lab.file("disk.img", data)
    machine = lab.boot(Platform(arch, "modern", gic), "-drive",
                       f"file={disk},format=raw,if=none,id=d", "-device",
                       "virtio-blk-device,drive=d", cpu=cpu)
    assert machine.run("blk sum 0") == host.crc_line(data) + "\n"
    machine.poweroff()


@pytest.mark.parametrize("image", ["elf", "bin"])
@pytest.mark.parametrize("cpu", ["cortex-a15", "cortex-a7", "max"])
def test_qemu_system_arm(lab, cpu, image):
    data = host.random_bytes(1 << 20, cpu)
    disk = lab.file("disk.img", data)
    machine = lab.boot(Platform("arm"), "-drive", f"file={disk},format=raw,if=none,id=d",
                       "-device", "virtio-blk-device,drive=d", cpu=cpu, image=image,
                       qemu="qemu-system-arm")
    assert machine.run("blk sum 0") == host.crc_line(data) + "\n"
    machine.poweroff()


# MiB of RAM, and where it ends. On Armv7 the last page below 4 GiB stays unused.
MEMORY = [("arm", 64, 0x4400_0000), ("arm", 2048, 0xc000_0000), ("arm", 3072, 0xffff_f000),
          ("arm", 4096, 0xffff_f000), ("aarch64", 64, 0x4400_0000),
          ("aarch64", 3072, 0x1_0000_0000), ("aarch64", 5120, 0x1_8000_0000),
          ("aarch64", 8192, 0x2_4000_0000)]


@pytest.mark.parametrize("image", ["elf", "bin"])
@pytest.mark.parametrize("arch, mib, end", MEMORY)
def test_memory_size(lab, arch, mib, end, image):
    data = host.random_bytes(1 << 20, mib)
    disk = lab.file("disk.img", data)
    machine = lab.boot(Platform(arch), "-drive", f"file={disk},format=raw,if=none,id=d",
                       "-device", "virtio-blk-device,drive=d", memory=mib, image=image)
    assert machine.lines("mem")[0] == f"ram     40000000-{end:08x} {(end - 0x4000_0000) >> 10} KiB"
    assert machine.run("blk sum 0") == host.crc_line(data) + "\n"
    machine.poweroff()


def test_memory_need_not_be_clear(lab, arch):
    """QEMU's RAM begins as zeroes; that of a machine holds whatever was there. Filled is what a flat image
    does not bring along: .bss, stacks, translation tables, and the first part of the heap."""
    nm = subprocess.run([NM[arch.arch], image_path(arch.arch)], check=True, timeout=60, capture_output=True,
                        text=True).stdout
    start = int(re.search(r"^([0-9a-f]+) . bss_start$", nm, re.M)[1], 16)
    garbage = lab.file("garbage", host.random_bytes(8 << 20, "garbage"))
    data = host.random_bytes(1 << 20, "disk")
    disk = lab.file("disk.img", data)
    machine = lab.boot(arch, "-device", f"loader,file={garbage},addr={start:#x},force-raw=on",
                       "-drive", f"file={disk},format=raw,if=none,id=d",
                       "-device", "virtio-blk-device,drive=d", "-device", "virtio-rng-device",
                       "-device", "virtio-net-device", image="bin")
    assert machine.run("blk sum 0") == host.crc_line(data) + "\n"
    assert machine.poweroff() == ""


def test_secondary_cpus_stay_off(lab, platform):
    machine = lab.boot(platform, smp=4)
    assert machine.run("lsdev") == "no devices\n"
    cpus = machine.qmp.command("query-cpus-fast")
    assert len(cpus) == 4
    # A CPU that PSCI has not switched on has executed nothing: its PC is where reset put it.
    machine.qmp.command("stop")
    counters = [machine.qmp.command("human-monitor-command", command_line="info registers",
                                    cpu_index=index) for index in range(4)]
    assert len({re.search(r"(?:PC=|R15=)([0-9a-f]+)", text)[1] for text in counters[1:]}) == 1
    machine.qmp.command("cont")
    assert machine.run("echo still here") == "still here\n"
    machine.poweroff()


def test_guest_boots_within_a_second(lab, platform):
    """The bound of the project: under 1 s from reset to the prompt. A busy host may spoil a try."""
    for _ in range(5):
        machine = lab.boot(platform, "-device", "virtio-rng-device", "-device",
                           "virtio-rng-device")
        match = re.fullmatch(r"up (\d+\.\d{3}) s, booted in (\d+\.\d{3}) s\n",
                             machine.run("uptime"))
        assert match
        machine.poweroff()
        if float(match[2]) < 1:
            return
    raise AssertionError(f"booting took {match[2]} s")


# --- the end ----------------------------------------------------------------------------------

@pytest.mark.parametrize("command, status", [
    ("exit 0", 0), ("exit 0x07", 7), ("exit 1", 1), ("exit 42", 42), ("exit 255", 255)])
def test_exit_status(lab, arch, command, status):
    machine = lab.boot(arch)
    machine.serial.begin(command)
    assert machine.serial.rest() == ""
    assert machine.status() == status


@pytest.mark.parametrize("options", ["", ",virtualization=on", ",secure=on",
                                     ",virtualization=on,secure=on"])
def test_exit_status_from_every_mode(lab, arch, options):
    machine = lab.boot(arch, machine_options=options)
    machine.serial.begin("exit 3")
    assert machine.serial.rest() == ""
    assert machine.status() == 3


def test_exit_refuses_what_is_no_status(lab, arch):
    machine = lab.boot(arch)
    assert machine.run("exit 256") == "exit: status 256 is too large (at most 255)\n"
    assert machine.run("exit -1") == "exit: status '-1' is not a number\n"
    assert machine.run("exit") == "usage: exit STATUS\n"
    assert machine.run("exit 1 2") == "usage: exit STATUS\n"
    machine.poweroff()


def test_exit_without_semihosting_powers_off(lab, arch):
    machine = lab.boot(arch, semihosting=False)
    machine.serial.begin("exit 3")
    assert machine.finish() == ""


def test_poweroff_event(lab, platform):
    """Power-off is a guest's shutdown to QEMU, not a crash."""
    machine = lab.boot(platform, "-no-shutdown", semihosting=False)
    machine.qmp.command("query-status")
    machine.serial.begin("poweroff")
    assert machine.qmp.event("SHUTDOWN")["data"] == {"guest": True, "reason": "guest-shutdown"}
    machine.qmp.command("quit")
    assert machine.status() == 0


def load_symbols(arch):
    """The functions of the image, by address."""
    output = subprocess.run([NM[arch], "-n", str(image_path(arch))], check=True, timeout=60,
                            capture_output=True, text=True).stdout
    return [(int(address, 16) & ~1, name) for address, kind, name in
            (line.split() for line in output.splitlines() if len(line.split()) == 3)
            if kind in "tT" and not name.startswith("$")]


def function_at(symbols, address):
    names = [name for start, name in symbols if start <= address]
    return names[-1] if names else None


def memory_ranges(machine):
    return {name: (int(start, 16), int(end, 16)) for name, start, end in
            re.findall(r"^(\w+) +([0-9a-f]+)-([0-9a-f]+) \d+ KiB", machine.run("mem"), re.M)}


def fault_report(machine, arch, command):
    """Provokes a fault; returns the report after checking the parts that all have."""
    machine.serial.begin(command)
    report = machine.serial.rest()
    digits = ADDRESS_DIGITS[arch.arch]
    assert "\r" not in report, "a line does not end with CR LF alone"
    assert report.count("*** ") == 1
    assert re.search(rf"^pc       0x[0-9a-f]{{{digits}}}$", report, re.M)
    assert re.search(r"^syndrome 0x[0-9a-f]{8}$", report, re.M)
    for register in ("r0 ", "r12 ", "sp ", "lr ", "cpsr ") if arch.arch == "arm" else \
            ("x0 ", "x29 ", "x30 ", "sp "):
        assert re.search(rf"(?:^|\s){register}", report), f"no register {register}"
    return report


def reported_address(report):
    match = re.search(r"^address  0x([0-9a-f]+) \((\w+)\)$", report, re.M)
    assert match, report
    return int(match[1], 16), match[2]


def backtrace(report, symbols):
    addresses = re.findall(r"^  #\d+ +0x([0-9a-f]+)", report, re.M)
    return [function_at(symbols, int(address, 16)) for address in addresses]


FAULTS = {
    # kind: cause on Armv7, on AArch64
    "null": ("data abort: translation fault (nothing is mapped there)",) * 2,
    "stack": ("data abort: translation fault (nothing is mapped there)",) * 2,
    "text": ("data abort: permission fault",) * 2,
    "exec": ("prefetch abort: permission fault", "instruction abort: permission fault"),
    "undef": ("undefined instruction",) * 2,
}


@pytest.mark.parametrize("kind", FAULTS)
def test_fault_report(lab, arch, kind):
    machine = lab.boot(arch)
    ranges = memory_ranges(machine)
    report = fault_report(machine, arch, f"panic {kind}")
    assert machine.status() == 1
    symbols = load_symbols(arch.arch)

    assert f"*** {FAULTS[kind][arch.arch == 'aarch64']}" in report.splitlines()
    pc = int(re.search(r"^pc       0x([0-9a-f]+)", report, re.M)[1], 16)
    if kind != "undef":
        address, access = reported_address(report)
        assert access == {"exec": "fetch"}.get(kind, "write")
    if kind == "null":
        assert address == 0
    elif kind == "text":
        assert ranges["text"][0] <= address < ranges["text"][1]
    elif kind == "exec":
        assert address == pc
        assert ranges["data"][0] <= address < ranges["data"][1]
    elif kind == "stack":
        assert ranges["data"][0] <= address < ranges["data"][1]
        assert "The main stack has overflowed: that is its guard page." in report
        assert function_at(symbols, pc) == "overflow_stack"
    if kind != "exec":
        assert ranges["text"][0] <= pc < ranges["text"][1]
    if kind != "stack":
        assert {"panic_command", "command_run", "main"} <= set(backtrace(report, symbols))


@pytest.mark.parametrize("options", [",virtualization=on", ",secure=on"])
def test_fault_report_from_every_mode(lab, arch, options):
    machine = lab.boot(arch, machine_options=options)
    assert reported_address(fault_report(machine, arch, "panic null")) == (0, "write")
    assert machine.status() == 1


def test_fault_without_semihosting_powers_off(lab, arch):
    machine = lab.boot(arch, semihosting=False)
    assert reported_address(fault_report(machine, arch, "panic")) == (0, "write")
    assert machine.status() == 0


def test_fault_with_devices_at_work(lab, arch):
    """A report comes out whole although interrupts and queues are busy."""
    disk = lab.file("disk.img", host.random_bytes(1 << 20, 1))
    machine = lab.boot(arch, "-drive", f"file={disk},format=raw,if=none,id=d",
                       "-device", "virtio-blk-device,drive=d", "-device", "virtio-rng-device")
    machine.run("blk sum 0")
    machine.serial.send("blk sum 0\rpanic undef\r")
    report = machine.serial.rest()
    assert "*** undefined instruction" in report and "backtrace:" in report
    assert machine.status() == 1
