room := kernel/rng
deps := kernel/boot kernel/cred kernel/device kernel/file kernel/lock kernel/poll kernel/printk \
	kernel/sched kernel/signal kernel/task kernel/time kernel/uaccess kernel/uio kernel/wait \
	lib/chacha
objs := rng.o device.o wide.o
tests := rng_test.o
# The one object with vector code; called between fpu_begin() and fpu_end() only.
cflags-wide.o := $(if $(filter x86_64,$(ARCH)),-msse -msse2 -mpreferred-stack-boundary=4 -mincoming-stack-boundary=3)
