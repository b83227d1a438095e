room := drivers/virtio/pci
deps := drivers/pci drivers/virtio kernel/irq kernel/printk kernel/slab kernel/vmap
objs := pci.o
