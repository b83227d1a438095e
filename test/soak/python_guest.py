# SPDX-License-Identifier: BSD-2-Clause
"""Runs in the machine: each module of Python's own tests under `python3 -m test -v`, one line of JSON for each.

usage: python3 -c THIS SECONDS MODULE...
"""
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

REPORT = "/tmp/report.xml"
LOG = "/tmp/report.log"
BLOCK = re.compile(r"^=+\n(FAIL|ERROR): \w+ \(([\w.]+)\).*\n(?:.*\n)*?-+\n((?:.*\n)*?)\n(?=[=-]{70})", re.MULTILINE)
CASE = re.compile(r"^\w+ \((test\.[\w.]+)\)")
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


def run(module, seconds):
    if os.path.exists(REPORT):
        os.unlink(REPORT)
    with open(LOG, "w") as log:
        status = subprocess.run(["timeout", "-s", "KILL", str(seconds), sys.executable, "-m", "test", "-v", "--junit-xml",
                                 REPORT, module], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/tmp").returncode
    with open(LOG, errors="replace") as log:
        text = log.read()
    cases = {}
    if os.path.exists(REPORT):
        from_report(cases)
    else:
        from_log(cases, text)
    for m in BLOCK.finditer(text):
        cases[m.group(2)] = ["fail", "\n".join(m.group(3).splitlines()[-8:])]
    return {"module": module, "status": status, "cases": cases, "tail": text.splitlines()[-12:]}


def main():
    for module in sys.argv[2:]:
        print("\n@start " + module, flush=True)
        print("\n@result " + json.dumps(run(module, int(sys.argv[1]))), flush=True)


main()
