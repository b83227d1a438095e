# SPDX-License-Identifier: BSD-2-Clause
"""What the measuring programs share: Linux's figures, the archive, the sections of docs/performance.md."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../boot"))
import boot  # noqa: E402

SECTIONS = ("instructions", "wall", "scaling", "userfault", "memory", "isolation", "vmacache", "protected", "contiguous", "bus")


def linux():
    rows = []
    with open(os.path.join(HERE, "linux61.tsv")) as f:
        for line in f:
            if not line.startswith("#"):
                name, default, fast = line.rstrip("\n").split("\t")
                rows.append((name, float(default), float(fast)))
    return rows


def archive(kbench, conf):
    a = boot.Archive()
    for d in ("dev", "proc", "sys", "tmp", "bin", "etc", "root", "run", "var"):
        a.directory(d)
    for name, major, minor in (("console", 5, 1), ("null", 1, 3), ("zero", 1, 5), ("tty", 5, 0),
                               ("ttyS0", 4, 64), ("random", 1, 8), ("urandom", 1, 9)):
        a.entry("dev/" + name, 0o020666, rdev=(major, minor))
    a.add("init", host=kbench, mode=0o755)
    a.add("kbench.conf", "".join("%s=%s\n" % kv for kv in conf.items()).encode())
    a.add("bin/busybox", host="/bin/busybox", mode=0o755)
    a.link("bin/sh", "busybox")
    return a.finish()


def replace_section(path, name, lines):
    """Puts @lines in the place of section @name of the document, between its two marks."""
    text = "# Performance\n"
    if os.path.exists(path):
        with open(path) as f:
            text = f.read()
    parts = {}
    for s in SECTIONS:
        begin, end = "<!-- begin %s -->\n" % s, "<!-- end %s -->\n" % s
        if begin in text and end in text:
            parts[s] = text[text.index(begin) + len(begin):text.index(end)]
    parts[name] = "\n".join(lines).rstrip() + "\n"
    with open(path, "w") as f:
        f.write("# Performance\n")
        for s in SECTIONS:
            if s in parts:
                f.write("\n<!-- begin %s -->\n%s<!-- end %s -->\n" % (s, parts[s], s))
