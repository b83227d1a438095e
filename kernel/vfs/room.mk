room := kernel/vfs
# What an open file needs of names, without the rest.
headers := path.h
deps := kernel/cred kernel/device kernel/file kernel/frame kernel/lock kernel/mm \
	kernel/pagecache kernel/panic kernel/rcu kernel/seq kernel/slab kernel/syscall kernel/task \
	kernel/time kernel/uaccess kernel/uio kernel/wait
objs := dentry.o inode.o attr.o super.o mount.o dpath.o fsctx.o namei.o name.o open.o create.o \
	rename.o stat.o sys_attr.o xattr.o simple.o readdir.o sys_mount.o anon.o locks.o acl.o
tests := vfs_test.o
