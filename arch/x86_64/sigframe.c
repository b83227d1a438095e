/*
 * Signal frames. From the handler's stack pointer upwards:
 *
 *	return address (SA_RESTORER) | ucontext | siginfo | ... | XSAVE image, 64-byte aligned |
 *magic
 *
 * byte for byte what Linux builds, since libraries (unwinders, garbage collectors) read it:
 *sigreturn(2), <asm/sigcontext.h>, <asm/ucontext.h>; psABI 3.4.1 for the red zone and alignment.
 */
#include <asm/sigframe.h>

#include <asm/current.h>
#include <asm/elf_arch.h>
#include <asm/sigcontext.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/arch_up.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <linux/signal.h>

#include "x86_impl.h"

#define RED_ZONE 128u
#define UC_FP_XSTATE 1u
#define UC_SIGCONTEXT_SS 2u
#define UC_STRICT_RESTORE_SS 4u
#define SIGINFO_SIZE 128u

struct frame_ucontext {
	u64 flags, link;
	u64 ss_sp;
	s32 ss_flags, ss_pad;
	u64 ss_size;
	struct sigcontext_64 mc;
	u64 sigmask;
};

struct rt_sigframe {
	u64 restorer;
	struct frame_ucontext uc;
	u8 info[SIGINFO_SIZE];
};
static_assert(sizeof(struct frame_ucontext) == 304, "struct ucontext");
static_assert(sizeof(struct rt_sigframe) == 440, "struct rt_sigframe");

static bool on_altstack(const struct sigframe_setup *s, unsigned long sp)
{
	return sp > s->altstack_sp && sp - s->altstack_sp <= s->altstack_size;
}

/* Places frame and FPU image; 0 if they do not fit the alternate stack. */
static unsigned long frame_place(const struct regs *regs, const struct sigframe_setup *s,
				 unsigned long *fp)
{
	bool autodisarm = s->altstack_flags & (int)SS_AUTODISARM;
	bool on = !autodisarm && on_altstack(s, regs->sp), entering = false;
	unsigned long sp = regs->sp - RED_ZONE;

	if ((s->flags & SA_ONSTACK) && s->altstack_size && (autodisarm || !on_altstack(s, sp))) {
		sp = s->altstack_sp + s->altstack_size;
		entering = true;
	}
	sp = (sp - fpu_frame_size()) & ~63UL;
	*fp = sp;
	sp = ((sp - sizeof(struct rt_sigframe)) & ~15UL) - 8;
	if ((on || entering) && !on_altstack(s, sp))
		return 0;
	return sp;
}

#define PUT(field, val) ARCH_USER_STORE64(val, &(field), fault)

/* Everything but siginfo and the FPU image. The window is open; false on a fault. */
static bool frame_fill(struct rt_sigframe *f, const struct regs *r, const struct sigframe_setup *s,
		       unsigned long fp)
{
	const struct arch_thread *t = &current->arch;
	u64 *mc = (u64 *)&f->uc.mc;

	PUT(f->restorer, s->restorer);
	PUT(f->uc.flags,
	    UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS | (cpu_has(CPU_XSAVE) ? UC_FP_XSTATE : 0));
	PUT(f->uc.link, 0);
	PUT(f->uc.ss_sp, s->altstack_sp);
	PUT(f->uc.ss_flags, (u32)s->altstack_flags);
	PUT(f->uc.ss_size, s->altstack_size);
	PUT(mc[0], r->r8);
	PUT(mc[1], r->r9);
	PUT(mc[2], r->r10);
	PUT(mc[3], r->r11);
	PUT(mc[4], r->r12);
	PUT(mc[5], r->r13);
	PUT(mc[6], r->r14);
	PUT(mc[7], r->r15);
	PUT(mc[8], r->di);
	PUT(mc[9], r->si);
	PUT(mc[10], r->bp);
	PUT(mc[11], r->bx);
	PUT(mc[12], r->dx);
	PUT(mc[13], r->ax);
	PUT(mc[14], r->cx);
	PUT(mc[15], r->sp);
	PUT(mc[16], r->ip);
	PUT(mc[17], r->flags);
	PUT(mc[18], (r->cs & 0xffff) | r->ss << 48); /* cs, gs, fs, ss */
	PUT(mc[19], t->trap_err);
	PUT(mc[20], t->trap_nr);
	PUT(mc[21], s->blocked);
	PUT(mc[22], t->trap_addr);
	PUT(mc[23], fp);
#pragma GCC unroll 8
	for (unsigned int i = 24; i < 32; i++)
		PUT(mc[i], 0);
	PUT(f->uc.sigmask, s->blocked);
	return true;
fault:
	return false;
}
static_assert(offsetof(struct sigcontext_64, fpstate) == 23 * 8, "struct sigcontext");
static_assert(offsetof(struct sigcontext_64, cr2) == 22 * 8, "struct sigcontext");
static_assert(offsetof(struct sigcontext_64, cs) == 18 * 8, "struct sigcontext");

int arch_signal_setup_frame(struct regs *regs, const struct sigframe_setup *s)
{
	unsigned long fp, sp = frame_place(regs, s, &fp);
	struct rt_sigframe __user *frame = (struct rt_sigframe __user *)sp;

	if (!sp || !(s->flags & SA_RESTORER) || !access_ok(frame, fp + fpu_frame_size() - sp) ||
	    fpu_save_frame((void __user *)fp))
		return -EFAULT;
	arch_user_open();
	bool filled = frame_fill((struct rt_sigframe __force *)frame, regs, s, fp);

	arch_uaccess_close();
	if (!filled)
		return -EFAULT;
	if ((s->flags & SA_SIGINFO) && copy_to_user(frame->info, s->siginfo, SIGINFO_SIZE))
		return -EFAULT;
	regs->di = (u64)s->sig;
	regs->si = (u64)(unsigned long)frame->info;
	regs->dx = (u64)(unsigned long)&frame->uc;
	regs->ax = 0;
	regs->ip = s->handler;
	regs->sp = sp;
	regs->cs = X86_USER_CS;
	regs->ss = X86_USER_DS;
	regs->flags &= ~(X86_FLAGS_DF | X86_FLAGS_RF | X86_FLAGS_TF);
	/* The handler starts with the initial state, whatever code it interrupted. */
	fpu_reset_current();
	return 0;
}

#define GET(val, field) ARCH_USER_LOAD64(val, &(field), err)

/* The window is open; false on a fault, and then *r is of no use. */
static bool frame_read(const struct rt_sigframe *f, struct regs *r, struct sigframe_return *out,
		       u64 *fp)
{
	const u64 *mc = (const u64 *)&f->uc.mc;
	u64 flags, ss_flags, ss_size, ss_sp, uc_flags, segments;
	u32 err = 0;

	GET(r->r8, mc[0]);
	GET(r->r9, mc[1]);
	GET(r->r10, mc[2]);
	GET(r->r11, mc[3]);
	GET(r->r12, mc[4]);
	GET(r->r13, mc[5]);
	GET(r->r14, mc[6]);
	GET(r->r15, mc[7]);
	GET(r->di, mc[8]);
	GET(r->si, mc[9]);
	GET(r->bp, mc[10]);
	GET(r->bx, mc[11]);
	GET(r->dx, mc[12]);
	GET(r->ax, mc[13]);
	GET(r->cx, mc[14]);
	GET(r->sp, mc[15]);
	GET(r->ip, mc[16]);
	GET(flags, mc[17]);
	GET(*fp, mc[23]);
	GET(out->blocked, f->uc.sigmask);
	GET(ss_sp, f->uc.ss_sp);
	GET(ss_flags, f->uc.ss_flags);
	GET(ss_size, f->uc.ss_size);
	out->altstack_sp = ss_sp;
	out->altstack_size = ss_size;
	out->altstack_flags = (int)ss_flags;
	r->flags = (r->flags & ~X86_FLAGS_USER) | (flags & X86_FLAGS_USER);
	GET(uc_flags, f->uc.flags);
	GET(segments, mc[18]);
	out->bad_segment =
		((segments & 0xffff) | 3) != X86_USER_CS ||
		((uc_flags & UC_STRICT_RESTORE_SS) && (segments >> 48 | 3) != X86_USER_DS);
	/* There are no other segments a program could run on. */
	r->cs = X86_USER_CS;
	r->ss = X86_USER_DS;
	r->orig_ax = (u64)-1;
	return !err;
}

int arch_sigreturn(struct regs *regs, struct sigframe_return *out)
{
	const struct rt_sigframe __user *frame = (const struct rt_sigframe __user *)(regs->sp - 8);
	u64 fp;

	if (!access_ok(frame, sizeof(*frame)))
		return -EFAULT;
	arch_user_open();
	bool read = frame_read((const struct rt_sigframe __force *)frame, regs, out, &fp);

	arch_uaccess_close();
	if (!read || fpu_load_frame((const void __user *)(unsigned long)fp))
		return -EFAULT;
	if (out->bad_segment) {
		current->arch.trap_nr = 13;
		current->arch.trap_err = 0;
	}
	__atomic_fetch_or(&current->work, TASK_WORK_FULL_REGS, __ATOMIC_RELAXED);
	return 0;
}

unsigned long elf_arch_minsigstksz(void)
{
	/* Frame, its alignment and return address, image and its alignment. */
	unsigned long size = sizeof(struct rt_sigframe) + 16 + 8 + fpu_frame_size() + 63;

	return (size + 15) & ~15UL;
}
