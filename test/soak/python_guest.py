# SPDX-License-Identifier: BSD-2-Clause
"""Runs in the machine: each module of Python's own tests under `python3 -m test -v`, one line of JSON for each.

usage: python3 -c THIS SECONDS MODULE...    a case may be silent for so many seconds
"""
import fcntl
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
import xml.etree.ElementTree as ET

TEST = [sys.executable, "-m", "test"]
TODO = "/tmp/report.todo"
REPORT = "/tmp/report.xml"
LOG = "/tmp/report.log"
BLOCK = re.compile(r"^=+\n(FAIL|ERROR): \w+ \(([\w.]+)\).*\n(?:.*\n)*?-+\n((?:.*\n)*?)\n(?=[=-]{70})", re.MULTILINE)
CASE = re.compile(r"^\w+ \((test\.[\w.]+)\)")
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
VERDICT = re.compile(r"\.\.\. (ok|skipped|FAIL|ERROR|expected failure)\b")


def from_report(cases):
    for e in ET.parse(REPORT).getroot().iter("testcase"):
        name = e.get("name")
        if name is None:        # a subtest failed: it is among the blocks of the log
            continue
        skipped = e.find("skipped")
        bad = e.find("failure") is not None or e.find("error") is not None
        cases[name] = ["fail", ""] if bad else ["skip", skipped.text] if skipped is not None else ["pass", ""]


def from_log(cases, text):
    """For a module that did not come to its end."""
    name = None
    for line in text.splitlines():
        m = CASE.match(line)
        name = m.group(1) if m else name
        m = VERDICT.search(line)
        if m and name:
            word = m.group(1)
            cases[name] = ["pass" if word in ("ok", "expected failure") else "skip" if word == "skipped" else "fail", ""]
            name = None
    if name:
        cases[name] = ["fail", "did not end"]


def raise_loopback():
    """127.0.0.1, where there is such a thing: nobody else has configured the network."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
    except OSError:
        pass


def list_cases(module):
    out = subprocess.run([*TEST, "--list-cases", module], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                         stdin=subprocess.DEVNULL, cwd="/tmp", check=False).stdout
    return [line for line in out.splitlines() if line.startswith("test.")]


def attempt(module, todo, seconds):
    """Runs @todo until the end, or until nothing is heard for @seconds; (status or None, text)."""
    with open(TODO, "w") as f:
        f.write("\n".join(todo) + "\n")
    with open(LOG, "w") as log:
        proc = subprocess.Popen([*TEST, "-v", "--matchfile", TODO, "--junit-xml", REPORT, module], cwd="/tmp",
                                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        size, since = 0, time.monotonic()
        while proc.poll() is None:
            time.sleep(0.5)
            if os.path.getsize(LOG) != size:
                size, since = os.path.getsize(LOG), time.monotonic()
            elif time.monotonic() - since > seconds:
                os.killpg(proc.pid, signal.SIGKILL)
                proc.wait()
                break
    with open(LOG, errors="replace") as log:
        return proc.returncode, log.read()


def run(module, seconds):
    """A case that hangs or brings the interpreter down is left out of the next attempt at the others."""
    cases, todo = {}, list_cases(module)
    status, text = 0, ""
    while todo:
        if os.path.exists(REPORT):
            os.unlink(REPORT)
        status, text = attempt(module, todo, seconds)
        found = {}
        if os.path.exists(REPORT):
            from_report(found)
        else:
            from_log(found, text)
        for m in BLOCK.finditer(text):
            found[m.group(2)] = ["fail", "\n".join(m.group(3).splitlines()[-8:])]
        cases.update(found)
        if os.path.exists(REPORT) or not found:
            break
        todo = [name for name in todo if name not in cases]
    return {"module": module, "status": status, "cases": cases, "tail": text.splitlines()[-12:]}


def main():
    raise_loopback()
    for module in sys.argv[2:]:
        print("\n@start " + module, flush=True)
        print("\n@result " + json.dumps(run(module, int(sys.argv[1]))), flush=True)


main()
