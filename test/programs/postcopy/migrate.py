#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs where QEMU is: one machine is moved to another QEMU by post-copy, over a UNIX socket.

migrate.py KERNEL INITRD [QEMU argument...]; says what happened, a line each, and ends with "moved".
"""
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

LIMIT = 120


class Machine:
    def __init__(self, folder, name, arguments):
        self.console = os.path.join(folder, name + ".console")
        path = os.path.join(folder, name + ".qmp")
        self.process = subprocess.Popen(["qemu-system-x86_64", "-accel", "tcg", "-nodefaults", "-no-user-config", "-display",
                                         "none", "-serial", "file:" + self.console, "-qmp", "unix:%s,server=on,wait=off" % path,
                                         *arguments])
        self.socket = socket.socket(socket.AF_UNIX)
        wait_for("the control socket of " + name, lambda: os.path.exists(path))
        wait_for("an answer of " + name, lambda: self.socket.connect_ex(path) == 0)
        self.stream = self.socket.makefile("rw")
        json.loads(self.stream.readline())
        self("qmp_capabilities")

    def __call__(self, command, **arguments):
        self.stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.stream.flush()
        while True:
            answer = json.loads(self.stream.readline())
            if "error" in answer:
                sys.exit("%s: %s" % (command, answer["error"]["desc"]))
            if "return" in answer:
                return answer["return"]

    def rounds(self):
        """The last round that the machine's program told of; it stops at anything that is no round."""
        try:
            with open(self.console, encoding="utf-8", errors="replace") as f:
                lines = [l for l in f.read().split("\n")[:-1] if l.startswith(("round ", "page "))]
        except FileNotFoundError:
            return 0
        for line in lines:
            if not line.startswith("round "):
                sys.exit("memory was lost: " + line)
        return int(lines[-1].split()[1]) if lines else 0

    def memory_capability(self, name):
        self("migrate-set-capabilities", capabilities=[{"capability": name, "state": True}])


def wait_for(what, condition):
    end = time.monotonic() + LIMIT * float(os.environ.get("PATIENCE", "1"))
    while not condition():
        if time.monotonic() > end:
            sys.exit("waited too long for " + what)
        time.sleep(0.02)


def main():
    kernel, initrd, *more = sys.argv[1:]
    folder = tempfile.mkdtemp()
    link = "unix:" + os.path.join(folder, "link")
    common = ["-M", "pc", "-m", "64M", "-kernel", kernel, "-initrd", initrd, "-append", "console=ttyS0 quiet", *more]
    source = Machine(folder, "source", common)
    target = Machine(folder, "target", [*common, "-incoming", "defer"])
    for m in source, target:
        for capability in "postcopy-ram", "postcopy-blocktime":
            m.memory_capability(capability)
    wait_for("the program to run", lambda: source.rounds() > 0)
    print("runs")
    target("migrate-incoming", uri=link)
    # Slower than the program dirties its memory: a plain migration would never end.
    source("migrate-set-parameters", **{"max-bandwidth": 2 << 20, "max-postcopy-bandwidth": 8 << 20})
    source("migrate", uri=link)
    wait_for("the migration to begin", lambda: source("query-migrate").get("ram", {}).get("transferred", 0) > 0)
    source("migrate-start-postcopy")
    wait_for("post-copy", lambda: source("query-migrate")["status"] != "active")
    print("post-copy" if source("query-migrate")["status"] in ("postcopy-active", "completed") else source("query-migrate"))
    wait_for("the end of the migration", lambda: source("query-migrate")["status"] in ("completed", "failed"))
    result = source("query-migrate")
    print("%s, requests for pages: %s" % (result["status"], "some" if result["ram"]["postcopy-requests"] else "none"))
    blocked = target("query-migrate").get("postcopy-blocktime", 0)
    print("time without a page was counted: %s" % ("yes" if blocked else "no"))
    source("quit")
    before = max(source.rounds(), target.rounds())
    wait_for("the program to go on", lambda: target.rounds() > before + 16)
    target("quit")
    for m in source, target:
        m.process.wait()
    print("requests %d, blocked %d ms, round %d" % (result["ram"]["postcopy-requests"], blocked, target.rounds()))
    print("moved")


if __name__ == "__main__":
    main()
