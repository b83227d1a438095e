room := kernel/rng
deps := kernel/boot kernel/cmdline kernel/cred kernel/device kernel/file kernel/frame kernel/irq \
	kernel/lock kernel/poll kernel/printk kernel/procfs kernel/sched kernel/seq kernel/signal \
	kernel/task kernel/time kernel/uaccess kernel/uio kernel/wait kernel/work lib/chacha lib/fmt
objs := rng.o jitter.o device.o files.o wide.o
objs += $(if $(filter x86_64,$(ARCH)),wide_sse2.o wide_avx2.o)
tests := rng_test.o
# The objects with vector code; called between fpu_begin() and fpu_end() only.
cflags-wide_sse2.o := -msse -msse2 -mpreferred-stack-boundary=4 -mincoming-stack-boundary=3
cflags-wide_avx2.o := -msse -msse2 -mavx2 -mpreferred-stack-boundary=5 -mincoming-stack-boundary=3
