#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Each allocation of a whole program fails once: the program may fail too, the debug kernel says nothing, and all
memory comes back.

usage: failures.py [--cpus N] [--seconds N] [PROGRAM[:TEST]...]

PROGRAM is one of test/user, whose tests run one by one, or the path of any static program. Without names: the programs
of the memory mechanisms.
"""
import argparse
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../boot"))
import boot  # noqa: E402
from guest import REPORT  # noqa: E402

SOURCES = os.path.join(boot.TOP, "test/user")
TEST = re.compile(r"^TEST\((\w+)\)", re.M)
PROGRAMS = """memfd_seals random vdso_random droppable userfault userfault_modes userfault_events userfault_later
raw_calls addresses mapping remap huge hugetlb pageflags dma_heap protected""".split()


def tests_of(name):
    with open(os.path.join(SOURCES, name + ".c"), encoding="utf-8") as f:
        return TEST.findall(f.read())


def work(names):
    """[(what fail-each is told, the program on this machine)]"""
    found = []
    for name in names:
        program, _, test = name.partition(":")
        if "/" in program:
            found.append(("/t/" + os.path.basename(program), program))
            continue
        host = os.path.join(boot.OUT, "test/user", program)
        found += [("/t/%s:%s" % (program, t), host) for t in ([test] if test else tests_of(program))]
    return found


def archive(jobs, seconds):
    a = boot.Archive()
    a.add("bin/fail-each", host=os.path.join(boot.OUT, "guest/fail-each"), mode=0o755)
    for host in sorted({host for _, host in jobs}):
        a.add("t/" + os.path.basename(host), host=host, mode=0o755)
    a.add("bin/busybox", host="/bin/busybox", mode=0o755)
    a.link("bin/sh", "busybox")
    a.link("bin/ls", "busybox")
    a.add("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n")
    a.add("etc/group", b"root:x:0:\ntty:x:5:\nnogroup:x:65534:\n")
    a.command(["/bin/fail-each", str(seconds)] + [word for word, _ in jobs])
    return a.finish()


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--cpus", type=int, default=2)
    p.add_argument("--seconds", type=int, default=20, help="for one run of a program")
    p.add_argument("--minutes", type=int, default=60, help="for the machine")
    p.add_argument("names", nargs="*")
    options = p.parse_args()
    jobs = work(options.names or PROGRAMS)
    report = boot.Report()
    notes = []

    def on_line(line):
        word, _, rest = line.partition(" - ")
        if word in ("ok", "not ok"):
            report.test(word == "ok", rest, "\n".join(notes))
            for note in notes:
                print(note, flush=True)
            notes.clear()
        elif line.strip():
            notes.append(line if line.startswith("#") else "# " + line)

    r = boot.boot(archive(jobs, options.seconds), cpus=options.cpus, memory="1G", timeout=options.minutes * 60,
                  on_line=on_line)
    report.test(r.outcome == "exit", "the machine ends by itself", "%s %s\n%s" % (r.outcome, r.panic, r.tail()))
    said = [line for line in r.lines if REPORT.search(line)]
    report.test(not said, "the kernel reports nothing", "\n".join(said))
    return report.done()


if __name__ == "__main__":
    sys.exit(main())
