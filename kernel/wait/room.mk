room := kernel/wait
deps := kernel/lock kernel/sched kernel/task
objs := wait.o
tests := wait_test.o
