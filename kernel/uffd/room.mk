room := kernel/uffd
deps := kernel/cred kernel/device kernel/file kernel/lock kernel/mm kernel/poll kernel/procfs kernel/sched \
	kernel/seq kernel/signal kernel/slab kernel/syscall kernel/task kernel/uaccess kernel/uio kernel/vfs \
	kernel/wait
objs := uffd.o wait.o event.o ioctl.o
