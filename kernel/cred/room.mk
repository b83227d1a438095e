room := kernel/cred
deps := kernel/lock kernel/rcu kernel/slab kernel/task kernel/uaccess kernel/syscall
objs := cred.o setid.o caps.o
tests := cred_test.o
