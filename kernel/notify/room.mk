room := kernel/notify
deps := kernel/boot kernel/cred kernel/file kernel/lock kernel/poll kernel/procfs kernel/seq \
	kernel/slab kernel/syscall kernel/task kernel/uaccess kernel/uio kernel/vfs kernel/wait lib/idr
objs := notify.o inotify.o dnotify.o
