room := kernel/frame
deps := kernel/boot kernel/kasan kernel/lock kernel/panic kernel/printk kernel/slab
objs := frame.o buddy.o early.o reclaim.o
tests := frame_test.o
sanitize-early.o := n
