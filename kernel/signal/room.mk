room := kernel/signal
<<<<<<< HEAD
deps := kernel/coredump kernel/cred kernel/lock kernel/ns kernel/rcu kernel/slab kernel/syscall \
	kernel/task kernel/time kernel/uaccess kernel/wait
=======
deps := kernel/cred kernel/lock kernel/ns kernel/rcu kernel/slab kernel/syscall kernel/task \
	kernel/time kernel/uaccess kernel/wait
>>>>>>> 104e296 (task, proc: pid namespaces)
objs := signal.o send.o deliver.o stop.o trace.o calls.o mask.o
tests := signal_test.o
