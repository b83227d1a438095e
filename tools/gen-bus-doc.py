#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""gen-bus-doc.py HEADER PROGRAM DOC: the document on standard output, with its generated parts written anew.

Between the marks `<!-- begin X -->` and `<!-- end X -->` go the tables of what HEADER (abi/kdbus.h) defines (commands, items,
flags, structures) and the source of PROGRAM. Numbers, sizes and offsets are the compiler's: the header is
compiled, not only read. A comment behind a line of the header becomes the last column.
"""
import os
import re
import subprocess
import sys
import tempfile

COMMAND = re.compile(r"#define (KDBUS_CMD_\w+) _IO(\w+)\(KDBUS_IOCTL_MAGIC, 0x\w+, struct (\w+)\)")
ENUM = re.compile(r"^enum (\w+) \{\n(.*?)^\};", re.M | re.S)
VALUE = re.compile(r"^\t(\w+) = [^,]+,[ \t]*(?:/\* (.*?) ?\*/)?", re.M | re.S)
STRUCT = re.compile(r"^struct (\w+) \{\n(.*?)^\}", re.M | re.S)
FIELD = re.compile(r"^\t(?:struct \w+|\w+) ([^;()]+);[ \t]*(?:/\* (.*?) ?\*/)?", re.M | re.S)


def one_line(text):
    return re.sub(r"\s+", " ", text or "").replace("|", "\\|").strip()


def fields(body):
    """Names of a structure's fields in order, with their comments; of a union the first one stands for all."""
    body = re.sub(r"^\tunion \{\n(.*?)^\t\}( \w+)?;", lambda m: m.group(1).replace("\t\t", "\t"), body, flags=re.M | re.S)
    for m in FIELD.finditer(body):
        for name in m.group(1).split(","):
            yield re.sub(r"\[.*\]", "", name.strip()), one_line(m.group(2))


def ask_compiler(header, expressions):
    """The values of C expressions behind the header."""
    with tempfile.TemporaryDirectory() as d:
        source, program = os.path.join(d, "ask.c"), os.path.join(d, "ask")
        with open(source, "w") as f:
            f.write('#include <stdio.h>\n#include <stddef.h>\n#include "%s"\nint main(void)\n{\n' % os.path.abspath(header))
            for e in expressions:
                f.write('\tprintf("%%llu\\n", (unsigned long long)(%s));\n' % e)
            f.write("}\n")
        subprocess.run([os.environ.get("HOSTCC", "gcc"), "-std=gnu11", "-o", program, source], check=True)
        out = subprocess.run([program], stdout=subprocess.PIPE, text=True, check=True).stdout
    return dict(zip(expressions, map(int, out.split())))


def tables(header):
    with open(header) as f:
        text = f.read()
    commands = COMMAND.findall(text)
    structs = [(name, list(fields(body))) for name, body in STRUCT.findall(text)]
    enums = [(name, VALUE.findall(body)) for name, body in ENUM.findall(text)]
    wanted = [c[0] for c in commands] + ["sizeof(struct %s)" % s for s, _ in structs]
    wanted += ["offsetof(struct %s, %s)" % (s, f) for s, fs in structs for f, _ in fs]
    wanted += [v for _, values in enums for v, _ in values]
    known = ask_compiler(header, wanted)
    lines = ["### Commands", "", "| ioctl | number | structure | bytes |", "|---|---:|---|---:|"]
    for name, _, struct in commands:
        lines.append("| `%s` | `%#010x` | `%s` | %d |" % (name, known[name], struct, known["sizeof(struct %s)" % struct]))
    for name, values in enums:
        item = name == "kdbus_item_type"
        lines += ["", "### " + ("Items" if item else "`enum %s`" % name), "", "| name | value | meaning |", "|---|---:|---|"]
        for value, comment in values:
            if not value.startswith("_KDBUS_ITEM"):
                lines.append("| `%s` | `%#x` | %s |" % (value, known[value], one_line(comment)))
    lines += ["", "### Structures", "", "| structure | bytes | fields, each with its offset |", "|---|---:|---|"]
    for name, parts in structs:
        where = ", ".join("`%s` %d" % (f, known["offsetof(struct %s, %s)" % (name, f)]) for f, _ in parts)
        lines.append("| `%s` | %d | %s |" % (name, known["sizeof(struct %s)" % name], where))
    return "\n".join(lines) + "\n"


def replace(text, name, inside):
    begin, end = "<!-- begin %s -->\n" % name, "<!-- end %s -->" % name
    if begin not in text or end not in text:
        sys.exit("gen-bus-doc: the document has no place for %s" % name)
    return text[:text.index(begin) + len(begin)] + inside + text[text.index(end):]


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    header, program, document = sys.argv[1:]
    with open(document) as f:
        text = f.read()
    with open(program) as f:
        source = f.read()
    text = replace(text, "abi", tables(header))
    sys.stdout.write(replace(text, "first", "```c\n" + source + "```\n"))


main()
