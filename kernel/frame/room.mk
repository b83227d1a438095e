room := kernel/frame
deps := kernel/boot kernel/kasan kernel/lock kernel/mm kernel/panic kernel/printk kernel/rcu kernel/sched \
	kernel/slab kernel/task kernel/time kernel/wait
objs := frame.o buddy.o early.o reclaim.o
tests := frame_test.o
sanitize-early.o := n
