# SPDX-License-Identifier: BSD-2-Clause
"""Shell checks inside a machine that the launcher started, and an interactive session on a pty."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import boot

ROOTFS = os.path.join(boot.TOP, "out/rootfs")
# What the kernel's log never holds on a good day.
REPORT = re.compile(r"BUG: |UBSAN:|KASAN: (?!on)|WARNING:|Oops|stall|lock order|soft lockup|hard lockup"
                    r"|blocked for more|general protection|Kernel panic|leak:")
# Runs in the machine: each check in a shell of its own, with its output between two marks.
PRELUDE = """
run() {
	echo "@begin $1"
	timeout -k 2 $3 $SH -c "$2" < /dev/null 2>&1
	s=$?
	echo
	echo "@end $1 $s"
}
"""


def launcher(*args, timeout=120, stdin=subprocess.DEVNULL, env=None):
    """Runs the launcher to its end; status, standard output and standard error."""
    command = [boot.LAUNCHER, "run", "--kernel", boot.KERNEL,
               "--timeout", str(int(timeout * boot.PATIENCE)), *args]
    r = subprocess.run(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                       errors="replace", check=False, env=env)
    return r.returncode, r.stdout, r.stderr


def quote(text):
    return "'" + text.replace("'", "'\\''") + "'"


class Check:
    """A shell command, what its output must match, and its exit status."""

    def __init__(self, name, command, expect=None, status=0, seconds=60, judge=None):
        self.name = name
        self.command = command
        self.expect = expect
        self.status = status
        self.seconds = seconds
        self.judge = judge

    def passed(self, output, status):
        wanted = self.status if isinstance(self.status, tuple) else (self.status,)
        if status not in wanted:
            return False
        if self.judge:
            return self.judge(output)
        return self.expect is None or re.search(self.expect, output, re.MULTILINE) is not None


def parse(output):
    """{name: (text, status)} of the checks that ran, and the name of one that was cut short."""
    found = {}
    current, lines = None, []
    for line in output.split("\n"):
        if line.startswith("@begin "):
            current, lines = line[7:], []
        elif line.startswith("@end ") and current:
            found[current] = ("\n".join(lines).rstrip("\n"), int(line.split()[-1]))
            current = None
        elif current:
            lines.append(line)
    return found, current, lines


def run_checks(report, title, checks, rootfs, *args, shell="/bin/bash"):
    """Runs all checks in one machine; after a crash the ones behind it get a new machine."""
    left = list(checks)
    while left:
        script = "SH=%s\n%s" % (shell, PRELUDE)
        for c in left:
            script += "run %s %s %d\n" % (quote(c.name), quote(c.command), int(c.seconds * boot.PATIENCE))
        status, out, err = launcher("--rootfs", rootfs, *args, "--", shell, "-c", script + "exit 0\n",
                                    timeout=60 + sum(min(c.seconds, 30) for c in left))
        found, cut, lines = parse(out)
        for c in left:
            if c.name in found:
                text, code = found[c.name]
                report.test(c.passed(text, code), "%s: %s" % (title, c.name),
                            "status %d, output:\n%s" % (code, text))
            elif c.name == cut:
                report.test(False, "%s: %s" % (title, c.name),
                            "\n".join(lines[-15:]) + "\nmachine ended with %d: %s" % (status, err))
        rest = [c for c in left if c.name not in found and c.name != cut]
        if len(rest) == len(left):
            for c in left:
                report.test(False, "%s: %s" % (title, c.name), "not reached: status %d: %s\n%s" %
                            (status, err, out[-1500:]))
            return
        if not rest and not cut:
            report.test(status == 0, "%s: the machine ends with status 0" % title, "%d: %s" % (status, err))
        left = rest


def main(title, checks, tar, cpus="2", memory=None, shell="/bin/bash", also=None):
    """The whole of a script of checks; its exit status.

    Arguments pick checks by parts of their names, CPUS and MEM in the environment stand before @cpus and
    @memory; @also has {name: function(report, path of the tar)} for what no shell in the machine can check.
    """
    report = boot.Report()
    names = sys.argv[1:]
    path = os.path.join(ROOTFS, tar)
    picked = [c for c in checks if not names or any(n in c.name for n in names)]
    others = [f for name, f in (also or {}).items() if not names or any(n in name for n in names)]
    memory = os.environ.get("MEM", memory)
    for count in os.environ.get("CPUS", cpus).split(",") if picked else ():
        run_checks(report, "%s, %s cpus" % (title, count), picked, path, "-c", count,
                   *(["-m", memory] if memory else []), shell=shell)
    for f in others:
        f(report, path)
    if not report.count:
        report.test(False, "no check is called %s" % " or ".join(names))
    return report.done()


class Terminal:
    """The launcher on a pseudo-terminal of its own."""

    def __init__(self, *args, rows=24, cols=80, timeout=300):
        self.master, slave = pty.openpty()
        self.slave = slave
        self.resize(rows, cols, tell=False)
        self.before = termios.tcgetattr(slave)
        env = dict(os.environ, TERM="vt100")
        self.proc = subprocess.Popen([boot.LAUNCHER, "run", "--kernel", boot.KERNEL,
                                      "--timeout", str(int(timeout * boot.PATIENCE)), *args],
                                     stdin=slave, stdout=slave, stderr=slave, env=env,
                                     start_new_session=True,
                                     preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.seen = ""
        self.held = ""          # the start of a sequence whose end has not come yet
        self.all = ""

    def resize(self, rows, cols, tell=True):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
        if tell:
            os.kill(self.proc.pid, signal.SIGWINCH)

    def pump(self, seconds):
        if select.select([self.master], [], [], seconds)[0]:
            try:
                data = os.read(self.master, 65536).decode("utf-8", "replace")
            except OSError:
                return False
            self.all += data
            # Readline's switches for pasting are not part of what the user sees.
            data = self.held + data
            m = re.search(r"\x1b(\[(\?(2(0(0(4l?)?)?)?)?)?)?$", data)
            self.held = m.group(0) if m else ""
            self.seen += re.sub(r"\x1b\[\?2004[hl]\r?", "", data[:len(data) - len(self.held)])
        return True

    def send(self, text):
        os.write(self.master, text.encode())

    def expect(self, pattern, seconds=30):
        """Waits for @pattern in what came since the last match; the match object or None."""
        end = time.monotonic() + seconds * boot.PATIENCE
        while True:
            m = re.search(pattern, self.seen, re.MULTILINE)
            if m:
                self.seen = self.seen[m.end():]
                return m
            left = end - time.monotonic()
            if left <= 0 or not self.pump(min(left, 0.5)):
                return None

    def restored(self):
        return termios.tcgetattr(self.slave) == self.before

    def wait(self, seconds=30):
        end = time.monotonic() + seconds * boot.PATIENCE
        while self.proc.poll() is None and time.monotonic() < end:
            self.pump(0.1)
        return self.proc.poll()

    def close(self):
        if self.proc.poll() is None:
            self.proc.terminate()
            self.proc.wait()
        os.close(self.master)
        os.close(self.slave)
