room := kernel/vmap
deps := kernel/frame kernel/kasan kernel/lock kernel/slab lib/rbtree
objs := vmap.o stack.o
tests := vmap_test.o
