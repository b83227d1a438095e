#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every machine type with every number of CPUs, and memory from 32 MiB to 8 GiB."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../boot"))
import boot  # noqa: E402
from guest import ROOTFS, launcher  # noqa: E402

SCRIPT = "nproc; grep MemTotal /proc/meminfo; seq 1000 | sort -rn | tail -1; sleep 0.1; exit 33"


def case(report, machine, cpus, memory):
    status, out, err = launcher("--rootfs", os.path.join(ROOTFS, "busybox.tar"), "--machine", machine, "-c",
                                str(cpus), "-m", memory, "--", "/bin/sh", "-c", SCRIPT, timeout=60)
    words = out.split()
    report.test(status == 33 and str(cpus) in words[:3] + [w for w in words if w.isdigit()][:1] and "1" in words,
                "%s, %d cpus, %s" % (machine, cpus, memory), "status %d\n%s%s" % (status, out[-800:], err))
    return out


def main():
    report = boot.Report()
    for machine in ("q35", "pc", "microvm"):
        for cpus in (1, 2, 4):
            case(report, machine, cpus, "256M")
        for memory in ("32M", "8G"):
            case(report, machine, 2, memory)
    out = case(report, "q35", 1, "8G")
    total = [int(w) for w in out.split("MemTotal:")[-1].split()[:1] if w.isdigit()]
    report.test(bool(total) and total[0] > 7 << 20, "memory above 4 GiB is used", out)
    return report.done()


if __name__ == "__main__":
    sys.exit(main())
