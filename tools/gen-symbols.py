#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""gen-symbols.py < `nm -n` > symtab.S

The kernel's table of function names, for back traces (kernel/symbol reads it):

  symtab_count     u32   number of symbols
  symtab_base      u64   address of the first
  symtab_offsets   u32[] address - base, ascending
  symtab_markers   u32[] offset in symtab_names of every 16th name
  symtab_names     for each symbol: length byte, then that many bytes; bytes >= 0x80 stand
                   for a word of the dictionary
  symtab_dict      128 words, each NUL-terminated, with u16 offsets in symtab_dict_at

Names are made of few words joined by underscores, so a dictionary of the 128 words that
save most halves the table.
"""
import re
import sys
from collections import Counter

SKIP = re.compile(r"^(\.|__compound|__func__|__PRETTY|\$)")


def read_symbols():
    syms, seen = [], set()
    for line in sys.stdin:
        parts = line.split()
        if len(parts) != 3 or parts[1] not in "tTwW":
            continue
        addr, name = int(parts[0], 16), parts[2]
        if addr < 1 << 32 or SKIP.match(name) or addr in seen or len(name) > 200:
            continue
        seen.add(addr)
        syms.append((addr, name))
    return syms


def words_of(name):
    return re.findall(r"_*[a-zA-Z]+|[0-9.$]+|_+", name)


def build_dict(names):
    gain = Counter()
    for n in names:
        for w in words_of(n):
            if len(w) > 1:
                gain[w] += len(w) - 1
    best = sorted(gain, key=lambda w: (-gain[w] + len(w), w))[:128]
    return best + [""] * (128 - len(best))


def encode(name, index):
    out = bytearray()
    for w in words_of(name):
        if w in index:
            out.append(0x80 + index[w])
        else:
            out += w.encode()
    return bytes(out)


def emit_bytes(data):
    for i in range(0, len(data), 32):
        print("\t.byte " + ",".join(str(b) for b in data[i:i + 32]))


def emit_words(directive, values):
    for i in range(0, len(values), 16):
        print("\t%s %s" % (directive, ",".join(str(v) for v in values[i:i + 16])))


def label(name):
    print("\t.balign 8\n\t.globl %s\n%s:" % (name, name))


def main():
    syms = read_symbols()
    names = [n for _, n in syms]
    dictionary = build_dict(names)
    index = {w: i for i, w in enumerate(dictionary) if w}
    base = syms[0][0] if syms else 0

    blob, markers = bytearray(), []
    for i, n in enumerate(names):
        if i % 16 == 0:
            markers.append(len(blob))
        e = encode(n, index)
        blob.append(len(e))
        blob += e
    dict_blob, dict_at = bytearray(), []
    for w in dictionary:
        dict_at.append(len(dict_blob))
        dict_blob += w.encode() + b"\0"

    print('\t.section .rodata.symtab,"a"')
    label("symtab_count")
    print("\t.long %d" % len(syms))
    label("symtab_base")
    print("\t.quad %#x" % base)
    label("symtab_offsets")
    emit_words(".long", [a - base for a, _ in syms])
    label("symtab_markers")
    emit_words(".long", markers)
    label("symtab_names")
    emit_bytes(blob)
    label("symtab_dict_at")
    emit_words(".short", dict_at)
    label("symtab_dict")
    emit_bytes(dict_blob)
    print('\t.section .note.GNU-stack,"",%progbits')


main()
