#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The launcher: roots of every kind, what it passes on, streams, exit status, cache."""
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../boot"))
import boot  # noqa: E402
from guest import launcher  # noqa: E402

LONG = "n" * 200


def make_tree(root):
    """A root with what an archive can get wrong; busybox is its shell."""
    os.makedirs(root + "/bin")
    shutil.copy("/bin/busybox", root + "/bin/busybox")
    for name in ("sh", "cat", "ls", "stat", "md5sum", "wc", "readlink", "env", "head", "sleep", "poweroff", "find",
                 "sort", "pwd", "kill", "echo", "true"):
        os.symlink("busybox", root + "/bin/" + name)
    deep = root + "/d/" + "/".join([LONG] * 12)
    os.makedirs(deep)
    for size in (0, 1, 4095, 4096, 4097, 100000):
        with open("%s/f%d" % (root, size), "wb") as f:
            f.write(bytes(i * 31 % 251 for i in range(size)))
        with open("%s/%s%d" % (deep, LONG, size), "wb") as f:
            f.write(bytes(i * 31 % 251 for i in range(size)))
    os.link(root + "/f4097", root + "/hard")
    os.link(root + "/f4097", root + "/bin/hard2")
    os.symlink("../f100000", root + "/d/sym")
    os.chmod(root + "/f1", 0o4751)
    os.mkfifo(root + "/fifo")
    os.makedirs(root + "/root")
    with open(root + "/with space and 'quotes'", "w") as f:
        f.write("odd\n")
    os.utime(root + "/f0", (1000000000, 1000000000))


LOOK = """cd /; md5sum f*[0-9] "with space and 'quotes'"; find d -name 'n*4097' | head -1 | wc -c;
find d -type f -exec md5sum {} + | sort | cut -c1-32;
stat -c '%h %s' f4097 hard bin/hard2; [ f4097 -ef hard ] && echo same; readlink d/sym; stat -c %a f1; stat -c %F fifo; stat -c %Y f0"""


def roots(report, tmp):
    tree = tmp + "/tree"
    make_tree(tree)
    expected = subprocess.run(["/bin/busybox", "sh", "-c", LOOK.replace("cd /;", "cd %s;" % tree)],
                              capture_output=True, text=True, check=False).stdout
    for suffix, mode in (("tar", "w"), ("tar.gz", "w:gz"), ("tar.xz", "w:xz"), ("tar.bz2", "w:bz2")):
        with tarfile.open("%s/root.%s" % (tmp, suffix), mode) as t:
            t.add(tree, arcname=".")
    subprocess.run(["zstd", "-q", tmp + "/root.tar"], check=True)
    for name in ("tree", "root.tar", "root.tar.gz", "root.tar.xz", "root.tar.bz2", "root.tar.zst"):
        status, out, err = launcher("--rootfs", os.path.join(tmp, name), "--", "/bin/sh", "-c", LOOK)
        report.test(status == 0 and out.startswith(expected) and expected, "launcher: root from %s" % name,
                    "status %d\n%s\n--- not\n%s\n%s" % (status, out, expected, err))
    with open(tree + "/new", "w") as f:
        f.write("fresh\n")
    status, out, err = launcher("--rootfs", tree, "--", "/bin/cat", "/new")
    report.test(out.startswith("fresh"), "launcher: a changed directory is packed again", out + err)
    cached = os.listdir(os.path.join(os.environ["XDG_CACHE_HOME"], "corbel"))
    report.test(0 < len(cached) <= 4 and all(c.endswith(".cpio") for c in cached), "launcher: the cache is trimmed", cached)
    check_alignment(report)
    return tree


def check_alignment(report):
    """File data of a page or more starts on a page; every entry is where the one before says."""
    folder = os.path.join(os.environ["XDG_CACHE_HOME"], "corbel")
    with open(os.path.join(folder, sorted(os.listdir(folder))[0]), "rb") as f:
        data = f.read()
    at, wrong, large = 0, [], 0
    while True:
        head = [int(data[at + 6 + 8 * k:at + 14 + 8 * k], 16) for k in range(13)]
        name = data[at + 110:at + 110 + head[11]]
        start = (at + 110 + head[11] + 3) & ~3
        if data[at:at + 6] != b"070701" or name[-1:] != b"\0" or head[11] > 4096:
            wrong.append(name)
        if head[6] >= 4096 and head[1] & 0o170000 == 0o100000:
            large += 1
            if start % 4096:
                wrong.append(name)
        at = (start + head[6] + 3) & ~3
        if name.startswith(b"TRAILER!!!"):
            break
    report.test(not wrong and large >= 6, "launcher: data of the archive lies on pages", wrong)


def passing_on(report, tree):
    def case(name, wanted_status, wanted, *args, **kw):
        status, out, err = launcher("--rootfs", tree, *args, **kw)
        report.test(status == wanted_status and wanted in out, "launcher: " + name,
                    "status %d\n%s\n%s" % (status, out[-600:], err))

    env = dict(os.environ, FROM_HOST="h o s t")
    case("environment", 0, "A=1 2\nB=\nFROM_HOST=h o s t\n", "-e", "A=1 2", "-e", "FROM_HOST", "-e", "B=", "-e", "NOT_SET",
         "--", "/bin/sh", "-c", "env | busybox grep -e ^A= -e ^F -e ^B -e ^NOT | sort", env=env)
    case("working directory", 0, "/d\n", "-w", "/d", "--", "pwd")
    case("default directory", 0, "/root\n", "--", "pwd")
    case("missing working directory", 125, "cannot enter", "-w", "/nope", "--", "pwd")
    case("words are kept as they are", 0, "<a  b><'><><$x>\n", "--", "/bin/sh", "-c",
         'for i; do busybox printf "<%s>" "$i"; done; echo', "sh", "a  b", "'", "", "$x")
    case("options of the command are the command's", 0, "-c\n", "--", "echo", "-c")
    case("the search path", 0, "found", "--", "busybox", "echo", "found")
    for n in (1, 77, 128, 200, 255):
        case("exit status %d" % n, n, "", "--", "/bin/sh", "-c", "exit %d" % n)
    case("a signal", 128 + 15, "", "--", "/bin/sh", "-c", "kill -TERM $$")
    case("orphans do not delay the end", 4, "", "--", "/bin/sh", "-c", "(sleep 1000 &) ; exit 4")
    case("power-off by the command", 0, "", "--", "poweroff", "-f") if "vmlinux" not in boot.KERNEL else None
    case("kernel messages with -v", 0, "", "-v", "--", "true")
    status, quiet, _ = launcher("--rootfs", tree, "--", "true")
    status2, loud, _ = launcher("--rootfs", tree, "-v", "--", "true")
    report.test(status == 0 and status2 == 0 and len(loud.splitlines()) > len(quiet.splitlines()) + 3,
                "launcher: kernel messages only with -v", quiet[-500:])


def streams(report, tree, tmp):
    payload = "".join("line %d of the input\n" % i for i in range(2000))
    with open(tmp + "/in", "w+") as f:
        f.write(payload)
        f.seek(0)
        status, out, err = launcher("--rootfs", tree, "--", "cat", stdin=f)
    report.test(status == 0 and out.startswith(payload), "launcher: standard input and output are streams",
                "%d %d bytes of %d\n%s\n%s" % (status, len(out), len(payload), out[-300:], err))
    with open(tmp + "/in", "wb+") as f:
        f.write(bytes(range(256)) + b"\nno newline at the end")
        f.seek(0)
        r = subprocess.run([boot.LAUNCHER, "run", "--kernel", boot.KERNEL, "--rootfs", tree, "--timeout", "60", "--", "cat"],
                           stdin=f, stdout=subprocess.PIPE, check=False)
    report.test(r.stdout.startswith(bytes(range(256)) + b"\nno newline at the end"),
                "launcher: every byte passes", r.stdout)
    status, out, err = launcher("--rootfs", tree, "--", "/bin/sh", "-c",
                                "i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done | cat", timeout=120)
    report.test(status == 0 and out.startswith("".join("%d\n" % i for i in range(20000))),
                "launcher: 100 KB of output arrive complete", "%d %d bytes %s" % (status, len(out), out[-200:]))
    both = [subprocess.Popen([boot.LAUNCHER, "run", "--kernel", boot.KERNEL, "--rootfs", tree, "--timeout", "90", "--",
                              "/bin/sh", "-c", "sleep 1; exit %d" % n], stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL) for n in (11, 12)]
    report.test([p.wait() for p in both] == [11, 12], "launcher: two at a time")


def main():
    report = boot.Report()
    with tempfile.TemporaryDirectory(prefix="corbel-launcher-") as tmp:
        os.environ["XDG_CACHE_HOME"] = tmp + "/cache"
        tree = roots(report, tmp)
        passing_on(report, tree)
        streams(report, tree, tmp)
    return report.done()


if __name__ == "__main__":
    sys.exit(main())
