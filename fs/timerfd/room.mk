room := fs/timerfd
deps := kernel/lock kernel/wait kernel/sched kernel/slab kernel/file kernel/vfs kernel/poll kernel/seq \
	kernel/signal kernel/task kernel/time kernel/uio kernel/syscall kernel/uaccess
objs := timerfd.o
