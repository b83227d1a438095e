#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Programs that keep data: git, sqlite3 that is killed, and tools for ACLs and inotify."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../boot"))
from guest import Check, main  # noqa: E402

# Output goes through a pipe: on the console git would start its pager and show its progress.
GIT = """{ cd $(mktemp -d); export GIT_CONFIG_GLOBAL=$PWD/cfg GIT_AUTHOR_DATE='@1700000000 +0000' GIT_COMMITTER_DATE='@1700000000 +0000'
printf '[user]\\nname = a\\nemail = a@b\\n[init]\\ndefaultBranch = main\\n[gc]\\nauto = 0\\n[maintenance]\\nauto = false\\n[advice]\\ndetachedHead = false\\n' > cfg
git init -q r; cd r
"""
# Contents, names and times are given, so the last commit has one name on every kernel. Nine tenths come through
# fast-import: a commit by hand takes 0.22 s of processor time under emulation, a thousand nearly four minutes.
HISTORY = """
import sys
out = sys.stdout.buffer
for i in range(1, 901):
    text = b"".join(b"line %d of %d\\n" % (j, i if j == i % 50 else 0) for j in range(50))
    name = b"commit %d" % i
    out.write(b"commit refs/heads/main\\ncommitter a <a@b> %d +0000\\ndata %d\\n%s\\n" % (1600000000 + i, len(name), name))
    out.write(b"M 100644 inline d%d/f%d\\ndata %d\\n%s\\n" % (i % 10, i % 100, len(text), text))
out.write(b"done\\n")
"""
HEAD = "5ee380320ab02dba1f62f0b399242d4cff58b61b"
COMMITS = GIT + "cat > ../h.py << 'X'\n" + HISTORY + "\nX\n" + """
python3 ../h.py | git -c fastimport.unpackLimit=2000 fast-import --done --quiet && git reset -q --hard
for ((i = 901; i <= 1000; i++)); do echo $i > d$((i % 10))/f1; git add . && git commit -qm "commit $i" || echo bad $i; done
git rev-list --count HEAD; git rev-parse HEAD; n=$(git count-objects | cut -d' ' -f1); [ $n -ge 300 ] && echo loose; git gc -q; git count-objects -v | grep -E '^(count|packs)'
git fsck --full --strict --no-progress; git clone -q . ../c && git -C ../c rev-parse HEAD; git -C ../c fsck --no-progress; git clone -q --no-local . ../e && git -C ../e rev-list --count HEAD
diff -r --exclude=.git . ../c && diff -r --exclude=.git . ../e && git status --short | wc -l; git log -1 --format=%s HEAD~500; git blame -s d1/f11 | wc -l; git show HEAD~3:d7/f1; } 2>&1 | cat
"""
COMMITS_SHOWS = r"^1000\n(%s)\nloose\ncount: 0\npacks: 1\n\1\n1000\n0\ncommit 500\n50\n997$" % HEAD
BRANCHES = GIT + """
seq 100 > f; git add f; git commit -qm base; git checkout -qb side; for i in 1 2 3 4 5 6; do echo $i >> g; git add g; git commit -qm s$i; done
git checkout -q main; sed -i s/^50$/fifty/ f; git commit -qam m; git merge -q --no-edit side; git log --oneline | wc -l; git checkout -q side; sed -i s/^90$/ninety/ f; git commit -qam s7
git rebase -q main; grep -cE 'fifty|ninety' f; echo dirty >> f; git stash -q; git status --short | wc -l; git stash pop -q; git status --short; git checkout -q f
git bisect start HEAD main~2 > /dev/null 2>&1; git bisect run sh -c '! grep -q fifty f' 2>&1 | grep -c 'is the first bad commit'; git bisect reset -q 2> /dev/null
git checkout -q -b clash main~2; sed -i s/^50$/other/ f; git commit -qam clash; git merge side 2>&1 | grep -c CONFLICT; git diff --name-only --diff-filter=U; git merge --abort
git clone -q --bare file://$PWD ../b; git remote add o ../b; echo x >> f; git commit -qam x; git push -q o clash && [ $(git -C ../b rev-parse clash) = $(git rev-parse HEAD) ] && echo pushed
git worktree add -q ../w side; wc -l < ../w/f; git archive HEAD | tar -xO f | tail -1; git bundle create -q ../bun --all; git clone -q -b side ../bun ../u && cmp ../u/f ../w/f && git grep -c fifty side; } 2>&1 | cat
"""
# A writer that is killed in the middle of transactions: all rows of a transaction are there, or none is.
SQLITE_KILL = """
import os, signal, sqlite3, sys
path, mode = sys.argv[1:3]
db = sqlite3.connect(path, isolation_level=None)
db.execute("pragma journal_mode=%s" % mode)
db.execute("create table t(turn int, batch int, n int, filler text)")
db.execute("create index i on t(filler)")
db.close()
killed = left = bad = committed = 0
for turn in range(10):
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        db = sqlite3.connect(path, isolation_level=None, timeout=20)
        db.execute("pragma cache_size=5")      # pages spill to the file before the commit
        for batch in range(3):
            db.execute("begin immediate")
            for n in range(60):
                db.execute("insert into t values(?, ?, ?, ?)", (turn, batch, n, "%d" % n * 200))
                if batch == 2 and n == 5 * turn + 5:
                    os.write(w, b"x")
                    if turn % 2:
                        signal.pause()
            db.execute("commit")
            if batch == 2:
                db.execute("update t set filler = filler || 'y' where turn = ?", (turn,))
        signal.pause()
    os.read(r, 1)
    os.kill(pid, signal.SIGKILL)
    killed += os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL
    os.close(r); os.close(w)
    left += os.path.exists(path + ("-journal" if mode == "delete" else "-wal"))
    db = sqlite3.connect(path)
    bad += db.execute("select count(*) from (select 1 from t group by turn, batch having count(*) != 60)").fetchone()[0]
    committed += db.execute("select count(distinct batch) from t where turn = %d and batch < 2" % turn).fetchone()[0]
    bad += turn % 2 and db.execute("select count(*) from t where turn = %d and batch = 2" % turn).fetchone()[0]
    bad += db.execute("select count(*) from (select 1 from t where n < 10 group by turn having count(distinct length(filler)) != 1)").fetchone()[0]
    bad += db.execute("pragma integrity_check").fetchone()[0] != "ok"
    db.close()
print("killed", killed, "committed", committed, "hot", left >= 5, "bad", bad)
"""
KILL = "cd $(mktemp -d); cat > k.py <<'X'\n" + SQLITE_KILL + "\nX\npython3 k.py db "
# The shell itself, killed inside of a transaction that it reads from a pipe.
SQLITE_SHELL = """cd $(mktemp -d); until_ok() { until "$@" > /dev/null 2>&1; do sleep 0.05; done; }
for mode in delete wal truncate persist; do
	sqlite3 $mode "pragma journal_mode=$mode; create table t(a); insert into t values(1), (2)"; mkfifo p.$mode
	sqlite3 $mode < p.$mode > out.$mode & p=$!; exec 3> p.$mode
	echo "pragma cache_size=1; begin; with recursive c(x) as (select 3 union all select x + 1 from c where x < 5000) insert into t select x from c; select 'inside', count(*) from t;" >&3
	until_ok grep -q 'inside|5000' out.$mode; sqlite3 $mode 'insert into t values(0)' 2>&1 | grep -o 'database is locked'
	kill -9 $p; wait $p 2> /dev/null; echo $?; exec 3>&-; sqlite3 $mode 'pragma integrity_check; select count(*), sum(a) from t; insert into t values(3); select sum(a) from t'
done
"""
SQLITE_MANY = "cd $(mktemp -d); sqlite3 d 'pragma journal_mode=%s; create table t(a)' > /dev/null; for i in 1 2 3 4; do for j in {1..12}; do sqlite3 -cmd '.timeout 60000' d \"insert into t values($i*100+$j)\" || echo bad; done & done; wait; sqlite3 d 'select count(*), sum(a), count(distinct a) from t; pragma integrity_check'"
SQLITE_MAP = """cd $(mktemp -d); sqlite3 d 'pragma mmap_size=67108864; create table t(a int, b text); with recursive c(x) as (select 1 union all select x+1 from c where x<20000) insert into t select x, hex(x*7919) from c; create index i on t(b);
delete from t where a%3=0; vacuum; pragma integrity_check; select count(*), sum(a) from t; attach "e" as e; create table e.u as select * from t where a < 10; select count(*) from e.u;'; sqlite3 d .dump | sqlite3 f; sqlite3 f 'select count(*), sum(a) from t'; sqlite3 d '.backup g'; cmp <(sqlite3 d .dump) <(sqlite3 g .dump) && echo same
"""
KEPT = [a for a in range(1, 20001) if a % 3]
ACL = """cd $(mktemp -d); chmod 755 .; as() { u=$1; shift; setpriv --reuid=$u --regid=$u --clear-groups "$@" 2>&1; }
echo secret > f; chmod 600 f; as 65534 cat f | grep -c denied; setfacl -m u:65534:r f; as 65534 cat f; as 1000 cat f | grep -c denied; getfacl -nc f; ls -l f | cut -c1-11
setfacl -m m::- f; as 65534 cat f | grep -c denied; setfacl -m m::rw,g:1000:rw f; as 1000 sh -c 'echo more >> f; cat f' | tail -1
mkdir d; setfacl -d -m u::rwx,g::rx,o::-,g:7:rwx d; mkdir d/e; touch d/g; getfacl -nc d/e | grep -c '^default:group:7:rwx'; getfacl -nc d/g | tr '\\n' ' '
cp -p f c; tar --acls -cf t f; mkdir x; tar --acls -xf t -C x; cmp <(getfacl -nc f) <(getfacl -nc c) && cmp <(getfacl -nc f) <(getfacl -nc x/f) && echo copied; getfacl -R d > saved; setfacl -R -b d; getfacl -nc d/e | wc -l; setfacl --restore=saved; getfacl -nc d/e | grep -c default; setfacl -b f; ls -l f | cut -c1-10
"""
ACL_SHOWS = r"""^1
secret
1
user::rw-
user:65534:r--
group::---
mask::r--
other::---

-rw-r-----\+
1
more
1
user::rw- group::r-x\s+#effective:r-- group:7:rwx\s+#effective:rw- mask::rw- other::---  copied
4
5
-rw-------$"""
INOTIFY = """cd $(mktemp -d); until_ok() { until "$@" > /dev/null 2>&1; do sleep 0.05; done; }
mkdir w; inotifywait -m -r --format '%e %w%f' w > log 2> err & p=$!; until_ok grep -q 'Watches established' err
: > w/a; chmod 600 w/a; mv w/a w/b; ln w/b w/c; cat w/b; mkdir w/d; until_ok grep -q 'CREATE,ISDIR w/d' log; until_ok sh -c ': > w/d/probe; grep -q probe log'; echo x > w/d/f; rm w/b w/d/f; mv w/c .; rm -r w/d; until_ok grep -q 'DELETE,ISDIR w/d' log; kill $p; wait $p
grep -v probe log | grep -vE 'OPEN,ISDIR|ACCESS,ISDIR|CLOSE_NOWRITE,CLOSE,ISDIR'
"""
INOTIFY_SHOWS = """CREATE w/a
OPEN w/a
CLOSE_WRITE,CLOSE w/a
ATTRIB w/a
MOVED_FROM w/a
MOVED_TO w/b
CREATE w/c
OPEN w/b
CLOSE_NOWRITE,CLOSE w/b
CREATE,ISDIR w/d
CREATE w/d/f
OPEN w/d/f
MODIFY w/d/f
CLOSE_WRITE,CLOSE w/d/f
DELETE w/b
DELETE w/d/f
MOVED_FROM w/c
DELETE_SELF w/d/
DELETE,ISDIR w/d"""
WATCH_ONE = """cd $(mktemp -d); touch f; inotifywait -t 1 -q f; echo $?; until_ok() { until "$@" > /dev/null 2>&1; do sleep 0.05; done; }
inotifywait -e close_write f > out 2> err & p=$!; until_ok grep -q established err; : > g; cat f; echo x > f; wait $p; echo $?; cat out
"""

CHECKS = [
    Check("git: a thousand commits, gc, fsck, clone by path", COMMITS, COMMITS_SHOWS, seconds=240),
    Check("git: merge, rebase, stash, bisect, push, worktree, bundle", BRANCHES, r"^9\n2\n0\n ?M f\n1\n1\nf\npushed\n100\nx\nside:f:1$", seconds=120),
    Check("sqlite3 is killed, rollback journal", KILL + "delete", "^killed 10 committed 20 hot True bad 0$", seconds=120),
    Check("sqlite3 is killed, write-ahead log", KILL + "wal", "^killed 10 committed 20 hot True bad 0$", seconds=120),
    Check("sqlite3: its shell is killed, four journals", SQLITE_SHELL, r"^((delete|wal|truncate|persist)\ndatabase is locked\n137\nok\n2\|3\n6\n?){4}$", seconds=90),
    Check("sqlite3: four writers at once, rollback journal", SQLITE_MANY % "delete", r"^48\|12312\|48\nok$", seconds=120),
    Check("sqlite3: four writers at once, write-ahead log", SQLITE_MANY % "wal", r"^48\|12312\|48\nok$", seconds=120),
    Check("sqlite3: mapped file, index, vacuum, dump, backup", SQLITE_MAP, r"^67108864\nok\n%d\|%d\n6\n%d\|%d\nsame$" % (2 * (len(KEPT), sum(KEPT))), seconds=90),
    Check("setfacl and getfacl", ACL, ACL_SHOWS),
    Check("inotifywait follows a tree", INOTIFY, judge=lambda out: out.strip() == INOTIFY_SHOWS),
    Check("inotifywait for one event", WATCH_ONE, r"^2\n0\nf CLOSE_WRITE,CLOSE\s*$"),
]

if __name__ == "__main__":
    sys.exit(main("storage", CHECKS, "full.tar", memory="2G"))
