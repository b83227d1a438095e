#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""check-rooms.py [--fix]: the tree tells the truth about itself.

Every room declares the rooms whose headers it includes (`deps`), includes only their public
headers (and its own "x_impl.h"), and only of its own layer or a lower one; deps have no cycles but those of
build/room-cycles; every room has its README and header and keeps to the size limits.
--fix rewrites each `deps` line to what the sources include.
"""
import os
import re
import sys

LAYERS = {"lib": 0, "arch": 1, "kernel": 1, "net": 2, "fs": 2, "drivers": 2}
TOPS = ("lib", "kernel", "fs", "net", "drivers", "arch")
ASSEMBLER = "kernel/init"  # may know everybody
README_MAX, SOURCE_MAX, HEADER_MAX = 60, 800, 480
# Headers outside rooms that arch code calls up through, and what it includes of the kernel.
FREE_HEADERS = {"kernel/arch_up.h"}
# The path walk is one mechanism; split it when it grows again.
LONG_FILES = {"kernel/vfs/namei.c": 900}
NO_HEADER = {"kernel/provoke", "kernel/init", "arch/x86_64", "arch/aarch64"}
# Firmware tables say what the machine is, so arch code asks their reader.
EXCEPTIONS = {("arch/x86_64", "drivers/acpi")}

errors = []


def error(path, text):
    errors.append("%s: %s" % (path, text))


def find_rooms():
    rooms = {}
    for top in TOPS:
        for d, _, files in os.walk(top):
            if "room.mk" in files:
                rooms[d] = parse_room(os.path.join(d, "room.mk"))
    return rooms


def parse_room(path):
    text = open(path).read().replace("\\\n", " ")
    out = {"deps": []}
    for m in re.finditer(r"^(\w[\w-]*)[ \t]*[:+]?=[ \t]*(.*?)[ \t]*(?:#.*)?$", text, re.M):
        out.setdefault(m.group(1), []).extend(m.group(2).split())
    return out


def room_of(path, rooms):
    d = os.path.dirname(path)
    while d:
        if d in rooms:
            return d
        d = os.path.dirname(d)
    return None


def layer(room):
    if room.startswith(ASSEMBLER):
        return 3
    return LAYERS[room.split("/")[0]]


def is_test(path):
    return path.endswith(("_test.c", "_fuzz.c"))


def sources_of(room, rooms):
    for d, dirs, files in os.walk(room):
        dirs[:] = sorted(x for x in dirs if os.path.join(d, x) not in rooms)
        for f in sorted(files):
            if f.endswith((".c", ".h", ".S", ".def")):
                yield os.path.join(d, f)


def check_include(src, target, room, rooms, used):
    if target.split("/")[0] not in TOPS or target in FREE_HEADERS:
        return
    if not os.path.exists(target):
        return
    other = room_of(target, rooms)
    if other == room:
        return
    if other is None:
        error(src, "includes <%s>, whose folder is no room (no room.mk)" % target)
        return
    public = "%s/%s.h" % (other, os.path.basename(other))
    extra = ["%s/%s" % (other, h) for h in rooms[other].get("headers", [])]
    if target != public and target not in extra and not target.endswith(".def"):
        error(src, "includes <%s>, which is private to %s" % (target, other))
    if is_test(src):
        return
    used.add(other)
    if (room, other) in EXCEPTIONS:
        return
    if layer(other) > layer(room) or other.startswith(ASSEMBLER):
        error(src, "%s may not know %s, which is in a layer above" % (room, other))
    if layer(room) == 2 and layer(other) == 2 and room.split("/")[0] != other.split("/")[0]:
        error(src, "%s and %s are side by side: neither may include the other" % (room, other))


def cycles(graph):
    """Strongly connected components with more than one room (Tarjan)."""
    index, low, stack, on, out = {}, {}, [], set(), []

    def visit(v):
        index[v] = low[v] = len(index)
        stack.append(v)
        on.add(v)
        for w in sorted(graph.get(v, ())):
            if w not in index:
                visit(w)
                low[v] = min(low[v], low[w])
            elif w in on:
                low[v] = min(low[v], index[w])
        if low[v] == index[v]:
            group = []
            while True:
                w = stack.pop()
                on.discard(w)
                group.append(w)
                if w == v:
                    break
            if len(group) > 1:
                out.append(sorted(group))

    sys.setrecursionlimit(10000)
    for v in sorted(graph):
        if v not in index:
            visit(v)
    return out


def allowed_cycles():
    groups = []
    try:
        for line in open("build/room-cycles").read().replace("\\\n", " ").split("\n"):
            line = line.split("#")[0].split()
            if line:
                groups.append(set(line))
    except OSError:
        pass
    return groups


def check_shape(room, rooms):
    readme = os.path.join(room, "README.md")
    if not os.path.exists(readme):
        error(room, "has no README.md")
    elif sum(1 for _ in open(readme)) > README_MAX:
        error(readme, "is longer than %d lines" % README_MAX)
    header = os.path.join(room, os.path.basename(room) + ".h")
    # Leaves of the upper layers register themselves and need not show anything.
    if room not in NO_HEADER and layer(room) < 2 and not os.path.exists(header):
        error(room, "has no public header %s" % header)
    for src in sources_of(room, rooms):
        n = sum(1 for _ in open(src, errors="replace"))
        limit = HEADER_MAX if src.endswith(".h") else LONG_FILES.get(src, SOURCE_MAX)
        if n > limit:
            error(src, "has %d lines; the limit is %d" % (n, limit))


def fix(room, deps):
    path = os.path.join(room, "room.mk")
    text = open(path).read()
    line, lines = "deps :=", []
    for d in sorted(deps):
        if len(line) + len(d) + 1 > 96:
            lines.append(line + " \\")
            line = "\t" + d
        else:
            line += " " + d
    lines.append(line)
    new = "\n".join(lines)
    joined = re.compile(r"^deps\s*:?=(?:.*\\\n)*.*$", re.M)
    if joined.search(text):
        text2 = joined.sub(lambda m: new, text, count=1)
    else:
        text2 = re.sub(r"^(room\s*:?=.*)$", lambda m: m.group(1) + "\n" + new, text, count=1, flags=re.M)
    if text2 != text:
        open(path, "w").write(text2)
        print("fixed " + path)


def main():
    rooms = find_rooms()
    graph = {}
    for room, decl in sorted(rooms.items()):
        used = set()
        for src in sources_of(room, rooms):
            for m in re.finditer(r'^\s*#\s*include\s+(["<])([^">]+)[">]',
                                 open(src, errors="replace").read(), re.M):
                if m.group(1) == '"' and m.group(2).endswith("_impl.h") and "/" not in m.group(2):
                    continue
                if m.group(1) == '"':
                    error(src, 'includes "%s": spell it <from/the/root.h>' % m.group(2))
                    continue
                check_include(src, m.group(2), room, rooms, used)
        graph[room] = used
        if "--fix" in sys.argv:
            fix(room, used)
        else:
            for d in sorted(used - set(decl["deps"])):
                error(room + "/room.mk", "deps lacks %s (tools/check-rooms.py --fix)" % d)
            for d in sorted(set(decl["deps"]) - used):
                error(room + "/room.mk", "deps names %s, which nothing includes" % d)
        check_shape(room, rooms)
    allowed = allowed_cycles()
    for group in cycles(graph):
        if not any(set(group) <= a for a in allowed):
            error("deps", "cycle between " + " ".join(group))
    for e in errors:
        print(e)
    if not errors:
        print("check-rooms: %d rooms" % len(rooms))
    sys.exit(1 if errors else 0)


main()
