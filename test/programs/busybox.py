#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Debian's busybox-static and its applets, on a root that holds nothing else."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../boot"))
from guest import Check, main  # noqa: E402

CHECKS = [
    Check("ash", "i=0; while [ $i -lt 500 ]; do i=$((i+1)); done; echo $i; f() { echo f$1; }; f 1", "^500\nf1$"),
    Check("every applet can be started", "n=0; for a in $(busybox --list); do [ -x /bin/$a ] && n=$((n+1)); done; [ $n -gt 200 ] && echo many", "^many$"),
    Check("ls, cat, wc, head, tail", "ls / | wc -l; seq 100 | head -3 | tail -1; echo abc | cat -n", "\n3\n +1\tabc$"),
    Check("cp, mv, rm, ln, mkdir", "cd /tmp; mkdir -p a/b; echo x > a/b/f; cp -a a c; mv c d; ln -s d e; cat e/b/f; rm -r a d; ls", "^x\ne$"),
    Check("find, xargs, grep, sed, awk", "find / -xdev -name 'b*' -type f | xargs ls | grep -c busybox; seq 10 | sed -n 3p; seq 100 | awk '{s+=$1} END {print s}'", "^1\n3\n5050$"),
    Check("tar, gzip, bzip2, xz", "cd /tmp; mkdir t; seq 5000 > t/f; tar czf t.tgz t; gzip -t t.tgz && rm -r t && tar xzf t.tgz && md5sum t/f; seq 5000 | md5sum", judge=lambda o: len(set(w[:32] for w in o.splitlines())) == 1),
    Check("cpio", "cd /tmp; mkdir i o; seq 9 > i/n; (cd i; find . | cpio -o -H newc) > a.cpio 2>/dev/null; cd o; cpio -i < ../a.cpio 2>/dev/null; cat n | wc -l", "^9$"),
    Check("sort, uniq, cut, tr", "for i in 3 1 2 3; do echo $i x; done | sort | uniq -c | tr -s ' ' | cut -d' ' -f2,3", "^1 1\n1 2\n2 3$"),
    Check("dd, od, hexdump, cmp", "cd /tmp; dd if=/dev/zero bs=1k count=8 of=z 2>/dev/null; od -An -N4 -tx1 z; head -c 8192 /dev/zero | cmp - z && echo same", " 00 00 00 00\nsame"),
    Check("ps, top, free, uptime", "ps; top -b -n1 | head -5; free; uptime", judge=lambda o: "PID" in o and "Mem" in o and "load average" in o),
    Check("kill, sleep, wait", "sleep 100 & kill $!; wait $!; echo $?", "^143$"),
    Check("mount, umount, df", "mkdir -p /mnt; mount -t tmpfs -o size=64k x /mnt; df -k /mnt | tail -1; dd if=/dev/zero of=/mnt/f bs=1k count=100 2>&1 | grep -c 'No space'; umount /mnt; echo $?", " 64 .*\n1\n0$"),
    Check("mknod, stat, chmod, chown", "cd /tmp; mknod n c 1 3; echo x > n; stat -c '%F %t %T' n; touch f; chown 5:6 f; chmod 4751 f; stat -c '%a %u %g' f", "^character special file 1 3\n4751 5 6$"),
    Check("date, cal, usleep", "date -u -d @0 +%Y; usleep 1000; cal 1 2000 | grep -c .", "^1970\n8$"),
    Check("diff, patch", "cd /tmp; seq 5 > a; seq 6 > b; diff a b > p; patch a p > /dev/null; cmp a b && echo same", "^same$"),
    Check("mkfifo, tee, nohup", "cd /tmp; mkfifo q; (echo through > q) & tee r < q; cat r", "^through\nthrough$"),
    Check("sha256sum, md5sum, base64", "echo corbel | sha256sum | cut -c1-8; echo corbel | base64", "^[0-9a-f]{8}\nY29yYmVsCg==$"),
    Check("sysctl and proc", "cat /proc/sys/kernel/ostype; sysctl -n kernel.hostname; cat /proc/cmdline | grep -c console", "^Linux\ncorbel\n1$"),
    Check("dc, bc, expr, factor", "echo '2 3 ^ p' | dc; echo '2^64' | bc; expr 6 \\* 7; factor 91", "^8\n18446744073709551616\n42\n91: 7 13$"),
    Check("setsid, chroot", "mkdir -p /tmp/jail/bin; cp /bin/busybox /tmp/jail/bin/sh; chroot /tmp/jail /bin/sh -c 'echo rooted'; setsid sh -c 'echo own'", "^rooted\nown$"),
    Check("ipcs-free shells in a row", "i=0; while [ $i -lt 100 ]; do busybox true || exit 1; i=$((i+1)); done; echo $i", "^100$"),
    Check("time", "time -p sleep 0.2 2>&1 | head -1; time sleep 0", judge=lambda o: "real" in o),
    Check("syslogd-free logger, who, hostname", "hostname; id; tty; echo $?", "corbel\nuid=0"),
    Check("dmesg", "dmesg | wc -l", judge=lambda o: int(o) > 5),
    Check("script with #!", "cd /tmp; printf '#!/bin/sh\\necho run $1\\n' > s; chmod +x s; ./s arg", "^run arg$"),
]


if __name__ == "__main__":
    sys.exit(main("busybox", CHECKS, "busybox.tar", cpus="1,2,4", shell="/bin/sh"))
