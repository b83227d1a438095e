room := drivers/serial
deps := kernel/boot kernel/cmdline kernel/irq kernel/lock kernel/panic kernel/printk \
	kernel/sched kernel/tty kernel/uaccess lib/ringbuf
objs-$(CONFIG_X86_64) += serial.o line.o
