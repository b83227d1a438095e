room := kernel/seccomp
deps := kernel/cred kernel/file kernel/lock kernel/ns kernel/pmalloc kernel/poll kernel/printk kernel/procfs \
	kernel/ptrace kernel/signal kernel/slab kernel/syscall kernel/task kernel/uaccess kernel/wait \
	kernel/work lib/bpf
objs := seccomp.o filter.o install.o notify.o actions.o
