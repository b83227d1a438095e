room := fs/initramfs
deps := kernel/boot kernel/file kernel/frame kernel/pagecache kernel/printk kernel/slab \
	kernel/vfs lib/cpio
objs := initramfs.o entry.o unpack.o
cflags-unpack.o := -Ibuild/thirdparty
