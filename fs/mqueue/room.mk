room := fs/mqueue
deps := kernel/boot kernel/cred kernel/file kernel/ipc kernel/lock kernel/ns kernel/poll \
	kernel/procfs kernel/sched kernel/signal kernel/slab kernel/syscall kernel/task kernel/time \
	kernel/uaccess kernel/uio kernel/vfs kernel/wait lib/parse lib/rbtree
objs := mqueue.o fs.o message.o notify.o
