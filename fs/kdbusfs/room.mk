room := fs/kdbusfs
deps := kernel/bus kernel/cred kernel/file kernel/ns kernel/procfs kernel/task kernel/vfs
objs := kdbusfs.o
