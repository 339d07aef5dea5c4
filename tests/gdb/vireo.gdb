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
    bus = gdb.lookup_global_symbol("bare_bus")
    if not bus:
        raise gdb.GdbError("there is no list of virtio devices in this image")
    return bus.value()["devices"]


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


def print_split(vvq):
    split = vvq["split"]
    print(f"   available: idx {int(split['avail']['idx'])}, written by us up to"
          f" {int(vvq['added']) & 0xffff}, published {int(split['published']) & 0xffff}")
    print(f"   used: idx {int(split['used']['idx'])}, taken back up to {int(vvq['used']) & 0xffff}")


def print_packed(vvq):
    packed = vvq["pkd"]
    held = int(packed["held"])  # see struct vring_packed
    print(f"   next available {int(packed['next_avail'] - packed['desc'])},"
          f" next used {int(packed['next_used'] - packed['desc'])},"
          f" {f'held back from {held & 0x7fff}' if held else 'all published'}")


def print_in_flight(vvq):
    """From the driver's record, not the descriptors, which a device may have overwritten."""
    for i in range(int(vvq["num"])):
        state = vvq["state"][i]
        descs = state["packed_descs"] if vvq["packed"] else state["split"]["descs"]
        if int(state["data"]):
            print(f"   in flight: {i} token {int(state['data']):#x}"
                  f" descriptors {int(descs)} writable {int(state['in_len'])} bytes")


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
              f" {int(vvq['num'])} descriptors, {int(vq['num_free'])} free,"
              f" {' '.join(words)}")
        stats = {field.name: int(vvq["stats"][field.name]) for field in vvq["stats"].type.fields()}
        stats["added"] += int(vvq["added"])  # as virtqueue_get_stats()
        stats["used"] += int(vvq["used"])
        print("   " + ", ".join(f"{name} {count}" for name, count in stats.items()))
        (print_packed if vvq["packed"] else print_split)(vvq)
        print_in_flight(vvq)


VirtioDevices()
Virtqueue()
end
