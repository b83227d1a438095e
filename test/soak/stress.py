#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""stress-ng --verify, class by class: each passes, and the kernel reports nothing.

usage: stress.py [--cpus N] [--seconds N] [--jobs N] [--list FILE] [CLASS...]

A class is run with one instance per CPU, JOBS classes at a time; those that fill the memory run alone. A machine
that dies counts against the classes that were running, and the rest get another one. LATER names the classes
that need what Corbel does not have yet, each with what it needs; they are run when they are named.
"""
import argparse
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../boot"))
import boot  # noqa: E402
from guest import REPORT, launcher  # noqa: E402

ROOT = os.path.join(boot.TOP, "out/rootfs/load.tar")
# What each takes is memory: together they would only measure the OOM killer.
HUNGRY = set("bigheap brk fork forkheavy malloc memfd memrate memthrash mlockmany mmap mmapfork mmapmany oom-pipe "
             "pageswap resources stack stackmmap vm vm-addr vm-segv tmpfs shm shm-sysv pthread zombie".split())
# The shell outlives SIGALRM: the class `resources` sends it to the numbers in memory that it did not clear.
RUN = """
trap : ALRM
cd /tmp
one() {
	mkdir -p -m 777 /tmp/s.$1
	timeout -k 10 %(limit)d stress-ng --verify --no-rand-seed --temp-path /tmp/s.$1 --timeout %(seconds)d \\
		--$1 %(instances)d < /dev/null > /tmp/o.$1 2>&1
	s=$?
	[ $s = 0 ] || sed -n "s/^stress-ng: /@out $1 /p" /tmp/o.$1 | grep -vE ' (info|debug|metrc): ' | head -n 6
	echo "@class $1 $s"
	rm -rf /tmp/s.$1 /tmp/o.$1
}
"""


def classes(words):
    return [line.split("#")[0].strip() for line in words if line.split("#")[0].strip()]


def batches(names, jobs):
    """Lists of classes that run at the same time."""
    together = [n for n in names if n not in HUNGRY]
    alone = [[n] for n in names if n in HUNGRY]
    return [together[i:i + jobs] for i in range(0, len(together), jobs)] + alone


def run_machine(work, options):
    """One machine; ({class: (status, lines)}, its reports, the classes that it did not survive)."""
    limit = options.seconds * 6 + 120
    script = RUN % {"limit": limit, "seconds": options.seconds, "instances": options.instances or options.cpus}
    for batch in work:
        script += "echo '@batch %s'\n" % " ".join(batch) + " & ".join("one " + n for n in batch) + " & wait\n"
    script += "dmesg | tail -n 400\necho alive\n"
    status, out, err = launcher("-v", "-c", str(options.cpus), "-m", options.memory, "--rootfs", options.root, "--",
                                "/bin/bash", "-c", script, timeout=120 + len(work) * (limit + 15))
    found, lines, running = {}, {}, []
    for line in out.splitlines():
        words = line.split(" ", 2)
        if line.startswith("@batch "):
            running = line.split()[1:]
        elif line.startswith("@out "):
            lines.setdefault(words[1], []).append(words[2])
        elif line.startswith("@class "):
            found[words[1]] = (int(words[2]), lines.get(words[1], []))
    reports = [x for x in (out + err).splitlines() if REPORT.search(x) and not x.startswith("@")]
    died = [] if "alive" in out else [n for n in running if n not in found]
    if died or status:
        reports.append("the machine ended with %d: %s" % (status, "\n".join((out + err).splitlines()[-30:])))
    return found, reports, died


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--cpus", type=int, default=2)
    p.add_argument("--seconds", type=int, default=10)
    p.add_argument("--jobs", type=int, default=4)
    p.add_argument("--instances", type=int, default=0)
    p.add_argument("--memory", default="3G")
    p.add_argument("--list", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "stress.classes"))
    p.add_argument("--root", default=ROOT)
    p.add_argument("names", nargs="*")
    options = p.parse_args()
    with open(options.list, encoding="utf-8") as f:
        work = batches(options.names or classes(f), options.jobs)
    failed = passed = 0
    while work:
        found, reports, died = run_machine(work, options)
        for name, (status, lines) in found.items():
            good = status == 0
            passed += good
            failed += not good
            print("%s - %s at %d CPUs%s" % ("ok" if good else "not ok", name, options.cpus,
                                            "" if good else ": status %d\n# %s" % (status, "\n# ".join(lines))))
        for line in reports:
            failed += 1
            print("not ok - report: " + line.replace("\n", "\n# "))
        for name in died:
            failed += 1
            print("not ok - %s at %d CPUs: the machine died" % (name, options.cpus))
        sys.stdout.flush()
        if not found and not died:
            print("not ok - the machine did not start")
            return 1
        work = [b for b in ([n for n in batch if n not in found and n not in died] for batch in work) if b]
    print("%d passed, %d failed" % (passed, failed))
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
