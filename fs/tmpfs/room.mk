room := fs/tmpfs
deps := kernel/vfs kernel/file kernel/pagecache kernel/mm kernel/slab kernel/lock kernel/cred \
	kernel/time kernel/seq kernel/task kernel/uaccess kernel/syscall kernel/frame
objs := tmpfs.o dir.o fallocate.o memfd.o
