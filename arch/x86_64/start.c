/* The first C code: from the loader's hand-over to kernel_main(). */
#include <asm/init.h>
#include <asm/percpu.h>
#include <kernel/boot/boot.h>
#include <kernel/patch/patch.h>

#include "x86_impl.h"

/* A guard page is before each stack and behind the last: paging_init() unmaps them. */
#define BOOT_IST(i) (boot_ist_stacks + (i) * (IST_STACK_SIZE + PAGE_SIZE))
const struct ist_stacks boot_ist = {{BOOT_IST(0), BOOT_IST(1), BOOT_IST(2), BOOT_IST(3)}};

void arch_start(enum boot_protocol protocol, u64 param_phys)
{
	kasan_arch_boot();
	cpu_detect();
	bootinfo_read(protocol, param_phys);
	paging_choose_levels();
	paging_init();
	pti_init();
	vsyscall_init();
	cpu_setup_control();
	desc_init_cpu(0, &boot_ist);
	idt_init();
	extable_sort();
	patch_apply_alternatives();
	paging_patch_levels();
	firmware_scan();
	clock_calibrate();
	kernel_main();
}
