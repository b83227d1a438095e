room := kernel/bus
deps := kernel/boot kernel/cred kernel/file kernel/frame kernel/lock kernel/mm kernel/ns \
	kernel/pagecache kernel/poll kernel/rcu kernel/rng kernel/sched kernel/seq kernel/signal \
	kernel/slab kernel/syscall kernel/task kernel/time kernel/uaccess kernel/uio kernel/vfs \
	kernel/wait kernel/work lib/hash lib/rbtree
objs := item.o slice.o args.o domain.o make.o conn.o info.o access.o registry.o pool.o queue.o \
	message.o deliver.o send.o receive.o reply.o cancel.o notify.o stats.o handle.o \
	table.o name.o policy.o bloom.o match.o match_parse.o mem.o meta.o
tests := item_test.o slice_test.o table_test.o name_test.o policy_test.o match_test.o
pure-objs := item.o slice.o table.o name.o policy.o bloom.o match.o match_parse.o
pure-tests := item_test.o slice_test.o table_test.o name_test.o policy_test.o match_test.o
fuzz := item_fuzz.o slice_fuzz.o name_fuzz.o policy_fuzz.o match_fuzz.o
