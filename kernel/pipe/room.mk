room := kernel/pipe
deps := kernel/cred kernel/file kernel/frame kernel/lock kernel/mm kernel/pagecache kernel/poll \
	kernel/procfs kernel/signal kernel/slab kernel/syscall kernel/task kernel/uaccess kernel/uio \
	kernel/vfs kernel/wait
objs := pipe.o fifo.o splice.o vmsplice.o limit.o
