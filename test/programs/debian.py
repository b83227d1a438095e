#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Debian's own programs on a minbase root with python3."""
import hashlib
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../boot"))
from guest import Check, main  # noqa: E402

PYTHON_THREADS = """
import threading, queue
q = queue.Queue()
def work(n):
    for i in range(200):
        q.put(n * i)
t = [threading.Thread(target=work, args=(n,)) for n in range(8)]
[x.start() for x in t]
[x.join() for x in t]
print(sum(q.get() for _ in range(1600)))
"""
PYTHON_PROCESSES = """
import multiprocessing
def square(x):
    return x * x
if __name__ == "__main__":
    with multiprocessing.Pool(4) as p:
        print(sum(p.map(square, range(100))))
"""
PYTHON_ASYNCIO = """
import asyncio
async def serve(r, w):
    w.write((await r.readline()).upper())
    await w.drain()
    w.close()
async def main():
    s = await asyncio.start_unix_server(serve, "/tmp/sock")
    r, w = await asyncio.open_unix_connection("/tmp/sock")
    w.write(b"hello corbel\\n")
    print((await r.readline()).decode().strip())
    s.close()
asyncio.run(main())
"""
PYTHON_SIGNALS = """
import os, signal, time, select, mmap
got = []
signal.signal(signal.SIGUSR1, lambda s, f: got.append(s))
signal.setitimer(signal.ITIMER_REAL, 0.05)
signal.signal(signal.SIGALRM, lambda s, f: got.append(s))
os.kill(os.getpid(), signal.SIGUSR1)
end = time.monotonic() + 5
while len(got) < 2 and time.monotonic() < end:
    time.sleep(0.01)
r, w = os.pipe()
e = select.epoll()
e.register(r, select.EPOLLIN)
os.write(w, b"x")
m = mmap.mmap(-1, 65536)
m[:5] = b"abcde"
pid = os.fork()
if pid == 0:
    m[:5] = b"child"
    os._exit(3)
print(sorted(got), len(e.poll(1)), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), m[:5])
"""
PERL_FORK = """
$| = 1; pipe(R, W); if (my $p = fork) { close W; my @l = <R>; waitpid $p, 0; print scalar(@l), " ", $? >> 8, "\\n" }
else { close R; print W "line $_\\n" for 1 .. 5000; exit 9 }
"""
TEN_PIPES = "seq 20000 | cat | cat | tr 1 x | tr x 1 | sort -n | cat | tac | cat | wc -l"
TEXT = "".join("%d the quick brown fox\n" % i for i in range(1000))
SHA = hashlib.sha256(TEXT.encode()).hexdigest()


def lines_at_least(n, *words):
    return lambda out: len(out.splitlines()) >= n and all(w in out for w in words)


CHECKS = [
    Check("bash arithmetic and arrays", "for ((i=0;i<100;i++)); do a[i]=$((i*i)); done; echo ${#a[@]} ${a[99]}", "^100 9801$"),
    Check("bash recursion with subshells", "f() { (($1 <= 1)) && echo 1 || echo $(($1 * $(f $(($1 - 1))))); }; f 8", "^40320$"),
    Check("bash process substitution", "diff <(seq 5) <(seq 5) && paste <(echo a) <(echo b)", "^a\tb$"),
    Check("bash here documents", "cat <<X | tr a-z A-Z\nhello $((1+1))\nX", "^HELLO 2$"),
    Check("bash background jobs", "for i in 1 2 3 4 5; do (sleep 0.1; exit $i) & p+=($!); done; s=0; for x in ${p[@]}; do wait $x; s=$((s+$?)); done; echo $s", "^15$"),
    Check("bash traps", "trap 'echo got usr1' USR1; trap 'echo bye' EXIT; kill -USR1 $$; echo on", "^got usr1\non\nbye$"),
    Check("bash coproc and read", "coproc cat; echo ping >&${COPROC[1]}; read -t 5 x <&${COPROC[0]}; echo $x", "^ping$"),
    Check("bash pipefail and status", "set -o pipefail; false | true; echo $?; (kill -9 $BASHPID); echo $?", r"^1\n(.*Killed.*\n)?137$"),
    Check("bash login shell", "bash -lc 'shopt login_shell; echo $HOME'", r"login_shell\s+on\n/root"),
    Check("coreutils checksum", "for i in {0..999}; do echo $i the quick brown fox; done | sha256sum", SHA),
    Check("coreutils sort and uniq", "for i in {1..1000}; do echo $((i % 7)); done | sort | uniq -c | sort -rn | head -1", r"143 [1-6]$"),
    Check("coreutils cp -a, ln, stat", "cd $(mktemp -d); mkdir a; echo x > a/f; ln a/f a/g; ln -s f a/h; chmod 640 a/f; cp -a a b; stat -c '%a %h %F' b/f; readlink b/h; stat -c %i b/f b/g | uniq | wc -l", "^640 2 regular file\nf\n1$"),
    Check("coreutils times", "cd $(mktemp -d); touch -d '2001-02-03 04:05:06 UTC' f; TZ=UTC stat -c %y f; touch g; [ g -nt f ] && echo newer", "^2001-02-03 04:05:06.0+ .*\nnewer$"),
    Check("coreutils dd and truncate", "cd $(mktemp -d); dd if=/dev/zero of=f bs=64k count=32 status=none; truncate -s 3M f; stat -c %s f; tr -d '\\0' < f | wc -c", "^3145728\n0$"),
    Check("coreutils sparse and du", "cd $(mktemp -d); truncate -s 1G f; [ $(du -k f | cut -f1) -lt 1000 ] && echo sparse", "^sparse$"),
    Check("coreutils split and join", "cd $(mktemp -d); seq 1000 | split -l 100; ls | wc -l; cat x* | md5sum; seq 1000 | md5sum", judge=lambda o: o.split()[0] == "10" and o.split()[1] == o.split()[3]),
    Check("coreutils fifo and tee", "cd $(mktemp -d); mkfifo p; (seq 100 > p) & tee copy < p | tail -1; wc -l < copy", "^100\n100$"),
    Check("coreutils id, whoami, uname", "id -u; whoami; uname -s; uname -m", "^0\nroot\nLinux\nx86_64$"),
    Check("coreutils timeout", "timeout 0.2 sleep 10; echo $?", "^124$"),
    Check("coreutils date", "date -u -d @86400 +%F; [ $(date +%Y) -ge 2024 ] && echo now", "^1970-01-02\nnow$"),
    Check("coreutils factor, shuf, base64", "factor 1234567890; shuf -i 1-100 | sort -n | tail -1; echo hello | base64 | base64 -d", "3607 3803\n100\nhello$"),
    Check("coreutils df and mount", "df / | tail -1; mount | grep -c ^", judge=lambda o: " /" in o and int(o.split()[-1]) >= 4),
    Check("coreutils ls", "ls -la / /dev /proc /usr/bin | wc -l", judge=lambda o: int(o) > 300),
    Check("coreutils rename, rmdir", "cd $(mktemp -d); mkdir -p a/b; touch a/f; rmdir a; echo $?; mv a/b c; rmdir c; rm -r a; ls | wc -l", "Directory not empty\n1\n0$"),
    Check("dpkg -l", "dpkg -l", judge=lambda o: sum(line.startswith("ii ") for line in o.splitlines()) > 80),
    Check("dpkg -S and -s", "dpkg -S /bin/bash; dpkg -s bash | grep Status", "^bash: /bin/bash\nStatus: install ok installed$"),
    Check("perl", "perl -e 'print join(\",\", map { $_ * 2 } 1..5), \"\\n\"; my %h = map { $_ => 1 } 1..1000; print scalar(keys %h), \"\\n\"'", "^2,4,6,8,10\n1000$"),
    Check("perl fork and pipe", "perl -e '%s'" % PERL_FORK, "^5000 9$"),
    Check("perl regular expressions", "seq 1000 | perl -ne 'print if /^(\\d)\\1+$/' | tr '\\n' ' '", "11 22 33 44 55 66 77 88 99 111 222"),
    Check("python3", "python3 -c 'import json, hashlib; print(json.dumps({\"a\": [1, 2.5, None]})); print(2**200 % 1000007)'", r'^\{"a": \[1, 2.5, null\]\}'),
    Check("python3 subprocess", "python3 -c 'import subprocess; print(subprocess.run([\"sort\"], input=b\"b\\na\\n\", stdout=subprocess.PIPE).stdout)'", r"b'a\\nb\\n'"),
    Check("python3 threads", "python3 -c '%s'" % PYTHON_THREADS, "^557200$"),
    Check("python3 processes", "cd /tmp; cat > pool.py <<'X'\n%s\nX\npython3 pool.py" % PYTHON_PROCESSES, "^328350$"),
    Check("python3 asyncio on a unix socket", "python3 -c '%s'" % PYTHON_ASYNCIO, "^HELLO CORBEL$"),
    Check("python3 signals, epoll, mmap", "python3 -c '%s'" % PYTHON_SIGNALS, r"^\[10, 14\] 1 3 b'child'$"),
    Check("python3 os.walk and stat", "python3 -c 'import os; print(sum(len(f) for _, _, f in os.walk(\"/usr\")) > 3000)'", "^True$"),
    Check("tar", "cd $(mktemp -d); tar -cf a.tar -C / etc usr/bin; mkdir x; tar -xf a.tar -C x; diff -r --no-dereference /etc x/etc && diff -r --no-dereference /usr/bin x/usr/bin && tar -tf a.tar | wc -l", judge=lambda o: int(o.split()[-1]) > 400),
    Check("tar with gzip", "cd $(mktemp -d); tar -czf a.tgz -C / etc && gzip -t a.tgz && tar -tzf a.tgz | grep -c ^etc/", judge=lambda o: int(o) > 100),
    Check("gzip -t", "cd $(mktemp -d); seq 200000 | gzip > f.gz && gzip -t f.gz && zcat f.gz | tail -1; head -c 1000 f.gz > g.gz; gzip -t g.gz", r"^200000\n\s*gzip: .*unexpected end of file$", status=1),
    Check("xz and bzip2", "seq 20000 | xz | xz -d | tail -1; seq 20000 | bzip2 | bzip2 -d | tail -1", "^20000\n20000$"),
    Check("find / -xdev", "find / -xdev | wc -l; find / -xdev -path '*/bin/bash'", judge=lambda o: int(o.split()[0]) > 5000 and "bin/bash" in o),
    Check("find -exec and xargs", "find /usr/share/perl-base /usr/share/perl5 -name '*.p[lm]' 2>/dev/null | xargs cat | wc -l; find /etc -maxdepth 1 -type f -exec basename -a {} + | grep -c .", judge=lambda o: len(o.split()) == 2),
    Check("grep, sed, awk", "seq 100 | grep -E '^[1-9]0?$' | sed 's/^/n/' | awk '{ s += substr($1, 2) } END { print NR, s }'", "^18 495$"),
    Check("ps aux", "ps aux", judge=lambda o: re_all(o, r"^USER +PID %CPU %MEM +VSZ +RSS TTY +STAT START +TIME COMMAND$", r"^root +1 .*init", r"^root .* ps aux$")),
    Check("ps -ef and pgrep", "sleep 77 & pgrep -x sleep > /dev/null && ps -ef > /dev/null && ps -C sleep -o args= | grep -c 77; kill $!", "^1$"),
    Check("ps fields", "ps -o pid,ppid,pgid,sid,stat,tty,rss,vsz,nlwp,etimes,args -p $$", r"bash -c ps|ps -o pid"),
    Check("top -b -n1", "top -b -n1 | head -20", judge=lambda o: re_all(o, r"^top - ", r"^Tasks: +\d+ total", r"^%Cpu", r"^MiB Mem :", r"PID USER")),
    Check("free, uptime, vmstat", "free -m; uptime; vmstat", judge=lambda o: re_all(o, r"^Mem: +[1-9]\d+", r"load average", r"^procs")),
    Check("pidof, kill, pkill", "sleep 50 & sleep 50 & pkill sleep; wait; pidof sleep; echo $?", "^1$"),
    Check("pipes of ten processes", TEN_PIPES, "^20000$"),
    Check("pipes of ten processes, twenty times", "for i in {1..20}; do %s; done | uniq -c" % TEN_PIPES.replace("20000", "200"), r"^ +20 200$"),
    Check("vi in ex mode", "cd $(mktemp -d); printf 'one\\ntwo\\n' > f; vi -es -u NONE -c '%s/o/0/g' -c wq f; cat f", "^0ne\ntw0$"),
    Check("less as a filter", "seq 5000 | less | tail -1", "^5000$"),
    Check("mount and umount", "mkdir -p /mnt/t && mount -t tmpfs -o size=1m none /mnt/t && df -k /mnt/t | tail -1 && umount /mnt/t && ls /mnt/t | wc -l", r" 1024 .*/mnt/t\n0$"),
    Check("su to another user", "su -s /bin/sh nobody -c 'id -un; touch /root/x; echo x > /etc/passwd'", r"^nobody\n.*Permission denied\n.*[Pp]ermission denied", status=(1, 2)),
    Check("file permissions", "cd $(mktemp -d); chmod 755 .; echo secret > f; chmod 600 f; setpriv --reuid=65534 --clear-groups cat f", "Permission denied", status=1),
    Check("symlink loops", "cd $(mktemp -d); ln -s a b; ln -s b a; cat a", "Too many levels of symbolic links", status=1),
    Check("proc files", "cat /proc/version /proc/cpuinfo /proc/meminfo /proc/self/maps /proc/self/status /proc/uptime /proc/loadavg /proc/stat /proc/mounts /proc/filesystems | wc -l; ls -l /proc/self/fd/0", judge=lambda o: int(o.split()[0]) > 100 and "/dev/null" in o),
    Check("dmesg", "dmesg | head -50 | grep -c .", judge=lambda o: int(o) > 5),
    Check("locale and iconv", "printf 'caf\\303\\251' | iconv -f UTF-8 -t LATIN1 | od -An -tx1", "63 61 66 e9"),
    Check("script interpreter chain", "cd $(mktemp -d); printf '#!/usr/bin/env -S python3 -c print(6*7)\\n' > a; printf '#!/bin/bash\\necho $0 $1\\n' > b; chmod +x a b; ./b x; ./a", r"^\./b x\n42"),
    Check("many processes", "for i in {1..150}; do sleep 1 & done; wait; echo all", "^all$"),
    Check("random devices", "head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n' | wc -c; [ \"$(head -c 16 /dev/random | md5sum)\" != \"$(head -c 16 /dev/random | md5sum)\" ] && echo differ", "^64\ndiffer$"),
    Check("busybox", "busybox sh -c 'busybox ls / | busybox wc -l'", judge=lambda o: int(o) > 10),
]


def re_all(out, *patterns):
    import re
    return all(re.search(p, out, re.MULTILINE) for p in patterns)


if __name__ == "__main__":
    sys.exit(main("debian", CHECKS, "debian.tar", cpus="1,2,4", memory="1G"))
