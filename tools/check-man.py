#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""check-man.py HEADER DIR: each function of HEADER has a page DIR/NAME.3 with the same prototype, and no page is left over.

mandoc(1), where it is installed, must find nothing to warn of in any page.
"""
import glob
import os
import re
import shutil
import subprocess
import sys

PROTOTYPE = re.compile(r"^((?:const )?(?:struct )?\w+ \*?)(cbus_\w+)\(([^;]*?)\);", re.M | re.S)


def squeeze(text):
    return re.sub(r"\s+", " ", text).strip()


def in_page(path):
    """Return type and arguments, as SYNOPSIS has them."""
    with open(path) as f:
        lines = f.read().split("\n")
    kind = [line[4:].strip('"') for line in lines if line.startswith(".Ft ")]
    begin, end = lines.index(next(x for x in lines if x.startswith(".Fo "))), lines.index(".Fc")
    return kind[0], [line[4:].strip('"') for line in lines[begin + 1:end]]


def main():
    header, folder = sys.argv[1:]
    wrong = []
    with open(header) as f:
        functions = {m.group(2): (squeeze(m.group(1)), [squeeze(a) for a in m.group(3).split(",")])
                     for m in PROTOTYPE.finditer(f.read())}
    pages = {os.path.basename(p)[:-2]: p for p in glob.glob(os.path.join(folder, "*.3"))}
    for name in sorted(set(functions) - set(pages)):
        wrong.append("%s has no page" % name)
    for name in sorted(set(pages) - set(functions)):
        wrong.append("%s: there is no such function" % pages[name])
    for name in sorted(set(pages) & set(functions)):
        if in_page(pages[name]) != functions[name]:
            wrong.append("%s: the prototype is not that of the header" % pages[name])
    if shutil.which("mandoc"):
        r = subprocess.run(["mandoc", "-Tlint", "-Wwarning"] + sorted(glob.glob(os.path.join(folder, "*.[0-9]"))),
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        wrong += r.stdout.splitlines()
    print("\n".join(wrong + ["%d functions, %d pages, %d wrong" % (len(functions), len(pages), len(wrong))]))
    return 1 if wrong or not functions else 0


sys.exit(main())
