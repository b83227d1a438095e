/*
 * The vsyscall page: three calls at fixed addresses, for programs older than the vDSO.
 *
 * Jumping there faults, and the fault makes the system call and returns to the caller; so no code
 * lies at an address that everybody knows. vsyscall=xonly (as Debian's Linux): the page cannot be
 * read; =emulate: what Linux once had there can be read; =none: there is nothing.
 */
#include <asm/vdso.h>

#include <asm/current.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/arch_up.h>
#include <kernel/boot/boot.h>
#include <kernel/cmdline/cmdline.h>
#include <kernel/printk/printk.h>
#include <kernel/seccomp/seccomp.h>
#include <kernel/signal/signal.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <asm/unistd.h>
#include <linux/time.h>

#include "x86_impl.h"

#define VSYSCALL_ADDR 0xffffffffff600000ul
#define VSYSCALL_STEP 0x400ul

enum { NONE, XONLY, EMULATE };
static u8 mode __ro_after_init = XONLY;

/* mov $nr, %rax; syscall; ret */
#define STUB(nr) 0x48, 0xc7, 0xc0, (nr)&0xff, (nr) >> 8, 0, 0, 0x0f, 0x05, 0xc3
static const union {
	u8 code[3][VSYSCALL_STEP];
	u8 bytes[PAGE_SIZE];
} page __aligned(4096) = {
	.code = {{STUB(__NR_gettimeofday)}, {STUB(__NR_time)}, {STUB(__NR_getcpu)}}};

/* Read by user mode, not run. */
static void map_page(pte_t *root)
{
	pte_t *table = root;

	if (paging_map(root, VSYSCALL_ADDR, kernel_sym_to_phys(&page), PAGE_SIZE,
		       PTE_PRESENT | PTE_YOUNG | PTE_USER | PTE_GLOBAL | pte_nx_mask,
		       early_page_alloc))
		early_fatal("the vsyscall page");
	/* What else is below these entries is not for user mode by its own. */
	for (unsigned int level = PT_ROOT_LEVEL; level > 0; level--) {
		pte_t *at = &table[pt_index(level, VSYSCALL_ADDR)];

		pte_write(at, (pte_t){at->raw | PTE_USER});
		table = pte_table(*at);
	}
}

void vsyscall_init(void)
{
	char word[12];

	if (cmdline_value("vsyscall", word, sizeof(word))) {
		if (!strcmp(word, "none"))
			mode = NONE;
		else if (!strcmp(word, "emulate"))
			mode = EMULATE;
	}
	if (mode != EMULATE)
		return;
	map_page(kernel_pt_root);
	if (pti_root)
		map_page(pti_root);
}

u64 arch_gate_page(bool *readable)
{
	*readable = mode == EMULATE;
	return mode == NONE ? 0 : VSYSCALL_ADDR;
}

/* What the call writes to.  Addresses that no user has are a signal here, not an error. */
static u64 bad_address(const struct regs *regs, unsigned int which)
{
	struct {
		u64 at;
		size_t size;
	} out[3][2] = {{{regs->di, sizeof(struct timeval)}, {regs->si, sizeof(struct timezone)}},
		       {{regs->di, sizeof(long)}},
		       {{regs->di, sizeof(u32)}, {regs->si, sizeof(u32)}}};

	for (unsigned int i = 0; i < 2; i++) {
		if (out[which][i].at &&
		    !access_ok((void __user *)out[which][i].at, out[which][i].size))
			return out[which][i].at;
	}
	return 0;
}

/* False: a filter has dealt with it otherwise. */
static bool allowed(struct regs *regs, u64 nr, bool *skip)
{
	u64 ip = regs->ip;

	*skip = false;
	if (!(READ_ONCE(current->work) & WORK_SECCOMP))
		return true;
	regs->orig_ax = nr;
	regs->ax = (u64)-ENOSYS;
	*skip = seccomp_enter(regs) != 0;
	bool changed = regs->ip != ip || (!*skip && regs->orig_ax != nr);

	regs->orig_ax = ~0ull;
	if (changed)
		signal_force_exit(SIGSYS);
	return !changed;
}

bool vsyscall_fault(struct regs *regs, unsigned long addr, unsigned long err)
{
	static const u16 calls[] = {__NR_gettimeofday, __NR_time, __NR_getcpu};
	unsigned long which = (addr - VSYSCALL_ADDR) / VSYSCALL_STEP;
	u64 caller, bad;
	bool skip;

	if (mode == NONE || addr - VSYSCALL_ADDR >= PAGE_SIZE || !(err & PF_INSN))
		return false;
	if (which >= sizeof(calls) / sizeof(*calls) || addr % VSYSCALL_STEP || regs->ip != addr ||
	    get_user(caller, (u64 __user *)regs->sp)) {
		trap_user(regs, SIGSEGV, SI_KERNEL, 0);
		return true;
	}
	bad = bad_address(regs, (unsigned int)which);
	if (!allowed(regs, calls[which], &skip))
		return true;
	if (!skip && !bad) {
		long ret = syscall_table[calls[which]](regs->di, regs->si, 0, 0, 0, 0);

		regs->ax = (u64)ret;
		bad = ret == -EFAULT ? regs->di : 0;
	}
	if (!skip && bad) {
		trap_user(regs, SIGSEGV, SEGV_MAPERR, bad);
		return true;
	}
	regs->ip = caller;
	regs->sp += sizeof(caller);
	return true;
}
