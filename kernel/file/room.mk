room := kernel/file
# The descriptor table's inside, for open(2) and record locks in kernel/vfs.
headers := file_impl.h
deps := kernel/cred kernel/frame kernel/lock kernel/notify kernel/ns kernel/pagecache \
	kernel/pipe kernel/poll kernel/procfs kernel/rcu kernel/signal kernel/slab kernel/syscall \
	kernel/task kernel/uaccess kernel/uio kernel/vfs kernel/work
objs := file.o fdtable.o rw.o fcntl.o fasync.o copy.o
