#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Python's own tests (`python3 -m test -v`) on Corbel and on Linux 6.1 in the same machine, case by case.

usage: python.py [--cpus N] [--memory SIZE] [--linux VMLINUX] [MODULE...]

A case that passes on Linux passes on Corbel, or stands with its reason in the table of docs/conformance.md. What Linux
says is kept beside the log: delete it for a new run.
"""
import argparse
import fnmatch
import json
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../boot"))
import boot  # noqa: E402
from guest import launcher  # noqa: E402

ROOT = os.path.join(boot.TOP, "out/rootfs/full.tar")
WORK = os.path.join(boot.OUT, "test/python")
MODULES = ["test_os", "test_posix", "test_subprocess", "test_signal", "test_threading", "test_mmap", "test_select",
           "test_epoll", "test_pty", "test_tempfile", "test_fcntl", "test_mailbox", "test_shutil",
           "test_multiprocessing_fork", "test_asyncio"]
ROW = re.compile(r"^\| `(test\.[\w.*?]+)` \| (.+) \|$", re.MULTILINE)


def known():
    """{pattern: reason} of the cases that differ."""
    with open(os.path.join(boot.TOP, "docs/conformance.md")) as f:
        return dict(ROW.findall(f.read()))


def run(kernel, modules, options):
    """{module: result}; a module that takes the machine down is without one, those behind it get a new machine."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "python_guest.py")) as f:
        program = f.read()
    boot.KERNEL, found, left = kernel, {}, list(modules)
    seconds = int(options.seconds * boot.PATIENCE)
    while left:
        status, out, err = launcher("-c", str(options.cpus), "-m", options.memory, "--rootfs", ROOT, "-w", "/tmp", "--",
                                    "/usr/bin/python3", "-c", program, str(seconds), *left,
                                    timeout=1200 * len(left))
        for line in out.splitlines():
            if line.startswith("@result "):
                r = json.loads(line[8:])
                found[r["module"]] = r
        begun = re.findall(r"^@start (\w+)", out, re.MULTILINE)
        rest = [m for m in left if m not in begun and m not in found]
        lost = [m for m in begun if m not in found]
        for m in lost:
            found[m] = {"module": m, "status": status, "cases": {}, "tail": (out + err).splitlines()[-30:]}
        if not begun:
            for m in rest:
                found[m] = {"module": m, "status": status, "cases": {}, "tail": (out + err).splitlines()[-30:]}
            rest = []
        left = rest
    return found


def oracle(options, modules):
    """What Linux says, from the last run where there is one."""
    path = os.path.join(WORK, "linux.json")
    have = {}
    if os.path.exists(path) and os.path.getmtime(path) > os.path.getmtime(ROOT):
        with open(path) as f:
            have = json.load(f)
    missing = [m for m in modules if not have.get(m, {}).get("cases")]
    if missing:
        have.update(run(options.linux, missing, options))
        with open(path, "w") as f:
            json.dump(have, f, indent=1)
    return have


def compare(report, module, theirs, ours, reasons, used):
    expected, bad = {n for n, c in theirs["cases"].items() if c[0] == "pass"}, []
    passed = sum(ours["cases"].get(n, ["missing"])[0] == "pass" for n in expected)
    excused = 0
    for name in sorted(expected):
        state, why = ours["cases"].get(name, ["missing", ""])
        if state == "pass":
            continue
        pattern = next((p for p in reasons if fnmatch.fnmatchcase(name, p)), None)
        if pattern:
            used.add(pattern)
            excused += 1
        else:
            bad.append("%s: %s %s" % (name, state, why))
    ended = theirs["cases"] and ours["cases"]
    report.test(not bad and ended, "%s: of %d cases that pass on Linux %d pass, %d are named in docs/conformance.md" %
                (module, len(expected), passed, excused), "\n".join(bad + ([] if ended else theirs["tail"] + ours["tail"])))
    with open(os.path.join(WORK, module + ".txt"), "w") as f:
        f.write("\n".join(bad) + "\n\n" + "\n".join(ours["tail"]) + "\n")


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--cpus", type=int, default=2)
    p.add_argument("--memory", default="3G")
    p.add_argument("--seconds", type=int, default=240, help="how long a case may be silent")
    p.add_argument("--linux", default=os.path.join(boot.TOP, "out/linux/vmlinux"))
    p.add_argument("--only-linux", action="store_true", help="ask the oracle and stop")
    p.add_argument("modules", nargs="*")
    options = p.parse_args()
    modules = options.modules or MODULES
    os.makedirs(WORK, exist_ok=True)
    report, reasons, used = boot.Report(), known(), set()
    corbel = boot.KERNEL
    theirs = oracle(options, modules)
    if options.only_linux:
        return 0
    start = time.monotonic()
    ours = run(corbel, modules, options)
    for m in modules:
        compare(report, m, theirs[m], ours[m], reasons, used)
    print("# Corbel took %d s" % (time.monotonic() - start))
    for pattern in sorted(set(reasons) - used) if modules == MODULES else []:
        print("# %s is named in docs/conformance.md and does not fail" % pattern)
    return report.done()


if __name__ == "__main__":
    sys.exit(main())
