room := kernel/task
deps := kernel/lock kernel/mm kernel/rcu kernel/sched kernel/signal kernel/wait kernel/cred kernel/file \
	kernel/slab kernel/time kernel/futex kernel/uaccess kernel/syscall kernel/vfs kernel/vmap kernel/poll
objs := task.o pid.o fork.o clone.o kthread.o exit.o wait.o ids.o prctl.o limits.o usage.o uts.o pidfd.o \
	rseq.o leave.o misc.o
tests := task_test.o
