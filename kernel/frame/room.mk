room := kernel/frame
deps := kernel/boot kernel/lock kernel/panic kernel/printk kernel/slab kernel/kasan
objs := frame.o buddy.o early.o reclaim.o
tests := frame_test.o
sanitize-early.o := n
