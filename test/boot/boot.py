# SPDX-License-Identifier: BSD-2-Clause
"""Booting a machine from a test: archive, QEMU, console lines, report records.

A test that needs the launcher's behaviour uses the launcher; this module is for everything that
needs the kernel alone, and speaks the protocol of docs/launcher-protocol.md to corbel-init.
"""
import os
import re
import selectors
import signal
import subprocess
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OUT = os.environ.get("O", os.path.join(TOP, "out/x86_64"))
KERNEL = os.environ.get("KERNEL", os.path.join(OUT, "corbel"))
LAUNCHER = os.environ.get("CORBEL", os.path.join(OUT, "host/corbel"))
INIT = os.path.join(OUT, "guest/corbel-init")
# How much slower than an idle machine this one may be.
PATIENCE = float(os.environ.get("PATIENCE", "1"))
TIMESTAMP = re.compile(r"^(?:<\d+>)?\[ *\d+\.\d+\] ")


class Archive:
    """An uncompressed newc archive under construction."""

    def __init__(self):
        self.data = bytearray()
        self.ino = 1
        self.dirs = set()

    def entry(self, name, mode, data=b"", rdev=(0, 0), align=False):
        raw = name.encode() + b"\0"
        if align and len(data) >= 4096:
            pad = -(len(self.data) + 110 + len(raw)) % 4096
            # A longer name is refused; data that is not aligned is only slower.
            if len(raw) + pad <= 4096:
                raw += b"\0" * pad
        fields = [self.ino, mode, 0, 0, 1, 0, len(data), 0, 0, rdev[0], rdev[1], len(raw), 0]
        self.ino += 1
        self.data += b"070701" + b"".join(b"%08x" % f for f in fields) + raw
        self.data += b"\0" * (-len(self.data) % 4)
        self.data += data
        self.data += b"\0" * (-len(self.data) % 4)

    def parents(self, name):
        parts = name.split("/")[:-1]
        for i in range(1, len(parts) + 1):
            d = "/".join(parts[:i])
            if d not in self.dirs:
                self.dirs.add(d)
                self.entry(d, 0o40755)

    def add(self, name, data=None, host=None, mode=None):
        self.parents(name)
        if data is None:
            with open(host, "rb") as f:
                data = f.read()
            mode = mode or (os.stat(host).st_mode & 0o7777)
        self.entry(name, 0o100000 | (mode or 0o644), data, align=True)

    def link(self, name, target):
        self.parents(name)
        self.entry(name, 0o120777, target.encode())

    def directory(self, name, mode=0o755):
        self.parents(name + "/x")

    def command(self, argv, env=(), tty=False):
        """corbel-init and what it shall run."""
        run = [b"arg=" + os.fsencode(a) for a in argv] + [b"env=" + os.fsencode(e) for e in env]
        run.append(b"tty=1" if tty else b"tty=0")
        self.add("init", host=INIT, mode=0o755)
        self.add(".corbel-run", b"\0".join(run) + b"\0", mode=0o600)

    def finish(self):
        self.entry("TRAILER!!!", 0)
        self.data += b"\0" * (-len(self.data) % 512)
        return bytes(self.data)


class Result:
    """How a machine ended: outcome is exit, panic, poweroff, timeout, stopped or none."""

    def __init__(self):
        self.lines = []
        self.outcome = "none"
        self.status = None
        self.panic = ""
        self.seconds = 0.0

    def text(self):
        return "\n".join(self.lines)

    def tail(self, n=15):
        return "\n".join("# " + line for line in self.lines[-n:])


def machine_args(machine):
    if machine == "microvm":
        return "microvm,x-option-roms=off,pit=on,pic=on,rtc=on,isa-serial=on"
    return machine


def boot(initrd=None, append="", machine="q35", memory="256M", cpus=1, timeout=60, kernel=None,
         on_line=None, extra=(), quiet=True, cpu="max", accel="tcg"):
    """Boots, collects console lines until the machine ends. @on_line(text) may return "stop"."""
    result = Result()
    start = time.monotonic()
    limit = timeout * PATIENCE
    with tempfile.TemporaryDirectory(prefix="corbel-boot-") as tmp:
        report = os.path.join(tmp, "report")
        cmd = ["qemu-system-x86_64", "-M", machine_args(machine), "-accel", accel, "-cpu", cpu,
               "-m", str(memory), "-smp", str(cpus), "-kernel", kernel or KERNEL,
               "-append", "console=ttyS0 panic=-1 %s %s" % ("quiet" if quiet else "", append),
               "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
               "-serial", "stdio", "-chardev", "file,id=report,path=" + report,
               "-device", "isa-debugcon,iobase=0xe9,chardev=report",
               "-device", "isa-debug-exit,iobase=0xf4,iosize=4", *extra]
        if initrd is not None:
            path = os.path.join(tmp, "initrd")
            with open(path, "wb") as f:
                f.write(initrd)
            cmd += ["-initrd", path]
        proc = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, start_new_session=True)
        try:
            collect(proc, result, start + limit, on_line)
        finally:
            if proc.poll() is None:
                os.killpg(proc.pid, signal.SIGKILL)
            proc.wait()
            proc.stdout.close()
        if os.path.exists(report):
            with open(report, errors="replace") as f:
                judge_report(result, f.read())
    result.seconds = time.monotonic() - start
    return result


def collect(proc, result, deadline, on_line):
    fd = proc.stdout.fileno()
    selector = selectors.DefaultSelector()
    selector.register(fd, selectors.EVENT_READ)
    pending = b""
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            result.outcome = "timeout"
            break
        if not selector.select(min(left, 1)):
            continue
        data = os.read(fd, 65536)
        pending += data
        *lines, pending = pending.split(b"\n")
        if not data and pending:
            lines.append(pending)
        for raw in lines:
            line = raw.decode("utf-8", "replace").replace("\r", "")
            result.lines.append(line)
            if on_line and on_line(line) == "stop":
                result.outcome = "stopped"
                return
        if not data:
            break


def judge_report(result, text):
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "corbel-exit" and rest.isdigit():
            result.outcome, result.status = "exit", int(rest)
            return
        if word == "corbel-panic":
            result.outcome, result.panic = "panic", rest
            return
        if word in ("corbel-poweroff", "corbel-restart"):
            result.outcome = "poweroff"
            return


def strip_timestamp(line):
    return TIMESTAMP.sub("", line)


class Report:
    """Prints TAP on standard output and counts it; main programs end with sys.exit(report.done())."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def test(self, ok, name, detail=""):
        self.count += 1
        self.failed += not ok
        print("%s %d - %s" % ("ok" if ok else "not ok", self.count, name), flush=True)
        if not ok and detail:
            for line in str(detail).splitlines()[-25:]:
                print("# " + line, flush=True)
        return ok

    def skip(self, name, why):
        self.count += 1
        print("ok %d - %s # SKIP %s" % (self.count, name, why), flush=True)

    def done(self):
        print("1..%d" % self.count, flush=True)
        return self.failed != 0
