#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Debian's makers of keys at the first boot of a machine without any source of randomness."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../boot"))
import boot  # noqa: E402
from guest import ROOTFS, Check, run_checks  # noqa: E402

NO_DESCRIPTORS = """
import os, resource, ssl
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
try:
    os.open("/dev/urandom", os.O_RDONLY)
except OSError as e:
    print(e.errno)
print(len(os.getrandom(32)), len(ssl.RAND_bytes(64)), ssl.RAND_bytes(16) != ssl.RAND_bytes(16))
"""

CHECKS = [
    Check("openssl rand", "openssl rand -hex 32; openssl rand -hex 32", judge=lambda out:
          sorted(len(w) for w in out.split()) == [64, 64] and len(set(out.split())) == 2),
    Check("nobody else made it ready", "cat /sys/kernel/random/ready_by", "^(jitter|interrupt|time)$"),
    Check("openssl without descriptors", "python3 -c '%s'" % NO_DESCRIPTORS, r"^24\n32 64 True$"),
    Check("openssl genpkey", "openssl genpkey -algorithm ed25519 -out /tmp/a && openssl genpkey -algorithm RSA "
          "-pkeyopt rsa_keygen_bits:1024 -out /tmp/b 2> /dev/null && for k in a b; do openssl pkey -in /tmp/$k -check "
          "-noout; done", "^Key is valid\nKey is valid$", seconds=120),
    Check("gpg --gen-random", "gpg --gen-random 2 64 2> /dev/null | wc -c", "^64$"),
    Check("gpg --quick-gen-key", "export GNUPGHOME=/tmp/gpg; mkdir -m 700 $GNUPGHOME; gpg --batch --passphrase '' "
          "--quick-gen-key somebody@example.org ed25519 default never 2> /dev/null && gpg --list-keys 2> /dev/null; "
          "gpgconf --kill all", "somebody@example.org", seconds=120),
    Check("ssh-keygen", "for t in ed25519 ecdsa; do ssh-keygen -q -t $t -N '' -f /tmp/$t && "
          "ssh-keygen -l -f /tmp/$t; done", r"SHA256:.*\(ED25519\)\n.*SHA256:.*\(ECDSA\)", seconds=120),
]


def main():
    report = boot.Report()
    picked = [c for c in CHECKS if not sys.argv[1:] or any(n in c.name for n in sys.argv[1:])]
    run_checks(report, "no source, 1 cpu", picked, os.path.join(ROOTFS, "guests.tar"), "-c", "1", "-m", "1G",
               "--append", "random.trust_bootloader=off", "--vmm-arg=-cpu", "--vmm-arg=qemu64,-rdrand,-rdseed")
    return report.done()


if __name__ == "__main__":
    sys.exit(main())
