room := fs/initramfs
deps := kernel/boot kernel/frame kernel/slab kernel/vfs kernel/file kernel/pagecache kernel/printk kernel/uio \
	lib/cpio
objs := initramfs.o entry.o unpack.o
cflags-unpack.o := -Ibuild/thirdparty
