#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Programs that make namespaces: unshare, nsenter and lsns of util-linux, bubblewrap."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../boot"))
from guest import Check, main, quote  # noqa: E402

USER = "setpriv --reuid=1000 --regid=1000 --clear-groups "
# Without --share-net bwrap brings up a loopback interface, which takes a network: that is refused, and said.
BWRAP = "bwrap --unshare-all --share-net --ro-bind / / --proc /proc --dev /dev "
# What a sandbox must show: its own processes, the owner's id, no writing to the root, a working /dev.
INSIDE = """bash -c 'echo $$ $(id -u); ls -d /proc/[0-9]* | wc -l; touch /x; echo hi > /dev/null && ls /dev/pts/ptmx; mount | grep -c " on / .*ro"'"""
INSIDE_SHOWS = r"^\d+ %d\n[34]\ntouch: .*Read-only file system\n/dev/pts/ptmx\n[1-9]\d*$"
# A namespace that another shell holds while the check looks at it.
HOLD = "unshare %s sleep 30 & p=$!; while [ \"$(cat /proc/$p/comm)\" != sleep ]; do sleep 0.02; done; "


# mkdir(2) and mkdirat(2) answer EPERM, as the program that bwrap reads.
FILTER = """import struct, sys
code = [(0x20, 0, 0, 0), (0x15, 1, 0, 83), (0x15, 0, 1, 258), (6, 0, 0, 0x50001), (6, 0, 0, 0x7fff0000)]
sys.stdout.buffer.write(b"".join(struct.pack("<HBBI", *c) for c in code))"""


def differs(kind):
    return "a=$(readlink /proc/self/ns/%s); b=$(unshare %%s readlink /proc/self/ns/%s); [ -n \"$b\" ] && [ $a != $b ] && echo new" % (kind, kind)


CHECKS = [
    Check("unshare -m", "unshare -m sh -c 'mount -t tmpfs none /mnt; touch /mnt/f; ls /mnt'; ls /mnt | wc -l", "^f\n0$"),
    Check("unshare -m --propagation", "mount -t tmpfs none /mnt; mount --make-shared /mnt; mkdir /mnt/a; unshare -m --propagation slave sh -c 'mount -t tmpfs none /mnt/a; findmnt -no PROPAGATION /mnt'; findmnt /mnt/a; umount /mnt", "^private,slave$"),
    Check("unshare -u", "h=$(uname -n); unshare -u sh -c 'hostname inside 2>/dev/null || echo inside > /proc/sys/kernel/hostname; uname -n'; [ $(uname -n) = $h ] && echo same", "^inside\nsame$"),
    Check("unshare -i", "ipcmk -Q > /dev/null; unshare -i ipcs -q | grep -c 0x; ipcs -q | grep -c 0x; ipcrm -a", "^0\n1$"),
    Check("unshare -n", differs("net") % "-n", "^new$"),
    Check("unshare -C", differs("cgroup") % "-C", "^new$"),
    Check("unshare -p -f --mount-proc", "unshare -p -f --mount-proc sh -c 'echo $$; ls -d /proc/[0-9]* | wc -l; ps -o pid= -C sh'", r"^1\n[23]\n +1$"),
    Check("unshare -p -f --kill-child", "unshare -p -f --kill-child sh -c 'sleep 777 & sleep 776' & p=$!; sleep 0.5; kill -9 $p; wait $p; sleep 0.3; pgrep -x -a sleep | grep -c ' 77[67]$'", judge=lambda o: o.split()[-1] == "0", status=1),
    Check("unshare -U -r", "unshare -U -r sh -c 'id -u; id -g; cat /proc/self/uid_map /proc/self/setgroups'", r"^0\n0\n +0 +0 +1\ndeny$"),
    Check("unshare -U as a user", USER + "unshare -U sh -c 'id -u; touch /tmp/ns-u && stat -c %u /tmp/ns-u'", "^65534\n65534$"),
    Check("unshare -U -r as a user", USER + "unshare -U -r sh -c 'id -u; cat /proc/self/uid_map; touch /etc/x; hostname x'", r"^0\n +0 +1000 +1\ntouch: .*Permission denied", status=(1, 127)),
    Check("unshare -r -m -u -i -p -f -n -C as a user", USER + "unshare -r -m -u -i -p -f -n -C --mount-proc sh -c 'echo $$; echo in > /proc/sys/kernel/hostname; python3 -c \"import socket; socket.sethostname(\\\"in\\\")\"; uname -n; mount -t tmpfs none /mnt; echo $?; grep CapEff /proc/self/status'", r"^1\n.*Permission denied\nin\n0\nCapEff:\s+0*1ffffffffff$"),
    Check("unshare --map-current-user", USER + "unshare -c sh -c 'id -u; grep CapEff /proc/self/status'", r"^1000\nCapEff:\s+0+$"),
    Check("unshare --keep-caps", USER + "unshare -c --keep-caps sh -c 'grep CapEff /proc/self/status'", r"CapEff:\s+0*1ffffffffff$"),
    Check("unshare -R and -w", "unshare -R / -w /usr pwd", "^/usr$"),
    Check("unshare with a file", "touch /tmp/uts; unshare --uts=/tmp/uts sh -c 'echo held > /proc/sys/kernel/hostname'; nsenter --uts=/tmp/uts uname -n; umount /tmp/uts; rm /tmp/uts", "^held$"),
    Check("unshare --setgroups allow without rights", USER + "unshare -r --setgroups allow true", "", status=1),
    Check("unprivileged unshare -m", USER + "unshare -m true", "Operation not permitted", status=1),
    Check("a user's namespace keeps nosuid and read-only", "mkdir -p /tmp/ro; mount -t tmpfs -o ro,nosuid none /tmp/ro; " + USER + "unshare -r -m sh -c 'mount -o remount,rw,bind /tmp/ro; echo $?; mount -o remount,bind,ro,suid /tmp/ro; echo $?; umount /tmp/ro; echo $?'; umount /tmp/ro", r"denied.*\n(.*\n)*32\n(.*\n)*32\n(.*\n)*32$"),
    Check("a user's tmpfs has no devices", USER + "unshare -r -m sh -c 'mount -t tmpfs none /mnt; mknod /mnt/null c 1 3; mknod /mnt/p p && echo fifo'", "Operation not permitted\nfifo$"),
    Check("a user's proc must not show more", "mount -t tmpfs none /proc/sys/kernel; " + USER + "unshare -r -m -p -f sh -c 'mount -t proc proc /mnt'; s=$?; umount /proc/sys/kernel; exit $s", "denied|not permitted", status=32),
    Check("nsenter -u -m -i -n -C -t", HOLD % "-m -u -i -n -C" + "nsenter -m -u -i -n -C -t $p sh -c 'for k in mnt uts ipc net cgroup; do [ $(readlink /proc/self/ns/$k) = $(readlink /proc/'$p'/ns/$k) ] && echo same; done' | uniq -c; kill $p", r"^ +5 same$"),
    Check("nsenter -p -m", "unshare -p -f --mount-proc sleep 30 & sleep 0.5; c=$(pgrep -P $!); nsenter -p -m -t $c sh -c 'cat /proc/1/comm; [ $$ -lt 10 ] && echo low'; kill $c", "^sleep\nlow$"),
    Check("nsenter -a", "unshare -m -u -i -p -f --mount-proc sleep 30 & sleep 0.5; c=$(pgrep -P $!); nsenter -a -t $c cat /proc/1/comm; kill $c", "^sleep$"),
    Check("nsenter -U of a user's namespace", USER + "sh -c " + quote("unshare -U -r sleep 30 & p=$!; sleep 0.5; nsenter -U --preserve-credentials -t $p id -u; nsenter -U -t $p id -u; kill $p"), "^0\nnsenter: setgroups failed: Operation not permitted$"),
    Check("unshare -T", "a=$(cut -d. -f1 /proc/uptime); b=$(unshare -T -f --boottime 1000000 --monotonic 2000000 cut -d. -f1 /proc/uptime); [ $b -ge $((a + 1000000)) ] && [ $b -lt $((a + 1000100)) ] && echo shifted; unshare -T -f --boottime 100000000 uptime -p", r"^shifted\nup 3 years"),
    Check("unshare -T, clocks of a program", "unshare -T -f --monotonic 5000000 python3 -c 'import time; print(time.monotonic() // 1000000, time.clock_gettime(time.CLOCK_BOOTTIME) < 100000)'", "^5.0 True$"),
    Check("nsenter -T", "unshare -T -f --boottime 1000000 sleep 30 & while ! c=$(pgrep -P $!); do sleep 0.1; done; nsenter -T -t $c sh -c 'u=$(cut -d. -f1 /proc/uptime); [ $u -ge 1000000 ] && echo shifted'; kill $c", "^shifted$"),
    Check("lsns", HOLD % "-u -m" + "lsns -n -o NS,TYPE,NPROCS,PID -p $p | awk '{print $2}' | sort | tr '\\n' ' '; lsns -n -o COMMAND $(stat -Lc %i /proc/$p/ns/uts); kill $p", r"^cgroup ipc mnt net pid (time )?user uts sleep 30$"),
    Check("lsns as a user", USER + "sh -c 'unshare -r lsns -n -t user -o NS,PATH,COMMAND'", "lsns"),
    Check("bwrap as root", BWRAP + INSIDE, INSIDE_SHOWS % 0),
    Check("bwrap as a user", USER + BWRAP + INSIDE, INSIDE_SHOWS % 1000),
    Check("bwrap --uid --gid --hostname", USER + BWRAP + "--uid 5 --gid 6 --hostname box sh -c 'id -u; id -g; uname -n'", "^5\n6\nbox$"),
    Check("bwrap --tmpfs --bind --dir --symlink", "mkdir -p /tmp/bw; chmod 777 /tmp/bw; " + USER + BWRAP + "--tmpfs /mnt --dir /mnt/d --symlink d /mnt/l --bind /tmp/bw /mnt/d sh -c 'echo x > /mnt/l/f; ls -1 /mnt'; cat /tmp/bw/f", "^d\nl\nx$"),
    Check("bwrap from an empty root", USER + "bwrap --unshare-all --share-net --ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 --proc /proc --dev /dev --tmpfs /tmp --die-with-parent ls -1 /", "^bin\ndev\nlib\nlib64\nproc\ntmp\nusr$"),
    Check("bwrap --new-session --as-pid-1 --clearenv", USER + BWRAP + "--new-session --as-pid-1 --clearenv --setenv A b bash -c 'echo $$ $A $HOME.'", r"^1 b \.$"),
    Check("bwrap, each namespace by its own flag", USER + "bwrap --unshare-user --unshare-pid --unshare-ipc --unshare-uts --unshare-cgroup-try --ro-bind / / --proc /proc --dev /dev sh -c " + quote("for k in user pid ipc uts cgroup net; do readlink /proc/self/ns/$k; done") + " > /tmp/in; for k in user pid ipc uts cgroup net; do readlink /proc/self/ns/$k; done | grep -F -x -f - /tmp/in", r"^net:\[\d+\]$"),
    Check("bwrap with a network of its own", USER + "bwrap --unshare-net --ro-bind / / echo in; echo $?; " + USER + "bwrap --unshare-all --ro-bind / / echo in", r"^bwrap: loopback: .*\n1\nbwrap: loopback: .*$", status=1),
    Check("bwrap --die-with-parent", "sh -c " + quote(BWRAP + "--die-with-parent sleep 779 & while ! pgrep -f '^sleep 779' > /dev/null; do sleep 0.1; done; kill -9 $$") + "; for i in $(seq 100); do pgrep -f '^sleep 779' > /dev/null || break; sleep 0.1; done; pgrep -c -f '^sleep 779'", "^0$", status=1),
    Check("bwrap --seccomp", "python3 -c " + quote(FILTER) + " > /tmp/filter; " + USER + BWRAP + "--tmpfs /mnt --seccomp 9 sh -c 'mkdir /mnt/d; echo $?; grep ^Seccomp: /proc/self/status' 9< /tmp/filter", r"cannot create directory.*Operation not permitted\n1\nSeccomp:\s+2$"),
    Check("bwrap --disable-userns", USER + BWRAP + "--unshare-user --disable-userns --assert-userns-disabled sh -c 'unshare -U true || bwrap --ro-bind / / true'", r"^unshare: unshare failed: No space left on device\nbwrap: .*ENOSPC", status=1),
    Check("bwrap in bwrap", USER + BWRAP + BWRAP + "id -u", "^1000$"),
    Check("bwrap and its child's status", USER + BWRAP + "sh -c 'exit 7'; echo $?; " + USER + BWRAP + "sh -c 'kill -9 $$'; echo $?", "^7\n137$"),
    Check("set-id programs gain nothing", USER + "unshare -r sh -c 'setpriv --reuid=0 su -c id nobody; head -c1 /etc/shadow'", "Permission denied", status=1),
]


if __name__ == "__main__":
    sys.exit(main("namespaces", CHECKS, "full.tar", cpus="1,2", memory="2G"))
