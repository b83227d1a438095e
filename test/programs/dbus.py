#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Unmodified D-Bus programs on the message bus of the kernel, through corbel-dbus-proxy; no dbus-daemon runs."""
import os
import shutil
import subprocess
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../boot"))
import boot  # noqa: E402
import servers  # noqa: E402
from guest import ROOTFS, Check, main  # noqa: E402

PROXY = os.path.join(boot.TOP, "out/x86_64/guest/corbel-dbus-proxy")
ROOT = os.path.join(ROOTFS, "dbus.tar")
BRIDGED = os.path.join(ROOTFS, "dbus-bridged.tar")


def through_bridge(text):
    return text.replace("dbus-daemon", "corbel-dbus-proxy")


# A session bus and the system bus; what ends is the bridge, which says so.
SESSION = through_bridge(servers.DBUS)
END = servers.END
SYSTEM = servers.WAIT + """
mkdir -p /run/dbus /run/dbus-1/system-services; rm -f /run/dbus/system_bus_socket
system() {
	corbel-dbus-proxy --system --nofork --nopidfile --nosyslog 2> system.log & daemon=$!
	until_ok test -S /run/dbus/system_bus_socket
}
own() { dbus-send --system --print-reply --dest=org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus."$@"; }
as_user() { setpriv --reuid=1000 --regid=1000 --clear-groups "$@"; }
"""

TOOLS = SESSION + """
bus; echo $DBUS_SESSION_BUS_ADDRESS | grep -c guid=; ls /sys/fs/kdbus | grep -c user
dbus-test-tool echo --session --name=a.b.Echo & echo=$!; until_ok owned a.b.Echo
dbus-send --session --print-reply --dest=a.b.Echo /a a.b.C.M | grep -c 'method return'
dbus-test-tool spam --session --dest=a.b.Echo --count=500 --queue=20 && echo spammed
head -c 300000 /dev/zero | tr '\\0' x > large; dbus-test-tool spam --session --dest=a.b.Echo --count=20 --string --stdin < large && echo large
dbus-test-tool black-hole --session --name=a.b.Hole & hole=$!; until_ok owned a.b.Hole
dbus-send --session --print-reply --reply-timeout=300 --dest=a.b.Hole /a a.b.C.M 2>&1 | grep -o 'NoReply'
dbus-send --session --print-reply --dest=a.b.Hole /a a.b.C.M 2>&1 | grep -o 'disconnected from message bus without replying' & call=$!
stats() { dbus-send --session --print-reply --dest=org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus.Debug.Stats."$@"; }
waits() { stats GetStats | grep -A1 CallsWaiting | grep -q 'uint32 1'; }; until_ok waits; disown $hole; kill -9 $hole; wait $call
kill $echo; gone() { own NameHasOwner string:a.b.Echo | grep -q false; }; until_ok gone; echo gone
own GetConnectionCredentials string:org.freedesktop.DBus | grep -c ProcessID
stats GetStats | grep -A1 SentToKernel | grep -c 'uint64 [1-9][0-9][0-9]'
""" + END
TOOLS_SHOWS = r"^1\n[1-9]\n1\n(.*\n)*spammed\n(.*\n)*large\nNoReply\ndisconnected.*\ngone\n1\n1\nbus ended with 0$"

PYTHON = r"""
import sys, os, dbus, dbus.service, dbus.mainloop.glib
from gi.repository import GLib
dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus, loop = dbus.SessionBus(), GLib.MainLoop()
class Thing(dbus.service.Object):
    @dbus.service.method("a.b.Thing", in_signature="a{sv}", out_signature="a{sv}")
    def Turn(self, d): return {k: v for k, v in reversed(list(d.items()))}
    @dbus.service.method("a.b.Thing", in_signature="ay", out_signature="u", byte_arrays=True)
    def Count(self, data): return len(data)
    @dbus.service.method("a.b.Thing", in_signature="", out_signature="s", sender_keyword="who")
    def Who(self, who=None): return who
    @dbus.service.method("a.b.Thing", in_signature="h", out_signature="h")
    def Pass(self, fd):
        r, w = os.pipe(); f = fd.take(); os.write(w, os.read(f, 100).upper()); os.close(w); os.close(f)
        return dbus.types.UnixFd(r)
    @dbus.service.signal("a.b.Thing", signature="i")
    def Tick(self, n): pass
    @dbus.service.method("a.b.Thing", in_signature="", out_signature="")
    def Fail(self): raise dbus.DBusException("no", name="a.b.Error.No")
    @dbus.service.method("a.b.Thing", in_signature="i", out_signature="")
    def Ticks(self, n):
        for i in range(n): self.Tick(i)
if sys.argv[1] == "serve":
    name = dbus.service.BusName("a.b.Thing", bus); Thing(bus, "/thing"); loop.run()
thing = dbus.Interface(bus.get_object("a.b.Thing", "/thing"), "a.b.Thing")
print(dict(thing.Turn({"a": 1, "b": "two"})) == {"a": 1, "b": "two"}, int(thing.Count(dbus.ByteArray(bytes(1500000)))))
print(thing.Who() == bus.get_unique_name(), bus.get_name_owner("a.b.Thing").startswith(":1."))
r, w = os.pipe(); os.write(w, b"through the bus"); os.close(w)
print(os.read(thing.Pass(dbus.types.UnixFd(r)).take(), 100))
try: thing.Fail()
except dbus.DBusException as e: print(e.get_dbus_name())
seen = []
def on(n):
    seen.append(int(n))
    if len(seen) == 1000: loop.quit()
bus.add_signal_receiver(on, "Tick", "a.b.Thing", path="/thing")
bus.add_signal_receiver(lambda n: seen.append(-1), "Tick", "a.b.Other")
thing.Ticks(1000, reply_handler=lambda: None, error_handler=print); loop.run(); print(seen == list(range(1000)))
"""
PYTHON_DBUS = SESSION + "cat > thing.py << 'X'\n" + PYTHON + "\nX\n" + """
bus; python3 thing.py serve & serve=$!; until_ok owned a.b.Thing; python3 -u thing.py call; kill $serve
""" + END
PYTHON_SHOWS = r"^True 1500000\nTrue True\nb'THROUGH THE BUS'\na\.b\.Error\.No\nTrue\nbus ended with 0$"

# polkitd by its own file; hostnamed by one that starts it without systemd.
ACTIVATED = SYSTEM + """
service() { printf '[D-BUS Service]\\nName=%s\\nExec=%s\\nUser=root\\n' $1 $2 > /run/dbus-1/system-services/$1.service; }
service org.freedesktop.hostname1 /lib/systemd/systemd-hostnamed; service a.b.None /no/such/program; service a.b.False /bin/false
system; ls -d /sys/fs/kdbus/0-system; pgrep -c polkitd
[ "$(busctl get-property org.freedesktop.hostname1 /org/freedesktop/hostname1 org.freedesktop.hostname1 KernelRelease)" = "s \\"$(uname -r)\\"" ] && echo release
busctl tree org.freedesktop.hostname1 --no-pager --list | tail -1
busctl get-property org.freedesktop.PolicyKit1 /org/freedesktop/PolicyKit1/Authority org.freedesktop.PolicyKit1.Authority BackendName
pid=$(own GetConnectionUnixProcessID string:org.freedesktop.PolicyKit1 | grep -o 'uint32 .*' | cut -c8-); cat /proc/$pid/comm; as_user busctl --no-pager list | grep -c '^org.freedesktop.PolicyKit1 '
dbus-send --system --print-reply --dest=a.b.None / a.b.C.M 2>&1 | grep -o 'Spawn.ExecFailed\\|AccessDenied'
own StartServiceByName string:a.b.None uint32:0 2>&1 | grep -o 'Spawn.ExecFailed'; own StartServiceByName string:a.b.False uint32:0 2>&1 | grep -o 'Spawn.ChildExited'
own StartServiceByName string:org.freedesktop.hostname1 uint32:0 | grep -c 'uint32 [12]'; pgrep -x polkitd | wc -l
""" + END
ACTIVATED_SHOWS = r'^/sys/fs/kdbus/0-system\n0\nrelease\n/org/freedesktop/hostname1\ns "js"\npolkitd\n1\nAccessDenied\nSpawn.ExecFailed\nSpawn.ChildExited\n1\n1\nbus ended with 0$'

POLICY = SYSTEM + """
cat > /etc/dbus-1/system.d/x.conf << 'X'
<busconfig><policy user="root"><allow own_prefix="a.b"/><allow send_destination="a.b.Echo"/></policy>
<policy context="default"><allow send_destination="a.b.Echo" send_interface="a.b.Open"/></policy></busconfig>
X
system; dbus-test-tool echo --system --name=a.b.Echo & echo=$!; has() { own NameHasOwner string:a.b.Echo | grep -q true; }; until_ok has
call() { dbus-send --system --print-reply --dest=a.b.Echo / $1 2>&1 | grep -o 'method return\\|AccessDenied'; }
call a.b.Closed.M; call a.b.Open.M; as_user bash -c "$(declare -f call); call a.b.Closed.M; call a.b.Open.M"
dbus-test-tool echo --system --name=c.d 2>&1 | grep -o "failed to take bus name"; as_user dbus-test-tool echo --system --name=a.b.X 2>&1 | grep -o "failed to take bus name"
as_user busctl --system monitor 2>&1 | grep -ciE 'denied|not permitted|privileges' | head -1
sed -i s/a.b.Open/a.b.Shut/ /etc/dbus-1/system.d/x.conf; own ReloadConfig > /dev/null; as_user bash -c "$(declare -f call); call a.b.Open.M"
echo '<busconfig><bees/></busconfig>' > /etc/dbus-1/system-local.conf; own ReloadConfig 2>&1 | grep -o 'bees'; call a.b.Shut.M; rm /etc/dbus-1/system-local.conf /etc/dbus-1/system.d/x.conf
kill $echo
""" + END
POLICY_SHOWS = r"^method return\nmethod return\nAccessDenied\nmethod return\nfailed to take bus name\nfailed to take bus name\n1\nAccessDenied\nbees\nmethod return\nbus ended with 0$"

HOSTILE = r"""
import os, socket, struct
path = os.environ["DBUS_SESSION_BUS_ADDRESS"].split("path=")[1].split(",")[0]
def connect(hello=True):
    s = socket.socket(socket.AF_UNIX); s.connect(path)
    s.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n")
    got = b""
    while got.count(b"\r\n") < 2: got += s.recv(1000)
    if hello: s.sendall(message("Hello")); s.recv(1000)
    return s
def field(code, kind, text):
    t = text.encode()
    f = bytes([code, 1]) + kind.encode() + b"\0" + struct.pack("<I", len(t)) + t + b"\0"
    return f
def pad(f): return f + bytes(-len(f) % 8)
def message(member, serial=1, claim=0):
    f = pad(field(1, "o", "/org/freedesktop/DBus")) + pad(field(2, "s", "org.freedesktop.DBus")) + pad(field(3, "s", member)) + field(6, "s", "org.freedesktop.DBus")
    return struct.pack("<4sIII", b"l\1\0\1", claim, serial, len(f)) + pad(f)
def ends(s):
    s.settimeout(30)
    try:
        while s.recv(65536): pass
        return True
    except ConnectionError: return True
def dies(data, hello=True):
    s = connect(hello)
    try: s.sendall(data)
    except ConnectionError: pass
    return ends(s)
print(dies(os.urandom(5000)), dies(message("ListNames", serial=0)), dies(message("X", claim=1 << 31)), dies(message("ListNames"), hello=False))
s = socket.socket(socket.AF_UNIX); s.connect(path); s.sendall(b"\0AUTH EXTERNAL 39393939\r\n" + b"AUTH\r\n" * 8); print(ends(s))
for cut in range(1, 120, 7): s = connect(); s.sendall(message("ListNames")[:cut]); s.close()
# One that asks much and reads nothing, some that ask and go: others go on.
s = connect(); s.setblocking(False); sent = 0
try:
    while sent < 8 << 20: sent += s.send(message("ListNames", serial=2))
except BlockingIOError: pass
for i in range(30):
    t = connect(); t.sendall(message("GetId", serial=2)); t.close()
t = connect(); t.sendall(message("GetId", serial=2)); print(len(t.recv(1000)) > 30, sent > 100000)
r, w = os.pipe()
t = connect()
for i in range(1000):
    try: socket.send_fds(t, [b"l"], [r])
    except ConnectionError: break
    if i == 0: t.sendall(b"\1\0\1" + struct.pack("<III", 4000, 9, 0))
print(i > 0)
"""
ROBUST = SESSION + "cat > hostile.py << 'X'\n" + HOSTILE + "\nX\n" + """
bus; python3 hostile.py; few() { own ListNames | grep -c '":1' | grep -qx 1; }; until_ok few; echo alone; ls /proc/$daemon/fd | wc -l | grep -cE '^(1[0-9]|[1-9])$'
""" + END
ROBUST_SHOWS = r"^True True True True\nTrue\nTrue True\nTrue\nalone\n1\nbus ended with 0$"

# The same messages from a program that has no socket but the kernel's bus.
NATIVE = r"""
import ctypes, os, select, struct, subprocess, sys
from gi.repository import Gio, GLib
DBUS1 = 0x64627573316d7367
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
def ctl(fd, number, *words, more=b""):
    b = ctypes.create_string_buffer(struct.pack("<%dq" % len(words), *words) + more)
    if libc.ioctl(fd, ctypes.c_ulong(number), b): raise OSError(ctypes.get_errno(), "ioctl %x" % number)
    return b.raw
class Conn:
    def __init__(self, bus):
        self.fd = os.open(bus, os.O_RDWR)
        hello = ctl(self.fd, 0xc0609580, 96, 1, 0, 0x3fff, 0, 0, 0, 1 << 24, 0, 0, 0, 0)
        self.id = struct.unpack_from("<Q", hello, 48)[0]; at = libc.mmap(None, ctypes.c_size_t(1 << 24), 1, 1, self.fd, ctypes.c_long(0))
        self.pool = (ctypes.c_char * (1 << 24)).from_address(at)
    def item(self, kind, data): return struct.pack("<QQ", 16 + len(data), kind) + data + bytes(-len(data) % 8)
    def send(self, m, dst_id=0, name=None, flags=0, reply=0):
        serial = m.get_serial(); blob = ctypes.create_string_buffer(bytes(m.to_blob(Gio.DBusCapabilityFlags.NONE)))
        items = self.item(10, name.encode() + b"\0") if name else b""
        items += self.item(2, struct.pack("<QQ", len(blob) - 1, ctypes.addressof(blob)))
        msg = ctypes.create_string_buffer(struct.pack("<QQqQQQQQ", 64 + len(items), flags, 0, dst_id, 0, DBUS1, serial, 1 << 62 if flags & 1 else reply) + items)
        ctl(self.fd, 0x40389590, 56, 0, 0, ctypes.addressof(msg), 0, 0, 0)
    def recv(self):
        select.select([self.fd], [], [])
        cmd = ctl(self.fd, 0x80409591, 64, 0, 0, 0, 0, 0, 0, 0)
        at = struct.unpack_from("<Q", cmd, 40)[0]; size, _, _, _, src, kind, cookie, reply = struct.unpack_from("<QQqQQQQQ", self.pool, at)
        p = at + 64
        while p < at + size:
            n, t = struct.unpack_from("<QQ", self.pool, p)
            if t == 3:
                length, offset = struct.unpack_from("<QQ", self.pool, p + 16)
                return src, cookie, Gio.DBusMessage.new_from_blob(self.pool[at + offset:at + offset + length], Gio.DBusCapabilityFlags.NONE)
            p += n + 7 & ~7
    def name(self, name): ctl(self.fd, 0x401895a0, 24 + len(self.item(15, name)), 0, 0, more=self.item(15, name))
c = Conn(sys.argv[1])
m = Gio.DBusMessage.new_method_call("a.b.Echo", "/", "a.b.C", "M"); m.set_serial(7); c.send(m, name="a.b.Echo", flags=1)
src, cookie, r = c.recv(); print("legacy answers", r.get_reply_serial(), r.get_sender() == ":1.%d" % src)
c.name(b"n.a.Native\0")
p = subprocess.Popen(["gdbus", "call", "--session", "--dest", "n.a.Native", "--object-path", "/o", "--method", "n.a.I.Add", "20", "22"], stdout=subprocess.PIPE)
while True:
    src, cookie, m = c.recv()
    a = Gio.DBusMessage.new_method_reply(m); a.set_serial(100 + cookie)
    if m.get_member() == "Add": a.set_body(GLib.Variant("(i)", (sum(m.get_body().unpack()),)))
    c.send(a, dst_id=src, reply=cookie)
    if m.get_member() == "Add": break
print("native answers", p.communicate()[0].decode().strip())
"""
NATIVE_TEST = SESSION + "cat > native.py << 'X'\n" + NATIVE + "\nX\n" + """
bus; dbus-test-tool echo --session --name=a.b.Echo & echo=$!; until_ok owned a.b.Echo
python3 native.py $(ls -td /sys/fs/kdbus/*user*/bus | head -1); kill $echo
""" + END
NATIVE_SHOWS = r"^legacy answers 7 True\nnative answers \(42,\)\nbus ended with 0$"

# dbus-tests' own programs, with the bridge for their daemon.
OWN = """cd $(mktemp -d); export DBUS_TEST_DAEMON=/usr/bin/corbel-dbus-proxy T=/usr/lib/dbus-1.0/installed-tests/dbus
test -s /etc/machine-id || dbus-uuidgen > /etc/machine-id; export DBUS_TEST_EXEC=$T DBUS_TEST_DATA=$T/data DBUS_TEST_HOMEDIR=$PWD
$T/%s --tap %s > out 2>&1 < /dev/null; s=$?; grep -E '^(not ok|Bail|ERROR)' out; grep -cE '^ok' out; exit $s"""


def own_test(name, arguments="", least=1):
    return Check("dbus-tests: " + name, OWN % (name, arguments), seconds=300,
                 judge=lambda out: out.strip().isdigit() and int(out) >= least)


CHECKS = [Check("through the bridge: " + c.name.replace("dbus-daemon and ", ""), through_bridge(c.command), c.expect)
          for c in servers.CHECKS if "dbus-daemon --session" in c.command] + [
    Check("dbus-run-session", "dbus-run-session --dbus-daemon=/usr/bin/corbel-dbus-proxy -- bash -c 'dbus-send --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.GetId | grep -c string; exit 7'; echo $?", r"^1\n7$"),
    Check("dbus-test-tool: echo, spam, black-hole", TOOLS, TOOLS_SHOWS),
    Check("python3-dbus: service and client", PYTHON_DBUS, PYTHON_SHOWS),
    Check("system bus: polkitd and systemd-hostnamed are started", ACTIVATED, ACTIVATED_SHOWS),
    Check("system bus: XML policy", POLICY, POLICY_SHOWS),
    Check("hostile clients", ROBUST, ROBUST_SHOWS, seconds=120),
    Check("native and legacy clients reach each other", NATIVE_TEST, NATIVE_SHOWS),
    own_test("test-dbus-daemon", "-s /properties/features -s /properties/get-all", least=30), # there is no systemd for SystemdActivation
    own_test("test-uid-permissions"),
]


def bridged():
    """The Debian root with the bridge in it."""
    subprocess.run(["make", "-s", "dbus-proxy"], cwd=boot.TOP, check=True, stdout=sys.stderr)
    if not os.path.exists(ROOT):
        subprocess.run(["tools/mkrootfs", "dbus", ROOT], cwd=boot.TOP, check=True, stdout=sys.stderr)
    if os.path.exists(BRIDGED) and os.path.getmtime(BRIDGED) > max(map(os.path.getmtime, (ROOT, PROXY))):
        return BRIDGED
    shutil.copyfile(ROOT, BRIDGED + ".new")
    with tarfile.open(BRIDGED + ".new", "a") as tar:
        tar.add(PROXY, "./usr/bin/corbel-dbus-proxy")
    os.rename(BRIDGED + ".new", BRIDGED)
    return BRIDGED


if __name__ == "__main__":
    sys.exit(main("dbus", CHECKS, bridged(), memory="1536M"))
