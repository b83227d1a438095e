room := kernel/syscall
deps := kernel/cmdline kernel/seccomp kernel/printk kernel/task kernel/uaccess
objs := table.o log.o slow.o
