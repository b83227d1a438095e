room := kernel/syscall
deps := kernel/printk kernel/task kernel/uaccess
objs := table.o log.o
