room := kernel/slab
deps := kernel/frame kernel/kasan kernel/lock kernel/panic kernel/printk kernel/rcu kernel/task \
	kernel/vmap
objs := slab.o kmalloc.o leak.o
objs-$(CONFIG_DEBUG_FAIL) += fail.o
tests := slab_test.o
