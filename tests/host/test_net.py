# SPDX-License-Identifier: BSD-2-Clause
"""The network driver against DPDK's vhost library: testpmd returns each frame, vireo-net checks each byte."""
import re
import time

import pytest

from programs import Testpmd, Tool

FORMATS = {"packed": (), "split": ("--no-feature", 34)}
# What both ends agree on: all, all but one, nothing.
RINGS = {
    "full": (),
    "out-of-order": ("--no-feature", 35),
    "noevent": ("--no-feature", 29),
    "indirect": ("--indirect",),
    "indirect-out-of-order": ("--indirect", "--no-feature", 35),
    "plain": ("--no-feature", 28, "--no-feature", 29, "--no-feature", 35),
    "size64": ("--queue-size", 64, "--window", 32),
    "confined": ("--confined",),
}
FEATURES = {28: "indirect", 29: "event index", 34: "packed", 35: "in-order"}


class Network:
    def __init__(self, scratch):
        self.scratch = scratch
        self.socket = scratch.path / "s"
        self.testpmd = Testpmd(scratch, self.socket)

    def start(self, *args):
        return Tool(self.scratch, "vireo-net", "--socket", self.socket, *args)

    def run(self, *args):
        result = self.start(*args).wait()
        assert result.status == 0, str(result)
        return result


@pytest.fixture
def network(scratch):
    return Network(scratch)


def loopback(network, count, *args):
    out = network.run(*args, "loopback", "--count", count).out
    assert out.startswith(f"loopback: {count} frames sent, {count} received"), out
    assert ", 0 lost (0.000 %), 0 wrong;" in out, out


def test_both_ends_agree_on_all_features(network):
    out = network.run("info").out
    features = int(re.search(r"features +0x([0-9a-f]+)", out)[1], 16)
    missing = [name for bit, name in FEATURES.items() if not features >> bit & 1]
    assert not missing, out
    assert re.search(r"queues +256, 256, packed", out)
    assert re.search(r"queues +256, 256, split", network.run("--no-feature", 34, "info").out)


@pytest.mark.parametrize("rings", RINGS.values(), ids=RINGS.keys())
@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS.keys())
def test_every_frame_comes_back_as_it_was(network, form, rings):
    loopback(network, 30000, *form, *rings)


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS.keys())
def test_half_a_million_frames(network, form):
    """Of each format, so a million in all."""
    loopback(network, 500000, *form)


def test_frames_of_one_length(network):
    for length in (60, 61, 1500, 1514):
        loopback(network, 2000, "--length", length)


def test_one_after_the_other_on_the_same_port(network):
    """Testpmd's port stays; each of our sessions begins anew, in the other format."""
    for _ in range(3):
        for form in FORMATS.values():
            loopback(network, 500, *form)


def test_pktgen_reports_its_rate(network):
    out = network.run("pktgen", "--count", 20000).out
    assert re.match(r"pktgen: 20000 frames sent, \d+ received \(\d+ bytes\), \d+ lost \([\d.]+ %\), "
                    r"0 wrong; [\d.]+ s, [1-9]\d* frames/s", out), out


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS.keys())
def test_a_testpmd_that_is_killed_and_comes_back(network, form):
    """What was under way is lost, as a network may; all that comes after is not."""
    loopback(network, 100, *form)  # then it is up
    tool = network.start("--verbose", "--reconnect", 20, *form, "loopback", "--count", 400000)
    time.sleep(1)
    network.testpmd.kill()
    network.testpmd.start()
    result = tool.wait()
    assert "recovered after error -5 (1 times so far)" in result.err, str(result)
    sent, received, lost, wrong = (int(n) for n in re.match(
        r"loopback: (\d+) frames sent, (\d+) received \(\d+ bytes\), (\d+) lost \([\d.]+ %\), (\d+) wrong",
        result.out).groups())
    assert sent == 400000 and wrong == 0 and lost <= 64 and received + lost == sent, str(result)
    assert result.status == (1 if lost else 0)


def test_nobody_is_there(scratch):
    result = Tool(scratch, "vireo-net", "--socket", scratch.path / "s", "info").wait()
    assert result.status == 3 and "no vhost-user back-end" in result.err
