room := drivers/virtio
deps := drivers/virtio/ring kernel/frame kernel/printk kernel/procfs kernel/seq kernel/slab \
	kernel/vmap
objs := device.o queue.o show.o
