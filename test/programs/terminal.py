#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The interactive console: job control, line editing, full-screen programs, window size, exit status."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../boot"))
import boot  # noqa: E402
from guest import ROOTFS, Terminal  # noqa: E402

PROMPT = r"READY\$ $"


def steps(report, t):
    """A session in bash, step by step; each step ends at a prompt."""
    ok = report.test

    def prompt(seconds=30):
        return t.expect(PROMPT, seconds) is not None

    def recover():
        """After a failed step: back to a prompt, whatever is running."""
        t.send("\x03\x04\x03\r")
        time.sleep(1)
        t.pump(0.2)
        t.send("\x03\rkill -9 $(jobs -p) 2>/dev/null\r")
        prompt(5)
        t.seen = ""

    def step(name, keys, expect, seconds=30):
        t.seen = ""
        t.send(keys)
        m = t.expect(expect, seconds)
        back = prompt(seconds) if m else False
        ok(bool(m) and back, "terminal: " + name, repr(t.all[-600:]))
        if not (m and back):
            recover()

    ok(t.expect(r"[#$] $", 120), "terminal: bash prompts", repr(t.all[-800:]))
    t.send("PS1='READY''$ '\r")
    prompt()
    step("size of the terminal at start", "stty size\r", r"^37 101\r")
    t.resize(50, 132)
    time.sleep(1)
    step("size of the terminal after a change", "stty size\r", r"^50 132\r")
    step("resize reaches the foreground process", "trap 'echo WINCH $((40+2))' WINCH; kill -WINCH $$; trap - WINCH\r", r"^WINCH 42\r")
    step("stty -a", "stty -a\r", r"speed \d+ baud; rows 50; columns 132;[\s\S]*isig icanon")
    step("tty", "tty; ps -o tty= -p $$\r", r"^/dev/ttyS0\r\nttyS0\r")
    step("backspace and cursor keys", "echo helloo\x7f world\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[DX\r", r"^helloX world\r")
    step("history", "\x1b[A\r", r"^helloX world\r")
    step("completion", "ls -d /usr/sh\t\r", r"^/usr/share/?\r")
    step("^U erases the line", "echo wrong\x15echo right\r", r"^right\r")
    t.seen = ""
    t.send("sleep 1000\r")
    time.sleep(1)
    step("^C ends a program", "\x03", r"\^C")
    step("its status is 130", "echo s$?\r", r"^s130\r")
    t.send("sleep 1000\r")
    time.sleep(1)
    step("^Z stops a program", "\x1a", r"Stopped\s+sleep 1000")
    step("jobs", "jobs -l\r", r"\[1\]\+\s+\d+ Stopped\s+sleep 1000")
    step("bg", "bg; sleep 0.2; ps -o stat= -C sleep\r", r"^S *\r")
    t.send("fg\r")
    time.sleep(1)
    step("fg and ^C", "\x03", r"\^C")
    step("no job is left", "jobs; echo none\r", r"^none\r")
    t.send("cat > /tmp/typed\r")
    time.sleep(1)
    t.send("line one\rwrong\x15line tw\x7fwo\r\x04")
    ok(prompt(), "terminal: canonical input and ^D")
    step("what was typed", "cat /tmp/typed\r", r"^line one\r\nline two\r")
    t.send("stty -echo; read -p pass: x; stty echo; echo \"<$x>\"\r")
    t.expect(r"^pass:$")
    step("stty -echo", "secret\r", r"^<secret>\r")
    t.send("stty raw -echo; echo go; dd bs=1 count=3 2>/dev/null | od -An -c; stty sane\r")
    t.expect(r"^go\n")
    step("raw input", "abc", r"a +b +c")
    t.send("stty sane\r")
    step("sane again", "stty size\r", r"^50 132\r")
    t.send("cat | cat | cat\r")
    time.sleep(1)
    step("^C reaches a whole pipeline", "\x03", r"\^C")
    t.send("sleep 9\r")
    time.sleep(1)
    step("^\\ ends it with SIGQUIT", "\x1c", r"Quit")
    t.send("sleep 100 & cat\r")
    time.sleep(1)
    step("^C spares the background", "\x03", r"\^C")
    step("which is still there", "jobs\r", r"Running\s+sleep 100")
    step("reading in the background stops", "kill %1; cat &\r", r"\[\d\]")
    time.sleep(1)
    step("with SIGTTIN", "jobs\r", r"Stopped\s+cat")
    step("kill it", "kill -9 %cat; wait; echo gone\r", r"^gone\r")
    full_screen(t, step)


def full_screen(t, step):
    t.send("vi /tmp/edited\r")
    t.expect(r"~", 30)
    time.sleep(1)
    t.send("ihello from vi\x1b")
    time.sleep(1)
    step("vi writes a file", ":wq\r", r"written")
    step("which holds the text", "cat /tmp/edited\r", r"^hello from vi\r")
    t.send("seq 1000 | less\r")
    t.expect(r"\r\n40\r", 30)
    t.send(" ")
    t.expect(r"\r\n80\r", 30)
    t.send("G")
    t.expect(r"1000", 30)
    step("less pages and quits", "q", r"(?=READY)")
    t.send("top -d 1\r")
    t.expect(r"Tasks:", 30)
    t.expect(r"Tasks:|load average", 30)
    step("top refreshes and quits", "q", r"(?=READY)")
    step("the screen is usable after that", "echo $((6*7))\r", r"^42\r")


def exit_status(report, tar):
    t = Terminal("--rootfs", tar, "--", "/bin/bash")
    t.expect(r"[#$] $", 120)
    t.send("exit 7\r")
    status = t.wait()
    report.test(status == 7, "terminal: exit 7 is the launcher's status", "%s %r" % (status, t.all[-500:]))
    report.test(t.restored(), "terminal: the host's terminal is as it was")
    t.close()
    t = Terminal("--rootfs", tar, "--", "/bin/bash")
    t.expect(r"[#$] $", 120)
    t.send("kill -9 $$\r")
    status = t.wait()
    report.test(status == 137, "terminal: a killed command gives 128+9", "%s %r" % (status, t.all[-500:]))
    t.close()
    t = Terminal("--rootfs", tar, "--", "/bin/sleep", "1000")
    t.expect("no such text", 4)
    os.kill(t.proc.pid, signal.SIGTERM)
    status = t.wait()
    report.test(status == 143 and t.restored(), "terminal: restored when the launcher is terminated", status)
    t.close()
    t = Terminal("--rootfs", tar, "--", "/bin/sleep", "1000")
    t.expect("no such text", 4)
    t.send("\x1d\x1d\x1d")
    status = t.wait()
    report.test(status == 121 and t.restored(), "terminal: ^] three times ends the machine", status)
    t.close()


def main():
    report = boot.Report()
    tar = os.path.join(ROOTFS, "debian.tar")
    for cpus in os.environ.get("CPUS", "1,4").split(","):
        t = Terminal("-c", cpus, "--rootfs", tar, "--", "/bin/bash", "-l", rows=37, cols=101, timeout=400)
        steps(report, t)
        t.send("exit\r")
        report.test(t.wait() == 0, "terminal: exit powers the machine off", repr(t.all[-500:]))
        t.close()
    exit_status(report, tar)
    return report.done()


if __name__ == "__main__":
    sys.exit(main())
