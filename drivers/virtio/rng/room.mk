room := drivers/virtio/rng
deps := drivers/hwrng drivers/virtio kernel/lock kernel/slab
objs := rng.o
