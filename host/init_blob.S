/* corbel-init as bytes of the launcher, so that one file is enough to run a machine. */
	.section .rodata
	.globl	host_init_start, host_init_end
	.balign	16
host_init_start:
	.incbin	INIT_PATH
host_init_end:
	.section .note.GNU-stack, "", @progbits
