room := kernel/vfs
# What an open file needs of names, and what a file system registers, without the rest.
headers := path.h mount.h fs_type.h
deps := kernel/cred kernel/device kernel/file kernel/frame kernel/lock kernel/mm kernel/notify \
	kernel/ns kernel/pagecache kernel/panic kernel/poll kernel/procfs kernel/rcu kernel/sched \
	kernel/seq kernel/slab kernel/syscall kernel/task kernel/time kernel/uaccess kernel/uio \
	kernel/wait lib/parse lib/rbtree
objs := dentry.o inode.o attr.o super.o mount.o peers.o tree.o mount_ns.o remount.o newmount.o \
	fscontext.o show_mounts.o statfs.o dpath.o fsctx.o namei.o name.o open.o create.o protect.o rename.o \
	stat.o sys_attr.o xattr.o simple.o readdir.o sys_mount.o anon.o locks.o locks_sys.o acl.o
tests := vfs_test.o
