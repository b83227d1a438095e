room := kernel/slab
deps := kernel/cmdline kernel/frame kernel/kasan kernel/lock kernel/panic kernel/printk \
	kernel/rcu kernel/symbol kernel/task kernel/vmap lib/parse
objs := slab.o shrink.o kmalloc.o
objs-$(CONFIG_DEBUG_FAIL) += fail.o
objs-$(CONFIG_DEBUG) += leak.o
tests := slab_test.o
