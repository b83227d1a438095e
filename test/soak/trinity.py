#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""trinity as an unprivileged user on the debug kernel: random system calls, and the kernel says nothing.

usage: trinity.py [--minutes N] [--cpus N] [--seed N] [--children N]

Passes when the machine still answers at the end and its log holds no report. Trinity is started again with
another seed whenever it ends before the time does.
"""
import argparse
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../boot"))
import boot  # noqa: E402
from guest import REPORT, launcher  # noqa: E402

ROOT = os.path.join(boot.TOP, "out/rootfs/load.tar")
# No sockets of its own: trinity gives up where most families are missing; the calls that make them stay.
SCRIPT = """
mkdir -p /tmp/t && chown nobody:nogroup /tmp/t && chmod 755 /tmp/t && cd /tmp/t
end=$(( $(date +%%s) + %d ))
seed=%d
while left=$(( end - $(date +%%s) )); [ $left -gt 3 ]; do
	timeout -k 5 -s KILL $left setpriv --reuid nobody --regid nogroup --clear-groups --no-new-privs \\
		trinity -q -l off -a64 --disable-fds=sockets -s $seed -C %d < /dev/null 2>&1 |
		grep -a iterations | tail -n 1
	seed=$(( seed + 1 ))
	pkill -KILL -u nobody; sleep 0.2; chown -R root /tmp/t; chmod -R u+rwx /tmp/t; rm -rf /tmp/t/*
	chown nobody:nogroup /tmp/t
done
echo "trinity ended with seed $seed"
dmesg; echo alive
"""


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--minutes", type=float, default=30)
    p.add_argument("--cpus", type=int, default=2)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--children", type=int, default=4)
    p.add_argument("--root", default=ROOT)
    options = p.parse_args()
    seconds = int(options.minutes * 60)
    status, out, err = launcher("-v", "-c", str(options.cpus), "-m", "3G", "--rootfs", options.root, "--", "/bin/bash",
                                "-c", SCRIPT % (seconds, options.seed, options.children), timeout=seconds + 300)
    text = out + err
    bad = [line for line in text.splitlines() if REPORT.search(line)]
    calls = sum(int(n) for n in re.findall(r"\] (\d+) iterations", text))
    good = status == 0 and "alive" in out and calls > 1000 and not bad
    print("%s - trinity: %g minutes at %d CPUs, %d calls" %
          ("ok" if good else "not ok", options.minutes, options.cpus, calls))
    if not good:
        print("# status %d" % status)
        print("\n".join("# " + line for line in (bad[:20] + text.splitlines()[-60:])))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
