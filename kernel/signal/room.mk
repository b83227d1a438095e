room := kernel/signal
deps := kernel/coredump kernel/cred kernel/lock kernel/mm kernel/ns kernel/rcu kernel/slab kernel/syscall \
	kernel/task kernel/time kernel/uaccess kernel/wait
objs := signal.o send.o deliver.o stop.o trace.o calls.o mask.o
tests := signal_test.o
