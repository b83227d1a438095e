#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Boots without any source of randomness: no instruction, no seed, no device, one CPU.

usage: no_source.py [--boots N] [WAY...]

Process 1 is a program that loads Debian's libgcrypt in FIPS mode; once this hung whole distributions. With
--boots the library is loaded in so many machines, and the times to readiness are told at the end.
"""
import argparse
import os
import subprocess
import sys
import tarfile
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../boot"))
import boot  # noqa: E402
from guest import REPORT, ROOTFS  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
CPU = "qemu64,-rdrand,-rdseed"
LIBRARIES = ("libc.so.6", "libgcrypt.so.20", "libgpg-error.so.0", "ld-linux-x86-64.so.2")
NO_SEED = "random.trust_bootloader=off"
EAGAIN, EINTR, ENODATA, EINVAL = 11, 4, 61, 22


def find_library(tar, name):
    """The contents of what a name in /lib/x86_64-linux-gnu leads to."""
    for place in ("usr/lib/x86_64-linux-gnu/", "lib/x86_64-linux-gnu/", "usr/lib64/", "lib64/"):
        for prefix in ("./", ""):
            try:
                member = tar.getmember(prefix + place + name)
            except KeyError:
                continue
            return tar.extractfile(member).read()
    raise KeyError(name)


def archive(way):
    a = boot.Archive()
    with tempfile.TemporaryDirectory(prefix="corbel-init-") as tmp:
        exe = os.path.join(tmp, "init")
        subprocess.run([os.environ.get("HOSTCC", "gcc"), "-O1", "-Wall", "-Wextra", "-Werror", "-rdynamic", "-o", exe,
                        os.path.join(HERE, "no_source_init.c")], check=True)
        a.add("bin/program", host=exe, mode=0o755)
    with tarfile.open(os.path.join(ROOTFS, "debian.tar")) as tar:
        for name in LIBRARIES:
            place = "lib64/" if name.startswith("ld-") else "lib/x86_64-linux-gnu/"
            a.add(place + name, data=find_library(tar, name), mode=0o755)
    a.add("etc/gcrypt/fips_enabled", data=b"1\n")
    a.directory("dev")
    return a.finish(), "rdinit=/bin/program %s -- %s" % (NO_SEED, way)


def run(initrd, append, extra=(), cpu=CPU, more=""):
    r = boot.boot(initrd, append="%s %s" % (more, append), cpu=cpu, cpus=1, memory="128M", timeout=60,
                  extra=["-rtc", "base=2020-01-01", *extra])
    got = {}
    for line in r.lines:
        words = boot.strip_timestamp(line).split(" ", 2)
        if words[0] == "@" and len(words) == 3:
            if words[1] == "source":
                name, *pairs = words[2].split()
                got[name] = {k: int(v) for k, v in (p.split("=") for p in pairs)}
            else:
                got.setdefault(words[1], []).append(words[2])
    problem = [line for line in r.lines if REPORT.search(line)]
    return r, got, problem


def number(got, name):
    return [int(v) for v in got.get(name, [])]


def common(got, problem):
    return ("end" in got and not problem and number(got, "insecure") == [64] and
            number(got, "insecure_nonblock") == [64] and number(got, "bad_flags") == [-EINVAL] and
            number(got, "write") == [1] and all(0 <= n < 256 for n in number(got, "count_before")) and
            number(got, "reseed_before") == [-ENODATA] and number(got, "nonblock") == [16] and
            number(got, "ready_us")[0] > 0)


def by_itself(got):
    """Nothing but timing was there to make it ready."""
    return (got["ready_by"][0] in ("jitter", "time", "interrupt") and got["cpu"]["bits"] == 0 and
            got["bootloader"]["bits"] == 0 and got["user"]["bits"] == 0)


WAYS = {
    "library": lambda g: by_itself(g) and number(g, "fips") == [1] and number(g, "key_is_zero") == [0] and
    number(g, "nonblock_before") == [-EAGAIN] and number(g, "slowest_us")[0] > 0,
    "wait": lambda g: by_itself(g) and number(g, "nonblock_before") == [-EAGAIN] and number(g, "waited") == [32],
    "urandom": lambda g: by_itself(g) and number(g, "urandom") == [32],
    "poll": lambda g: by_itself(g) and number(g, "poll_before") == [4] and number(g, "poll") == [1] and
    number(g, "read") == [1] and number(g, "sigio") == [1],
    "credit": lambda g: number(g, "credited") == [0, 0, 0] and number(g, "count")[2] == 256 and
    number(g, "count")[0] < 256 and number(g, "reseed") == [0] and g["user"]["bits"] > 0,
    "killed": lambda g: by_itself(g) and number(g, "child_status") == [9] and
    number(g, "interrupted")[0] in (-EINTR, 16) and number(g, "waited") == [32],
}


def one(report, way, name=None, **kw):
    initrd, append = archive(way)
    r, got, problem = run(initrd, append, **kw)
    ok = common(got, problem) and WAYS[way](got)
    report.test(ok, name or "without a source: " + way, "%s %s\n%s\n%s" % (r.outcome, r.panic, got, r.tail(20)))
    return got


def trusted(report):
    """With an instruction, and without when it is not trusted."""
    initrd, append = archive("wait")
    for more, cpu, by in (("", "qemu64,+rdrand,+rdseed", "cpu"), ("", "qemu64,+rdrand", "cpu"),
                          ("random.trust_cpu=off", "qemu64,+rdrand,+rdseed", "")):
        r, got, problem = run(initrd, append, cpu=cpu, more=more)
        early = number(got, "nonblock_before") == [16]
        ok = "end" in got and not problem and early == bool(by) and got["cpu"]["bytes"] >= 32
        ok = ok and (got["ready_by"] == [by] if by else got["cpu"]["bits"] == 0)
        report.test(ok, "%s %s: %s" % (cpu, more, "ready at once" if by else "not trusted"),
                    "%s\n%s\n%s" % (r.outcome, got, r.tail()))


def many(report, boots):
    initrd, append = archive("library")
    times, calls = [], []
    bad = 0
    for i in range(boots):
        r, got, problem = run(initrd, append)
        ok = common(got, problem) and WAYS["library"](got)
        if ok:
            times.append(number(got, "ready_us")[0])
            calls.append(number(got, "slowest_us")[0])
        else:
            bad += 1
            report.test(False, "boot %d" % i, "%s\n%s\n%s" % (r.outcome, got, r.tail()))
    report.test(not bad, "%d of %d boots get their random numbers" % (boots - bad, boots))
    for what, values in (("ready after boot", times), ("longest getrandom", calls)):
        values.sort()
        if values:
            print("# %s, ms: least %.1f, median %.1f, 90 %% %.1f, most %.1f" %
                  (what, values[0] / 1e3, values[len(values) // 2] / 1e3, values[len(values) * 9 // 10] / 1e3,
                   values[-1] / 1e3))


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--boots", type=int, default=0)
    p.add_argument("ways", nargs="*")
    options = p.parse_args()
    report = boot.Report()
    if options.boots:
        many(report, options.boots)
        return report.done()
    for way in options.ways or WAYS:
        one(report, way)
    if not options.ways:
        trusted(report)
        # In virtual time, where no other program of this machine counts: within a second.
        got = one(report, "wait", "in virtual time", extra=["-icount", "shift=0,sleep=off"])
        report.test(number(got, "took_us") and number(got, "took_us")[0] < 1000000, "at once, in virtual time", got)
        # A counter that tells nothing: the bound makes it ready.
        got = one(report, "wait", "timing is not trusted", more="random.trust_jitter=off",
                  extra=["-icount", "shift=0,sleep=off"])
        report.test(got.get("ready_by") == ["time"] and 200000 < number(got, "took_us")[0] < 300000,
                    "ready after 250 ms of virtual time", got)
    return report.done()


if __name__ == "__main__":
    sys.exit(main())
