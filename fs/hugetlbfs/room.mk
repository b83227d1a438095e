room := fs/hugetlbfs
deps := fs/tmpfs kernel/boot kernel/cred kernel/file kernel/hugetlb kernel/mm kernel/ns \
	kernel/pagecache kernel/seq kernel/signal kernel/slab kernel/task kernel/vfs lib/parse
objs := hugetlbfs.o file.o
