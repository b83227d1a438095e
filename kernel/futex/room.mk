room := kernel/futex
deps := kernel/lock kernel/mm kernel/sched kernel/task kernel/time kernel/uaccess kernel/syscall kernel/cred
objs := futex.o pi.o robust.o
