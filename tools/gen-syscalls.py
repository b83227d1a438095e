#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Generate everything that is known about system calls from abi/syscalls.tbl.

    gen-syscalls.py gen ARCH TABLE OUTDIR    syscalls.h, syscall_table.inc, syscall_info.inc
    gen-syscalls.py docs TABLE               docs/syscalls.md on standard output
    gen-syscalls.py check TABLE TESTDIR      numbers against the UAPI headers, a test per full row
"""
import os
import re
import subprocess
import sys

# Argument type: (C type, letter for the trace formatter in kernel/syscall/log.c).
TYPES = {
    "fd": ("int", "d"),
    "dfd": ("int", "F"),  # AT_FDCWD by name
    "int": ("int", "d"),
    "pid": ("int", "d"),
    "key": ("int", "d"),
    "uint": ("unsigned int", "u"),
    "uid": ("unsigned int", "d"),
    "long": ("long", "D"),
    "ulong": ("unsigned long", "U"),
    "size": ("size_t", "U"),
    "off": ("s64", "D"),
    "u64": ("u64", "X"),
    "xint": ("int", "x"),
    "xuint": ("unsigned int", "x"),
    "hex": ("unsigned long", "X"),
    "addr": ("unsigned long", "p"),
    "dev": ("unsigned int", "x"),
    "oct": ("unsigned int", "o"),
    "path": ("const char __user *", "s"),
    "str": ("const char __user *", "s"),
    "strv": ("const char __user *const __user *", "v"),
    "inbuf": ("const void __user *", "b"),  # its length is the next argument
    "outbuf": ("void __user *", "B"),  # its length is the return value
    "open": ("int", "O"),
    "prot": ("unsigned long", "P"),
    "mmap": ("unsigned long", "M"),
    "sig": ("int", "S"),
    "whence": ("int", "W"),
    "clock": ("int", "C"),
    "clone": ("unsigned long", "L"),
    "ioctl": ("unsigned int", "x"),
    "fcntl": ("unsigned int", "N"),
    "futex": ("int", "T"),
}
SCALARS = {
    "int": "int", "uint": "unsigned int", "long": "long", "ulong": "unsigned long",
    "size": "size_t", "off": "s64", "u8": "u8", "u32": "u32", "u64": "u64",
    "addr": "unsigned long", "void": "void",
}
NORETURN = {"exit", "exit_group", "execve", "execveat", "rt_sigreturn"}


class Row:
    def __init__(self, path, lineno, line):
        fields = [f.strip() for f in line.split("|")]
        where = "%s:%d" % (path, lineno)
        if len(fields) != 7:
            sys.exit("%s: %d columns instead of 7" % (where, len(fields)))
        self.where = where
        self.name, x86, arm, self.room, flags, args, self.status = fields
        self.nr = {"x86_64": None if x86 == "-" else int(x86),
                   "aarch64": None if arm == "-" else int(arm)}
        self.handler = "sys_" + self.name
        for f in flags.split():
            if f.startswith("h="):
                self.handler = f[2:]
            elif f != "-":
                sys.exit("%s: unknown flag %s" % (where, f))
        self.args = [] if args == "-" else [self.parse_arg(a) for a in args.split()]
        if not re.match(r"^(none|full|partial: .+)$", self.status):
            sys.exit("%s: status is none, full or \"partial: what is missing\"" % where)

    def parse_arg(self, arg):
        """name:type -> (name, C type, trace letter, type as written)"""
        name, _, kind = arg.partition(":")
        if kind in TYPES:
            return (name,) + TYPES[kind] + (kind,)
        direction, _, target = kind.partition(".")
        if direction not in ("in", "out", "io") or not target:
            sys.exit("%s: unknown argument type %s" % (self.where, kind))
        base = SCALARS.get(target, "struct " + target)
        const = "const " if direction == "in" else ""
        letter = {"int": "i", "uint": "i", "u32": "i"}.get(target, "p")
        return (name, const + base + " __user *", letter, kind)

    @property
    def live(self):
        return self.status != "none"

    def prototype(self):
        params = ", ".join(t + ("" if t.endswith("*") else " ") + n for n, t, _, _ in self.args)
        return "long %s(%s);" % (self.handler, params or "void")


def read_table(path):
    rows, names = [], set()
    for i, line in enumerate(open(path), 1):
        if not line.strip() or line.startswith("#"):
            continue
        row = Row(path, i, line)
        if row.name in names:
            sys.exit("%s: %s twice" % (row.where, row.name))
        names.add(row.name)
        rows.append(row)
    return rows


def write_if_changed(path, text):
    try:
        if open(path).read() == text:
            return
    except OSError:
        pass
    with open(path, "w") as f:
        f.write(text)


def generate(arch, table, outdir):
    rows = read_table(table)
    by_nr = {r.nr[arch]: r for r in rows if r.nr[arch] is not None}
    top = max(by_nr)

    structs = sorted({m for r in rows for a in r.args for m in re.findall(r"struct \w+", a[1])})
    h = ["/* Generated from abi/syscalls.tbl. */", "#pragma once", "", "#include <kern/types.h>",
         "#include <asm/unistd.h>", ""]
    h += [s + ";" for s in structs]
    h += ["", "#define NR_SYSCALLS %d" % (top + 1), ""]
    seen = {}
    for r in rows:
        proto = r.prototype()
        if seen.setdefault(r.handler, proto) != proto:
            sys.exit("%s: %s has another prototype elsewhere" % (r.where, r.handler))
    h += sorted(set(seen.values()))
    write_if_changed(os.path.join(outdir, "syscalls.h"), "\n".join(h) + "\n")

    t = []
    for nr in range(top + 1):
        r = by_nr.get(nr)
        t.append("SYSCALL_ENTRY(%d, %s)" % (nr, r.handler if r and r.live else "sys_enosys"))
    write_if_changed(os.path.join(outdir, "syscall_table.inc"), "\n".join(t) + "\n")

    t = []
    for nr, r in sorted(by_nr.items()):
        fmt = "".join(a[2] for a in r.args)
        t.append('SYSCALL_INFO(%d, "%s", "%s", %s)'
                 % (nr, r.name, fmt, "SYSCALL_LOG_EARLY" if r.name in NORETURN else "0"))
    write_if_changed(os.path.join(outdir, "syscall_info.inc"), "\n".join(t) + "\n")


def docs(table):
    rows = read_table(table)
    full = sum(r.status == "full" for r in rows)
    partial = sum(r.status.startswith("partial") for r in rows)
    print("<!-- Generated from abi/syscalls.tbl by `make docs`. -->")
    print("# System calls\n")
    print("Of the %d system calls that Linux 6.1 numbers on x86-64, %d are complete and %d partial;"
          % (sum(r.nr["x86_64"] is not None for r in rows), full, partial))
    print("the others answer ENOSYS.\n")
    print("| call | x86-64 | aarch64 | arguments | room | status |")
    print("|---|---|---|---|---|---|")
    for r in rows:
        num = [("" if n is None else str(n)) for n in (r.nr["x86_64"], r.nr["aarch64"])]
        print("| %s | %s | %s | %s | %s | %s |"
              % (r.name, num[0], num[1], ", ".join(a[0] for a in r.args),
                 "" if r.room == "-" else r.room, "ENOSYS" if r.status == "none" else r.status))


def header_numbers(cc):
    try:
        text = subprocess.run([cc, "-E", "-dM", "-x", "c", "-include", "asm/unistd.h", "/dev/null"],
                              capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    defs = dict(re.findall(r"^#define (__NR\w*) (\w+)$", text, re.M))
    out = {}
    for name, value in defs.items():
        value = defs.get(value, value)
        if name.startswith("__NR_") and value.isdigit():
            out[name[5:]] = int(value)
    return out


def check(table, testdir):
    rows = read_table(table)
    bad = 0
    for arch, cc in (("x86_64", "gcc"), ("aarch64", "aarch64-linux-gnu-gcc")):
        numbers = header_numbers(cc)
        if numbers is None:
            print("check-abi: no headers for %s, numbers not compared" % arch)
            continue
        for n in ("syscalls", "arch_specific_syscall"):
            numbers.pop(n, None)
        table_numbers = {r.name: r.nr[arch] for r in rows if r.nr[arch] is not None}
        for name in sorted(set(numbers) | set(table_numbers)):
            if numbers.get(name) != table_numbers.get(name) and (numbers.get(name) or 0) < 451:
                print("abi/syscalls.tbl: %s on %s is %s in the headers, %s in the table"
                      % (name, arch, numbers.get(name), table_numbers.get(name)))
                bad += 1
    text = ""
    for top, _, files in os.walk(testdir):
        for f in files:
            if f.endswith((".c", ".h", ".sh")):
                text += open(os.path.join(top, f), errors="replace").read()
    words = set(re.findall(r"\w+", text))
    for r in rows:
        if r.status == "full" and not {r.name, "SYS_" + r.name, "__NR_" + r.name} & words:
            print("%s: %s is full, but no file in %s names it" % (r.where, r.name, testdir))
            bad += 1
    return bad


def main():
    cmd = sys.argv[1]
    if cmd == "gen":
        generate(*sys.argv[2:5])
    elif cmd == "docs":
        docs(sys.argv[2])
    elif cmd == "check":
        sys.exit(1 if check(*sys.argv[2:4]) else 0)


main()
