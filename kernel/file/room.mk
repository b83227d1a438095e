room := kernel/file
deps := kernel/lock kernel/rcu kernel/slab kernel/uaccess kernel/uio kernel/vfs kernel/pagecache \
	kernel/task kernel/cred kernel/signal kernel/poll kernel/pipe kernel/syscall kernel/work
objs := file.o fdtable.o rw.o fcntl.o copy.o
