room := kernel/work
deps := kernel/lock kernel/panic kernel/printk kernel/sched kernel/slab kernel/task kernel/time \
	kernel/wait
objs := work.o
tests := work_test.o
