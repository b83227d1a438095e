room := kernel/futex
deps := kernel/cred kernel/lock kernel/mm kernel/sched kernel/signal kernel/slab kernel/syscall \
	kernel/task kernel/time kernel/uaccess kernel/wait lib/rbtree
objs := futex.o pi.o requeue_pi.o robust.o waitv.o
