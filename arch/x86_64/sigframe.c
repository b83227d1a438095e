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

static void context_from_regs(struct sigcontext_64 *mc, const struct regs *r)
{
	mc->r8 = r->r8;
	mc->r9 = r->r9;
	mc->r10 = r->r10;
	mc->r11 = r->r11;
	mc->r12 = r->r12;
	mc->r13 = r->r13;
	mc->r14 = r->r14;
	mc->r15 = r->r15;
	mc->di = r->di;
	mc->si = r->si;
	mc->bp = r->bp;
	mc->bx = r->bx;
	mc->dx = r->dx;
	mc->ax = r->ax;
	mc->cx = r->cx;
	mc->sp = r->sp;
	mc->ip = r->ip;
	mc->flags = r->flags;
	mc->cs = (u16)r->cs;
	mc->ss = (u16)r->ss;
	mc->err = current->arch.trap_err;
	mc->trapno = current->arch.trap_nr;
	mc->cr2 = current->arch.trap_addr;
}

static void regs_from_context(struct regs *r, const struct sigcontext_64 *mc)
{
	r->r8 = mc->r8;
	r->r9 = mc->r9;
	r->r10 = mc->r10;
	r->r11 = mc->r11;
	r->r12 = mc->r12;
	r->r13 = mc->r13;
	r->r14 = mc->r14;
	r->r15 = mc->r15;
	r->di = mc->di;
	r->si = mc->si;
	r->bp = mc->bp;
	r->bx = mc->bx;
	r->dx = mc->dx;
	r->ax = mc->ax;
	r->cx = mc->cx;
	r->sp = mc->sp;
	r->ip = mc->ip;
	r->flags = (r->flags & ~X86_FLAGS_USER) | (mc->flags & X86_FLAGS_USER);
	/* There are no other segments a program could run on. */
	r->cs = X86_USER_CS;
	r->ss = X86_USER_DS;
	r->orig_ax = (u64)-1;
}

int arch_signal_setup_frame(struct regs *regs, const struct sigframe_setup *s)
{
	unsigned long fp, sp = frame_place(regs, s, &fp);
	struct rt_sigframe __user *frame = (struct rt_sigframe __user *)sp;
	struct {
		u64 restorer;
		struct frame_ucontext uc;
	} head;

	if (!sp || !(s->flags & SA_RESTORER) || !access_ok(frame, fp + fpu_frame_size() - sp) ||
	    fpu_save_frame((void __user *)fp))
		return -EFAULT;
	memset(&head, 0, sizeof(head));
	head.restorer = s->restorer;
	head.uc.flags =
		UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS | (cpu_has(CPU_XSAVE) ? UC_FP_XSTATE : 0);
	head.uc.ss_sp = s->altstack_sp;
	head.uc.ss_flags = s->altstack_flags;
	head.uc.ss_size = s->altstack_size;
	context_from_regs(&head.uc.mc, regs);
	head.uc.mc.oldmask = s->blocked;
	head.uc.mc.fpstate = fp;
	head.uc.sigmask = s->blocked;
	if (copy_to_user(frame, &head, sizeof(head)))
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

int arch_sigreturn(struct regs *regs, struct sigframe_return *out)
{
	struct rt_sigframe __user *frame = (struct rt_sigframe __user *)(regs->sp - 8);
	struct frame_ucontext uc;

	if (copy_from_user(&uc, &frame->uc, sizeof(uc)) ||
	    fpu_load_frame((const void __user *)(unsigned long)uc.mc.fpstate))
		return -EFAULT;
	regs_from_context(regs, &uc.mc);
	*out = (struct sigframe_return){
		.blocked = uc.sigmask,
		.altstack_sp = uc.ss_sp,
		.altstack_size = uc.ss_size,
		.altstack_flags = uc.ss_flags,
	};
	__atomic_fetch_or(&current->work, TASK_WORK_FULL_REGS, __ATOMIC_RELAXED);
	return 0;
}

unsigned long elf_arch_minsigstksz(void)
{
	/* Frame, its alignment and return address, image and its alignment. */
	unsigned long size = sizeof(struct rt_sigframe) + 16 + 8 + fpu_frame_size() + 63;

	return (size + 15) & ~15UL;
}
