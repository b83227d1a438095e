room := kernel/mm
headers := dump.h
deps := kernel/cred kernel/file kernel/frame kernel/lock kernel/pagecache kernel/panic \
	kernel/printk kernel/ptrace kernel/rcu kernel/rng kernel/sched kernel/seq kernel/signal \
	kernel/slab kernel/task kernel/time kernel/uaccess kernel/uio kernel/vfs kernel/wait lib/btree
objs := mm.o vma.o pgtable.o map.o fault.o shared.o account.o oom.o access.o advise.o remap.o show.o policy.o
tests := mm_test.o
