room := fs/proc
deps := kernel/boot kernel/cma kernel/cred kernel/device kernel/file kernel/frame kernel/irq kernel/mm \
	kernel/ns kernel/pagecache kernel/panic kernel/pmalloc kernel/poll kernel/printk kernel/procfs kernel/ptrace \
	kernel/rcu kernel/sched kernel/seccomp kernel/seq kernel/slab kernel/symbol kernel/task \
	kernel/time kernel/tty kernel/uaccess kernel/uio kernel/vfs kernel/vmap lib/fmt lib/parse \
	lib/sort
objs := super.o node.o tree.o system.o cpu.o memory.o sysctl.o pid.o pid_stat.o pid_files.o pid_fd.o pid_map_files.o pid_ns.o pid_net.o
