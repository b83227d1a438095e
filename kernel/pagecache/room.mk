room := kernel/pagecache
deps := kernel/cma kernel/frame kernel/lock kernel/rcu kernel/sched kernel/signal kernel/slab kernel/task \
	kernel/time kernel/uio kernel/wait lib/radix
objs := pagecache.o io.o move.o migrate.o reclaim.o
tests := pagecache_test.o
