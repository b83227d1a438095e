room := kernel/cred
deps := kernel/lock kernel/ns kernel/rcu kernel/slab kernel/syscall kernel/task kernel/uaccess
objs := cred.o setid.o caps.o
tests := cred_test.o
