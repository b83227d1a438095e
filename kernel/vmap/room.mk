room := kernel/vmap
deps := kernel/frame kernel/lock kernel/slab kernel/kasan lib/rbtree
objs := vmap.o stack.o
tests := vmap_test.o
