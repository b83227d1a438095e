room := kernel/slab
deps := kernel/frame kernel/lock kernel/panic kernel/rcu kernel/vmap kernel/kasan kernel/printk kernel/task
objs := slab.o kmalloc.o leak.o
objs-$(CONFIG_DEBUG_FAIL) += fail.o
tests := slab_test.o
