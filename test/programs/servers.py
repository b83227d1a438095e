#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Servers on UNIX sockets and their clients: redis, dbus-daemon with dbus-send, gdbus and busctl."""
import hashlib
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../boot"))
from guest import Check, main, quote  # noqa: E402

# Every wait is for an event; the check's own limit of time ends one that never comes.
WAIT = """cd $(mktemp -d)
until_ok() { until "$@" > /dev/null 2>&1; do sleep 0.05; done; }
"""
REDIS = WAIT + """
r() { redis-cli --raw -s s "$@"; }
pong() { r ping | grep -q PONG; }
start() { redis-server --port 0 --unixsocket $PWD/s --dir $PWD --logfile $PWD/log "$@" & server=$!; until_ok pong; }
stop() { r shutdown "$@"; wait $server; echo ended with $?; }
info() { r info persistence | tr -d '\\r' | grep -x "$1"; }
"""
# key:1 ... key:2000 hold their squares.
FILL = "for ((i = 1; i <= 2000; i++)); do echo set key:$i $((i * i)); done"
SUM = "r eval 'local s = 0; for i = 1, 2000 do s = s + redis.call(\"get\", \"key:\" .. i) end; return s' 0; "
SQUARES = sum(i * i for i in range(1, 2001))

REDIS_WORDS = REDIS + """
start --save ''
r set a 5; r incr a; r rpush l x y z; r lrange l 0 -1 | tr '\\n' ' '; r hset h f 1 g 2; r zadd z 3 c 1 a 2 b
r zrange z 0 -1 | tr '\\n' ' '; head -c 300000 /dev/zero | tr '\\0' v | r -x set big; r strlen big; r get big | tr -d '\\n' | md5sum
printf 'multi\\nincr a\\nincr a\\nlpush l w\\nexec\\n' | r | tr '\\n' ' '
coproc redis-cli --raw -s s
ask() { echo "$1" >&${COPROC[1]}; read -r reply <&${COPROC[0]}; echo "$1: $reply"; }
ask 'watch a'; r set a 100; ask multi; ask 'set a 0'; ask exec; r get a
stop nosave
"""
REDIS_WORDS_SHOWS = r"""^OK
6
3
x y z 2
3
a b c OK
300000
%s  -
OK QUEUED QUEUED QUEUED 7 8 4 watch a: OK
OK
multi: OK
set a 0: QUEUED
exec:[ ]
100
ended with 0$"""
REDIS_WAITERS = REDIS + """
start --save ''
redis-cli --raw -s s subscribe news > sub & clients=$!; r blpop q 0 > popped & redis-cli --raw -s s psubscribe 'n*' > psub & clients="$clients $!"
until_ok grep -q 1 sub; until_ok grep -q 1 psub; until_ok sh -c 'redis-cli -s s client list | grep -q cmd=blpop'
r publish news hello; until_ok grep -q hello sub; until_ok grep -q hello psub
r rpush q item; until_ok grep -q item popped; tr '\\n' ' ' < popped
r set gone 1 px 50 > set; until_ok sh -c 'redis-cli -s s exists gone | grep -q 0'; echo expired
r client list | grep -c 'cmd=p*subscribe'; kill $clients; stop nosave; wait
"""
# The child of BGSAVE writes one key a millisecond; what the parent changes meanwhile is not in the file.
REDIS_SAVE = REDIS + FILL + " > fill\n" + """
start --save ''; r --pipe < fill | tail -1; r config set rdb-key-save-delay 500; r bgsave; info rdb_bgsave_in_progress:1
for i in 1 1000 2000; do r set key:$i 0; done | uniq; r config set rdb-key-save-delay 0; until_ok info rdb_bgsave_in_progress:0
info rdb_last_bgsave_status:ok; redis-check-rdb dump.rdb | grep -c 'RDB looks OK'
kill -9 $server; wait $server 2> /dev/null; start; r dbsize; """ + SUM + """stop save
start; """ + SUM + """stop nosave
"""
REDIS_SAVE_SHOWS = r"^errors: 0, replies: 2000\nOK\nBackground saving started\nrdb_bgsave_in_progress:1\nOK\nOK\nrdb_last_bgsave_status:ok\n1\n2000\n%d\nended with 0\n%d\nended with 0$" % (SQUARES, SQUARES)
# A rewrite of the log in a child while clients write, then a server that is killed and one that reads all of it.
REDIS_LOG = REDIS + FILL + " > fill\n" + """
start --appendonly yes --appendfsync always; r --pipe < fill | tail -1
redis-benchmark -s s -c 8 -n 1200 -q incr hits > /dev/null & bench=$!
r config set rdb-key-save-delay 200 > /dev/null; r bgrewriteaof; wait $bench; r config set rdb-key-save-delay 0 > /dev/null
until_ok info aof_rewrite_in_progress:0; info aof_last_bgrewrite_status:ok; r incr hits
kill -9 $server; wait $server 2> /dev/null; ls appendonlydir | wc -l
redis-check-aof appendonlydir/appendonly.aof.manifest | grep -c 'All AOF files and manifest are valid'
start --appendonly yes; r get hits; """ + SUM + "stop\n"
REDIS_LOG_SHOWS = r"^errors: 0, replies: 2000\nBackground append only file rewriting started\naof_last_bgrewrite_status:ok\n1201\n3\n1\n1201\n%d\nended with 0$" % SQUARES
REDIS_BENCH = REDIS + """
redis-server --port 0 --unixsocket $PWD/s --dir $PWD --save '' --daemonize yes --pidfile $PWD/pid --logfile $PWD/log --io-threads 3 --io-threads-do-reads yes; until_ok pong
redis-benchmark -s s -q -n 1500 -c 40 -P 4 -t set,get,lpush,lpop,incr,zadd | tr '\\r' '\\n' | grep -c 'requests per second, p50'
r get counter:__rand_int__; r llen mylist; r info stats | tr -d '\\r' | grep total_connections | cut -d: -f2 | sed 's/^2[4-6].$/enough/'
p=$(cat pid); ls /proc/$p/task | wc -l; r shutdown nosave; until_ok grep 'ready to exit' log; echo stopped
"""

DBUS = WAIT + """
bus() {
	dbus-daemon --session --nofork --print-address --address=${1:-unix:path=$PWD/bus} > address 2> bus.log & daemon=$!
	until_ok grep -q guid address; export DBUS_SESSION_BUS_ADDRESS=$(cat address)
}
own() { dbus-send --session --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus."$@"; }
owned() { own NameHasOwner string:$1 | grep -q true; }
"""
END = "kill $daemon; wait $daemon; echo bus ended with $?\n"
# A service and a client on libsystemd: sums, signals in a row, and a descriptor that travels in a message.
SERVICE = r"""
import ctypes, os, sys
sd = ctypes.CDLL("libsystemd.so.0")
P, ref = ctypes.c_void_p, ctypes.byref
for f in "get_member", "get_destination":
    getattr(sd, "sd_bus_message_" + f).restype = ctypes.c_char_p
def ok(n):
    if n < 0: sys.exit("sd-bus: " + os.strerror(-n))
    return n
class Error(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("message", ctypes.c_char_p), ("need_free", ctypes.c_int)]
bus = P()
ok(sd.sd_bus_open_user(ref(bus)))
WHERE = b"a.b.Service", b"/a/b", b"a.b.Sums"
def serve():
    count = 0
    ok(sd.sd_bus_request_name(bus, WHERE[0], ctypes.c_uint64(0)))
    while True:
        m = P()
        if ok(sd.sd_bus_process(bus, ref(m))) == 0:
            ok(sd.sd_bus_wait(bus, ctypes.c_uint64(2**64 - 1)))
        if not m: continue
        what = sd.sd_bus_message_get_member(m)
        if what == b"Add":
            a, b = ctypes.c_int32(), ctypes.c_int32()
            ok(sd.sd_bus_message_read(m, b"ii", ref(a), ref(b)))
            ok(sd.sd_bus_reply_method_return(m, b"i", a.value + b.value))
        elif what == b"Burst":
            n = ctypes.c_int32()
            ok(sd.sd_bus_message_read(m, b"i", ref(n)))
            for i in range(n.value):
                ok(sd.sd_bus_emit_signal(bus, WHERE[1], WHERE[2], b"Tick", b"i", i))
            ok(sd.sd_bus_reply_method_return(m, b""))
        elif what == b"Open":
            r, w = os.pipe()
            os.write(w, b"from process %d" % os.getpid())
            os.close(w)
            ok(sd.sd_bus_reply_method_return(m, b"hi", r, os.getpid()))
            os.close(r)
        elif what == b"Quit":
            ok(sd.sd_bus_reply_method_return(m, b""))
            ok(sd.sd_bus_flush(bus))
            return
        elif what and sd.sd_bus_message_is_method_call(m, None, None):
            sd.sd_bus_reply_method_errorf(m, b"a.b.Error.None", b"no method %s", what)
        sd.sd_bus_message_unref(m)
def open_ten():
    e, fds = Error(), []
    for i in range(10):
        m, fd, pid = P(), ctypes.c_int(), ctypes.c_int32()
        if sd.sd_bus_call_method(bus, *WHERE, b"Open", ref(e), ref(m), b"") < 0: sys.exit(e.message)
        ok(sd.sd_bus_message_read(m, b"hi", ref(fd), ref(pid)))
        fds.append(os.dup(fd.value))
        sd.sd_bus_message_unref(m)
    print(len(fds), {os.read(fd, 100) == b"from process %d" % pid.value and pid.value != os.getpid() for fd in fds})
serve() if sys.argv[1] == "serve" else open_ten()
"""
ACTIVATED = DBUS + "cat > service.py << 'X'\n" + SERVICE + "\nX\n" + """
mkdir -p share/dbus-1/services; export XDG_DATA_HOME=$PWD/share XDG_DATA_DIRS=$PWD/share
printf '[D-BUS Service]\\nName=a.b.Service\\nExec=/usr/bin/python3 %s/service.py serve\\n' $PWD > share/dbus-1/services/a.b.service
bus
gdbus call --session --dest a.b.Service --object-path /a/b --method a.b.Sums.Add 20 22
busctl --user call a.b.Service /a/b a.b.Sums Add ii -- -5 3
dbus-send --session --print-reply --dest=a.b.Service /a/b a.b.Sums.Nothing 2>&1 | cut -c1-60
python3 service.py client
dbus-monitor --session "type='signal',interface='a.b.Sums'" > ticks & monitor=$!; until_ok grep -q NameAcquired ticks
gdbus call --session --dest a.b.Service --object-path /a/b --method a.b.Sums.Burst 400
until_ok grep -q 'int32 399' ticks; grep int32 ticks | tr -dc '0-9 \\n' | sed 's/32//' | tr -d ' ' | diff - <(seq 0 399) && echo all in order
(gdbus wait --session --timeout 100 a.b.Other && echo came) & wait=$!
until_ok gdbus call --session --dest a.b.Service --object-path /a/b --method a.b.Sums.Quit
gone() { own NameHasOwner string:a.b.Service | grep -q false; }; until_ok gone; echo gone; kill $monitor $wait; wait $wait
""" + END
ACTIVATED_SHOWS = r"^\(42,\)\ni -2\nError a\.b\.Error\.None: no method Nothing\n10 \{True\}\n\(\)\nall in order\ngone\nbus ended with 0$"
DBUS_SEND = DBUS + """
bus
own ListNames | grep -c 'string "org.freedesktop.DBus"'; own GetConnectionUnixProcessID string:org.freedesktop.DBus | grep -c "uint32 $daemon$"
own GetConnectionUnixUser string:org.freedesktop.DBus | grep -c 'uint32 0$'
dbus-send --session --print-reply --dest=no.such.Name / a.b.C 2>&1 | grep -o 'org.freedesktop.DBus.Error.ServiceUnknown'
own GetNameOwner int32:5 2>&1 | grep -o 'InvalidArgs'
chmod 777 . bus; setpriv --reuid=1000 --clear-groups dbus-send --session --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.ListNames 2>&1 | grep -o 'Failed to open connection\\|string "org.freedesktop.DBus"'
for i in 1 2 3 4 5 6 7 8; do (for j in 1 2 3 4 5; do own GetId | grep -c 'string "[0-9a-f]\\{32\\}"'; done) & p="$p $!"; done; wait $p
""" + END
GDBUS = DBUS + """
bus unix:abstract=/corbel/$$; echo $DBUS_SESSION_BUS_ADDRESS | cut -d, -f1 | sed "s/$$/pid/"
call() { gdbus call --session --dest org.freedesktop.DBus --object-path / --method org.freedesktop.DBus."$@"; }
call GetId | grep -cE "^\\('[0-9a-f]{32}',\\)"; call RequestName a.b.C 4; call NameHasOwner a.b.C; call ListNames | grep -o ':1\\.[0-9]*' | wc -l
gdbus introspect --session --dest org.freedesktop.DBus --object-path /org/freedesktop/DBus | grep -E 'RequestName\\(|NameLost\\('
gdbus monitor --session --dest org.freedesktop.DBus > seen & monitor=$!; until_ok grep -q 'is owned' seen
gdbus emit --session --object-path /a --signal a.b.S '"hello"' 'uint32 5' '[1, 2]' && echo emitted
until_ok grep -q "NameOwnerChanged (':1\\.[0-9]*', ':1\\.[0-9]*', '')" seen; echo left; kill $monitor
dbus-monitor --session "type='signal',interface='a.b'" > mon & monitor=$!; until_ok grep -q NameAcquired mon
gdbus emit --session --object-path /a --signal a.b.S '"hello"' 'uint32 5' '[1, 2]'; until_ok grep -q 'int32 2' mon; grep -A9 member=S mon | sed 's/^.*path/path/'; kill $monitor
""" + END
GDBUS_SHOWS = r"""^unix:abstract=/corbel/pid
1
\(uint32 1,\)
\(false,\)
1
 +RequestName\(.*
 +NameLost\(.*
emitted
left
path=/a; interface=a.b; member=S
   string "hello"
   uint32 5
   array \[
      int32 1
      int32 2
   \]
bus ended with 0$"""
BUSCTL = DBUS + """
bus; export DBUS_SYSTEM_BUS_ADDRESS=$DBUS_SESSION_BUS_ADDRESS
busctl --user list --no-pager | grep -c '^org.freedesktop.DBus '
busctl --user call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus NameHasOwner s org.freedesktop.DBus
busctl --user call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus GetConnectionCredentials s org.freedesktop.DBus | grep -oE '"(ProcessID|UnixUserID)" u [0-9]*' | sed s/$daemon/same/ | sort
/lib/systemd/systemd-hostnamed 2> hostnamed.log & hostnamed=$!; until_ok owned org.freedesktop.hostname1
busctl --user tree org.freedesktop.hostname1 --no-pager --list
busctl --user introspect org.freedesktop.hostname1 /org/freedesktop/hostname1 org.freedesktop.hostname1 --no-pager | grep -cE '^\\.(Hostname|KernelName|SetHostname) +(property|method) '
[ "$(busctl --user get-property org.freedesktop.hostname1 /org/freedesktop/hostname1 org.freedesktop.hostname1 KernelRelease)" = "s \\"$(uname -r)\\"" ] && echo release
[ "$(busctl --user get-property org.freedesktop.hostname1 /org/freedesktop/hostname1 org.freedesktop.hostname1 Hostname)" = "s \\"$(uname -n)\\"" ] && echo name
busctl --user monitor --json=short > seen 2> monitor.log & monitor=$!; until_ok owned org.freedesktop.DBus; until [ -s seen ]; do own GetId > /dev/null; done
busctl --user emit /a a.b S si hello 7; until_ok grep -q '"member":"S"' seen; grep '"member":"S"' seen | grep -o '"data":.*}' | head -1; kill $monitor $hostnamed
""" + END

CHECKS = [
    Check("redis: words, MULTI, WATCH", REDIS_WORDS, REDIS_WORDS_SHOWS % hashlib.md5(b"v" * 300000).hexdigest()),
    Check("redis: clients that wait", REDIS_WAITERS, r"^2\n1\nq item expired\n2\nended with 0$"),
    Check("redis: BGSAVE is a snapshot, a killed server reads it", REDIS_SAVE, REDIS_SAVE_SHOWS),
    Check("redis: the log is rewritten under load, a killed server reads it", REDIS_LOG, REDIS_LOG_SHOWS),
    Check("redis-benchmark, three threads", REDIS_BENCH, r"^6\n1500\n0\nenough\n[4-9]\nstopped$"),
    Check("dbus-daemon and dbus-send", DBUS_SEND, r"^1\n1\n1\norg.freedesktop.DBus.Error.ServiceUnknown\nInvalidArgs\nFailed to open connection\n(1\n){40}bus ended with 0$"),
    Check("gdbus: calls, signals, an abstract name", GDBUS, GDBUS_SHOWS),
    Check("busctl and systemd-hostnamed", BUSCTL, r'^1\nb true\n"ProcessID" u same\n"UnixUserID" u 0\n/\n/org\n/org/freedesktop\n/org/freedesktop/LogControl1\n/org/freedesktop/hostname1\n3\nrelease\nname\n"data":\["hello",7\]\}+\nbus ended with 0$'),
    Check("dbus: a service that the bus starts, descriptors in messages", ACTIVATED, ACTIVATED_SHOWS),
    Check("dbus-run-session", WAIT + "dbus-run-session -- bash -c " + quote("own() { dbus-send --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.$1; }; own GetId | grep -c string; exit 7") + "; echo $?; until_ok sh -c '! pgrep -r D,R,S -x dbus-daemon'; echo no daemon", r"^1\n7\nno daemon$"),
]

if __name__ == "__main__":
    sys.exit(main("servers", CHECKS, "full.tar", memory="2G"))
