room := kernel/ptrace
deps := kernel/cred kernel/mm kernel/ns kernel/procfs kernel/rcu kernel/sched kernel/seccomp \
	kernel/seq kernel/signal kernel/slab kernel/symbol kernel/syscall kernel/task kernel/time \
	kernel/uaccess
objs := access.o attach.o event.o request.o resume.o siginfo.o regset.o proc.o
