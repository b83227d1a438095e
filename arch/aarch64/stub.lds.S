/* The boot stub: linked where QEMU's virt machine has RAM, run with the MMU off. */
OUTPUT_FORMAT("elf64-littleaarch64")
OUTPUT_ARCH(aarch64)
ENTRY(image_head)
SECTIONS
{
	. = 0x40200000;
	image_start = .;
	.text : { *(.head.text) *(.text .text.*) }
	.rodata : { *(.rodata .rodata.*) }
	.data : { *(.data .data.*) }
	. = ALIGN(16);
	bss_start = .;
	.bss : { *(.bss .bss.*) }
	. = ALIGN(16);
	bss_end = .;
	image_size = . - image_start;
	/DISCARD/ : { *(.comment) *(.note*) *(.eh_frame*) *(.percpu) }
}
