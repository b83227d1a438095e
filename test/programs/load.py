#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Load from many processes and threads that checks itself: fio on tmpfs, hackbench."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../boot"))
from guest import Check, main  # noqa: E402

# Every block has a checksum that is read back. Of fio's terse line: version, name, error, KiB read, KiB written; what
# was read is what was verified.
FIO = "cd $(mktemp -d); fio --output-format=terse --terse-version=3 --directory=. --size=%s --bs=4k --verify=crc32c --verify_fatal=1 --group_reporting --name=t %s > out 2>&1; echo status $?; awk -F';' 'NF > 60 { print $1, $3, $5, $6, $47 }' out; grep -ci 'verify' out; ls -1 t.* | wc -l"
# A file that is changed behind the back of a verifying read must be found.
FIO_FINDS = """cd $(mktemp -d); fio --name=t --filename=f --size=1m --bs=4k --rw=write --verify=crc32c --do_verify=0 > /dev/null; printf x | dd of=f bs=1 seek=300000 conv=notrunc status=none
fio --name=t --filename=f --size=1m --bs=4k --rw=write --verify=crc32c --verify_only > out 2>&1; echo $?; grep -o 'verify failed.*offset [0-9]*' out"""


def fio(name, size_kib, jobs, options):
    total = size_kib * jobs
    return Check("fio: " + name, FIO % ("%dk" % size_kib, "--numjobs=%d %s" % (jobs, options)),
                 r"^status 0\n3 t 0 %d %d\n0\n%d$" % (total, total, jobs), seconds=90)


def hackbench(name, options, groups=10, loops=20, fds=20):
    """Groups of senders and receivers: the number of tasks is hackbench's own word for it."""
    return Check("hackbench: " + name, "hackbench -g %d -l %d -f %d %s" % (groups, loops, fds, options),
                 r"^Running in %s mode with %d groups using %d file descriptors each \(== %d tasks\)\nEach sender will pass %d messages of 100 bytes\nTime: \d+\.\d+$"
                 % ("threaded" if "-T" in options else "process", groups, fds * 2, groups * fds * 2, loops), seconds=120)


CHECKS = [
    fio("psync, four jobs, random writes", 2048, 4, "--ioengine=psync --rw=randwrite"),
    fio("psync, sequential writes of many sizes", 2048, 2, "--ioengine=psync --rw=write --bs=4k --fallocate=none"),
    fio("mmap, two jobs", 2048, 2, "--ioengine=mmap --rw=randwrite"),
    fio("pvsync, two jobs in threads", 2048, 2, "--ioengine=pvsync --rw=randwrite --thread"),
    Check("fio finds a changed byte", FIO_FINDS, r"^1\nverify failed at file f offset 299008$", seconds=60),
    hackbench("ten groups of processes on sockets", "-P -s 100"),
    hackbench("ten groups of processes on pipes", "-P -p -s 100"),
    hackbench("ten groups of threads on sockets", "-T -s 100"),
    hackbench("ten groups of threads on pipes", "-T -p -s 100"),
]

if __name__ == "__main__":
    sys.exit(main("load", CHECKS, "full.tar", memory="2G"))
