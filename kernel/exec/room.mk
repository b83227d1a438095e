room := kernel/exec
deps := lib/elf kernel/lock kernel/mm kernel/task kernel/cred kernel/file kernel/signal kernel/slab \
	kernel/vfs kernel/uaccess kernel/syscall kernel/rng
objs := exec.o args.o elf.o script.o vdso.o
