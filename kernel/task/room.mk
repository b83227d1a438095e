room := kernel/task
headers := helper.h
deps := kernel/boot kernel/cmdline kernel/coredump kernel/cred kernel/exec kernel/file kernel/frame kernel/futex \
	kernel/lock kernel/mm kernel/ns kernel/pagecache kernel/panic kernel/patch kernel/poll kernel/printk kernel/procfs \
	kernel/ptrace kernel/rcu kernel/sched kernel/seccomp kernel/seq kernel/signal kernel/slab kernel/symbol \
	kernel/syscall kernel/time kernel/uaccess kernel/vfs kernel/vmap kernel/wait
objs := task.o pid.o fork.o clone.o kthread.o exit.o wait.o ids.o prctl.o prctl_mm.o pid_ns.o limits.o usage.o pidfd.o \
	rseq.o stack_watch.o leave.o misc.o membarrier.o
tests := task_test.o
