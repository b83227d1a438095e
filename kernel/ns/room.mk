room := kernel/ns
# Ids and capabilities relative to a user namespace, without the rest.
headers := user.h ucount.h
deps := kernel/cred kernel/exec kernel/file kernel/lock kernel/mm kernel/panic kernel/procfs \
	kernel/ptrace kernel/rcu kernel/seq kernel/signal kernel/slab kernel/syscall kernel/task \
	kernel/time kernel/uaccess kernel/uio kernel/vfs lib/parse
objs := ns.o share.o setns.o nsfs.o user.o map.o ucount.o uts.o plain.o
