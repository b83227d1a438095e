room := net/core
# What a socket family needs.
headers := socket.h
deps := kernel/cred kernel/file kernel/lock kernel/ns kernel/poll kernel/procfs kernel/rcu \
	kernel/rng kernel/slab kernel/syscall kernel/task kernel/time kernel/uaccess kernel/uio \
	kernel/vfs kernel/wait lib/bpf
objs := socket.o option.o option_device.o sys_socket.o sys_msg.o filter.o
