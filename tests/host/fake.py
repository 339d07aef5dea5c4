# SPDX-License-Identifier: BSD-2-Clause
"""A vhost-user-blk back-end of a few lines, that works, and lies on command.

It serves a disk in memory through split rings without event index and indirect tables. What it sends can be
replaced message by message: see Backend.lies.
"""
import mmap
import os
import select
import socket
import struct
import threading
import time

GET_FEATURES, SET_FEATURES, SET_OWNER, SET_MEM_TABLE = 1, 2, 3, 5
SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE, GET_VRING_BASE = 8, 9, 10, 11
SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR = 12, 13, 14
GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES, GET_QUEUE_NUM, SET_VRING_ENABLE = 15, 16, 17, 18
SET_BACKEND_REQ_FD, GET_CONFIG, SET_CONFIG = 21, 24, 25
GET_INFLIGHT_FD, SET_INFLIGHT_FD, RESET_DEVICE, SET_STATUS, GET_STATUS = 31, 32, 34, 39, 40

VERSION, REPLY, NEED_REPLY = 1, 4, 8
MQ, REPLY_ACK, BACKEND_REQ, CONFIG, INFLIGHT, RESET, STATUS = (1 << bit for bit in
                                                             (0, 3, 5, 9, 12, 13, 16))
ALL_PROTOCOL = MQ | REPLY_ACK | BACKEND_REQ | CONFIG | INFLIGHT | RESET | STATUS
FLUSH, PROTOCOL_FEATURES, VERSION_1 = 1 << 9, 1 << 30, 1 << 32
CAPACITY_SECTORS = 2048


class Done(Exception):
    """This connection is over."""


class Queue:
    def __init__(self):
        self.size = self.last = 0
        self.desc = self.used = self.avail = None
        self.kick = self.call = self.error = None


class Backend:
    """Serves one connection after the other, in a thread, until close()."""

    def __init__(self, path, protocol=ALL_PROTOCOL):
        self.lies = {}       # request -> function(self, payload): bytes to send in place of the answer, or None
        self.used_lie = None  # function(self, queue, id, length): what is pushed in place of that
        self.on_kick = None   # function(self, queue), before the queue is served
        self.protocol_offered = protocol
        self.disk = bytearray(os.urandom(CAPACITY_SECTORS * 512))
        self.requests = []   # all that were received, over all connections
        self.inflight = None
        self.connections = 0
        self.failure = None
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen(4)
        self.ended = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def close(self):
        self.ended = True
        self.thread.join(10)
        self.listener.close()
        assert self.failure is None, self.failure

    # --- connections --------------------------------------------------------------------------

    def run(self):
        while not self.ended:
            if not select.select([self.listener], [], [], 0.1)[0]:
                continue
            self.sock = self.listener.accept()[0]
            self.connections += 1
            try:
                self.serve()
            except (Done, ConnectionError):
                pass
            except Exception as error:  # pylint: disable=broad-except
                self.failure = repr(error)
            self.end_connection()

    def end_connection(self):
        self.sock.close()
        for queue in self.queues.values():
            for fd in (queue.kick, queue.call, queue.error):
                if fd is not None:
                    os.close(fd)
        for _, area in self.memory:
            area.close()
        if self.channel:
            self.channel.close()

    def serve(self):
        self.queues, self.memory, self.channel = {}, [], None
        self.protocol = self.features = self.status = 0
        while not self.ended:
            kicks = {queue.kick: queue for queue in self.queues.values() if queue.kick is not None}
            ready = select.select([self.sock, *kicks], [], [], 0.1)[0]
            for fd in ready:
                if fd is self.sock:
                    self.serve_message()
                    break
                os.read(fd, 8)
                self.serve_queue(kicks[fd])

    # --- messages -----------------------------------------------------------------------------

    def receive(self, size):
        data = b""
        while len(data) < size:
            part, fds, _, _ = socket.recv_fds(self.sock, size - len(data), 8)
            self.fds += fds
            if not part:
                raise Done
            data += part
        return data

    def answer(self, request, payload, fds=()):
        self.send(struct.pack("=III", request, VERSION | REPLY, len(payload)) + payload, fds)

    def send(self, data, fds=()):
        socket.send_fds(self.sock, [data], list(fds))

    def serve_message(self):
        self.fds = []
        request, flags, size = struct.unpack("=III", self.receive(12))
        payload = self.receive(size)
        self.requests.append((request, payload))
        if request in self.lies:
            data = self.lies[request](self, payload)
            if data is not None:
                self.send(data)
                return
        reply = self.handle(request, payload)
        if reply is None and flags & NEED_REPLY:
            reply = (struct.pack("=Q", 0), ())
        if reply is not None:
            self.answer(request, *reply)

    def handle(self, request, payload):
        """Carries a request out. Returns its answer and descriptors, where it has one of its own."""
        u64 = struct.unpack("=Q", payload)[0] if len(payload) == 8 else 0
        index, num = struct.unpack("=II", payload) if len(payload) == 8 else (0, 0)
        if request == GET_FEATURES:
            return struct.pack("=Q", FLUSH | PROTOCOL_FEATURES | VERSION_1), ()
        if request == GET_PROTOCOL_FEATURES:
            return struct.pack("=Q", self.protocol_offered), ()
        if request == GET_QUEUE_NUM:
            return struct.pack("=Q", 1), ()
        if request == GET_STATUS:
            return struct.pack("=Q", self.status), ()
        if request == GET_CONFIG:
            offset, length, _ = struct.unpack_from("=III", payload)
            config = struct.pack("<Q", CAPACITY_SECTORS).ljust(256, b"\0")
            return payload[:12] + config[offset:offset + length], ()
        if request == GET_VRING_BASE:
            queue = self.queue(index)
            if queue.kick is not None:
                os.close(queue.kick)
            queue.kick = None
            return struct.pack("=II", index, queue.last), ()
        if request == GET_INFLIGHT_FD:
            fd = os.memfd_create("inflight")
            os.ftruncate(fd, 4096)
            return struct.pack("=QQ", 4096, 0) + payload[16:], (fd,)
        if request == SET_INFLIGHT_FD:
            self.inflight = struct.unpack("=QQHH", payload)
            assert os.fstat(self.fds[0]).st_size == 4096 or GET_INFLIGHT_FD in self.lies
            os.close(self.fds[0])
        elif request == SET_PROTOCOL_FEATURES:
            self.protocol = u64
        elif request == SET_FEATURES:
            self.features = u64
        elif request == SET_STATUS:
            self.status = u64
        elif request == SET_MEM_TABLE:
            self.set_memory(payload)
        elif request == SET_BACKEND_REQ_FD:
            self.channel = socket.socket(fileno=self.fds[0])
        elif request == SET_VRING_NUM:
            self.queue(index).size = num
        elif request == SET_VRING_BASE:
            self.queue(index).last = num
        elif request == SET_VRING_ADDR:
            index, _, desc, used, avail, _ = struct.unpack("=IIQQQQ", payload)
            queue = self.queue(index)
            queue.desc, queue.used, queue.avail = desc, used, avail
        elif request in (SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR):
            name = {SET_VRING_KICK: "kick", SET_VRING_CALL: "call", SET_VRING_ERR: "error"}[request]
            queue = self.queue(u64 & 0xff)
            if getattr(queue, name) is not None:
                os.close(getattr(queue, name))
            setattr(queue, name, self.fds[0])
        return None

    def queue(self, index):
        return self.queues.setdefault(index, Queue())

    def set_memory(self, payload):
        count = struct.unpack_from("=I", payload)[0]
        assert count == len(self.fds)
        for i, fd in enumerate(self.fds):
            guest, size, user, offset = struct.unpack_from("=QQQQ", payload, 8 + 32 * i)
            assert guest == user
            self.memory.append((guest, mmap.mmap(fd, size, offset=offset)))
            os.close(fd)

    def change_config(self):
        """Tells the front-end, and has its answer."""
        self.channel.sendall(struct.pack("=III", 2, VERSION | NEED_REPLY, 0))
        self.channel.settimeout(5)
        return self.channel.recv(20, socket.MSG_WAITALL)

    # --- rings --------------------------------------------------------------------------------

    def at(self, address, size):
        for base, area in self.memory:
            if base <= address and address + size <= base + len(area):
                return area, address - base
        raise AssertionError(f"address {address:#x} is in no region")

    def load(self, address, size):
        area, offset = self.at(address, size)
        return area[offset:offset + size]

    def store(self, address, data):
        area, offset = self.at(address, len(data))
        area[offset:offset + len(data)] = data

    def serve_queue(self, queue):
        if self.on_kick:
            self.on_kick(self, queue)
        while queue.last != struct.unpack("<H", self.load(queue.avail + 2, 2))[0]:
            head = struct.unpack("<H", self.load(queue.avail + 4 + 2 * (queue.last % queue.size), 2))[0]
            queue.last = (queue.last + 1) & 0xffff
            self.push(queue, head, self.serve_request(self.chain(queue, head)))

    def chain(self, queue, index):
        parts, more = [], True
        while more:
            addr, length, flags, following = struct.unpack(
                "<QIHH", self.load(queue.desc + 16 * index, 16))
            parts.append((addr, length, bool(flags & 2)))
            index, more = following, flags & 1
        return parts

    def serve_request(self, parts):
        kind, _, sector = struct.unpack("<IIQ", self.load(parts[0][0], 16))
        at, written = sector * 512, 1
        for addr, length, writable in parts[1:-1]:
            if kind == 1:
                self.disk[at:at + length] = self.load(addr, length)
            else:
                self.store(addr, bytes(self.disk[at:at + length]))
                written += length
            assert writable == (kind != 1)
            at += length
        self.store(parts[-1][0], b"\0")
        return written

    def push(self, queue, head, length):
        index = struct.unpack("<H", self.load(queue.used + 2, 2))[0]
        entry = (head, length)
        if self.used_lie:
            entry = self.used_lie(self, queue, head, length) or entry
        self.store(queue.used + 4 + 8 * (index % queue.size), struct.pack("<II", *entry))
        self.store(queue.used + 2, struct.pack("<H", (index + 1) & 0xffff))
        os.write(queue.call, struct.pack("=Q", 1))


def trickle(backend, data, seconds):
    """Sends @data so that it comes, but never to an end in time."""
    for byte in data:
        backend.sock.sendall(bytes([byte]))
        time.sleep(seconds)
