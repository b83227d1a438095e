room := kernel/tty
deps := kernel/cmdline kernel/cred kernel/device kernel/file kernel/lock kernel/ntty kernel/poll \
	kernel/rcu kernel/sched kernel/signal kernel/slab kernel/syscall kernel/task kernel/time \
	kernel/uaccess kernel/uio kernel/vfs kernel/wait
objs := tty.o io.o ioctl.o termios.o job.o console.o
tests := tty_test.o
