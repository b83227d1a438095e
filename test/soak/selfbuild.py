#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Corbel builds Corbel: gcc and make in a machine of its own make the image that they make on the host.

usage: selfbuild.py [--cpus N] [--jobs N] [--memory SIZE]

The sources of HEAD are built twice from one archive, here and in the machine, in folders of different names.
The machine's image comes back over its console and is compared byte for byte; it must not differ.
"""
import argparse
import base64
import os
import re
import shutil
import subprocess
import sys
import time
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../boot"))
import boot  # noqa: E402
from guest import launcher  # noqa: E402

ROOT = os.path.join(boot.TOP, "out/rootfs/full.tar")
DOWNLOADS = os.path.join(boot.TOP, "out/thirdparty/apt/dl")
WORK = os.path.join(boot.OUT, "test/selfbuild")
IMAGE = "out/x86_64/corbel"
FOLDER = "usr/src/corbel"
VERSIONS = "gcc -dumpfullversion; ld --version | head -n 1; as --version | head -n 1"
SCRIPT = """
cd /%s || exit 1
echo "@versions"; %s
echo "@build"
export SOURCE_DATE_EPOCH=%s
time make -j%d %s 2>&1 || exit 1
echo "@image"
python3 -c 'import sys, zlib; sys.stdout.buffer.write(zlib.compress(sys.stdin.buffer.read()))' < %s | base64
echo "@end"
"""


def git(*args, **kwargs):
    return subprocess.run(["git", *args], cwd=boot.TOP, check=True, stdout=subprocess.PIPE, **kwargs).stdout


def upstream():
    """The tarballs whose SHA-256 build/thirdparty.mk pins: the build unpacks them itself, without a network."""
    with open(os.path.join(boot.TOP, "build/thirdparty.mk")) as f:
        names = re.findall(r"\w+_PACKAGE := \S+ (\S+)", f.read())
    return [os.path.join(DOWNLOADS, n) for n in names]


def stage(folder):
    """The sources of HEAD in @folder, as the machine will see them."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(os.path.join(folder, "out/thirdparty/apt/dl"))
    subprocess.run(["tar", "-x", "-C", folder], input=git("archive", "HEAD"), check=True)
    for path in upstream():
        shutil.copy(path, os.path.join(folder, "out/thirdparty/apt/dl"))


def build_here(folder, epoch):
    env = dict(os.environ, SOURCE_DATE_EPOCH=epoch)
    for name in ("O", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "KERNEL", "CONFIG", "ARCH"):
        env.pop(name, None)
    subprocess.run(["make", "-s", "-C", folder, "-j2", IMAGE], env=env, check=True)
    with open(os.path.join(folder, IMAGE), "rb") as f:
        return f.read()


def root_with_sources(folder):
    """full.tar with the sources behind it."""
    root = os.path.join(WORK, "root.tar")
    shutil.copy(ROOT, root)
    subprocess.run(["tar", "--owner=0", "--group=0", "--transform=s,^\\.,./%s," % FOLDER,
                    "--exclude=./out/x86_64", "-C", folder, "-rf", root, "."], check=True)
    return root


def section(text, begin, end):
    m = re.search(r"^@%s\r?\n(.*?)^@%s\r?$" % (begin, end), text, re.MULTILINE | re.DOTALL)
    return m.group(1) if m else ""


def difference(mine, its):
    """Where two images differ, in one line."""
    where = [i for i, (a, b) in enumerate(zip(mine, its)) if a != b]
    return "here %d bytes, in the machine %d; %d bytes differ, the first at %s" % (
        len(mine), len(its), len(where), hex(where[0]) if where else "the end")


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--cpus", type=int, default=2)
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--memory", default="4G")
    p.add_argument("--timeout", type=int, default=5400)
    options = p.parse_args()
    report = boot.Report()
    epoch = git("log", "-1", "--format=%ct", text=True).strip()
    here = os.path.join(WORK, "host")
    stage(here)
    mine = build_here(here, epoch)
    versions = subprocess.run(VERSIONS, shell=True, check=True, text=True, stdout=subprocess.PIPE).stdout
    root = root_with_sources(here)
    start = time.monotonic()
    status, out, err = launcher("-c", str(options.cpus), "-m", options.memory, "--rootfs", root, "--", "/bin/bash", "-c",
                                SCRIPT % (FOLDER, VERSIONS, epoch, options.jobs, IMAGE, IMAGE), timeout=options.timeout)
    seconds = time.monotonic() - start
    os.unlink(root)
    with open(os.path.join(WORK, "machine.log"), "w") as f:
        f.write(out + err)
    report.test(section(out, "versions", "build").split() == versions.split(), "selfbuild: the same compiler",
                "here:\n%s\nthere:\n%s" % (versions, section(out, "versions", "build")))
    built = section(out, "build", "image")
    report.test(status == 0 and built, "selfbuild: make -j%d in %d CPUs ends well (%d s)" %
                (options.jobs, options.cpus, seconds), "status %d\n%s\n%s" % (status, out[-2000:], err))
    try:
        its = zlib.decompress(base64.b64decode(section(out, "image", "end")))
    except (ValueError, zlib.error) as e:
        its = b""
        print("# %s" % e)
    report.test(its == mine, "selfbuild: %d bytes of image, bit for bit the host's" % len(mine), difference(mine, its))
    return report.done()


if __name__ == "__main__":
    sys.exit(main())
