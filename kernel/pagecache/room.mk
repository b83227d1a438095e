room := kernel/pagecache
deps := lib/radix kernel/frame kernel/lock kernel/mm kernel/rcu kernel/slab kernel/uio kernel/wait
objs := pagecache.o io.o
