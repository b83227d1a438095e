room := kernel/init
deps := kernel/boot kernel/cma kernel/cmdline kernel/cred kernel/device kernel/exec kernel/file \
	kernel/frame kernel/futex kernel/irq kernel/kasan kernel/mm kernel/ns kernel/pagecache \
	kernel/panic kernel/pipe kernel/pmalloc kernel/poll kernel/printk kernel/procfs kernel/rcu kernel/rng \
	kernel/sched kernel/signal kernel/slab kernel/syscall kernel/task kernel/time kernel/uaccess \
	kernel/uio kernel/vfs kernel/vmap kernel/work lib/parse
objs := main.o reboot.o report.o sysrq.o
objs-$(CONFIG_KTEST) += ktest.o
