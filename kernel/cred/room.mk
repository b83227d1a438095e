room := kernel/cred
deps := kernel/lock kernel/ns kernel/rcu kernel/slab kernel/syscall kernel/task kernel/uaccess \
	kernel/vfs
headers := filecaps.h
objs := cred.o setid.o caps.o filecaps.o
tests := cred_test.o
