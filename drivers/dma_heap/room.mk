room := drivers/dma_heap
deps := kernel/boot kernel/cma kernel/device kernel/dmabuf kernel/file kernel/frame kernel/pagecache kernel/printk \
	kernel/sched kernel/signal kernel/slab kernel/task kernel/uaccess kernel/vfs
objs := heap.o memory.o udmabuf.o
