room := drivers/serial
deps := kernel/boot kernel/cmdline kernel/file kernel/irq kernel/lock kernel/panic kernel/printk kernel/tty kernel/uaccess \
	lib/ringbuf
objs-$(CONFIG_X86_64) += serial.o line.o
