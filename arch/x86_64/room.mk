room := arch/x86_64
deps := kernel/boot kernel/task kernel/mm kernel/frame kernel/vmap kernel/panic kernel/printk drivers/acpi
objs := boot.o entry.o start.o bootinfo.o paging.o cpu.o desc.o early.o
# Runs before the shadow of the sanitizer exists.
sanitize-start.o := n
sanitize-bootinfo.o := n
sanitize-paging.o := n
sanitize-cpu.o := n
sanitize-early.o := n
