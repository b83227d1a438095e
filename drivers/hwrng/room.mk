room := drivers/hwrng
deps := kernel/device kernel/file kernel/lock kernel/printk kernel/procfs kernel/rng \
	kernel/sched kernel/seq kernel/signal kernel/task kernel/time kernel/uio kernel/wait
objs := hwrng.o
