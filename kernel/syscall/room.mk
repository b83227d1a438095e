room := kernel/syscall
deps := kernel/cmdline kernel/printk kernel/ptrace kernel/seccomp kernel/signal kernel/task \
	kernel/uaccess
objs := table.o log.o slow.o dispatch.o
