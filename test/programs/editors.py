#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""tmux and vim: programs that own terminals, in pseudo-terminals that they make; vim on the console too."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../boot"))
from guest import Check, Terminal, main  # noqa: E402

TMUX = "export TERM=xterm LC_ALL=C.UTF-8; tmux -f /dev/null -L t new-session -d -x 90 -y 30 'bash --norc'; "
# Waits until a pane shows a text, so that no check depends on how fast the machine is.
SHOWS = "shows() { for i in {1..100}; do tmux -L t capture-pane -p -t $1 | grep -q -- \"$2\" && return; sleep 0.1; done; tmux -L t capture-pane -p -t $1; return 1; }; "
END = "; tmux -L t kill-server"
# Vim in a terminal of script(1): keys come through a fifo, as from a user.
VIM_PTY = """cd $(mktemp -d); export TERM=xterm; mkfifo keys; exec 3<>keys
script -qefc 'stty rows 24 cols 80; vim -u NONE -N f' /dev/null < keys > screen & p=$!
wait_for() { for i in {1..100}; do grep -qa -- "$1" screen && return; sleep 0.1; done; echo "no $1"; }
wait_for '\\[New\\]'; printf 'iline one\\rline two\\033' >&3; wait_for 'line two'
printf ':%%s/line/row/\\r' >&3; wait_for row; printf 'ggyyGp:w\\r' >&3; wait_for written; printf ':q\\r' >&3
wait $p; echo status $?; cat f
"""

CHECKS = [
    Check("tmux: a session with a shell", TMUX + SHOWS + "tmux -L t send-keys 'echo $((6*7))$(tty | cut -c1-9)' Enter; shows 0 '^42/dev/pts/' && tmux -L t list-sessions" + END, r"^0: 1 windows"),
    Check("tmux: split, sizes, panes with shells of their own", TMUX + SHOWS + "tmux -L t split-window -h 'bash --norc'; tmux -L t send-keys -t 1 'stty size; tty' Enter; shows 1 '^30 44' || shows 1 '^29 44'; tmux -L t list-panes -F '#{pane_index} #{pane_width}x#{pane_height} #{pane_tty}'" + END, r"^0 45x\d+ /dev/pts/(\d+)\n1 44x\d+ /dev/pts/(?!\1$)\d+$"),
    Check("tmux: a resize reaches the program", TMUX + SHOWS + "tmux -L t send-keys 'trap \"stty size\" WINCH; echo set' Enter; shows 0 '^set'; tmux -L t resize-window -x 70 -y 20; tmux -L t send-keys '' Enter; shows 0 '20 70' && echo resized" + END, "^resized$"),
    Check("tmux: ^C, ^Z and fg", TMUX + SHOWS + "tmux -L t send-keys 'sleep 100' Enter; sleep 0.5; tmux -L t send-keys C-z; shows 0 Stopped; tmux -L t send-keys fg Enter; sleep 0.5; tmux -L t send-keys C-c; tmux -L t send-keys 'echo status $?' Enter; shows 0 '^status 130' && echo fine" + END, "^fine$"),
    Check("tmux: ten windows, pipe-pane, kill", TMUX + SHOWS + "for i in {1..9}; do tmux -L t new-window -d \"echo window $i; exec cat\"; done; tmux -L t list-windows | wc -l; for i in {1..9}; do shows $i \"window $i\" || echo bad; done; tmux -L t pipe-pane -t 9 'cat > /tmp/piped'; tmux -L t send-keys -t 9 hello Enter; for i in {1..50}; do grep -q hello /tmp/piped && break; sleep 0.1; done; grep -c hello /tmp/piped" + END + "; for i in {1..50}; do pgrep -x 'tmux: server' > /dev/null || break; sleep 0.1; done; pgrep -c tmux", r"^10\n[12]\n0$", status=1),
    Check("vim in ex mode", "cd $(mktemp -d); seq 2000 > f; vim -es -u NONE -N -c 'g/0$/d' -c '%s/^/n/' -c wq f; wc -l < f; tail -1 f", r"^1800\nn1999$"),
    Check("vim edits in a terminal", VIM_PTY, r"^status 0\nrow one\nrow two\nrow one$"),
    Check("vim keeps a swap file and recovers", "cd $(mktemp -d); export TERM=xterm; seq 50 > f; mkfifo k; exec 3<>k; script -qefc 'vim -u NONE -N f' /dev/null < k > screen & p=$!; for i in {1..100}; do [ -s .f.swp ] && break; sleep 0.1; done; printf 'Osaved\\033:preserve\\r' >&3; for i in {1..100}; do grep -qa preserved screen && break; sleep 0.1; done; pkill -9 -x vim; wait $p; vim -es -u NONE -N -r -c 'w! g' -c 'qa!' f > /dev/null 2>&1; head -1 g", "^saved$"),
    Check("vim runs a filter and a job", "cd $(mktemp -d); seq 20 > f; vim -es -u NONE -N -c '%!sort -rn' -c 'let j = system(\"wc -c\", \"four\")' -c 'call setline(1, split(j)[0] . getline(1))' -c wq f; head -1 f", "^420$"),
    Check("a thousand pseudo-terminals one after another", "python3 -c 'import os\nfor i in range(1000):\n    m, s = os.openpty(); os.write(s, b\"x\"); assert os.read(m, 1) == b\"x\"; os.close(m); os.close(s)\nprint(os.listdir(\"/dev/pts\"))'", r"^\['ptmx'\]$"),
]


def on_the_console(report, tar):
    """Vim and tmux on the machine's own console, a vt100."""
    t = Terminal("-c", "2", "-m", os.environ.get("MEM", "2G"), "--rootfs", tar, "--", "/bin/bash", "--norc", rows=30, cols=100, timeout=200)
    report.test(t.expect(r"[#$] $", 120), "console: bash prompts", repr(t.all[-500:]))
    t.send("export TERM=vt100 LC_ALL=C.UTF-8; vim -u NONE -N /tmp/typed\r")
    report.test(t.expect(r"\[New\]", 40), "console: vim starts", repr(t.all[-500:]))
    t.send("ityped on the console\x1b:wq\r")
    report.test(t.expect(r"written", 20), "console: vim writes", repr(t.all[-500:]))
    report.test(t.expect(r"[#$] $", 20), "console: the shell is back", repr(t.all[-500:]))
    t.send("tmux -f /dev/null new-session -s x 'bash --norc'\r")
    report.test(t.expect(r"\[x\] 0:", 40), "console: tmux draws its status line", repr(t.all[-500:]))
    t.send("echo $((6 * 7))in$TMUX_PANE\r")
    report.test(t.expect(r"42in%0", 40), "console: a shell in tmux answers", repr(t.all[-500:]))
    t.send("\x02d")
    report.test(t.expect(r"detached \(from session x\)", 40), "console: tmux detaches", repr(t.all[-500:]))
    t.send("tmux attach; echo left $?\r")
    report.test(t.expect(r"42in%0", 40), "console: tmux attaches and draws what was there", repr(t.all[-500:]))
    t.send("exit\r")
    report.test(t.expect(r"left 0", 40), "console: tmux ends with its shell", repr(t.all[-500:]))
    t.send("exit 5\r")
    status = t.wait()
    report.test(status == 5, "console: the machine ends with the shell's status", status)
    t.close()


if __name__ == "__main__":
    sys.exit(main("editors", CHECKS, "full.tar", memory="2G", also={"console": on_the_console}))
