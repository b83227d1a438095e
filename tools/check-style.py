#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""check-style.py FILE...: the rules of docs/conventions.md that neither compiler nor clang-format knows.

function-length   a function has at most 80 lines
todo-condition    TODO names its room and the condition: TODO(room): ...
no-struct-typedef no typedef of a struct outside include and arch, where it makes a distinct type of one word
file-end          no white space at line ends, no blank line at the end
"""
import re
import sys

MAX_FUNCTION = 80
bad = 0


def report(path, line, rule, text):
    global bad
    bad += 1
    print("%s:%d: %s: %s" % (path, line, rule, text))


def check(path):
    lines = open(path, errors="replace").read().split("\n")
    if len(lines) > 1 and lines[-1] == "" and lines[-2] == "":
        report(path, len(lines) - 1, "file-end", "blank line at the end")
    start = None
    for i, line in enumerate(lines, 1):
        if line != line.rstrip():
            report(path, i, "file-end", "white space at the end")
        if re.search(r"\b(TODO|FIXME|XXX)\b", line) and not re.search(r"TODO\([\w/]+\): \S", line):
            report(path, i, "todo-condition", line.strip())
        if re.match(r"typedef (struct|union)\b.*\{", line) and not path.startswith(("include/", "arch/")):
            report(path, i, "no-struct-typedef", line.strip())
        # A function's body is between braces in the first column, after a line that ends in ")".
        if line == "{" and i > 1 and lines[i - 2].rstrip().endswith(")"):
            start = i
        elif line.startswith("}") and start:
            if line == "}" and i - start - 1 > MAX_FUNCTION:
                report(path, start, "function-length", "%d lines" % (i - start - 1))
            start = None


for f in sys.argv[1:]:
    check(f)
sys.exit(1 if bad else 0)
