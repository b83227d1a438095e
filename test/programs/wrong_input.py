#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Wrong input: to the kernel at boot, to exec, and from a running program; then to the launcher."""
import gzip
import os
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../boot"))
import boot  # noqa: E402
from guest import launcher  # noqa: E402

LINUX = "vmlinux" in os.path.basename(boot.KERNEL)
HERE = os.path.dirname(os.path.abspath(__file__))
SIGNALS = {"recursion": 139, "write-kernel": 139, "read-kernel": 139, "write-non-canonical": 139,
           "call-kernel": 139, "write-null": 139, "write-text": 139, "execute-data": 139,
           "divide": 136, "privileged": 139, "undefined": 132, "bad-pointer-to-kernel": 0,
           "read-into-kernel": 0, "out-of-memory": 0, "full-tmpfs": 0}


def good_archive():
    a = boot.Archive()
    a.add("bin/busybox", host="/bin/busybox", mode=0o755)
    a.command(["/bin/busybox", "sh", "-c", "exit 5"])
    return a.finish()


def archives(report):
    """What the kernel does without a usable first process: a panic that says why, and no hang."""
    good = good_archive()
    empty = boot.Archive()
    empty.add("etc/passwd", b"root:x:0:0::/:\n")
    noexec = boot.Archive()
    noexec.add("init", b"not a program\n", mode=0o755)
    plain = boot.Archive()
    plain.add("init", host=boot.INIT, mode=0o644)
    packed = gzip.compress(good, 1)
    cases = [
        ("no archive", None, "init"),
        ("an archive of random bytes", bytes((i * 7919 + (i >> 8) * 104729) % 251 for i in range(100000)), "init"),
        ("an archive cut short", good[:len(good) // 3], "init"),
        ("an archive with a broken head", b"070709" + good[6:], "init"),
        ("a gzip archive cut short", packed[:len(packed) // 2], "init"),
        ("a gzip archive with wrong bytes", packed[:5000] + b"\x55" * 5000 + packed[10000:], "init"),
        ("an archive without /init", empty.finish(), "init"),
        ("an /init that is no program", noexec.finish(), "init"),
        ("an /init without execute permission", plain.finish(), "init"),
    ]
    for name, data, word in cases:
        r = boot.boot(data, timeout=60)
        panicked = r.outcome == "panic" or (LINUX and "Kernel panic" in r.text())
        report.test(panicked and word in (r.panic + r.text()).lower(), "boot with %s: a panic that says why" % name,
                    "%s %s\n%s" % (r.outcome, r.panic, r.tail(6)))
    r = boot.boot(packed, timeout=60)
    report.test(r.status == 5, "boot with a gzip archive", "%s %s\n%s" % (r.outcome, r.panic, r.tail(6)))
    zst = subprocess.run(["zstd", "-q", "-1", "-c"], input=good, stdout=subprocess.PIPE, check=False).stdout
    r = boot.boot(zst, timeout=60)
    report.test(r.status == 5, "boot with a zstd archive", "%s %s\n%s" % (r.outcome, r.panic, r.tail(6)))
    second = boot.Archive()
    second.add("second", b"#!/bin/busybox sh\nexit 6\n", mode=0o755)
    second.command(["/second"])
    r = boot.boot(good + second.finish(), timeout=60)
    report.test(r.status == 6, "boot with two archives", "%s %s\n%s" % (r.outcome, r.panic, r.tail(6)))


def malformed(elf):
    """Copies of a static program, each wrong in one way."""
    phoff, = struct.unpack_from("<Q", elf, 32)
    phnum, = struct.unpack_from("<H", elf, 56)

    def patch(at, fmt, value, base=elf):
        b = bytearray(base)
        struct.pack_into(fmt, b, at, value)
        return bytes(b)

    loads = [phoff + 56 * i for i in range(phnum) if struct.unpack_from("<I", elf, phoff + 56 * i)[0] == 1]
    first = loads[0]
    interp = patch(phoff + 56 * (phnum - 1), "<I", 3)
    return {
        "empty": b"",
        "four-bytes": elf[:4],
        "half-header": elf[:40],
        "header-only": elf[:64],
        "cut-in-program-headers": elf[:64 + 56],
        "cut-in-text": elf[:5000],
        "class-32": patch(4, "<B", 1),
        "big-endian": patch(5, "<B", 2),
        "machine-arm": patch(18, "<H", 40),
        "type-object": patch(16, "<H", 1),
        "type-core": patch(16, "<H", 4),
        "entry-zero": patch(24, "<Q", 0),
        "entry-kernel": patch(24, "<Q", 0xffffffff80000000),
        "phoff-beyond": patch(32, "<Q", 1 << 40),
        "phoff-wraps": patch(32, "<Q", (1 << 64) - 8),
        "phentsize-wrong": patch(54, "<H", 1),
        "phnum-zero": patch(56, "<H", 0),
        "phnum-huge": patch(56, "<H", 0xffff),
        "vaddr-kernel": patch(first + 16, "<Q", 0xffffffff80000000),
        "vaddr-non-canonical": patch(first + 16, "<Q", 1 << 62),
        "vaddr-wraps": patch(first + 16, "<Q", (1 << 64) - 4096),
        "memsz-huge": patch(first + 40, "<Q", (1 << 64) - 1),
        "memsz-below-filesz": patch(first + 40, "<Q", 1),
        "filesz-huge": patch(first + 32, "<Q", 1 << 62),
        "offset-beyond": patch(first + 8, "<Q", 1 << 50),
        "offset-unaligned": patch(first + 8, "<Q", 123),
        "interp-garbage": interp,
        "interp-size-zero": patch(phoff + 56 * (phnum - 1) + 32, "<Q", 0, interp),
        "interp-size-huge": patch(phoff + 56 * (phnum - 1) + 32, "<Q", 1 << 40, interp),
        "script-empty": b"#!",
        "script-blanks": b"#!   \n",
        "script-missing": b"#!/no/such/file\n",
        "script-self": b"#!/bad/script-self\n",
        "script-long": b"#!/" + b"a" * 5000 + b"\n",
    }


def elf_files(report):
    a = boot.Archive()
    a.add("bin/busybox", host="/bin/busybox", mode=0o755)
    with tempfile.TemporaryDirectory() as tmp:
        src = os.path.join(tmp, "t.c")
        with open(src, "w") as f:
            f.write("int main(void) { return 0; }\n")
        subprocess.run(["gcc", "-static", "-s", "-o", tmp + "/t", src], check=True)
        with open(tmp + "/t", "rb") as f:
            elf = f.read()
    cases = malformed(elf)
    cases["good"] = elf
    for name, data in cases.items():
        a.add("bad/" + name, data, mode=0o755)
    # exec from a program of its own: a shell would run what is no program as a script.
    script = "for f in /bad/*; do busybox env $f 2>&1 | busybox head -1; busybox env $f > /dev/null 2>&1; echo \"@$f $?\"; done; exit 3"
    a.command(["/bin/busybox", "sh", "-c", script])
    r = boot.boot(a.finish(), timeout=120)
    ended = {}
    for line in r.lines:
        line = boot.strip_timestamp(line)
        if line.startswith("@/bad/"):
            name, code = line[6:].split()
            ended[name] = int(code)
    for name in sorted(cases):
        code = ended.get(name)
        good = code == 0 if name == "good" else code in (126, 127, 132, 135, 139)
        if name in ("class-32", "big-endian"):
            good = code is not None         # Linux does not look at these bytes of a 64-bit file
        if name == "memsz-below-filesz" or name == "interp-size-zero" or name == "entry-zero":
            good = code is not None and code != 0
        report.test(good, "exec of %s" % name, "status %s; %s %s\n%s" % (code, r.outcome, r.panic, r.tail(5)))
    report.test(r.status == 3, "the machine outlives malformed programs", "%s %s\n%s" % (r.outcome, r.panic, r.tail(10)))


def faults(report):
    with tempfile.TemporaryDirectory() as tmp:
        exe = os.path.join(tmp, "faults")
        subprocess.run(["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-O1", "-w", "-static", "-o", exe,
                        os.path.join(HERE, "faults.c")], check=True)
        for kind, wanted in SIGNALS.items():
            status, out, err = launcher("--binary", exe, "-m", "128M", "--", kind, timeout=60)
            report.test(status == wanted, "program: %s" % kind, "status %s, not %s\n%s%s" % (status, wanted, out, err))


def launcher_errors(report):
    """Each mistake has its status and a message that says what to do."""
    def case(name, wanted, word, *args, env=None):
        r = subprocess.run([boot.LAUNCHER, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           check=False, env=env, timeout=120)
        report.test(r.returncode == wanted and word in r.stderr, "launcher: %s" % name,
                    "status %d\n%s" % (r.returncode, r.stderr))

    k = ["run", "--kernel", boot.KERNEL]
    bb = ["--binary", "/bin/busybox"]
    case("no command", 125, "Usage")
    case("unknown option", 125, "unrecognized", *k, "--frobnicate")
    case("neither root nor program", 125, "--rootfs", *k, "--", "/bin/true")
    case("root and program", 125, "exclude", *k, *bb, "--rootfs", "/", "--", "x")
    case("no command for a root", 125, "command", *k, "--rootfs", "/etc")
    case("missing root", 125, "No such file", *k, "--rootfs", "/nope", "--", "x")
    case("a root that is no archive", 125, "/etc/passwd", *k, "--rootfs", "/etc/passwd", "--", "x")
    case("missing program", 125, "No such file", *k, "--binary", "/nope")
    case("a program that is a directory", 125, "regular", *k, "--binary", "/etc")
    case("missing kernel", 125, "/nope", "run", "--kernel", "/nope", *bb)
    case("bad machine", 125, "q35", *k, *bb, "--machine", "z80")
    case("bad number of CPUs", 125, "number", *k, *bb, "-c", "zero")
    case("bad time limit", 125, "number", *k, *bb, "--timeout", "-1")
    case("relative directory", 125, "absolute", *k, *bb, "-w", "tmp")
    case("QEMU refuses an option", 122, "refused", *k, *bb, "--vmm-arg", "-no-such-option")
    case("QEMU is missing", 122, "apt install", *k, *bb, env={"PATH": "/nonexistent"})
    case("time limit", 124, "time limit", *k, *bb, "--timeout", "4", "--", "sleep", "100")
    if not LINUX:
        case("kernel panic", 123, "panic", *k, *bb, "--append", "rdinit=/nope init=/nope")
    case("missing command in the root", 127, "", *k, "--rootfs", "/etc/apt", "--", "/nope")
    case("command without permission", 126, "", *k, "--rootfs", "/etc/apt", "--", "/apt.conf.d")


def main():
    report = boot.Report()
    parts = {"archives": archives, "elf": elf_files, "faults": faults, "launcher": launcher_errors}
    for name, part in parts.items():
        if len(sys.argv) < 2 or name in sys.argv[1:]:
            part(report)
    return report.done()


if __name__ == "__main__":
    sys.exit(main())
