room := kernel/vmap
deps := kernel/frame kernel/kasan kernel/lock kernel/procfs kernel/seq kernel/slab kernel/symbol \
	lib/rbtree
objs := vmap.o stack.o
tests := vmap_test.o
