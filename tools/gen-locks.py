#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""gen-locks.py < kernel/lock/order.def > docs/locks.md"""
import re
import sys

KIND = {"SLEEP": "sleeps", "SPIN": "spins", "IRQ": "spins, interrupts off"}
print("<!-- Generated from kernel/lock/order.def by `make docs`. -->")
print("# Lock order\n")
print("Outermost first: a thread that holds a lock takes only locks further down this list.")
print("The debug kernel checks it on every acquire.\n")
print("| rank | class | kind | what it guards |")
print("|---|---|---|---|")
for rank, m in enumerate(re.finditer(r'LOCK_CLASS\((\w+),\s*(\w+),\s*"([^"]*)"\)', re.sub(r"/\*.*?\*/", "", sys.stdin.read(), flags=re.S)), 1):
    print("| %d | `%s` | %s | %s |" % (rank, m.group(1), KIND.get(m.group(2), m.group(2)), m.group(3)))
