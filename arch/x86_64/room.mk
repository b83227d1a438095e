room := arch/x86_64
deps := drivers/acpi kernel/boot kernel/cmdline kernel/cred kernel/exec kernel/file kernel/frame kernel/irq kernel/kasan \
	kernel/lock kernel/mm kernel/panic kernel/patch kernel/printk kernel/procfs kernel/rcu kernel/seccomp kernel/seq \
	kernel/signal kernel/slab kernel/symbol kernel/syscall kernel/task kernel/uaccess kernel/vmap lib/bitmap
objs := boot.o entry.o start.o bootinfo.o paging.o cpu.o cpuflags.o cache.o desc.o early.o firmware.o clock.o
objs += trap.o user_return.o context.o fpu.o uaccess.o uaccess_asm.o poke.o
objs += memory.o apic.o smp.o trampoline.o tlb.o power.o rtc.o stack.o sigframe.o vdso.o
objs += pti.o regset.o debug.o ports.o ptrace.o speculation.o
objs += protect.o ptdump.o vsyscall.o contexts.o
tests := pti_test.o contexts_test.o
pure-objs := contexts.o
pure-tests := contexts_test.o
objs-$(CONFIG_KASAN) += kasan.o
# These run before the shadow of the sanitizer exists.
sanitize-start.o := n
sanitize-paging.o := n
sanitize-cpu.o := n
sanitize-early.o := n
sanitize-kasan.o := n
sanitize-bootinfo.o := n

# The vDSO is a program of its own: user code, position independent, linked alone. Its image becomes a
# list of bytes that vdso.c includes.
VDSO_FLAGS := -std=gnu11 -O2 -m64 -fPIC -ffreestanding -fno-stack-protector -fno-common \
	-fasynchronous-unwind-tables -fvisibility=hidden -fcf-protection=none $(KINCLUDE) \
	-D__KERNEL__ -Wall -Wextra -Werror
# The one object with vector code. No calls to memcpy() and memset(): there are none.
VDSO_VECTOR := -msse2 -fno-tree-loop-distribute-patterns
$(O)/vdso.so: arch/x86_64/vdso/vdso_time.c arch/x86_64/vdso/vdso_random.c arch/x86_64/vdso/vdso.lds \
		arch/include/asm/vdso.h | $(PREPARE)
	$(call say,VDSO,$@)$(CC) $(VDSO_FLAGS) -mno-sse -mno-mmx -c -o $(O)/vdso_time.o $< && \
		$(CC) $(VDSO_FLAGS) $(VDSO_VECTOR) -c -o $(O)/vdso_random.o arch/x86_64/vdso/vdso_random.c && \
		$(LD) -m elf_x86_64 -shared -soname linux-vdso.so.1 --hash-style=both --eh-frame-hdr \
		--build-id=none -z noexecstack -z max-page-size=4096 -Bsymbolic --no-undefined -S -s \
		-T arch/x86_64/vdso/vdso.lds -o $@ $(O)/vdso_time.o $(O)/vdso_random.o
$(GEN)/vdso_image.inc: $(O)/vdso.so
	$(Q)od -An -v -tx1 $< | sed 's/ \(..\)/0x\1,/g' > $@
$(OBJ)/arch/x86_64/vdso.o: $(GEN)/vdso_image.inc
# The syntax passes of make check read vdso.c too.
check-threads check-user: $(GEN)/vdso_image.inc

# For loaders that know no ELF: make bzImage
.PHONY: bzImage
bzImage: $(O)/bzImage
$(O)/bzImage: $(O)/corbel.debug tools/mk-bzimage arch/x86_64/bzimage/setup.S
	$(call say,BZIMAGE,$@)tools/mk-bzimage $< $(O)
