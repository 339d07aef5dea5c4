# SPDX-License-Identifier: BSD-2-Clause
#
# gdb commands for Vireo; `make debug` loads them. They only read the guest's memory, so they
# may be used wherever the guest was stopped, even in an interrupt handler or in a fault.

set pagination off
set confirm off
set print pretty on
set history filename build/gdb_history
set history save on

python
import gdb


def list_entries(head, type_name, member):
    """The structures @type_name that are linked through @member on the list @head."""
    kind = gdb.lookup_type(type_name)
    offset = kind[member].bitpos // 8
    node = head["next"]
    # A list that was never initialised has a NULL here; a damaged one must not loop for ever.
    for _ in range(4096):
        if int(node) == 0 or node == head.address:
            return
        yield gdb.Value(int(node) - offset).cast(kind.pointer()).dereference()
        node = node["next"]


def text(value):
    """A string, given as an array or as a pointer that may be NULL."""
    if value.type.strip_typedefs().code == gdb.TYPE_CODE_ARRAY:
        return value.string()
    return value.string() if int(value) else "-"


def device_list():
    for symbol in gdb.lookup_static_symbols("devices"):
        if symbol.symtab.filename.endswith("virtio/virtio.c"):
            return symbol.value()
    raise gdb.GdbError("there is no list of virtio devices in this image")


def devices():
    return list_entries(device_list(), "struct virtio_device", "node")


def queues(vdev):
    return list_entries(vdev["vqs"], "struct virtqueue", "list")


class VirtioDevices(gdb.Command):
    """virtio-devices: the devices, their drivers and queues, as far as they are probed."""

    def __init__(self):
        super().__init__("virtio-devices", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        for vdev in devices():
            driver = text(vdev["driver"]["name"]) if int(vdev["driver"]) else "no driver"
            print(f"{int(vdev['index'])}: {text(vdev['dev']['name'])} id {int(vdev['id']['device'])}"
                  f" {driver} {vdev['state']} features {int(vdev['features']):#x}")
            for vq in queues(vdev):
                print(f"   queue {int(vq['index'])} {text(vq['name'])}: {int(vq['num_free'])} free,"
                      f" struct virtqueue at {int(vq.address):#x}")


def find_queue(arguments):
    if len(arguments) == 1:
        kind = gdb.lookup_type("struct virtqueue").pointer()
        return gdb.parse_and_eval(arguments[0]).cast(kind).dereference()
    if len(arguments) != 2:
        raise gdb.GdbError("virtqueue ADDRESS, or virtqueue DEVICE QUEUE")
    device, queue = (int(gdb.parse_and_eval(word)) for word in arguments)
    for vdev in devices():
        if int(vdev["index"]) == device:
            for vq in queues(vdev):
                if int(vq["index"]) == queue:
                    return vq
    raise gdb.GdbError(f"device {device} has no queue {queue}")


FLAGS = ((1, "next"), (2, "writable"), (4, "indirect"))


def print_descriptor(desc, number, indent):
    flags = int(desc["flags"])
    names = " ".join(name for bit, name in FLAGS if flags & bit) or "-"
    print(f"{indent}[{number}] addr {int(desc['addr']):#x} len {int(desc['len'])} {names}")


NO_TABLE = 0xffff
TABLE_ENTRIES = 20


def print_chain(vvq, head, state):
    """Follows the driver's record, not the descriptors, which a device may have overwritten."""
    split, number = vvq["split"], head
    for _ in range(int(state["descs"])):
        print_descriptor(split["desc"][number], number, "      ")
        number = int(split["next"][number])
    if int(state["table"]) != NO_TABLE:
        table = vvq["pool"]["tables"] + int(state["table"]) * TABLE_ENTRIES
        for entry in range(int(state["entries"])):
            print_descriptor(table[entry], entry, "          ")


def print_split(vvq):
    split = vvq["split"]
    num = int(split["num"])
    avail, used = split["avail"], split["used"]
    print(f"   available: idx {int(avail['idx'])} flags {int(avail['flags'])} at {int(avail):#x},"
          f" written by us up to {int(split['avail_idx'])}, {int(vvq['num_added'])} since the last kick")
    print(f"   used: idx {int(used['idx'])} flags {int(used['flags'])} at {int(used):#x},"
          f" taken back by us up to {int(split['last_used'])}")
    if vvq["event_idx"]:
        print(f"   events: interrupt at used {int(split['used_event'].dereference())},"
              f" notify at available {int(split['avail_event'].dereference())}")
    print(f"   descriptors at {int(split['desc']):#x}, first free {int(split['first_free'])}")
    for head in range(num):
        state = split["state"][head]
        if int(state["data"]):
            print(f"   in flight: head {head} token {int(state['data']):#x}"
                  f" writable {int(state['in_len'])} bytes")
            print_chain(vvq, head, state)


class Virtqueue(gdb.Command):
    """virtqueue ADDRESS, or virtqueue DEVICE QUEUE: the state of a ring and what is in flight.

ADDRESS is an expression, a pointer to struct virtqueue; DEVICE and QUEUE are the indexes that
virtio-devices shows."""

    def __init__(self):
        super().__init__("virtqueue", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        vq = find_queue(gdb.string_to_argv(argument))
        outer = gdb.lookup_type("struct vring_virtqueue")
        offset = outer["vq"].bitpos // 8
        vvq = gdb.Value(int(vq.address) - offset).cast(outer.pointer()).dereference()
        words = [word for word in ("broken", "event_idx", "indirect", "legacy") if vvq[word]]
        print(f"{text(vq['vdev']['dev']['name'])} queue {int(vq['index'])} {text(vq['name'])}:"
              f" {int(vvq['split']['num'])} descriptors, {int(vq['num_free'])} free,"
              f" {int(vvq['in_flight'])} buffers in flight {' '.join(words)}")
        stats = vq["stats"]
        print("   " + ", ".join(f"{field.name} {int(stats[field.name])}"
                                for field in stats.type.fields()))
        print_split(vvq)


VirtioDevices()
Virtqueue()
end
