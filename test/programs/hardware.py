#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Devices of the machine: PCI as lspci tells it, random devices on all machines, a machine restored twice, interrupts as
sysstat and irqbalance see them, regions of contiguous memory from a device tree."""
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../boot"))
import boot  # noqa: E402

# No seed from the CPU; the loader gives none either.
PLAIN_CPU = "qemu64,-rdrand,-rdseed"
SNAPSHOT_LINES = 20
# On a busy host the two may mix other moments in before they have said a line.
CONTROLS = 6
COMPARED_LINES = 60
RANDOM_LINES = """while :; do head -c 16 /dev/urandom | hexdump -v -e '"random " 16/1 "%02x" "\\n"'; done"""
GUIDS = ["11111111-0000-4000-8000-%012d" % n for n in range(3)]


def libraries(program):
    text = subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True, check=False).stdout
    return [w for line in text.splitlines() for w in line.split() if w.startswith("/")]


def archive(command, programs=(), files=()):
    """Busybox and whole programs of this machine with their libraries."""
    a = boot.Archive()
    a.command(["/bin/sh", "-c", command], env=["PATH=/bin:/usr/bin:/usr/sbin"])
    a.add("bin/busybox", host=shutil.which("busybox"), mode=0o755)
    for name in ("sh", "cat", "ls", "head", "hexdump", "grep", "dmesg", "mount", "wc", "readlink", "seq", "sleep"):
        a.link("bin/" + name, "busybox")
    for d in ("proc", "sys", "dev", "tmp", "root"):
        a.directory(d)
    seen = set()
    for p in programs:
        for path in [shutil.which(p)] + libraries(shutil.which(p)):
            if path not in seen:
                seen.add(path)
                a.add(path.lstrip("/"), host=os.path.realpath(path), mode=0o755)
    for path in files:
        a.add(path.lstrip("/"), host=os.path.realpath(path))
    return a.finish()


def run(command, extra=(), programs=(), files=(), **options):
    r = boot.boot(archive(command, programs, files), extra=extra, **options)
    return r, "\n".join(boot.strip_timestamp(line) for line in r.lines)


def needs(report, name, *programs):
    missing = [p for p in programs if not shutil.which(p)]
    if missing:
        report.skip(name, "not installed here: " + " ".join(missing))
    return not missing


def pci(report):
    name = "lspci names the devices of a q35 with a port and a card behind it"
    if not needs(report, name, "lspci", "busybox"):
        return
    ids = "/usr/share/misc/pci.ids"
    devices = ["-device", "virtio-rng-pci", "-device", "pcie-root-port,id=rp0,chassis=1",
               "-device", "virtio-net-pci,bus=rp0,netdev=n", "-netdev", "user,id=n"]
    r, text = run("lspci -k; lspci -t; lspci -n -vvv > /tmp/v && grep -c . /tmp/v; cat /proc/bus/pci/devices", devices, ("lspci",), (ids,))
    words = ("82G33/G31/P35/P31 Express DRAM Controller", "Virtio RNG", "Virtio 1.0 network device",
             "Kernel driver in use: virtio-pci", "QEMU PCIe Root port", "82801IR/IO/IH")
    report.test(r.status == 0 and all(w in text for w in words), name, text)
    report.test("[01]----00.0" in text, "lspci draws the card behind the port", text)


def random_devices(report):
    for machine, device, counts in (("q35", "virtio-rng-pci", (1, 2, 4)), ("pc", "virtio-rng-pci", (1, 4)),
                                    ("microvm", "virtio-rng-device", (1, 4)),
                                    ("microvm", "virtio-rng-device -global virtio-mmio.force-legacy=off", (2,))):
        for cpus in counts:
            r, text = run("cat /sys/class/misc/hw_random/rng_current; head -c 100000 /dev/hwrng | wc -c;"
                          " readlink /sys/bus/virtio/devices/virtio0/driver; dmesg | grep -c 'hwrng: no data'",
                          ["-device", *device.split()], machine=machine, cpus=cpus, cpu=PLAIN_CPU)
            report.test("virtio_rng.0\n100000\n" in text and "drivers/virtio_rng\n0" in text,
                        "%s with %s, %d cpus: random data, and before the first program" % (machine, device, cpus), text)
    with tempfile.TemporaryDirectory() as tmp:
        silent = ["-chardev", "socket,path=%s/egd,server=on,wait=off,id=c" % tmp, "-object", "rng-egd,chardev=c,id=r",
                  "-device", "virtio-rng-pci,rng=r"]
        r, text = run("dmesg | grep hwrng; head -c 8 /dev/urandom | wc -c; echo through", silent, cpu=PLAIN_CPU)
        report.test(r.status == 0 and "no data yet" in text and "8\nthrough" in text,
                    "a random device that never answers does not keep the machine", text)
    name = "rngtest finds nothing in /dev/hwrng"
    if needs(report, name, "rngtest"):
        r, text = run("rngtest -c 100 < /dev/hwrng", ["-device", "virtio-rng-pci"], ("rngtest",))
        failures = [line for line in text.splitlines() if "FIPS 140-2 failures:" in line]
        report.test(bool(failures) and int(failures[0].split()[-1]) <= 3, name, text)


class Qmp:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
        self.file = self.sock.makefile("rw")
        self.file.readline()
        self.call("qmp_capabilities")

    def call(self, command, **arguments):
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline())
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise RuntimeError(str(answer["error"]))

    def save(self, path):
        self.call("migrate", uri="exec:cat > " + path)
        while True:
            status = self.call("query-migrate").get("status")
            if status in ("completed", "failed", "cancelled"):
                return status
            time.sleep(0.05)


def random_lines(lines):
    return [line for line in lines if line.startswith("random ") and len(line) == 39]


def restored(report, machine, cpus, guids, initrd, tmp):
    """What the machine printed after each restoration of one snapshot; guids: of the original, and of the copies."""
    qmp, state = os.path.join(tmp, "qmp"), os.path.join(tmp, "state")
    common = dict(initrd=initrd, machine=machine, cpus=cpus, memory="128M", quiet=True)
    saved, count = [], [0]

    def original(line):
        count[0] += line.startswith("random ")
        if count[0] < SNAPSHOT_LINES:
            return None
        saved.append(Qmp(qmp).save(state))
        return "stop"

    r = boot.boot(on_line=original, extra=["-qmp", "unix:%s,server=on,wait=off" % qmp,
                                           "-device", "vmgenid,guid=" + guids[0]], **common)
    if saved != ["completed"]:
        report.test(False, "the machine is saved", "%s\n%s" % (saved, r.tail()))
        return None
    copies = []
    for guid in guids[1:]:
        count[0] = 0

        def copy(line):
            count[0] += line.startswith("random ")
            return "stop" if count[0] >= COMPARED_LINES else None

        r = boot.boot(on_line=copy, extra=["-incoming", "exec:cat " + state, "-device", "vmgenid,guid=" + guid], **common)
        # The first line may have been half written when the machine was saved.
        copies.append(random_lines(r.lines)[1:])
    return copies


def same_lines(report, initrd):
    with tempfile.TemporaryDirectory() as tmp:
        copies = restored(report, "q35", 1, [GUIDS[0]] * 3, initrd, tmp)
    return copies is not None and bool(set(copies[0]) & set(copies[1]))


def identity(report):
    name = "restored twice with another identity, nothing is said twice"
    if not needs(report, name, "busybox"):
        return
    initrd = archive(RANDOM_LINES)
    report.test(any(same_lines(report, initrd) for _ in range(CONTROLS)),
                "control: restored twice with the same identity, the copies say the same")
    for machine, cpus in (("q35", 2), ("pc", 1)):
        with tempfile.TemporaryDirectory() as tmp:
            copies = restored(report, machine, cpus, GUIDS, initrd, tmp)
        if copies is None:
            continue
        first, second = copies
        common = set(first) & set(second)
        report.test(len(first) >= COMPARED_LINES // 2 and len(second) >= COMPARED_LINES // 2 and not common,
                    "%s, %d cpus: %s" % (machine, cpus, name),
                    "%d and %d lines, in both: %s" % (len(first), len(second), sorted(common)[:3]))


def power_button(report):
    for machine in ("q35", "pc"):
        with tempfile.TemporaryDirectory() as tmp:
            qmp = os.path.join(tmp, "qmp")

            def press(line):
                if line.startswith("waiting"):
                    Qmp(qmp).call("system_powerdown")

            r = boot.boot(archive("echo waiting; for i in $(seq 100); do dmesg | grep 'power button' && break; sleep 0.2; done"),
                          machine=machine, on_line=press, extra=["-qmp", "unix:%s,server=on,wait=off" % qmp])
            report.test(any("power button" in line for line in r.lines), machine + ": the power button is heard", r.tail())


def interrupts(report):
    name = "mpstat and sar count interrupts, irqbalance spreads them"
    sadc = "/usr/lib/sysstat/sadc"
    if not needs(report, name, "mpstat", "sar", sadc, "irqbalance", "busybox"):
        return
    command = ("export S_COLORS=never; mpstat -P ALL -I SUM 1 1; mpstat -P ALL -I CPU 1 1; mpstat -P ALL 1 1; "
               "sar -I SUM 1 1; sar -w 1 1; sar -P ALL 1 1; irqbalance --oneshot --debug; cat /sys/bus/pci/devices/*/msi_irqs/*")
    r, text = run(command, ["-device", "virtio-rng-pci"], ("mpstat", "sar", sadc, "irqbalance"), cpus=2, timeout=120)

    def figures(line):
        """The numbers behind `Average: FIRST` of a table."""
        m = re.search(r"^Average: +%s +([\d. ]+)$" % line, text, re.M)
        return [float(w) for w in m.group(1).split()] if m else []

    def averages(heading):
        """The rows of a CPU each behind the table's `Average: CPU HEADING`."""
        table = re.search(r"^Average: +CPU +%s.*\n((?:Average: .*\n)+)" % re.escape(heading), text, re.M)
        return [list(map(float, row.split()[2:])) for row in table.group(1).splitlines()] if table else []

    sums, busy = averages("intr/s"), averages("%usr")
    report.test(len(sums) == 3 and sums[0][0] > 0, "mpstat -I SUM: interrupts of all CPUs and of each", text)
    report.test(bool(re.search(r"CPU .* LOC/s .* TLB/s", text)), "mpstat -I CPU: a column a line", text)
    report.test(len(busy) == 3 and all(90 < sum(b) < 110 for b in busy), "mpstat: shares of each CPU are a whole", str(busy))
    report.test(figures("sum")[:1] > [0.0], "sar -I SUM: interrupts a second", text)
    report.test(bool(re.search(r"proc/s   cswch/s\n.*\nAverage: +[\d.]+ +[\d.]+$", text, re.M)), "sar -w: switches a second", text)
    lines = re.findall(r"Interrupt (\d+) node_num is -?\d", text)
    report.test("Banned CPUs: 00000000" in text and len(lines) >= 3 and "CPU number 1" in text, "irqbalance knows CPUs and lines", text)
    report.test("msix" in text.splitlines() and "need to update your kernel" not in text, "irqbalance finds the messages of PCI devices", text)


def flattened(node):
    """The structure block of a device tree: node is (name, properties, children)."""
    strings = bytearray()

    def pad(data):
        return data + b"\0" * (-len(data) % 4)

    def structure(name, properties, children):
        out = struct.pack(">I", 1) + pad(name.encode() + b"\0")
        for key, value in properties.items():
            out += struct.pack(">III", 3, len(value), len(strings)) + pad(value)
            strings.extend(key.encode() + b"\0")
        return out + b"".join(structure(*c) for c in children) + struct.pack(">I", 2)

    body = structure(*node) + struct.pack(">I", 9)
    head, reserved = 40, 16
    at = head + reserved + len(body)
    return struct.pack(">10I", 0xd00dfeed, at + len(strings), head + reserved, at, head, 17, 16, 0, len(strings),
                       len(body)) + b"\0" * reserved + body + bytes(strings)


def reserved_memory(*pools):
    """A tree with pools: (name, properties)."""
    two = struct.pack(">I", 2)
    cells = {"#address-cells": two, "#size-cells": two}
    return flattened(("", cells, [("reserved-memory", {**cells, "ranges": b""},
                                   [(name, properties, []) for name, properties in pools])]))


def device_tree(report):
    """As a boot loader gives it: beside a bzImage, in setup_data."""
    pool = {"compatible": b"shared-dma-pool\0", "reusable": b""}
    tree = reserved_memory(
        ("camera", {**pool, "size": struct.pack(">Q", 5 << 20), "linux,cma-default": b""}),
        ("screen@8000000", {**pool, "reg": struct.pack(">QQ", 128 << 20, 1028 << 10)}),
        ("kept@9000000", {**pool, "reg": struct.pack(">QQ", 144 << 20, 1 << 20), "no-map": b""}))
    subprocess.run(["make", "-s", "bzImage"], cwd=boot.TOP, check=True)
    command = ("mount -t debugfs none /tmp; ls /sys/kernel/mm/cma /dev/dma_heap; grep Cma /proc/meminfo; for r in /tmp/cma/*; do "
               "echo $r $(cat $r/base_pfn) $(cat $r/count); echo $(cat $r/count) > $r/alloc && echo full $(cat $r/used); done; true")
    for machine in ("q35", "pc"):
        with tempfile.TemporaryDirectory() as tmp:
            path = os.path.join(tmp, "dtb")
            for what, data in (("whole", tree), ("cut", tree[:len(tree) - 60])):
                with open(path, "wb") as f:
                    f.write(data)
                r, text = run(command, ["-dtb", path], machine=machine, kernel=os.path.join(boot.OUT, "bzImage"))
                words = ("CmaTotal:           6148 kB", "/tmp/cma/screen@8000000 32768 257", "full 257", "full 1280")
                has = [w in text for w in words] + ["kept" not in text]
                ok = r.status == 0 and (all(has) if what == "whole" else "CmaTotal:              0 kB" in text)
                report.test(ok, "%s: regions of a device tree that is %s" % (machine, what), text)


PARTS = {"pci": pci, "random": random_devices, "identity": identity, "button": power_button, "tree": device_tree, "interrupts": interrupts}


def main():
    report = boot.Report()
    for name, part in PARTS.items():
        if len(sys.argv) < 2 or name in sys.argv[1:]:
            part(report)
    return report.done()


if __name__ == "__main__":
    sys.exit(main())
