room := kernel/pipe
deps := kernel/lock kernel/wait kernel/sched kernel/slab kernel/frame kernel/uio kernel/file kernel/vfs \
	kernel/poll kernel/signal kernel/task kernel/cred kernel/syscall kernel/uaccess kernel/pagecache
objs := pipe.o fifo.o splice.o
