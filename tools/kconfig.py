#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""kconfig.py DEFCONFIG CONFIG HEADER MAKEFRAG

Resolve Kconfig against CONFIG (or DEFCONFIG when CONFIG is missing or older than it) and
write CONFIG, the C header and the make fragment. The header is touched only when its
contents change, because every object depends on it.
"""
import os
import sys

import kconfiglib


def write_if_changed(path, text):
    try:
        with open(path) as f:
            if f.read() == text:
                return
    except OSError:
        pass
    with open(path + ".tmp", "w") as f:
        f.write(text)
    os.rename(path + ".tmp", path)


def mtime(path):
    try:
        return os.path.getmtime(path)
    except OSError:
        return 0


def main():
    defconfig, config, header, makefrag = sys.argv[1:]
    kconf = kconfiglib.Kconfig("Kconfig", suppress_traceback=True)
    source = config if mtime(config) >= mtime(defconfig) else defconfig
    kconf.load_config(source)
    bad = [w for w in kconf.warnings if "undefined symbol" in w]
    if bad:
        sys.exit("\n".join(bad))

    c, mk, full = [], [], []
    for sym in kconf.unique_defined_syms:
        text = sym.config_string
        if not text:
            continue
        full.append(text)
        value = sym.str_value
        if sym.orig_type in (kconfiglib.BOOL, kconfiglib.TRISTATE):
            if value == "n":
                continue
            c.append("#define CONFIG_%s 1" % sym.name)
            mk.append("CONFIG_%s := y" % sym.name)
        elif sym.orig_type == kconfiglib.STRING:
            c.append('#define CONFIG_%s "%s"' % (sym.name, kconfiglib.escape(value)))
            mk.append("CONFIG_%s := %s" % (sym.name, value))
        else:
            suffix = "UL" if sym.orig_type == kconfiglib.HEX else ""
            c.append("#define CONFIG_%s %s%s" % (sym.name, value, suffix))
            mk.append("CONFIG_%s := %s" % (sym.name, value))

    write_if_changed(config, "".join(full))
    write_if_changed(header, "#pragma once\n" + "\n".join(c) + "\n")
    with open(makefrag, "w") as f:
        f.write("\n".join(mk) + "\n")


main()
