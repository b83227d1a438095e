room := kernel/signal
deps := kernel/lock kernel/wait kernel/sched kernel/task kernel/cred kernel/slab kernel/time kernel/uaccess \
	kernel/syscall kernel/panic
objs := signal.o send.o deliver.o stop.o calls.o mask.o
tests := signal_test.o
