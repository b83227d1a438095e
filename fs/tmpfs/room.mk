room := fs/tmpfs
deps := kernel/boot kernel/cred kernel/frame kernel/hugetlb kernel/lock kernel/mm kernel/ns \
	kernel/procfs kernel/seq kernel/signal kernel/slab kernel/syscall kernel/task kernel/uaccess \
	kernel/uio kernel/vfs lib/parse
objs := tmpfs.o options.o dir.o fallocate.o memfd.o
