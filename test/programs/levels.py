#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Four and five levels of page tables: every way of booting, 1 to 4 CPUs, with LA57, without, and no5lvl."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../boot"))
import boot  # noqa: E402
from guest import REPORT, ROOTFS, launcher  # noqa: E402

CPUS = (("with LA57", "max,la57=on", "", True), ("no5lvl", "max,la57=on", "no5lvl", False),
        ("without LA57", "max,la57=off", "", False))
SCRIPT = """
grep -c -w la57 /proc/cpuinfo; nproc
seq 1000 | sort -rn | tail -n 1
awk '{ split($1, a, "-"); if (length(a[2]) > 12 && !/vsyscall/) print "high", $0 }' /proc/self/maps
exit 33
"""


def shell(report, kind, cpu, append, five, machine, cpus):
    status, out, err = launcher("--rootfs", os.path.join(ROOTFS, "busybox.tar"), "--machine", machine, "-c", str(cpus),
                                "-m", "256M", "--vmm-arg=-cpu", "--vmm-arg=" + cpu, "--append", append, "-v", "--",
                                "/bin/sh", "-c", SCRIPT, timeout=60)
    words = [w for w in out.split("\n") if w.strip().isdigit()]
    want = [str(cpus if five else 0), str(cpus), "1"]
    report.test(status == 33 and words[-3:] == want and "high" not in out and not REPORT.search(out + err),
                "%s, %s, %d cpus" % (kind, machine, cpus), "status %d\n%s%s" % (status, out[-1500:], err[-500:]))


def addresses(report, kind, cpu, append, cpus):
    status, out, err = launcher("--binary", os.path.join(boot.OUT, "test/user/addresses"), "-c", str(cpus),
                                "--vmm-arg=-cpu", "--vmm-arg=" + cpu, "--append", append, "--", timeout=60)
    report.test(status == 0 and "not ok" not in out, "addresses, %s, %d cpus" % (kind, cpus),
                "status %d\n%s%s" % (status, out[-1500:], err[-500:]))


def main():
    report = boot.Report()
    for kind, cpu, append, five in CPUS:
        for machine, cpus in (("q35", 1), ("q35", 4), ("pc", 2), ("microvm", 2)):
            shell(report, kind, cpu, append, five, machine, cpus)
        addresses(report, kind, cpu, append, 2)
    return report.done()


if __name__ == "__main__":
    sys.exit(main())
