#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The message bus as programs use it: libcorbelbus, the program of docs/bus.md, and every command of corbel-bus."""
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../boot"))
import boot  # noqa: E402
from guest import Check, main, quote  # noqa: E402

GUEST = os.path.join(boot.OUT, "guest")
HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = {"bin/corbel-bus": os.path.join(GUEST, "corbel-bus"), "bin/first": os.path.join(GUEST, "bus/first"),
            "bin/bustest": os.path.join(boot.OUT, "test/programs/bustest")}
# Runs a script on a bus of its own.
BUS = "corbel-bus run t sh -c "
# Until NAME has an owner.
WAIT = "w() { while ! corbel-bus list | grep -q \"^$1 .*owner\"; do sleep 0.05; done; }; "
ECHO = WAIT + "corbel-bus echo org.x.Echo & e=$!; w org.x.Echo; "


def on_bus(script):
    return BUS + quote(script)


def monitored(script, count, options=""):
    """What a monitor shows of the messages that @script sends."""
    return on_bus(ECHO + "rm -f /n; corbel-bus monitor --messages --count=%d %s > /m 2> /n & m=$!; while ! grep -q watching /n 2> /dev/null; do sleep 0.05; done; %s; "
                  "wait $m; kill $e; wait $e; cat /m" % (count, options, script))


LIBRARY = ("payloads", "zeroes", "memory", "descriptors", "async", "errors", "timeout", "cancel", "signals", "arguments",
           "notifications", "peek", "metadata", "info", "names", "disconnect", "large", "threads")

CHECKS = [Check("library: " + name, on_bus("bustest " + name), "^%s: good$" % name) for name in LIBRARY] + [
    Check("the program of the documentation", on_bus(WAIT + "first & w org.example.First; first Ada; first '$(id)'; kill $!"),
          r"^Hello, Ada\nHello, \$\(id\)$"),
    Check("run: status and environment", on_bus("echo $CORBEL_BUS; ls $CORBEL_BUS /sys/fs/kdbus; exit 7"), "0-t\ncontrol$|^0-t\n", status=7),
    Check("run: the bus ends with its command", on_bus("ls -d /sys/fs/kdbus/0-t") + "; ls /sys/fs/kdbus", r"^/sys/fs/kdbus/0-t\ncontrol$"),
    Check("run: the bus of a command that is killed", BUS + "'kill -9 $$'; echo $?; ls /sys/fs/kdbus", "^137\ncontrol$"),
    Check("run: a name that is none", "corbel-bus run 'a b' true", r"^corbel-bus: cannot make the bus 0-a b: Invalid argument$", status=1),
    Check("list", on_bus(ECHO + "corbel-bus list; kill $e; wait $e"),
          r"^NAME +ID +KIND +PID +UID +PROCESS +DESCRIPTION\n(- .*\n)+org\.x\.Echo +:1\.\d+ +owner +\d+ +0 +corbel-bus +corbel-bus$"),
    Check("list of an empty bus", on_bus("corbel-bus list | tail -n +2 | wc -l; corbel-bus list extra"), r"^1\ncorbel-bus: list takes no words", status=2),
    Check("tree", on_bus(ECHO + "bustest hold org.x.A org.x.B & h=$!; w org.x.B; bustest hold queue org.x.A & q=$!; "
                         "while ! corbel-bus list | grep -q waits; do sleep 0.05; done; corbel-bus tree; kill $e $h $q"),
          r":1\.\d+  bustest  pid \d+, user 0  \"holder\"\n\|-- org\.x\.A  waiting: :1\.\d+\n`-- org\.x\.B\n"),
    Check("call", on_bus(ECHO + "corbel-bus call org.x.Echo hello 'my world'; kill $e; wait $e"), r"^reply :1\.\d+ -> :1\.\d+ cookie \d+ answers 1, 14 bytes\n    \"hello my world\"$"),
    Check("call without payload", on_bus(ECHO + "corbel-bus call org.x.Echo; kill $e; wait $e"), ", 0 bytes$"),
    Check("call --file, --raw", on_bus(ECHO + "head -c 3000000 /dev/urandom > /f; corbel-bus call --raw --file=/f org.x.Echo | cmp - /f && echo same; "
                                       "corbel-bus call --raw --memory --file=/f org.x.Echo | cmp - /f && echo same; echo x | corbel-bus call --raw org.x.Echo --file=-; kill $e; wait $e"),
          "^same\nsame\nx$"),
    Check("call by number", on_bus(ECHO + "n=$(corbel-bus list | sed -n 's/^org.x.Echo *\\(:1[.][0-9]*\\) .*/\\1/p'); corbel-bus call --raw $n a; corbel-bus call --raw ${n#:1.} b; kill $e; wait $e"), "^ab$"),
    Check("call: nobody", on_bus("corbel-bus call org.x.Nobody x"), "^corbel-bus: call to org.x.Nobody: nobody has that name$", status=1),
    Check("call: no such connection", on_bus("corbel-bus call :1.77777 x"), "^corbel-bus: call to :1.77777: there is no such connection$", status=1),
    Check("call: no answer", on_bus(WAIT + "bustest hold org.x.Mute & w org.x.Mute; corbel-bus call --timeout=1 org.x.Mute x"), "^corbel-bus: call to org.x.Mute: no answer in time$", status=1),
    Check("call: who was asked dies", on_bus(WAIT + "bustest hold org.x.Mute & p=$!; w org.x.Mute; (sleep 0.5; kill $p) & corbel-bus call org.x.Mute x"),
          "^corbel-bus: call to org.x.Mute: it went away without an answer$", status=1),
    Check("echo: a name that is taken", on_bus(ECHO + "corbel-bus echo org.x.Echo; s=$?; kill $e; exit $s"), "^corbel-bus: cannot own org.x.Echo: File exists$", status=1),
    Check("echo --count", on_bus(WAIT + "corbel-bus echo --count=2 org.x.Twice & p=$!; w org.x.Twice; corbel-bus call --raw org.x.Twice a; corbel-bus call --raw org.x.Twice b; wait $p; echo $?"), "^ab0$"),
    Check("monitor: text", monitored("corbel-bus call org.x.Echo 'a \"b\"' > /dev/null", 2),
          r"^\d+\.\d{6} #\d+ call :1\.\d+\(corbel-bus\) -> org\.x\.Echo cookie 1, 5 bytes\n    \"a \\\"b\\\"\"\n\d+\.\d{6} #\d+ reply .* answers 1, 5 bytes\n    \"a "),
    Check("monitor: bytes", monitored("printf '\\000\\001abc' | corbel-bus call --file=- org.x.Echo > /dev/null", 1), r"\n    000000  00 01 61 62 63 +\.\.abc$"),
    Check("monitor --bytes", monitored("head -c 1000 /dev/zero | tr '\\0' x | corbel-bus call --file=- org.x.Echo > /dev/null", 1, "--bytes=8"), "\n    \"xxxxxxxx\"\n    and 992 bytes more$"),
    Check("monitor: memory files", monitored("corbel-bus call --memory org.x.Echo abc > /dev/null", 2), r"3 bytes\n    (\"abc\"|3 bytes in a memory file)\n"),
    Check("monitor: signals", monitored("corbel-bus signal org.x.Echo Done all", 1), r" signal :1\.\d+\(corbel-bus\) -> all cookie 1, 3 bytes\n    \"all\"$"),
    Check("monitor: notifications", on_bus("rm -f /n; corbel-bus monitor --count=4 > /m 2> /n & m=$!; while ! grep -q watching /n 2> /dev/null; do sleep 0.05; done; corbel-bus echo org.x.E & e=$!; "
                                           "while [ $(wc -l < /m) -lt 2 ]; do sleep 0.05; done; kill $e; wait $m; cut -d' ' -f3- /m"),
          r"^id-add :1\.(\d+)\nname-add org\.x\.E 0 -> \1\nname-remove org\.x\.E \1 -> 0\nid-remove :1\.\1$"),
    Check("monitor ends with ^C", on_bus("corbel-bus monitor & p=$!; sleep 0.5; kill -INT $p; wait $p; echo $?"), "^corbel-bus: watching\n0$"),
    Check("top", on_bus(ECHO + "corbel-bus bench --size=4096 --count=50000 > /dev/null 2>&1 & b=$!; corbel-bus top --seconds=1 --rounds=2; kill $b $e"),
          r"^\d+ messages, [1-9]\d+ bytes in \d\.\d s from [23] senders.*\nID +PID +UID +PROCESS +BYTES/S +MESSAGES/S +BYTES +MESSAGES\n:1\.\d+ +\d+ +0 +corbel-bus +[1-9]\d+ +[1-9]\d* +[1-9]\d+ +[1-9]\d*\n", seconds=90),
    Check("top --by=messages", on_bus("corbel-bus top --rounds=1 --seconds=1 --by=messages; corbel-bus top --by=size"), r"^0 messages, 0 bytes in 1\.\d s from 0 senders\nID[^\n]*\n\ncorbel-bus: --by is bytes or messages", status=2),
    Check("bench", on_bus("corbel-bus bench --count=50; corbel-bus bench --memory --size=600000 --count=20"), r"^ +BYTES +MEDIAN us +99 % us +CALLS/S +MB/S\n +8 .*\n +1024 (.*\n){5} +BYTES .*\n +600000( +[0-9.]+){4}$", seconds=120),
    Check("stats", on_bus(ECHO + "corbel-bus call org.x.Echo x > /dev/null; corbel-bus stats; kill $e; wait $e"), r"\d"),
    Check("help", "corbel-bus --help | head -n 1; corbel-bus list --help | wc -l", r"^usage: corbel-bus .*\n[2-9]\d$"),
    Check("no bus", "corbel-bus list; corbel-bus --bus=9-none call a b", "^corbel-bus: there is no bus 0-system\ncorbel-bus: there is no bus 9-none$", status=1),
    Check("wrong words", "for c in '' nothing '--what list' 'list --what' 'call' 'call --timeout=x a' 'call 0 a' '--bus' 'echo' 'signal a'; do corbel-bus $c 2>&1; echo $?; done",
          judge=lambda o: re.fullmatch(r"(corbel-bus: .*; see corbel-bus --help\n2\n?){10}", o) is not None),
    Check("a user's own bus", "su -s /bin/sh user -c " +
          quote("corbel-bus run u sh -c 'echo $CORBEL_BUS; corbel-bus list | tail -n 1'"), r"^1000-u\n- +:1\.\d+ +\d+ +1000 +corbel-bus +corbel-bus$"),
    Check("policy: strangers see no names and reach nobody", on_bus(ECHO + "su -s /bin/sh user -c 'corbel-bus call org.x.Echo x'; su -s /bin/sh user -c 'corbel-bus monitor'; kill $e; wait $e"),
          "org.x.Echo: (the policy of the bus says no|nobody has that name)\ncorbel-bus: cannot connect to 0-t: Operation not permitted$", status=(0, 1)),
]


def hostile(report, _):
    """The library on this machine, under sanitizers, with messages that are wrong."""
    with tempfile.TemporaryDirectory() as d:
        program = os.path.join(d, "hostile")
        library = os.path.join(boot.TOP, "guest/bus")
        sources = sorted(os.path.join(library, f) for f in os.listdir(library) if f.endswith(".c"))
        r = subprocess.run([os.environ.get("HOSTCC", "gcc"), "-std=gnu11", "-D_GNU_SOURCE", "-g", "-O1", "-fsanitize=address,undefined",
                            "-fno-sanitize-recover=undefined", "-I", os.path.join(boot.TOP, "abi"),
                            "-Wl,--wrap=close,--wrap=mmap,--wrap=munmap,--wrap=ioctl", "-o", program, os.path.join(HERE, "bus/hostile.c"),
                            os.path.join(library, "tool/dbus1.c")] + sources,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if not report.test(r.returncode == 0, "library: it builds with sanitizers", r.stdout):
            return
        env = dict(os.environ, ASAN_OPTIONS="allocator_may_return_null=1:max_allocation_size_mb=16")
        r = subprocess.run([program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False, env=env)
        report.test(r.returncode == 0 and "hostile: good" in r.stdout, "library: hostile messages and filters", r.stdout[-3000:])


def root():
    """busybox.tar with the programs, and a user."""
    path = os.path.join(boot.OUT, "test/programs/bus.tar")
    base = os.path.join(boot.TOP, "out/rootfs/busybox.tar")
    passwd = b"root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/tmp:/bin/sh\n"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with tarfile.open(base) as old, tarfile.open(path, "w") as new:
        for m in old.getmembers():
            if m.isdir():
                m.mode |= 0o055
            if m.name.lstrip("./") != "etc/passwd":
                new.addfile(m, old.extractfile(m) if m.isreg() else None)
        for name, host in list(PROGRAMS.items()) + [("etc/passwd", passwd)]:
            data = host
            if isinstance(host, str):
                with open(host, "rb") as f:
                    data = f.read()
            m = tarfile.TarInfo("./" + name)
            m.size, m.mode = len(data), 0o755
            new.addfile(m, io.BytesIO(data))
    return path


if __name__ == "__main__":
    os.makedirs(os.path.join(boot.OUT, "test/programs"), exist_ok=True)
    sys.exit(main("bus", CHECKS, root(), cpus="1,2", memory="512M", shell="/bin/sh", also={"hostile": hostile}))
