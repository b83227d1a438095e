room := kernel/panic
deps := kernel/cmdline kernel/printk kernel/symbol kernel/task
objs := panic.o
