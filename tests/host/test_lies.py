# SPDX-License-Identifier: BSD-2-Clause
"""Back-ends that break the protocol: each costs an error message and no more than the time that was allowed.

The tool runs with sanitizers, which have a word in all of this.
"""
import os
import select
import socket
import struct
import time

import pytest

import fake
from fake import Backend
from programs import SECTOR, Tool, wait_until

U64 = struct.pack("=Q", 0)


def message(request, payload=U64, flags=fake.VERSION | fake.REPLY, size=None):
    return struct.pack("=III", request, flags, len(payload) if size is None else size) + payload


@pytest.fixture
def backend(scratch):
    made = Backend(scratch.path / "s")
    yield made
    made.close()


def start(scratch, *args):
    return Tool(scratch, "vireo-blk", "--socket", scratch.path / "s", "--timeout", 1,
                "--reconnect", 1, *args)


def run(scratch, *args, seconds=20):
    begin = time.monotonic()
    result = start(scratch, *args).wait()
    assert time.monotonic() - begin < seconds, str(result)
    return result


# --- one that tells the truth -----------------------------------------------------------------------

def read_all(scratch, backend):
    out = scratch.path / "out"
    result = run(scratch, "copy-out", out)
    assert result.status == 0, str(result)
    assert out.read_bytes() == backend.disk


def test_the_fake_works(scratch, backend):
    read_all(scratch, backend)
    data = os.urandom(7 * SECTOR)
    (scratch.path / "in").write_bytes(data)
    result = run(scratch, "write", 3 * SECTOR, scratch.path / "in")
    assert result.status == 0, str(result)
    assert backend.disk[3 * SECTOR:10 * SECTOR] == data
    result = run(scratch, "exercise", "--depth", 2, "--count", 300)
    assert result.status == 0, str(result)


@pytest.mark.parametrize("protocol", [
    fake.CONFIG, fake.CONFIG | fake.MQ, fake.CONFIG | fake.REPLY_ACK, fake.CONFIG | fake.STATUS,
    fake.CONFIG | fake.INFLIGHT, fake.CONFIG | fake.RESET | fake.BACKEND_REQ, 0xffffffffffffffff])
def test_with_fewer_protocol_features_or_unknown_ones(scratch, protocol):
    backend = Backend(scratch.path / "s", protocol)
    read_all(scratch, backend)
    backend.close()
    sent = {request for request, _ in backend.requests}
    for bit, requests in [(fake.MQ, {fake.GET_QUEUE_NUM}), (fake.RESET, {fake.RESET_DEVICE}),
                          (fake.STATUS, {fake.GET_STATUS, fake.SET_STATUS}),
                          (fake.INFLIGHT, {fake.GET_INFLIGHT_FD, fake.SET_INFLIGHT_FD}),
                          (fake.BACKEND_REQ, {fake.SET_BACKEND_REQ_FD})]:
        assert sent & requests == (requests if protocol & bit else set())


def test_what_a_session_consists_of(scratch, backend):
    read_all(scratch, backend)
    order = [request for request, _ in backend.requests]
    assert order[:3] == [fake.GET_FEATURES, fake.GET_PROTOCOL_FEATURES, fake.SET_PROTOCOL_FEATURES]
    # The kick is the last that a queue is given, after the record of requests in flight; then it is enabled.
    start_order = [fake.SET_MEM_TABLE, fake.SET_INFLIGHT_FD, fake.SET_VRING_NUM, fake.SET_VRING_BASE,
                   fake.SET_VRING_ADDR, fake.SET_VRING_CALL, fake.SET_VRING_ERR, fake.SET_VRING_KICK,
                   fake.SET_VRING_ENABLE, fake.GET_VRING_BASE, fake.RESET_DEVICE]
    places = [order.index(request) for request in start_order]
    assert places == sorted(places)
    assert backend.inflight == (4096, 0, 1, 256)
    assert backend.features == fake.FLUSH | fake.PROTOCOL_FEATURES | fake.VERSION_1
    # 3.1.1: the status as the driver went through it, and the reset at the end.
    statuses = [struct.unpack("=Q", payload)[0] for request, payload in backend.requests
                if request == fake.SET_STATUS]
    assert statuses == [1, 3, 11, 15, 0]


def test_a_disk_that_grows_is_heard_of(scratch, backend):
    """The back-end's channel: acknowledged, and the config space is read again."""
    answers = []

    def change(one, _queue):
        one.on_kick = None
        answers.append(one.change_config)

    backend.on_kick = change
    tool = start(scratch, "exercise", "--depth", 2, "--time", 2)
    wait_until(lambda: answers, "the first request")
    before = sum(request == fake.GET_CONFIG for request, _ in backend.requests)
    answer = answers[0]()
    assert struct.unpack("=IIIQ", answer) == (2, fake.VERSION | fake.REPLY, 8, 0)
    result = tool.wait()
    assert result.status == 0, str(result)
    assert sum(request == fake.GET_CONFIG for request, _ in backend.requests) > before


# --- and those that lie ---------------------------------------------------------------------------------

ANSWERS = [
    ("another request", lambda r: message(r + 1), "an answer to another request"),
    ("no answer's flags", lambda r: message(r, flags=fake.VERSION), "not marked as one"),
    ("version 2", lambda r: message(r, flags=2 | fake.REPLY), "not marked as one"),
    ("size 0", lambda r: message(r, b""), "an answer of another size"),
    ("size 4", lambda r: message(r, b"abcd"), "an answer of another size"),
    ("size 2^32-1", lambda r: message(r, size=0xffffffff), "an answer of another size"),
    ("noise", lambda r: os.urandom(4096), "an answer"),
]
# Requests that are answered, or acknowledged, all along the way to a working disk.
REQUESTS = [fake.GET_FEATURES, fake.GET_PROTOCOL_FEATURES, fake.GET_QUEUE_NUM, fake.SET_OWNER,
            fake.SET_BACKEND_REQ_FD, fake.SET_MEM_TABLE, fake.SET_VRING_ADDR, fake.SET_VRING_KICK,
            fake.GET_STATUS, fake.GET_INFLIGHT_FD, fake.SET_VRING_ENABLE]


@pytest.mark.parametrize("request_id", REQUESTS)
@pytest.mark.parametrize("make, text", [answer[1:] for answer in ANSWERS],
                         ids=[answer[0] for answer in ANSWERS])
def test_a_wrong_answer(scratch, backend, request_id, make, text):
    backend.lies[request_id] = lambda *_: make(request_id)
    result = run(scratch, "info")
    assert result.status == 3, str(result)
    assert text in result.err, str(result)


@pytest.mark.parametrize("request_id", REQUESTS)
def test_no_answer(scratch, backend, request_id):
    backend.lies[request_id] = lambda *_: b""
    result = run(scratch, "info")
    assert result.status == 3, str(result)
    assert "no answer in time" in result.err, str(result)


@pytest.mark.parametrize("request_id", [fake.GET_FEATURES, fake.SET_MEM_TABLE, fake.GET_CONFIG])
def test_an_answer_that_comes_byte_by_byte(scratch, backend, request_id):
    """The deadline is for the whole."""
    backend.lies[request_id] = lambda one, _: fake.trickle(one, message(request_id), 0.3) or b""
    begin = time.monotonic()
    result = run(scratch, "info")
    assert result.status == 3 and time.monotonic() - begin < 10, str(result)
    assert "no answer in time" in result.err, str(result)


@pytest.mark.parametrize("request_id", REQUESTS)
def test_the_connection_ends(scratch, backend, request_id):
    def end(one, _payload):
        one.sock.shutdown(socket.SHUT_RDWR)
        raise fake.Done

    backend.lies[request_id] = end
    result = run(scratch, "info")
    assert result.status == 3, str(result)
    assert "the connection was closed" in result.err, str(result)


@pytest.mark.parametrize("count", [1, 2, 8, 9, 50])
@pytest.mark.parametrize("request_id", [fake.GET_FEATURES, fake.SET_MEM_TABLE, fake.GET_INFLIGHT_FD])
def test_descriptors_that_nobody_asked_for(scratch, backend, request_id, count):
    def lie(one, payload):
        fds = [os.open("/dev/null", os.O_RDONLY) for _ in range(count)]
        body = payload if request_id == fake.GET_INFLIGHT_FD else U64
        one.send(message(request_id, body), fds)
        for fd in fds:
            os.close(fd)
        return b""

    backend.lies[request_id] = lie
    result = run(scratch, "info")
    if request_id == fake.GET_INFLIGHT_FD and count == 1:
        return  # that one was asked for; what it is is the back-end's own business
    assert result.status == 3, str(result)
    assert ("another number of descriptors" in result.err) or count > 8, str(result)


def test_no_descriptor_where_one_was_asked_for(scratch, backend):
    backend.lies[fake.GET_INFLIGHT_FD] = lambda _, payload: message(fake.GET_INFLIGHT_FD, payload)
    result = run(scratch, "info")
    assert result.status == 3 and "another number of descriptors" in result.err, str(result)


@pytest.mark.parametrize("request_id", [fake.SET_OWNER, fake.SET_MEM_TABLE, fake.SET_FEATURES,
                                        fake.SET_VRING_NUM, fake.SET_STATUS, fake.SET_INFLIGHT_FD])
def test_a_request_is_refused(scratch, backend, request_id):
    backend.lies[request_id] = lambda *_: message(request_id, struct.pack("=Q", 22))
    result = run(scratch, "info")
    assert result.status == 3, str(result)
    assert f"request {request_id} was refused" in result.err


def test_there_are_no_queues(scratch, backend):
    backend.lies[fake.GET_QUEUE_NUM] = lambda *_: message(fake.GET_QUEUE_NUM)
    result = run(scratch, "info")
    assert result.status == 3 and "could not be driven" in result.err, str(result)


@pytest.mark.parametrize("queues", [2, 65, 1 << 32, (1 << 64) - 1])
def test_there_are_many_queues(scratch, backend, queues):
    backend.lies[fake.GET_QUEUE_NUM] = lambda *_: message(fake.GET_QUEUE_NUM,
                                                          struct.pack("=Q", queues))
    read_all(scratch, backend)


@pytest.mark.parametrize("name, make", [
    ("refused", lambda payload: b""),
    ("shorter", lambda payload: payload[:12] + bytes(8)),
    ("another offset", lambda payload: struct.pack("=III", 4, 60, 0) + payload[12:]),
    ("another size", lambda payload: struct.pack("=III", 0, 0xffffffff, 0) + payload[12:]),
])
def test_a_wrong_config_space(scratch, backend, name, make):
    backend.lies[fake.GET_CONFIG] = lambda _, payload: message(fake.GET_CONFIG, make(payload))
    result = run(scratch, "info")
    assert result.status == 3 and "could not be driven" in result.err, f"{name}: {result}"


def test_a_config_space_of_noise(scratch, backend):
    """The block driver's to judge; it may find a disk in it, or none."""
    backend.lies[fake.GET_CONFIG] = lambda _, payload: message(
        fake.GET_CONFIG, payload[:12] + b"\xff" * (len(payload) - 12))
    assert run(scratch, "info").status in (0, 3)


def test_another_queue_is_stopped(scratch, backend):
    backend.lies[fake.GET_VRING_BASE] = lambda *_: message(fake.GET_VRING_BASE,
                                                           struct.pack("=II", 5, 0))
    result = run(scratch, "info")
    assert result.status == 0 and "another queue was stopped" in result.err, str(result)


def test_a_status_that_never_becomes_0(scratch, backend):
    """After a reset: the device is stuck, and what it may still write to is never used again."""
    backend.lies[fake.GET_STATUS] = lambda *_: message(fake.GET_STATUS, struct.pack("=Q", 0xf))
    result = run(scratch, "info")
    assert result.status == 3 and "no answer to a reset" in result.err, str(result)


def test_something_on_the_connection_that_nobody_asked_for(scratch, backend):
    backend.on_kick = lambda one, _queue: one.send(os.urandom(64))
    result = run(scratch, "exercise", "--depth", 4, "--count", 100)
    assert result.status == 1, str(result)
    assert "an answer to no request" in result.err or "an answer" in result.err, str(result)
    assert "given up" in result.err


@pytest.mark.parametrize("data, text", [
    (message(2, b"", size=0xffffffff, flags=fake.VERSION), "that is too long"),
    (message(2, b"", flags=fake.VERSION | fake.REPLY), "flags that make no sense"),
    (message(2, b"", flags=0), "flags that make no sense"),
    (b"x", "the back-end closed its channel"),
], ids=("too long", "an answer", "version 0", "half a header"))
def test_nonsense_on_the_back_ends_channel(scratch, backend, data, text):
    backend.on_kick = lambda one, _queue: one.channel.sendall(data)
    result = run(scratch, "exercise", "--depth", 4, "--count", 100)
    assert text in result.err, str(result)
    if result.status == 0 and len(data) == 1:  # all was done before the rest of a header was waited for again
        assert "100 requests, 0 errors, 0 wrong" in result.out, str(result)
        return
    assert result.status == 1, str(result)
    assert "given up" in result.err


def test_a_request_of_the_back_end_that_we_do_not_know(scratch, backend):
    """It is refused, with all that came with it, and nothing else happens."""
    answers = []

    def ask(one, _queue):
        one.on_kick = None
        fd = os.open("/dev/null", os.O_RDONLY)
        socket.send_fds(one.channel, [message(3, bytes(24), fake.VERSION | fake.NEED_REPLY)], [fd])
        os.close(fd)
        answers.append(one.channel)

    backend.on_kick = ask
    tool = start(scratch, "exercise", "--depth", 4, "--time", 1)
    wait_until(lambda: answers, "the first request")
    assert select.select([answers[0]], [], [], 5)[0]
    assert struct.unpack("=IIIQ", answers[0].recv(20)) == (3, fake.VERSION | fake.REPLY, 8, 1)
    assert tool.wait().status == 0


@pytest.mark.parametrize("name, lie", [
    ("id", lambda one, queue, head, length: (queue.size, length)),
    ("id of nobody", lambda one, queue, head, length: ((head + 100) % queue.size, length)),
    ("length", lambda one, queue, head, length: (head, 0xffffffff)),
])
def test_a_used_ring_that_lies(scratch, backend, name, lie):
    """The queue breaks, the device is reset over a new connection, until it has failed too often."""
    backend.used_lie = lie
    result = run(scratch, "exercise", "--depth", 4, "--count", 100)
    assert result.status == 1, f"{name}: {result}"
    assert "more than 3 failures in 10 s" in result.err, str(result)
    assert backend.connections >= 3


def test_a_queue_that_reports_an_error(scratch, backend):
    def report(one, queue):
        one.on_kick = None
        os.write(queue.error, struct.pack("=Q", 1))

    backend.on_kick = report
    result = run(scratch, "--verbose", "exercise", "--depth", 4, "--time", 1)
    assert result.status == 0, str(result)
    assert "an error of queue 0" in result.err
    assert "recovered after error -5 (1 times so far)" in result.err


def test_requests_that_are_never_answered(scratch, backend):
    """A blocking call ends after its time, and takes its requests back over a new connection."""
    backend.serve_queue = lambda queue: None
    result = run(scratch, "flush")
    assert result.status == 1 and "Connection timed out" in result.err, str(result)
    assert backend.connections >= 2
