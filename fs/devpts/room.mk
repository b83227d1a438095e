room := fs/devpts
deps := kernel/boot kernel/cred kernel/device kernel/file kernel/ns kernel/poll kernel/seq \
	kernel/signal kernel/slab kernel/task kernel/tty kernel/uaccess kernel/uio kernel/vfs \
	kernel/wait lib/parse lib/ringbuf
objs := devpts.o pty.o master.o
tests := pty_test.o
