room := kernel/mm
headers := dump.h userfault.h
deps := kernel/boot kernel/cmdline kernel/cred kernel/file kernel/frame kernel/hugetlb kernel/lock kernel/ns kernel/pagecache \
	kernel/panic kernel/patch kernel/printk kernel/procfs kernel/ptrace kernel/rcu kernel/rng kernel/sched \
	kernel/seq kernel/signal kernel/slab kernel/task kernel/time kernel/uaccess kernel/uio \
	kernel/uffd kernel/vfs kernel/wait lib/btree lib/parse
objs := mm.o vma.o lookup.o pgtable.o map.o protect.o fault.o shared.o account.o oom.o vmctl.o access.o advise.o lock.o remap.o show.o maps.o policy.o huge.o hugetlb.o thp.o inspect.o userfault.o scan.o knobs.o droppable.o
objs += pageflags.o poison.o
objs-$(CONFIG_DEBUG_FAIL) += fail.o
tests := mm_test.o
