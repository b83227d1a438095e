room := kernel/pagecache
deps := kernel/frame kernel/lock kernel/rcu kernel/slab kernel/uio kernel/wait lib/radix
objs := pagecache.o io.o reclaim.o
tests := pagecache_test.o
