room := kernel/poll
deps := kernel/file kernel/seq kernel/signal kernel/slab kernel/syscall kernel/task kernel/time \
	kernel/uaccess kernel/vfs kernel/wait lib/rbtree
objs := poll.o select.o epoll.o
