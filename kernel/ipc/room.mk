room := kernel/ipc
deps := kernel/boot kernel/cred kernel/file kernel/hugetlb kernel/lock kernel/mm kernel/ns \
	kernel/pagecache kernel/procfs kernel/rcu kernel/sched kernel/seq kernel/signal kernel/slab \
	kernel/syscall kernel/task kernel/time kernel/uaccess kernel/vfs kernel/wait lib/idr lib/parse \
	lib/rbtree
objs := object.o namespace.o show.o limits.o shm.o shm_ctl.o sem.o sem_op.o sem_ctl.o undo.o \
	msg.o msg_ctl.o
