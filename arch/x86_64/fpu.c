/*
 * x87, SSE, AVX, ... state of user threads.
 *
 * A thread's state is in the registers of one CPU (that CPU's fpu_owner is the thread and the
 * thread's fpu_cpu is the CPU) or in its save area. A switch saves the outgoing thread at once. The
 * incoming one's registers are loaded only when it returns to user mode: TASK_WORK_FPU_LOAD. A
 * thread that comes back to its CPU with nobody having used the registers between needs no load.
 *
 * The area is in the standard XSAVE format, so that signal frames and ptrace copy it as it is;
 * XSAVEOPT leaves out what was not touched.
 */
#include <asm/context.h>
#include <asm/current.h>
#include <asm/irqflags.h>
#include <asm/preempt.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/arch_up.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <asm/sigcontext.h>

#include "x86_impl.h"

/* FXSAVE area and XSAVE header; the rest follows. Intel SDM vol. 1, 13.4. */
struct fpu_state {
	u8 legacy[512];
	u64 xstate_bv;
	u64 xcomp_bv;
	u64 reserved[6];
	u8 extended[];
} __aligned(64);

#define FXSAVE_SIZE 512u
#define XSAVE_HEADER_END 576u
#define SW_OFFSET 464u /* of struct _fpx_sw_bytes in the legacy part */
#define XFEATURE_FP_SSE 3ULL
/* x87, SSE, AVX, AVX-512; not AMX, whose 8 KiB need permission first, nor protection keys. */
#define XFEATURE_WANTED 0xe7ULL
#define MXCSR_DEFAULT 0x1f80u
#define FCW_DEFAULT 0x37fu

static u64 xfeatures __ro_after_init;
static u32 state_size __ro_after_init = FXSAVE_SIZE;
static u32 mxcsr_mask __ro_after_init = 0xffbf;
static struct slab_cache *state_cache __ro_after_init;
static struct fpu_state *initial_state __ro_after_init;

static DEFINE_PERCPU(struct task *, fpu_owner);

static __always_inline void state_save(struct fpu_state *s)
{
	u32 lo = (u32)xfeatures, hi = (u32)(xfeatures >> 32);

	if (likely(cpu_has(CPU_XSAVEOPT)))
		asm volatile("xsaveopt64 (%0)" : : "r"(s), "a"(lo), "d"(hi) : "memory");
	else if (xfeatures)
		asm volatile("xsave64 (%0)" : : "r"(s), "a"(lo), "d"(hi) : "memory");
	else
		asm volatile("fxsave64 (%0)" : : "r"(s) : "memory");
}

static __always_inline void state_load(const struct fpu_state *s)
{
	u32 lo = (u32)xfeatures, hi = (u32)(xfeatures >> 32);

	if (likely(xfeatures))
		asm volatile("xrstor64 (%0)" : : "r"(s), "a"(lo), "d"(hi) : "memory");
	else
		asm volatile("fxrstor64 (%0)" : : "r"(s) : "memory");
}

static void state_init(struct fpu_state *s)
{
	u16 fcw = FCW_DEFAULT;
	u32 mxcsr = MXCSR_DEFAULT;

	memset(s, 0, state_size);
	memcpy(s->legacy, &fcw, sizeof(fcw));
	memcpy(s->legacy + 24, &mxcsr, sizeof(mxcsr));
}

void fpu_setup_cpu(void)
{
	asm volatile("clts; fninit");
	if (!cpu_has(CPU_XSAVE))
		return;
	if (!xfeatures) { /* the boot CPU decides for all */
		struct cpuid_regs r = cpuid(0xd, 0);

		xfeatures = (r.eax | (u64)r.edx << 32) & XFEATURE_WANTED;
	}
	asm volatile("xsetbv" : : "c"(0), "a"((u32)xfeatures), "d"((u32)(xfeatures >> 32)));
}

/* ebx of the leaf is the size of the standard format for what xcr0 enables now. */
int fpu_init(void)
{
	if (xfeatures)
		state_size = cpuid(0xd, 0).ebx;
	int err = slab_cache_create("fpu_state", state_size, 64, 0, NULL, &state_cache);

	if (err)
		return err;
	initial_state = slab_alloc(state_cache, GFP_KERNEL);
	if (!initial_state)
		return -ENOMEM;
	state_init(initial_state);
	return 0;
}

unsigned int fpu_user_size(void)
{
	return state_size;
}

u64 fpu_user_features(void)
{
	return xfeatures;
}

void fpu_switch(struct task *prev, struct task *next)
{
	if (prev->arch.fpu && !(READ_ONCE(prev->work) & TASK_WORK_FPU_LOAD))
		state_save(prev->arch.fpu);
	if (!next->arch.fpu)
		return;
	if (this_cpu_read(fpu_owner) == next && next->arch.fpu_cpu == cpu_id()) {
		if (READ_ONCE(next->work) & TASK_WORK_FPU_LOAD)
			__atomic_fetch_and(&next->work, ~TASK_WORK_FPU_LOAD, __ATOMIC_RELAXED);
	} else if (!(READ_ONCE(next->work) & TASK_WORK_FPU_LOAD)) {
		__atomic_fetch_or(&next->work, TASK_WORK_FPU_LOAD, __ATOMIC_RELAXED);
	}
}

/* The registers hold current's state, newer than its area or not. Interrupts off. */
static void registers_are_current(void)
{
	struct task *t = current;

	this_cpu_write(fpu_owner, t);
	t->arch.fpu_cpu = cpu_id();
	if (READ_ONCE(t->work) & TASK_WORK_FPU_LOAD)
		__atomic_fetch_and(&t->work, ~TASK_WORK_FPU_LOAD, __ATOMIC_RELAXED);
}

/* Interrupts off, on the way to user mode. */
void fpu_load_current(void)
{
	state_load(current->arch.fpu);
	registers_are_current();
}

/* Puts current's registers into its area, so that the area is the truth; they stay valid too. */
static void state_sync_current(void)
{
	unsigned long flags = irqs_save();

	if (current->arch.fpu && !(READ_ONCE(current->work) & TASK_WORK_FPU_LOAD))
		state_save(current->arch.fpu);
	irqs_restore(flags);
}

/* The area of current is about to be written: the registers must be loaded from it afterwards. */
static void state_invalidate_current(void)
{
	unsigned long flags = irqs_save();

	__atomic_fetch_or(&current->work, TASK_WORK_FPU_LOAD, __ATOMIC_RELAXED);
	current->arch.fpu_cpu = FPU_NO_CPU;
	irqs_restore(flags);
}

int fpu_fork(struct task *child)
{
	child->arch.fpu = NULL;
	if (!current->arch.fpu)
		return 0;
	struct fpu_state *s = slab_alloc(state_cache, GFP_KERNEL);

	if (!s)
		return -ENOMEM;
	state_sync_current();
	memcpy(s, current->arch.fpu, state_size);
	child->arch.fpu = s;
	__atomic_fetch_or(&child->work, TASK_WORK_FPU_LOAD, __ATOMIC_RELAXED);
	return 0;
}

void arch_thread_free(struct task *task)
{
	if (task->arch.fpu)
		slab_free(state_cache, task->arch.fpu);
	task->arch.fpu = NULL;
	debug_free(task);
	ports_free(task);
}

int fpu_prepare_current(void)
{
	if (current->arch.fpu)
		return 0;
	struct fpu_state *s = slab_alloc(state_cache, GFP_KERNEL);

	if (!s)
		return -ENOMEM;
	state_init(s);
	unsigned long flags = irqs_save();

	current->arch.fpu = s;
	current->arch.fpu_cpu = FPU_NO_CPU;
	__atomic_fetch_or(&current->work, TASK_WORK_FPU_LOAD, __ATOMIC_RELAXED);
	irqs_restore(flags);
	return 0;
}

void fpu_reset_current(void)
{
	if (!current->arch.fpu)
		return;
	preempt_disable();
	unsigned long flags = irqs_save();

	state_load(initial_state);
	registers_are_current();
	irqs_restore(flags);
	preempt_enable();
}

void fpu_begin(void)
{
	preempt_disable();
	unsigned long flags = irqs_save();

	if (current->arch.fpu && !(READ_ONCE(current->work) & TASK_WORK_FPU_LOAD)) {
		state_save(current->arch.fpu);
		__atomic_fetch_or(&current->work, TASK_WORK_FPU_LOAD, __ATOMIC_RELAXED);
	}
	this_cpu_write(fpu_owner, NULL);
	irqs_restore(flags);
}

void fpu_end(void)
{
	preempt_enable();
}

/* Whether XRSTOR takes this image: no reserved bit, no feature that is not enabled. */
static bool image_ok(const struct fpu_state *s, size_t size)
{
	u32 mxcsr;

	memcpy(&mxcsr, s->legacy + 24, sizeof(mxcsr));
	if (mxcsr & ~mxcsr_mask)
		return false;
	if (size < XSAVE_HEADER_END)
		return true;
	if (s->xstate_bv & ~xfeatures || s->xcomp_bv)
		return false;
	for (unsigned int i = 0; i < ARRAY_SIZE(s->reserved); i++) {
		if (s->reserved[i])
			return false;
	}
	return true;
}

/* --- debuggers and core dumps --- */

/* What is not in use has its initial value, whatever the area still says. */
static void fill_initial(struct fpu_state *s, u64 used)
{
	const u8 *initial = initial_state->legacy;

	if (!(used & 1)) {
		memcpy(s->legacy, initial, 24);
		memcpy(s->legacy + 32, initial + 32, 128);
	}
	if (!(used & 2))
		memset(s->legacy + 160, 0, 256);
	for (unsigned int i = 2; i < 63; i++) {
		if (!(xfeatures & ~used & 1ULL << i))
			continue;
		struct cpuid_regs r = cpuid(0xd, i);

		memset((u8 *)s + r.ebx, 0, r.eax);
	}
}

int fpu_get_xstate(struct task *task, void *buf)
{
	struct fpu_state *s = buf;

	if (!task->arch.fpu || !xfeatures)
		return -ENODEV;
	if (task == current)
		state_sync_current();
	memcpy(s, task->arch.fpu, state_size);
	fill_initial(s, s->xstate_bv);
	/* struct _fpx_sw_bytes, as far as debuggers read it: the enabled features. */
	memset(s->legacy + SW_OFFSET, 0, FXSAVE_SIZE - SW_OFFSET);
	memcpy(s->legacy + SW_OFFSET, &xfeatures, sizeof(xfeatures));
	return 0;
}

int fpu_get_legacy(struct task *task, void *buf)
{
	const struct fpu_state *s = task->arch.fpu;

	if (!s)
		return -ENODEV;
	if (task == current)
		state_sync_current();
	memcpy(buf, s->legacy, FXSAVE_SIZE);
	if (xfeatures && !(s->xstate_bv & 1)) {
		memcpy(buf, initial_state->legacy, 24);
		memcpy((u8 *)buf + 32, initial_state->legacy + 32, 128);
	}
	if (xfeatures && !(s->xstate_bv & 2))
		memset((u8 *)buf + 160, 0, 256);
	memset((u8 *)buf + SW_OFFSET, 0, FXSAVE_SIZE - SW_OFFSET);
	return 0;
}

/* The area becomes the truth: the registers are loaded from it before user mode. */
static void state_to_area(struct task *task)
{
	if (task == current) {
		state_sync_current();
		state_invalidate_current();
	} else {
		task->arch.fpu_cpu = FPU_NO_CPU;
	}
}

int fpu_set_xstate(struct task *task, const void *buf)
{
	if (!task->arch.fpu || !image_ok(buf, state_size))
		return -EINVAL;
	state_to_area(task);
	memcpy(task->arch.fpu, buf, state_size);
	return 0;
}

int fpu_set_legacy(struct task *task, const void *buf)
{
	struct fpu_state *s = task->arch.fpu;

	if (!s || !image_ok(buf, FXSAVE_SIZE))
		return -EINVAL;
	state_to_area(task);
	memcpy(s->legacy, buf, FXSAVE_SIZE);
	if (xfeatures)
		s->xstate_bv |= XFEATURE_FP_SSE;
	return 0;
}

/* --- signal frames: straight between the registers and user memory --- */

unsigned int fpu_frame_size(void)
{
	return state_size + (xfeatures ? FP_XSTATE_MAGIC2_SIZE : 0);
}

/* One instruction on user memory, preemption off: a missing page is a failure. */
#define USER_STATE(insn, at, mask, err)                                                        \
	asm volatile(UACCESS_OPEN                                                              \
		     "\n1:\t" insn " (%1)\n2:\t" UACCESS_CLOSE ".pushsection .fixup, \"ax\"\n" \
		     "3:\tmovl $1, %0\n\tjmp 2b\n.popsection\n" EX_ENTRY("1b", "3b", "0")      \
		     : "+r"(err)                                                               \
		     : "r"(at), "a"((u32)(mask)), "d"((u32)((mask) >> 32))                     \
		     : "memory")

static bool save_to_user(void __user *at)
{
	u32 err = 0;

	preempt_disable();
	unsigned long flags = irqs_save();

	if (READ_ONCE(current->work) & TASK_WORK_FPU_LOAD)
		fpu_load_current();
	irqs_restore(flags);
	if (xfeatures)
		USER_STATE("xsave64", at, xfeatures, err);
	else
		USER_STATE("fxsave64", at, 0ULL, err);
	preempt_enable();
	return !err;
}

/* What XSAVE does not write of the header must be zero to be loaded again; then the description. */
static bool describe_frame(char *at)
{
	u64 *header = (u64 *)(at + FXSAVE_SIZE), *sw = (u64 *)(at + SW_OFFSET);

#pragma GCC unroll 8
	for (unsigned int i = 1; i < 8; i++)
		ARCH_USER_STORE64(0, &header[i], fault);
	ARCH_USER_STORE64(FP_XSTATE_MAGIC1 | (u64)(state_size + FP_XSTATE_MAGIC2_SIZE) << 32,
			  &sw[0], fault);
	ARCH_USER_STORE64(xfeatures, &sw[1], fault);
#pragma GCC unroll 4
	for (unsigned int i = 2; i < 6; i++)
		ARCH_USER_STORE64(i == 2 ? state_size : 0, &sw[i], fault);
	return true;
fault:
	return false;
}
static_assert(sizeof(struct _fpx_sw_bytes) == 48, "struct _fpx_sw_bytes");

int fpu_save_frame(void __user *at)
{
	/* XSAVE reads the header's feature bits and keeps those it does not save. */
	if (xfeatures && put_user((u64)0, (u64 __user *)((char __user *)at + FXSAVE_SIZE)))
		return -EFAULT;
	if (!save_to_user(at)) {
		if (clear_user(at, fpu_frame_size()) || !save_to_user(at))
			return -EFAULT;
	}
	if (!xfeatures)
		return 0;
	arch_user_open();
	bool described = describe_frame((char __force *)at);

	arch_uaccess_close();
	if (!described ||
	    put_user(FP_XSTATE_MAGIC2, (u32 __user *)((char __user *)at + state_size)))
		return -EFAULT;
	return 0;
}

/* The features that the frame at @at has in the extended format; 0: it is an FXSAVE image. */
static int frame_features(const void __user *at, u64 *out)
{
	const u64 *sw = (const u64 __force *)((const char __user *)at + SW_OFFSET);
	u64 first, features, size;
	u32 magic2, err = 0;

	*out = 0;
	if (!xfeatures)
		return 0;
	arch_user_open();
	ARCH_USER_LOAD64(first, &sw[0], err);
	ARCH_USER_LOAD64(features, &sw[1], err);
	ARCH_USER_LOAD64(size, &sw[2], err);
	arch_uaccess_close();
	if (err)
		return -EFAULT;
	size &= ~0U;
	if ((u32)first != FP_XSTATE_MAGIC1 || size < XSAVE_HEADER_END || size > state_size ||
	    size > first >> 32)
		return 0;
	if (get_user(magic2, (const u32 __user *)((const char __user *)at + size)))
		return -EFAULT;
	if (magic2 == FP_XSTATE_MAGIC2)
		*out = features & xfeatures;
	return 0;
}

static bool load_from_user(const void __user *at, u64 features)
{
	u32 err = 0;

	preempt_disable();
	unsigned long flags = irqs_save();

	/* What the frame does not have becomes initial. */
	state_load(initial_state);
	registers_are_current();
	irqs_restore(flags);
	if (features)
		USER_STATE("xrstor64", at, features, err);
	else
		USER_STATE("fxrstor64", at, 0ULL, err);
	preempt_enable();
	return !err;
}

int fpu_load_frame(const void __user *at)
{
	u64 features;
	char probe;

	if (!at) {
		fpu_reset_current();
		return 0;
	}
	if (!access_ok(at, fpu_frame_size()) || frame_features(at, &features))
		return -EFAULT;
	if (load_from_user(at, features))
		return 0;
	/* A page that was not there, or an image the CPU refuses. */
	for (unsigned int off = 0; off < state_size; off += 512) {
		if (get_user(probe, (const char __user *)at + off))
			break;
	}
	if (load_from_user(at, features))
		return 0;
	fpu_reset_current();
	return -EFAULT;
}
