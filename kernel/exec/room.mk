room := kernel/exec
deps := kernel/cred kernel/file kernel/frame kernel/mm kernel/ns kernel/procfs kernel/ptrace \
	kernel/rng kernel/signal kernel/slab kernel/syscall kernel/task kernel/time kernel/uaccess \
	kernel/vfs lib/elf
objs := exec.o args.o elf.o script.o vdso.o
