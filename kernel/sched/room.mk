room := kernel/sched
deps := kernel/cred kernel/futex kernel/lock kernel/ns kernel/procfs kernel/rcu kernel/seq \
	kernel/signal kernel/task kernel/time kernel/uaccess lib/rbtree
objs := core.o fair.o rt.o balance.o account.o policy.o handoff.o syscalls.o ioprio.o proc.o
tests := sched_test.o
