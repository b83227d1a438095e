room := kernel/syscall
deps :=
objs := table.o
