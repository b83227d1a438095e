#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""check-proc.py [--list]: docs/proc.md names every file that a room puts into /proc and /sys, and no other.

The rows are found in the sources by the macros of kernel/procfs; files that fs/proc and fs/sys make themselves
(tasks, CPUs, devices) are found in their tables. --list prints what the sources have.
"""
import glob
import re
import sys

DOC = "docs/proc.md"
MACRO = re.compile(r"\b(PROC_FILE|PROC_LIST|PROC_FOPS|PROC_LINK|PROC_DIRECTORY|SYSCTL|SYSCTL_INT|SYSCTL_U64|SYSCTL_TEXT"
                   r"|PROC_TASK_FILE|SYSFS_FILE|DEBUGFS_FILE|DEBUGFS_FOPS|PROC_NET_FILE|PROC_NET_LIST)\(\s*((?:[A-Z_]+\s*)?\"[^\"]+\")")
ENTRY = re.compile(r"\b(PROC_ENTRY|PROC_TASK_ENTRY)\(\s*\.(?:path|name) = \"([^\"]+)\"")
TASK_TABLE = re.compile(r"(?:PID_SHOW|PID_SECRET)\(\"([^\"]+)\"|\{\.name = \"([^\"]+)\"")
DEFINE = re.compile(r"#define ([A-Z_]+) \"([^\"]*)\"")
PREFIX = {"SYSCTL": "/proc/sys/", "PROC_NET": "/proc/PID/net/", "PROC_TASK": "/proc/PID/", "SYSFS": "/sys/", "DEBUGFS": "/sys/kernel/debug/"}


# Rows made by a macro of the room's own: the name is an argument of that macro.
OWN_MACRO = {"kernel/ipc/show.c": ("sysvipc/", ("shm", "sem", "msg"))}


def prefix(macro):
    for start, text in PREFIX.items():
        if macro.startswith(start):
            return text
    return "/proc/"


def in_sources():
    found = set()
    for path in glob.glob("kernel/**/*.c", recursive=True) + glob.glob("fs/**/*.c", recursive=True) + \
            glob.glob("net/**/*.c", recursive=True) + glob.glob("drivers/**/*.c", recursive=True) + \
            glob.glob("arch/x86_64/*.c"):
        text = open(path).read()
        defines = dict(DEFINE.findall(text))
        for macro, arg in MACRO.findall(text):
            m = re.match(r"(?:([A-Z_]+)\s*)?\"([^\"]+)\"", arg)
            names = [m.group(2)]
            if path in OWN_MACRO and m.group(2) == OWN_MACRO[path][0]:
                names = [m.group(2) + n for n in OWN_MACRO[path][1]]
            found |= {prefix(macro) + defines.get(m.group(1), "") + n for n in names}
        for macro, name in ENTRY.findall(text):
            found.add(prefix(macro) + name)
        if path == "fs/proc/pid_files.c":
            table = text[text.index("proc_task_entries[] ="):]
            found |= {"/proc/PID/" + (a or b) for a, b in TASK_TABLE.findall(table[:table.index("};\n")])}
    return found


def main():
    found = in_sources()
    if "--list" in sys.argv:
        print("\n".join(sorted(found)))
        return 0
    named = set()
    for line in open(DOC):
        cells = line.split("|")
        if len(cells) > 2:
            named |= set(re.findall(r"`(/(?:proc|sys)/[^`]+)`", cells[1]))
    bad = 0
    for path in sorted(found - named):
        print("%s does not name %s" % (DOC, path))
        bad = 1
    made = ("/sys/devices/system/cpu/", "/sys/kernel/pmalloc/", "/sys/class/", "/sys/bus/", "/sys/devices/pci", "/sys/dev/", "/sys/devices/virtual/", "/proc/PID/ns/", "/proc/sys/fs/binfmt")
    for path in sorted(named - found):
        if not path.startswith(made):
            print("%s names %s, which no source declares" % (DOC, path))
            bad = 1
    return bad


if __name__ == "__main__":
    sys.exit(main())
