room := kernel/syscall
deps := kernel/cmdline kernel/printk kernel/task kernel/uaccess
objs := table.o log.o slow.o
