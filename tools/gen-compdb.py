#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""gen-compdb.py CC OBJDIR LIST OUT FLAGS...: write compile_commands.json from make's object list."""
import json
import os
import sys

cc, objdir, listfile, out = sys.argv[1:5]
flags = sys.argv[5:]
db = []
for entry in open(listfile).read().split(";"):
    if "|" not in entry:
        continue
    obj, extra, _ = entry.strip().split("|")
    src = os.path.relpath(obj, objdir)[:-2] + ".c"
    if not os.path.exists(src):
        continue
    db.append({"directory": os.getcwd(), "file": src,
               "arguments": [cc] + flags + extra.split() + ["-c", "-o", obj, src]})
json.dump(db, open(out, "w"), indent=1)
