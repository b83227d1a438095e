room := fs/timerfd
deps := kernel/cred kernel/file kernel/poll kernel/seq kernel/slab kernel/syscall kernel/task \
	kernel/time kernel/uaccess kernel/uio kernel/vfs
objs := timerfd.o
