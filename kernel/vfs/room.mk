room := kernel/vfs
deps := kernel/lock kernel/rcu kernel/slab kernel/frame kernel/panic kernel/pagecache kernel/uio \
	kernel/uaccess kernel/task kernel/cred kernel/signal kernel/time kernel/file kernel/seq \
	kernel/device kernel/mm kernel/wait kernel/syscall
objs := dentry.o inode.o attr.o super.o mount.o dpath.o fsctx.o namei.o name.o open.o create.o \
	rename.o stat.o sys_attr.o xattr.o simple.o readdir.o sys_mount.o anon.o locks.o
