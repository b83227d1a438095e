room := fs/kdbusfs
deps := kernel/bus kernel/cred kernel/ns kernel/procfs kernel/task kernel/vfs
objs := kdbusfs.o
