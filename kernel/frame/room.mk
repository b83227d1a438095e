room := kernel/frame
deps := kernel/boot kernel/cmdline kernel/file kernel/kasan kernel/lock kernel/mm kernel/pagecache \
	kernel/panic kernel/patch kernel/printk kernel/procfs kernel/rcu kernel/sched kernel/seq \
	kernel/slab kernel/symbol kernel/task kernel/time kernel/vmap kernel/wait lib/sort
objs := frame.o buddy.o early.o reclaim.o show.o owner.o
tests := frame_test.o
sanitize-early.o := n
