room := kernel/cma
deps := kernel/boot kernel/cmdline kernel/frame kernel/lock kernel/printk kernel/procfs kernel/sched kernel/seq kernel/signal \
	kernel/slab kernel/task kernel/time lib/bitmap lib/fdt lib/parse
objs := cma.o boot.o show.o
tests := cma_test.o
