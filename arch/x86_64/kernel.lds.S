/*
 * The image. Linked at KERNEL_IMAGE_BASE + physical address, loaded from 2 MiB upwards.
 *
 * Page-aligned parts with one permission each: text (rx), rodata (r), init (rwx until freed; its
 * two halves have their own permission), data (rw). Linker sets live in .tab.NAME input sections:
 * for each NAME in the list below, __start_NAME and __stop_NAME delimit the entries.
 */
#include <asm/page.h>

#define LOAD_PHYS 0x200000
#define TABLE(name)                      \
	. = ALIGN(8);                    \
	__start_##name = .;              \
	KEEP(*(.tab.name))               \
	__stop_##name = .;

OUTPUT_FORMAT("elf64-x86-64")
OUTPUT_ARCH(i386:x86-64)
ENTRY(boot_entry64_phys)

PHDRS
{
	text PT_LOAD FLAGS(5);
	rodata PT_LOAD FLAGS(4);
	init PT_LOAD FLAGS(7);
	data PT_LOAD FLAGS(6);
	note PT_NOTE FLAGS(4);
}

SECTIONS
{
	. = KERNEL_IMAGE_BASE + LOAD_PHYS;
	image_start = .;
	boot_entry64_phys = boot_entry64 - KERNEL_IMAGE_BASE;

	.text : AT(ADDR(.text) - KERNEL_IMAGE_BASE) {
		text_start = .;
		KEEP(*(.head.text))
		/* The part that user mode's tables have too. */
		. = ALIGN(PAGE_SIZE_LDS);
		entry_text_start = .;
		*(.text.entry)
		. = ALIGN(PAGE_SIZE_LDS);
		entry_text_end = .;
		*(.text.hot .text.hot.*)
		*(.text .text.[a-zA-Z0-9_]*)
		*(.text.unlikely .text.unlikely.*)
		*(.fixup)
		*(.text.*)
		text_end = .;
	} :text

	. = ALIGN(PAGE_SIZE_LDS);
	.rodata : AT(ADDR(.rodata) - KERNEL_IMAGE_BASE) {
		rodata_start = .;
		*(.rodata .rodata.*)
		*(.data..ro_after_init)
		TABLE(extable)
		TABLE(patch_alt)
		TABLE(patch_jump)
		KEEP(*(.altinstr))
		. = ALIGN(8);
		__start_ktest = .;
		KEEP(*(.ktest))
		__stop_ktest = .;
		TABLE(fs_type)
		TABLE(device)
		TABLE(exec_format)
		TABLE(task_hook)
		TABLE(ns_kind)
		TABLE(driver)
		TABLE(initcall)
		TABLE(param)
		TABLE(trace)
		TABLE(proc_entry)
		TABLE(proc_task_entry)
		TABLE(proc_net_entry)
		TABLE(sysfs_entry)
		TABLE(debugfs_entry)
		TABLE(sysfs_build)
		TABLE(pci_driver)
		TABLE(virtio_driver)
		TABLE(acpi_driver)
		TABLE(socket_family)
		TABLE(console)
		*(.init_array .init_array.*)
	} :rodata
	.note : AT(ADDR(.note) - KERNEL_IMAGE_BASE) {
		KEEP(*(.note.Xen))
	} :rodata :note

	. = ALIGN(PAGE_SIZE_LDS);
	rodata_end = .;
	init_start = .;
	.init.text : AT(ADDR(.init.text) - KERNEL_IMAGE_BASE) {
		*(.init.text .init.text.*)
	} :init
	. = ALIGN(PAGE_SIZE_LDS);
	init_data_start = .;
	.init.data : AT(ADDR(.init.data) - KERNEL_IMAGE_BASE) {
		*(.init.data .init.data.* .init.rodata .init.rodata.*)
		. = ALIGN(PAGE_SIZE_LDS);
		percpu_template = .;
		*(.percpu.entry) /* a page for itself: user mode's tables have it too */
		. = ALIGN(PAGE_SIZE_LDS);
		*(.percpu .percpu.*)
		. = ALIGN(64);
		percpu_template_end = .;
	} :init
	. = ALIGN(PAGE_SIZE_LDS);
	init_end = .;

	.data : AT(ADDR(.data) - KERNEL_IMAGE_BASE) {
		data_start = .;
		*(.data .data.*)
		. = ALIGN(8);
	} :data
	. = ALIGN(PAGE_SIZE_LDS);
	.bss : AT(ADDR(.bss) - KERNEL_IMAGE_BASE) {
		bss_start = .;
		*(.bss.page_aligned .bss.page_aligned.*)
		*(.bss .bss.* COMMON)
		. = ALIGN(PAGE_SIZE_LDS);
		percpu_boot_area = .;
		. += percpu_template_end - percpu_template;
		. = ALIGN(PAGE_SIZE_LDS);
		bss_end = .;
	} :data
	image_end = .;

	.comment 0 : { *(.comment) }
	.debug_info 0 : { *(.debug_info) }
	.debug_abbrev 0 : { *(.debug_abbrev) }
	.debug_aranges 0 : { *(.debug_aranges) }
	.debug_ranges 0 : { *(.debug_ranges) }
	.debug_rnglists 0 : { *(.debug_rnglists) }
	.debug_line 0 : { *(.debug_line) }
	.debug_line_str 0 : { *(.debug_line_str) }
	.debug_str 0 : { *(.debug_str) }
	.debug_str_offsets 0 : { *(.debug_str_offsets) }
	.debug_addr 0 : { *(.debug_addr) }
	.debug_frame 0 : { *(.debug_frame) }
	.debug_loc 0 : { *(.debug_loc) }
	.debug_loclists 0 : { *(.debug_loclists) }
	/DISCARD/ : { *(.note.GNU-stack) *(.note.gnu.property) *(.eh_frame*) *(.exit.*) *(__patchable_function_entries) }
}
