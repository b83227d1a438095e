room := arch/x86_64
deps := kernel/boot kernel/task kernel/mm kernel/frame kernel/vmap kernel/slab kernel/panic kernel/printk kernel/patch kernel/uaccess drivers/acpi
objs := boot.o entry.o start.o bootinfo.o paging.o cpu.o cpuflags.o desc.o early.o firmware.o clock.o
objs += trap.o user_return.o context.o fpu.o uaccess.o uaccess_asm.o poke.o
objs += apic.o smp.o trampoline.o tlb.o power.o rtc.o stack.o
# These run before the shadow of the sanitizer exists.
sanitize-start.o := n
sanitize-bootinfo.o := n
sanitize-paging.o := n
sanitize-cpu.o := n
sanitize-early.o := n
