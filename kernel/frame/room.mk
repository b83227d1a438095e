room := kernel/frame
deps := kernel/boot kernel/kasan kernel/lock kernel/mm kernel/pagecache kernel/panic \
	kernel/printk kernel/procfs kernel/rcu kernel/sched kernel/seq kernel/slab kernel/task \
	kernel/time kernel/wait
objs := frame.o buddy.o early.o reclaim.o show.o
tests := frame_test.o
sanitize-early.o := n
