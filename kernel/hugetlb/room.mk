room := kernel/hugetlb
deps := kernel/boot kernel/cmdline kernel/cred kernel/frame kernel/lock kernel/pagecache \
	kernel/printk kernel/procfs kernel/seq kernel/signal kernel/slab kernel/task lib/parse \
	lib/radix
objs := pool.o map.o knobs.o
