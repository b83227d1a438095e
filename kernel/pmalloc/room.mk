room := kernel/pmalloc
deps := kernel/frame kernel/lock kernel/procfs kernel/seq kernel/slab kernel/vmap lib/bitmap
objs := pmalloc.o arena.o
tests := pmalloc_test.o pmalloc_figures_test.o
