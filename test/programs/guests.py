#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Managers of containers and machines: crun from its sealed copy, QEMU moving a machine by post-copy."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../boot"))
import boot  # noqa: E402
from guest import Check, launcher, main  # noqa: E402

# Without control groups: /sys/fs stands in for what crun looks at before it is told that there are none.
CONTAINER = """cd $(mktemp -d); mkdir -p rootfs/bin rootfs/proc rootfs/dev; cp /bin/busybox rootfs/bin/sh; cp /bin/busybox rootfs/bin/sleep
mount -t tmpfs none /sys/fs; mkdir /sys/fs/cgroup; crun spec; python3 - <<'END'
import json
c = json.load(open("config.json"))
c["process"].update(args=["/bin/sh", "-c", "echo in $$; exit 5"], terminal=False)
c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] not in ("network", "cgroup")]
c["mounts"] = [m for m in c["mounts"] if m["type"] not in ("cgroup", "sysfs")]
json.dump(c, open("config.json", "w"))
END
crun --cgroup-manager=disabled run box; echo ended with $?; crun --cgroup-manager=disabled list | wc -l; umount /sys/fs
"""
# A manager that waits for its container: what it runs from.
SEALED = CONTAINER.replace("exit 5", "/bin/sleep 1000").replace("echo in $$", "echo up").replace(
    "crun --cgroup-manager=disabled run box;", "crun --cgroup-manager=disabled run box & until pgrep -x sleep > /dev/null; do sleep 0.1; done; "
    "readlink /proc/$!/exe; pkill -KILL -x sleep; wait $!;")

CHECKS = [
    Check("crun runs a container", CONTAINER, r"^in 1\nended with 5\n1$", seconds=90),
    Check("crun runs from a sealed memfd", SEALED, r"^/memfd:crun_cloned:/proc/self/exe \(deleted\)$", seconds=90),
]


def moved(report, tar):
    """The root with an innermost machine: this kernel, and a program that dirties its memory."""
    with tempfile.TemporaryDirectory() as tmp:
        os.mkdir(os.path.join(tmp, "in"))
        put = lambda name: os.path.join(tmp, "in", name)  # noqa: E731
        subprocess.run(["musl-gcc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-static", "-s", "-o", put("dirty"),
                        os.path.join(HERE, "postcopy/dirty.c")], check=True)
        archive = boot.Archive()
        archive.add("init", host=put("dirty"), mode=0o755)
        with open(put("initrd"), "wb") as f:
            f.write(archive.finish())
        shutil.copy(boot.KERNEL, put("kernel"))
        shutil.copy(os.path.join(HERE, "postcopy/migrate.py"), put("migrate.py"))
        root = os.path.join(tmp, "root.tar")
        shutil.copy(tar, root)
        subprocess.run(["tar", "--owner=0", "--group=0", "--transform=s,^,./opt/,", "-C", os.path.join(tmp, "in"), "-rf", root,
                        "kernel", "initrd", "migrate.py"], check=True)
        status, out, err = launcher("--rootfs", root, "-c", "2", "-m", "1G", "-e", "PATIENCE=%g" % boot.PATIENCE, "--",
                                    "/opt/migrate.py", "/opt/kernel", "/opt/initrd", timeout=300)
        report.test(status == 0 and re.search(r"^runs\npost-copy\ncompleted, requests for pages: some\ntime without a page was counted: yes\nrequests \d+, blocked \d+ ms, round \d+\nmoved$",
                                              out.replace("\r", ""), re.MULTILINE),
                    "guests: QEMU moves a running machine by post-copy", "status %d\n%s\n%s" % (status, out[-1500:], err[-1500:]))


if __name__ == "__main__":
    sys.exit(main("guests", CHECKS, "guests.tar", memory="1G", also={"post-copy": moved}))
