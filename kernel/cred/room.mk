room := kernel/cred
deps := kernel/boot kernel/lock kernel/ns kernel/panic kernel/pmalloc kernel/rcu kernel/slab kernel/syscall \
	kernel/task kernel/uaccess kernel/vfs
headers := filecaps.h
objs := cred.o protected.o setid.o caps.o filecaps.o
tests := cred_test.o
