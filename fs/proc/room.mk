room := fs/proc
deps := kernel/vfs kernel/file kernel/seq kernel/task kernel/sched kernel/signal kernel/cred kernel/mm kernel/frame \
	kernel/slab kernel/vmap kernel/pagecache kernel/time kernel/irq kernel/device kernel/printk kernel/panic \
	kernel/symbol kernel/rng kernel/boot kernel/uio kernel/uaccess kernel/lock kernel/rcu kernel/tty kernel/pipe \
	kernel/syscall kernel/wait kernel/poll lib/fmt lib/parse lib/string
objs := super.o node.o system.o cpu.o memory.o sysctl.o pid.o pid_stat.o pid_files.o pid_fd.o
