#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Programs in Perl, JavaScript, Go, Rust and C: what their run-time systems ask of a kernel."""
import hashlib
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../boot"))
from guest import Check, main  # noqa: E402


def numbers(n):
    """The numbers of a simple generator; each language makes and sorts the same."""
    x, out = 12345, []
    for _ in range(n):
        x = (x * 1103515245 + 12345) % 2147483648
        out.append(x)
    return out


def script(name, text, run):
    return "cd $(mktemp -d)\ncat > %s << 'X'\n%s\nX\n%s" % (name, text, run)


SORTED = hashlib.md5(",".join("%08x" % x for x in sorted(numbers(20000))).encode()).hexdigest()
PERL_SORT = """
use Digest::MD5 'md5_hex'; my ($x, @n) = (12345);
push @n, $x = ($x * 1103515245 + 12345) % 2147483648 for 1 .. 20000;
print md5_hex(join ",", map { sprintf "%08x", $_ } sort { $a <=> $b } @n), "\\n";
print unpack("H*", pack "NnCa3w", 1, 2, 3, "abc", 300), sprintf(" %.3f %+d %-4s| %05.1f %e\\n", 2/3, 7, "ab", 9.95, 12345.678);
"""
PERL_FORKS = """
use POSIX qw(:sys_wait_h :signal_h); use Time::HiRes 'usleep'; use Fcntl ':flock'; $| = 1;
my ($usr, $chld, %st) = (0, 0); $SIG{USR1} = sub { $usr++ };
open my $f, "+>", "count" or die; print $f "0\\n"; close $f; my $me = $$;
for my $i (1 .. 20) { my $p = fork // die; next if $p;
    for (1 .. 10) { open my $f, "+<", "count"; flock $f, LOCK_EX; my $n = <$f>; seek $f, 0, 0; print $f $n + 1, "\\n"; close $f }
    exit $i }
my $sum = 0; while ((my $p = wait) > 0) { $sum += $? >> 8; $chld++ }
open $f, "<", "count"; print "$chld children, $sum, ", scalar <$f>;
my $p = fork // die; unless ($p) { kill USR1 => $me; sleep 100 } usleep 1000 until $usr; kill TERM => $p; waitpid $p, 0;
print "signal ", $? & 127, ", handled $usr\\n";
eval { local $SIG{ALRM} = sub { die "alarm\\n" }; alarm 1; sleep 100 }; print $@;
my $set = POSIX::SigSet->new(SIGUSR1); sigprocmask(SIG_BLOCK, $set); kill USR1 => $$; my $before = $usr;
sigprocmask(SIG_UNBLOCK, $set); usleep 1 while $usr == $before; print "blocked, then handled ", $usr, "\\n";
print join(" ", map { `echo $_` =~ s/\\n//r } 1 .. 5), "\\n"; system "sh -c 'exit 3'"; print $? >> 8, "\\n"; exec "echo", "exec'd";
"""
PERL_SOCKETS = """
use IO::Socket::UNIX; use IO::Select; use Socket; $| = 1;
my $l = IO::Socket::UNIX->new(Local => "s", Listen => 10) or die $!; my @kids;
for my $i (1 .. 8) { my $p = fork // die; if ($p) { push @kids, $p; next }
    my $s = IO::Socket::UNIX->new(Peer => "s") or die $!; print $s "line $_ of $i\\n" for 1 .. 100; $s->shutdown(1);
    my $n = 0; while (<$s>) { $n++ if /^LINE \\d+ OF $i$/ } exit($n == 100 ? 0 : 1) }
my $sel = IO::Select->new($l); my ($done, $bytes, %rest) = (0, 0);
while ($done < 8) { for my $s ($sel->can_read) {
    if ($s == $l) { $sel->add(scalar $l->accept); next }
    my $n = sysread $s, my $buf, 4096; $bytes += $n;
    if ($n) { syswrite $s, uc $buf } else { $sel->remove($s); close $s; $done++ } } }
my $bad = 0; for (@kids) { waitpid $_, 0; $bad++ if $? } print "$bytes bytes, $bad bad\\n";
socketpair my $a, my $b, AF_UNIX, SOCK_DGRAM, 0 or die; send $a, "x" x $_, 0 for 1 .. 5; recv $b, my $d, 100, 0 for 1 .. 4; recv $b, $d, 3, 0; print length $d, "\\n";
my $t = IO::Socket::UNIX->new(Peer => "nowhere"); print $t ? "yes" : "$!", "\\n";
use IPC::SysV qw(IPC_PRIVATE IPC_CREAT IPC_RMID S_IRUSR S_IWUSR); my $q = msgget IPC_PRIVATE, IPC_CREAT | S_IRUSR | S_IWUSR; defined $q or die;
msgsnd $q, pack("l! a*", 7, "queued"), 0; msgrcv $q, my $m, 100, 7, 0; print((unpack "l! a*", $m)[1], "\\n"); msgctl $q, IPC_RMID, 0;
"""
PERL_THREADS = """
use threads; use threads::shared; use Thread::Queue; use POSIX ();
my ($in, $out, $total) = (Thread::Queue->new, Thread::Queue->new, 0); share $total;
my @t = map { threads->create(sub { while (defined(my $n = $in->dequeue)) { $out->enqueue($n * $n); lock $total; $total += $n } threads->tid }) } 1 .. 4;
$in->enqueue(1 .. 500); $in->end; my $tids = join ",", map { $_->join } @t; my $s = 0; $s += $out->dequeue for 1 .. 500; print "$tids $s $total\\n";
my $turn :shared = 0; my @u = map { my $me = $_; threads->create(sub { for (1 .. 25) { lock $turn; cond_wait $turn while $turn % 2 != $me; $turn++; cond_broadcast $turn } }) } 0, 1;
$_->join for @u; print "$turn\\n"; print threads->create(sub { my $p = fork // die; POSIX::_exit(9) unless $p; waitpid $p, 0; $? >> 8 })->join, "\\n";
"""
PERL_PROVE = r"""cd $(mktemp -d); mkdir t
for i in 1 2; do echo "use Test::More tests => 3; ok 1; is(6 * 7, 42); like(qx(echo $i), qr/^$i\$/);" > t/$i.t; done
cat > t/3.t << 'X'
use Test::More; use File::Temp 'tempdir'; use File::Find; use File::Copy; use Storable qw(store retrieve); use IPC::Open3; use Cwd;
my $d = tempdir(CLEANUP => 1); mkdir "$d/a"; open my $f, ">", "$d/a/f"; print $f "text\n" x 1000; close $f; copy "$d/a/f", "$d/g"; my @all; find sub { push @all, $_ }, $d;
is(scalar @all, 4); is(-s "$d/g", 5000); store { list => [1 .. 10] }, "$d/s"; is(retrieve("$d/s")->{list}[9], 10);
my $p = open3(my $in, my $out, undef, "tr", "a-z", "A-Z"); print $in "shout"; close $in; is(<$out>, "SHOUT"); waitpid $p, 0; is($?, 0);
symlink "g", "$d/l"; is(readlink "$d/l", "g"); is((stat "$d/l")[1], (stat "$d/g")[1]); utime 5, 6, "$d/g"; is((stat "$d/g")[9], 6); chmod 0400, "$d/g"; is((stat _)[2] & 07777, 0644); is((stat "$d/g")[2] & 07777, 0400);
chdir $d; is(getcwd, $d); rename "g", "h"; ok(!-e "g" && -e "h"); is_deeply([sort glob "*"], [qw(a h l s)]); truncate "h", 10; is(-s "h", 10); chdir "/"; done_testing;
X
prove -j2 t > log; echo status $?; tail -2 log; echo 'use Test::More tests => 2; ok 1; ok 0, "wrong";' > t/4.t; prove t/3.t t/4.t 2> /dev/null | grep -E 'Result|4.t.*Wstat'
"""
NODE_FILES = """
const fs = require('fs'), { promises: p } = fs, zlib = require('zlib'), crypto = require('crypto'), { pipeline, Readable, Transform } = require('stream'), { promisify } = require('util'), rl = require('readline');
(async () => {
    await p.mkdir('d/e', { recursive: true }); await p.writeFile('d/f', 'line\\n'.repeat(50000)); await p.copyFile('d/f', 'd/g'); await p.symlink('f', 'd/l'); await p.rename('d/g', 'd/h');
    console.log((await p.readdir('d')).sort().join(), (await p.stat('d/l')).size, (await p.lstat('d/l')).isSymbolicLink(), await p.readlink('d/l'));
    const hash = crypto.createHash('md5'); let chunks = 0;
    await promisify(pipeline)(fs.createReadStream('d/f', { highWaterMark: 4096 }), zlib.createGzip(), fs.createWriteStream('d/z'));
    await promisify(pipeline)(fs.createReadStream('d/z'), zlib.createGunzip(), new Transform({ transform(c, e, cb) { chunks++; hash.update(c); cb(null, c) } }), fs.createWriteStream('d/y'));
    console.log(hash.digest('hex'), chunks > 1, fs.statSync('d/y').size);
    let n = 0; for await (const line of rl.createInterface({ input: fs.createReadStream('d/y') })) n += line === 'line'; console.log(n);
    const all = await Promise.all(Array.from({ length: 200 }, async (_, i) => { await p.writeFile('d/e/' + i, String(i)); return +(await p.readFile('d/e/' + i, 'utf8')) })); console.log(all.reduce((a, b) => a + b));
    const seen = new Set(), w = fs.watch('d/e', (type, name) => { seen.add(type + ' ' + name); if (seen.has('rename new') && seen.has('change 7')) { w.close(); console.log('watched'); rest() } }); fs.writeFileSync('d/e/new', ''); fs.appendFileSync('d/e/7', 'x');
    const rest = async () => { await p.rm('d', { recursive: true }); console.log(fs.existsSync('d')); try { fs.readFileSync('d/f') } catch (e) { console.log(e.code, e.syscall) } };
})();
const order = [], began = performance.now(); let late; setTimeout(() => { order.push('t20'); late = performance.now() - began }, 20); setTimeout(() => order.push('t1'), 1); setImmediate(() => order.push('i')); process.nextTick(() => order.push('n')); Promise.resolve().then(() => order.push('p'));
let ticks = 0; const iv = setInterval(() => { if (++ticks == 5) clearInterval(iv) }, 3); process.on('exit', () => console.log(order.slice(0, 2).join(), late >= 19, order.length, ticks));
"""
NODE_FILES_SHOWS = r"^e,f,h,l 250000 true f\n%s true 250000\n50000\n19900\nwatched\nfalse\nENOENT open\nn,p true 5 5$" % hashlib.md5(b"line\n" * 50000).hexdigest()
NODE_PROCESSES = """
const cp = require('child_process'), { Worker, isMainThread, workerData, parentPort } = require('worker_threads'), os = require('os');
if (!isMainThread) { const a = new Int32Array(workerData); for (let i = 0; i < 5000; i++) Atomics.add(a, 0, 1); while (Atomics.load(a, 1) == 0) Atomics.wait(a, 1, 0); parentPort.postMessage(Atomics.load(a, 1)) }
else if (process.argv[2]) { process.on('message', m => { process.send({ twice: m.n * 2, pid: process.pid }, () => m.n == 3 && process.exit(4)) }); process.send('ready') }
else (async () => {
    const once = (e, n) => new Promise(r => e.once(n, (...a) => r(a)));
    const buf = new SharedArrayBuffer(8), a = new Int32Array(buf), ws = Array.from({ length: 4 }, () => new Worker(__filename, { workerData: buf })), got = ws.map(w => once(w, 'message'));
    while (Atomics.load(a, 0) < 20000) await new Promise(r => setTimeout(r, 5)); Atomics.store(a, 1, 7); Atomics.notify(a, 1); console.log(a[0], (await Promise.all(got)).join()); await Promise.all(ws.map(w => w.terminate()));
    console.log(cp.execSync('echo $((6*7))').toString().trim(), cp.spawnSync('sort', { input: 'b\\na\\n' }).stdout.toString().replace(/\\n/g, ''), cp.spawnSync('sh', ['-c', 'exit 5']).status, cp.spawnSync('/nowhere').error.code);
    const s = cp.spawn('sleep', ['100']); s.kill('SIGTERM'); console.log((await once(s, 'exit')).join());
    const big = cp.spawn('cat'); let n = 0; big.stdout.on('data', d => n += d.length); for (let i = 0; i < 20; i++) if (!big.stdin.write(Buffer.alloc(100000, 'x'))) await once(big.stdin, 'drain'); big.stdin.end(); await once(big, 'close'); console.log(n);
    const k = cp.fork(__filename, ['kid']); await once(k, 'message'); for (const n of [1, 2, 3]) { k.send({ n }); const [m] = await once(k, 'message'); console.log(m.twice, m.pid === k.pid) } console.log((await once(k, 'exit'))[0]);
    process.once('SIGUSR2', () => { console.log('signal'); process.exitCode = 6 }); process.kill(process.pid, 'SIGUSR2'); setTimeout(() => 0, 300);
})();
"""
NODE_SOCKETS = """
const net = require('net'), http = require('http'), fs = require('fs'), cluster = require('cluster');
const once = (e, n) => new Promise(r => e.once(n, (...a) => r(a)));
const get = path => new Promise((r, no) => http.get({ socketPath: 'web', path }, s => { let d = ''; s.on('data', c => d += c); s.on('end', () => r(s.statusCode + d)) }).on('error', no));
if (!cluster.isPrimary) http.createServer((q, s) => { if (q.url == '/exit') { s.end(''); process.exit(0) } s.end(' ' + process.pid) }).listen('web');
else (async () => {
    const srv = net.createServer({ allowHalfOpen: true }, c => { let d = ''; c.on('data', x => d += x); c.on('end', () => c.end(d.toUpperCase())) }).listen('s'); await once(srv, 'listening');
    const all = await Promise.all(Array.from({ length: 30 }, async (_, i) => { const c = net.connect('s'); let d = ''; c.on('data', x => d += x); c.end(('client ' + i + ' ').repeat(2000)); await once(c, 'close'); return d === ('CLIENT ' + i + ' ').repeat(2000) }));
    console.log(all.length, all.every(x => x)); srv.close(); await once(srv, 'close'); console.log(fs.existsSync('s'));
    const e = await new Promise(r => net.connect('nowhere').on('error', r)); console.log(e.code);
    const ws = [cluster.fork(), cluster.fork()]; await Promise.all(ws.map(w => once(w, 'listening')));
    const pids = new Set(); for (let i = 0; i < 8; i++) pids.add(await get('/')); console.log([...pids].sort().join() === ws.map(w => '200 ' + w.process.pid).sort().join());
    ws.forEach(w => w.kill()); await Promise.all(ws.map(w => once(w, 'exit'))); console.log('ended');
})();
"""
FZF_PTY = r"""cd $(mktemp -d); export TERM=xterm; mkfifo keys; exec 3<>keys; seq 2000 > list
script -qefc 'stty rows 24 cols 80; fzf --multi --reverse < list > picked; echo status $? >> picked' /dev/null < keys > screen & p=$!
wait_for() { until grep -qa -- "$1" screen; do sleep 0.05; done; }
wait_for '2000/2000'; printf '^19 7$' >&3; wait_for '11/2000'; printf '\t\t\r' >&3; wait $p; cat picked
"""
LF = r"""cd $(mktemp -d); export TERM=xterm XDG_RUNTIME_DIR=$PWD HOME=$PWD XDG_DATA_HOME=$PWD XDG_CONFIG_HOME=$PWD; mkdir tree; touch tree/{a,b,c,d}; mkfifo keys; exec 3<>keys
until_ok() { until "$@" > /dev/null 2>&1; do sleep 0.05; done; }
say() { lf -remote "send $1"; }
script -qefc 'stty rows 24 cols 80; lf -selection-path picked tree' /dev/null < keys > screen & p=$!
until_ok grep -qa tree screen; sock() { ls lf.*.sock; }; until_ok sock; until_ok sh -c 'lf -remote "send \$touch there"; [ -e tree/there ]'
lines() { until [ "$(wc -l < names)" = $1 ]; do sleep 0.05; done; }
say '$echo "$f" >> ../names'; until_ok [ -s names ]; say down; say down; say '&echo "$f" >> ../names'; lines 2; sed 's/.*tree/tree/' names
for i in 1 2 3 4 5 6; do (for j in 1 2 3 4 5; do say "&echo r$i.$j >> ../names"; done) & w="$w $!"; done; wait $w; lines 32; grep '^r' names | sort -u | wc -l
say quit; wait $p; echo status $?; lf -remote quit; until_ok sh -c '! pgrep -r D,R,S -x lf'; echo no server
"""
RG = r"""{ cd /usr/share; n=$(grep -rIc perl perl | awk -F: '{ s += $NF } END { print s }'); m=$(rg -uuu -j4 -c perl perl | awk -F: '{ s += $NF } END { print s }'); [ "$n" = "$m" ] && [ $n -gt 500 ] && echo equal
rg -uuu --mmap -j3 -c perl perl | awk -F: '{ s += $NF } END { print s }' | grep -cx "$n"; cd $(mktemp -d); mkdir .git; echo '*.log' > .gitignore; echo hit > a.txt; echo hit > b.log; mkdir c; printf 'x\nhit 1\nhit 22\n' > c/d
rg --sort path hit; rg --files | sort | tr '\n' ' '; rg -P 'hit (?=2)' -o -r found c/d; echo hit | rg -c hit -; rg nothing; echo $?; rg '(' 2> /dev/null; echo $?; rg hit /nowhere 2>&1; echo $?; rg --json hit c | rg -c '"type":"match"'; } 2>&1 | cat
"""
RG_SHOWS = r"""^equal
1
a.txt:hit
c/d:hit 1
c/d:hit 22
a.txt c/d found
1
1
2
.*/nowhere: .*No such file or directory.*
2
2$"""
MAKE = r"""cd $(mktemp -d); mkdir src; for i in 1 2 3 4 5 6; do echo "int f$i(int x) { return x * $i; }" > src/f$i.c; done
cat > src/main.c << 'X'
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
int f1(int), f2(int), f3(int), f4(int);
static _Thread_local int own; static atomic_int total; static pthread_barrier_t b; static int by_exit;
static void *work(void *p) { own = (int)(long)p; pthread_barrier_wait(&b); for (int i = 0; i < 1000; i++) total += own; return (void *)(long)own; }
static void bye(void) { printf("%d\n", by_exit); }
int main(void) {
	pthread_t t[4]; int (*f)(int); void *h = dlopen("./libplug.so", RTLD_NOW), *r; long sum = 0;
	pthread_barrier_init(&b, NULL, 4); for (long i = 0; i < 4; i++) pthread_create(&t[i], NULL, work, (void *)i);
	for (int i = 0; i < 4; i++) { pthread_join(t[i], &r); sum += (long)r; }
	f = (int (*)(int))dlsym(h, "plug"); by_exit = f(3); atexit(bye);
	printf("%d %ld %d %d\n", f1(f2(f3(f4(1)))), sum, total, f(2));
}
X
echo 'int f5(int), f6(int); int plug(int x) { return f5(f6(x)); }' > src/plug.c
cat > Makefile << 'X'
CFLAGS = -O2 -Wall -Werror -fPIC -MMD -pthread
all: prog libplug.so
libf.a: src/f1.o src/f2.o src/f3.o src/f4.o ; $(AR) rcs $@ $^
prog: src/main.o libf.a ; $(CC) -pthread -o $@ $^
libplug.so: src/plug.o src/f5.o src/f6.o ; $(CC) -shared -o $@ $^
clean: ; rm -f src/*.o src/*.d *.a *.so prog
-include $(wildcard src/*.d)
X
make -j2 > log 2>&1; echo $? $(grep -c '^cc .* -c ' log); ./prog; make -q -j2; echo $?; echo 'int f2(int x) { return x * 20; }' > src/f2.c; make -j2 | grep -c '^cc'; ./prog | head -1
echo 'int f3(int x) { return y; }' > src/f3.c; make -k -j2 2>&1 | grep -oE "‘y’ undeclared|Error 1$|'y' undeclared" | sort -u | wc -l; make clean > /dev/null; ls src | grep -c o$; gcc -O1 -S -o - src/f4.c | grep -cE 'leal|sall|imull'
"""

CHECKS = [
    Check("perl: sort, pack, sprintf", script("p", PERL_SORT, "perl p"), r"^%s\n00000001000203616263822c 0\.667 \+7 ab  \| 009\.9 1\.234568e\+04$" % SORTED),
    Check("perl: children, locks, signals", script("p", PERL_FORKS, "perl p"), r"^20 children, 210, 200\nsignal 15, handled 1\nalarm\nblocked, then handled 2\n1 2 3 4 5\n3\nexec'd$"),
    Check("perl: UNIX sockets, a message queue", script("p", PERL_SOCKETS, "perl p"), r"^%d bytes, 0 bad\n3\nNo such file or directory\nqueued$" % sum(len("line %d of %d\n" % (i, k)) for i in range(1, 101) for k in range(1, 9))),
    Check("perl: threads", script("p", PERL_THREADS, "perl p"), r"^1,2,3,4 %d %d\n50\n9$" % (sum(i * i for i in range(501)), sum(range(501)))),
    Check("perl: prove runs tests of modules", PERL_PROVE, r"^status 0\nFiles=3, Tests=20, .*\nResult: PASS\nt/4\.t .*Wstat: 256.*\nResult: FAIL$", seconds=120),
    Check("node: files, streams, a watch, timers", script("n.js", NODE_FILES, "NO_COLOR=1 node n.js"), NODE_FILES_SHOWS),
    Check("node: workers, children, signals", script("n.js", NODE_PROCESSES, "NO_COLOR=1 node n.js; echo $?"), r"^20000 7,7,7,7\n42 ab 5 ENOENT\n,SIGTERM\n2000000\n2 true\n4 true\n6 true\n4\nsignal\n6$"),
    Check("node: UNIX sockets, http, a cluster", script("n.js", NODE_SOCKETS, "NO_COLOR=1 node n.js"), r"^30 true\nfalse\nENOENT\ntrue\nended$"),
    Check("Go: fzf filters and sorts", "seq 60000 | fzf -f '^9 77$' | sort -n | md5sum; seq 300 | fzf -f 'zzz'; echo $?", r"^%s  -\n1$" % hashlib.md5("".join("%d\n" % i for i in range(60001) if str(i).startswith("9") and str(i).endswith("77")).encode()).hexdigest()),
    Check("Go: fzf in a terminal", FZF_PTY, r"^197\n1907\nstatus 0$"),
    Check("Go: lf, its server and thirty clients", LF, r"^tree/a\ntree/c\n30\nstatus 0\nno server$"),
    Check("Rust: ripgrep, four threads", RG, RG_SHOWS),
    Check("gcc and make -j2", MAKE, r"^0 8\n24 6 6000 60\n90\n0\n2\n240 6 6000 60\n2\n0\n1$", seconds=120),
]

if __name__ == "__main__":
    sys.exit(main("languages", CHECKS, "full.tar", memory="2G"))
