# SPDX-License-Identifier: BSD-2-Clause
"""Commands for gdb on a running Corbel: `make gdb` loads this file.

corbel-ps            all threads: address, pid, state, what they wait in, name
corbel-bt [TASK]     the functions whose return addresses lie on a thread's kernel stack
corbel-dmesg         the kernel log
"""
import gdb

STATES = [(32, "X"), (8, "t"), (4, "T"), (2, "D"), (1, "S")]


def value(expr):
    return gdb.parse_and_eval(expr)


def list_entries(head, type_name, member):
    """The structs of type_name linked through member in the list at head."""
    struct = gdb.lookup_type("struct " + type_name)
    offset = next(f.bitpos // 8 for f in struct.fields() if f.name == member)
    node = head["next"]
    start = int(head.address)
    while int(node) != start:
        yield gdb.Value(int(node) - offset).cast(struct.pointer()).dereference()
        node = node["next"]


def threads():
    for leader in list_entries(value("tasklist"), "task", "all_link"):
        process = leader["process"]
        if int(process) == 0:
            yield leader
            continue
        seen = False
        for t in list_entries(process["threads"], "task", "thread_link"):
            seen = True
            yield t
        if not seen:
            yield leader


def state_of(task):
    state = int(task["state"])
    return next((s for bit, s in STATES if state & bit), "R")


class Ps(gdb.Command):
    """corbel-ps: list all threads."""

    def __init__(self):
        super().__init__("corbel-ps", gdb.COMMAND_STATUS)

    def invoke(self, arg, from_tty):
        print("%-18s %6s S %s" % ("TASK", "PID", "NAME"))
        for t in threads():
            nr = int(t["pid"]["nr"]) if int(t["pid"]) else 0
            print("%#018x %6d %s %s" % (int(t.address), nr, state_of(t), t["comm"].string()))


class Bt(gdb.Command):
    """corbel-bt [TASK]: return addresses on the kernel stack of a thread that does not run.
Every word that points into text is shown, so stale entries are possible."""

    def __init__(self):
        super().__init__("corbel-bt", gdb.COMMAND_STACK)

    def invoke(self, arg, from_tty):
        if not arg:
            gdb.execute("bt")
            return
        task = value("*(struct task *)(%s)" % arg)
        sp = int(task["arch"]["sp"])
        top = int(task["stack"]) + 0x4000
        low, high = int(value("(unsigned long)&text_start")), int(value("(unsigned long)&text_end"))
        memory = gdb.selected_inferior().read_memory(sp, top - sp).tobytes()
        for at in range(0, len(memory) - 7, 8):
            word = int.from_bytes(memory[at:at + 8], "little")
            if low <= word < high:
                print(gdb.execute("info symbol %#x" % word, to_string=True).strip())


class Dmesg(gdb.Command):
    """corbel-dmesg: print the kernel log."""

    def __init__(self):
        super().__init__("corbel-dmesg", gdb.COMMAND_DATA)

    def invoke(self, arg, from_tty):
        ring = value("*ring")
        mask, text_mask = int(ring["desc_mask"]), int(ring["text_mask"])
        following = int(ring["next_seq"])
        text_at = int(ring["text"])
        inferior = gdb.selected_inferior()
        for seq in range(max(0, following - mask - 1), following):
            d = ring["descs"][seq & mask]
            if int(d["state"]) != seq << 2 | 2:
                continue
            pos, length = int(d["text_pos"]) & text_mask, int(d["len"])
            first = min(length, text_mask + 1 - pos)
            text = inferior.read_memory(text_at + pos, first).tobytes()
            if length > first:
                text += inferior.read_memory(text_at, length - first).tobytes()
            ts = int(d["ts_ns"])
            print("[%5d.%06d] %s" % (ts // 10**9, ts % 10**9 // 1000,
                                     text.decode(errors="replace").rstrip("\n")))


Ps()
Bt()
Dmesg()
