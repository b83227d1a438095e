room := drivers/char
deps := kernel/cred kernel/device kernel/file kernel/mm kernel/sched kernel/signal kernel/task \
	kernel/uio kernel/vfs
objs := mem.o
objs-$(CONFIG_X86_64) += port.o
tests := mem_test.o
