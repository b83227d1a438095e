room := kernel/poll
deps := kernel/lock kernel/wait kernel/sched kernel/slab kernel/file kernel/signal kernel/task kernel/time \
	kernel/syscall kernel/uaccess lib/rbtree
objs := poll.o select.o epoll.o
