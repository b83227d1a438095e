room := kernel/coredump
deps := kernel/cred kernel/exec kernel/file kernel/frame kernel/mm kernel/ns kernel/pipe \
	kernel/printk kernel/procfs kernel/sched kernel/seq kernel/signal kernel/slab kernel/task \
	kernel/time kernel/vfs
objs := coredump.o name.o output.o helper.o map.o elf.o notes.o
