/* Private to arch/x86_64: steps of start-up, descriptors, entry points. */
#pragma once

#include <asm/cpu.h>
#include <asm/page.h>
#include <asm/pgtable.h>
#include <asm/regs.h>
#include <asm/smp.h>
#include <kern/compiler.h>
#include <kern/types.h>

struct task;

/* Section bounds from kernel.lds.S. */
extern char image_start[], image_end[], text_start[], text_end[], rodata_start[], rodata_end[];
extern char init_start[], init_data_start[], init_end[], data_start[], bss_start[], bss_end[];
extern char percpu_template[], percpu_template_end[], percpu_boot_area[];
extern char boot_stack_guard[], boot_stack[], boot_stack_top[], boot_ist_stacks[];
extern pte_t boot_pgd[], boot_pgd5[];

enum boot_protocol {
	BOOT_PROTOCOL_PVH = 1,
	BOOT_PROTOCOL_LINUX = 2,
};

/* start.c */
__noreturn void arch_start(enum boot_protocol protocol, u64 param_phys);
/* bootinfo.c: fills boot_info. */
void bootinfo_read(enum boot_protocol protocol, u64 param_phys);
/* cpu.c */
void cpu_detect(void);
void cpu_drop_la57(void);
void cpu_setup_control(void); /* control registers and MSRs of this CPU */
/* paging.c */
/* Four levels of page tables or five, by CPU and command line, from here on. */
void paging_choose_levels(void);
/* Turns pt_five_levels, if it is to be; code can be patched. */
void paging_patch_levels(void);
void paging_init(void);
/* The kernel half's table of PT_TOP_LEVEL, shared by all address spaces if that is not the root. */
pte_t *paging_kernel_top(void);
/* What maps @va in the kernel's tables. */
struct pt_leaf {
	pte_t *at; /* NULL: nothing does */
	pte_t e;   /* what was there */
	unsigned int level;
};
struct pt_leaf paging_leaf(unsigned long va);
/* Whether the kernel's tables let this access through now. */
bool paging_allows(unsigned long va, bool write);
/* Maps [va, va + len) to @phys in @root, in the largest pages that fit. */
int paging_map(pte_t *root, unsigned long va, u64 phys, u64 len, u64 prot_bits, u64 (*alloc)(void))
	__must_check;
/* The frame behind a mapped address of the kernel; false: not mapped. */
bool paging_phys(unsigned long va, u64 *out);
/* A table below each top-level entry of [base, base + size) in @root. */
void paging_prepare(pte_t *root, unsigned long base, unsigned long size);
/* protect.c: memory for rare writes; then text and constants, also in the direct map */
void poke_init(void);
void protect_image(void);
u64 early_page_alloc(void); /* physical address of a zeroed page */
__noreturn void early_fatal(const char *text);
void early_puts(const char *text);
void early_put_hex(u64 v);

/* boot.S: turns paging off and on again with this root and CR4. Nothing but the boot tables yet. */
void boot_set_paging(u64 root_phys, u64 cr4);
#define CR4_PAE (1UL << 5)
#define CR4_LA57 (1UL << 12)

#define CR3_NO_FLUSH (1ULL << 63) /* the context's translations stay */
static inline void write_cr3(u64 v)
{
	asm volatile("mov %0, %%cr3" : : "r"(v) : "memory");
}

/* --- descriptors (desc.c) --- */

#define IST_DOUBLE_FAULT 1
#define IST_NMI 2
#define IST_MACHINE_CHECK 3
#define IST_DEBUG 4
#define IST_COUNT 4
#define IST_STACK_SIZE 8192u

/* Exception stacks by number, from 0: unmapped pages lie on both sides of each. */
struct ist_stacks {
	char *stack[IST_COUNT]; /* lowest addresses */
};

struct x86_tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3;
	u16 iomap;
} __packed;

/* One page-independent block per CPU; entry code reads tss.rsp[0] as the kernel stack top. */
DECLARE_PERCPU(struct x86_tss, cpu_tss);
/* Of the per-CPU page that user mode's tables have as well (pti.c). */
#define PERCPU_ENTRY __attribute__((section(".percpu.entry")))
extern PERCPU_ENTRY u64 cpu_user_sp; /* scratch of the system-call entry */

struct x86_desc_ptr {
	u16 limit;
	u64 base;
} __packed;

struct x86_gate {
	u16 offset_low, selector;
	u8 ist, type;
	u16 offset_mid;
	u32 offset_high, reserved;
};
extern struct x86_gate idt[256];

extern const struct ist_stacks boot_ist; /* of CPU 0 */
/* Loads GDT, TSS and IDT of this CPU. */
void desc_init_cpu(unsigned int cpu, const struct ist_stacks *ist);
/* This CPU's task-state segment from now on. Interrupts off, or the CPU starts. */
void desc_load_tss(struct x86_tss *tss, size_t size);
void idt_init(void);
void idt_set_handler(unsigned int vector, void *entry, unsigned int ist, unsigned int dpl);

/* --- pti.c --- */
extern pte_t *pti_root; /* whose kernel half the roots of user mode copy */
/* Decides whether the kernel is isolated; then makes what user mode's roots share. */
void pti_init(void);
/* After pti_init(): vsyscall= of the command line. */
void vsyscall_init(void);
#define PF_INSN 16u /* error code of a page fault: an instruction was fetched */
/* A fault of user mode above user addresses: was it a call there?  Interrupts on. */
bool vsyscall_fault(struct regs *regs, unsigned long addr, unsigned long err) __must_check;
/* Gives @cpu what its entries need, and loads it on that CPU; no-ops where it is not isolated. */
int pti_prepare_cpu(unsigned int cpu, const struct ist_stacks *ist) __must_check;
void pti_start_cpu(void);
/* The roots of @am, in context @context (from 1; 0: none), for the next ways in and out of user
 * mode; @keep: the user's translations there are good. Interrupts off. */
void pti_load(u64 root_phys, unsigned int context, bool keep);
/* User mode's translations go before it runs again; whether that is still to happen. */
void pti_flush_later(void);
bool pti_flush_pending(void);
/* This CPU's ports: shut (NULL), or as @tss with the map that its .iomap is the offset of. */
void pti_load_ports(const struct x86_tss *tss);

/* --- entry.S --- */
void entry_syscall64_pti(void);
extern char entry_text_start[], entry_text_end[]; /* whole pages */
void entry_syscall64(void);
void entry_syscall32(void);
extern char exc_stubs[]; /* 32 stubs of EXC_STUB_SIZE bytes */
extern char irq_stubs[]; /* vectors 32..255 */
#define EXC_STUB_SIZE 16
#define IRQ_STUB_SIZE 16

/* Vectors. */
#define VEC_DB 1
#define VEC_NMI 2
#define VEC_BP 3
#define VEC_DF 8
#define VEC_GP 13
#define VEC_PF 14
#define VEC_MC 18
#define VEC_DEVICE_FIRST 0x30
#define VEC_DEVICE_LAST 0xdf
#define VEC_IPI_FIRST 0xf0 /* + enum ipi */
#define VEC_TIMER 0xef
#define VEC_SPURIOUS 0xff

/* stack.c */
struct stack_place {
	const char *name;
	unsigned long lo, hi;
	bool killable; /* its task can do without it */
};
/* The stack of this CPU in whose guard pages @addr is. */
bool stack_of_guard(unsigned long addr, struct stack_place *out);

/* trap.c */
void trap_exception(struct regs *regs, unsigned long err, unsigned int vector);
void trap_page_fault(struct regs *regs, unsigned long err);
/* Continues at the fix-up for regs->ip if the exception table has one. */
bool extable_fixup(struct regs *regs);
void extable_sort(void);

/* clock.c */
void clock_calibrate(void);
extern bool clock_rate_known; /* false: a guess, until arch_clock_set_rate() */
void arch_clock_set_rate(u64 hz);

/* fpu.c */
#define FPU_NO_CPU (~0u)
void fpu_setup_cpu(void);
int fpu_init(void) __must_check;
void fpu_switch(struct task *prev, struct task *next);
void fpu_load_current(void);
int fpu_fork(struct task *child) __must_check;
u64 fpu_user_features(void);
/* Signal frames. -EFAULT: memory, or an image that the CPU refuses. */
unsigned int fpu_frame_size(void);
int fpu_save_frame(void __user *at) __must_check;
int fpu_load_frame(const void __user *at) __must_check;

#define FPU_LEGACY_SIZE 512u
/* For debuggers: @t is current or off its CPU. -EINVAL: bits that the CPU refuses. */
int fpu_get_legacy(struct task *t, void *buf) __must_check;
int fpu_set_legacy(struct task *t, const void *buf) __must_check;
int fpu_get_xstate(struct task *t, void *buf) __must_check;
int fpu_set_xstate(struct task *t, const void *buf) __must_check;

/* regset.c: places in struct user_regs_struct behind those of struct regs; <sys/user.h>. */
#define USER_REG_CS 17u
#define USER_REG_FLAGS 18u
#define USER_REG_SS 20u
#define USER_REG_FS_BASE 21u
#define USER_REG_GS_BASE 22u
#define USER_REG_DS 23u
#define USER_REG_ES 24u
#define USER_REG_FS 25u
#define USER_REG_GS 26u
#define USER_REGS 27u
u64 user_reg_get(struct task *t, unsigned int n);
int user_reg_set(struct task *t, unsigned int n, u64 value) __must_check;

/* context.c: arch_prctl(2) on a stopped thread or current; results go to current's memory. */
long thread_arch_prctl(struct task *t, int option, unsigned long arg);

/* debug.c */
void debug_switch(struct task *prev, struct task *next);
/* DEBUGCTL of this CPU: does TF trap after branches only? */
void debug_block_step(bool on);
void debug_free(struct task *t); /* current (exec), or one that does not run any more */
u64 debug_reg_get(const struct task *t, unsigned int n);
int debug_reg_set(struct task *t, unsigned int n, u64 value) __must_check;
/* A #DB of user mode: reads DR6; si_code, or 0 when it was nothing of the user's. */
int debug_trap_user(struct regs *regs);
void debug_trap_kernel(void);

/* ports.c */
#define PORT_MAP_SIZE 8192u	      /* a bit for each port */
void ports_switch(struct task *next); /* it or the one before has ports */
int ports_fork(struct task *child) __must_check;
void ports_free(struct task *t); /* current, or one that does not run any more */
/* The map of ioperm(2), PORT_MAP_SIZE bytes; -ENXIO: there is none. */
int ports_get(struct task *t, void *buf) __must_check;
/* A fault of user mode at CLI or STI with iopl(2) of 3: passed over. Interrupts on. */
bool ports_skip_insn(struct regs *regs);

/* patch.c: an int3 that stands where code is being changed. True: the instruction is repeated. */
bool patch_int3(struct regs *regs);

/* smp.c */
void smp_nmi(struct regs *regs);
void smp_ipi(enum ipi what);
void smp_init_boot_cpu(void);
/* Same on all CPUs: a task may move in the middle of a function. */
DECLARE_PERCPU(unsigned long, stack_canary);

/* Called by entry.S. */
void entry_syscall_traced(struct regs *regs);
void entry_leave_user(struct regs *regs);
bool entry_leave_syscall(struct regs *regs);
void irq_entry(struct regs *regs, unsigned int vector);
void trap_bad_iret(struct regs *regs);
void trap_paranoid(struct regs *regs, unsigned long err, unsigned int vector);

/* firmware.c */
struct acpi_info;
extern struct acpi_info machine; /* [I] what the firmware's tables say */
void firmware_scan(void);
u16 acpi_pm_timer_port(void); /* 0: none */

/* kasan.c: first of all, for the boot tables; and before the final ones are loaded. */
#ifdef CONFIG_KASAN
void kasan_arch_boot(void);
void kasan_arch_early(void);
/* Does the entry @e of @level lead to shadow that many share?  Then *e is that of its page. */
bool kasan_arch_shares(unsigned int level, pte_t *e);
#else
static inline void kasan_arch_boot(void)
{
}
static inline void kasan_arch_early(void)
{
}
static inline bool kasan_arch_shares(unsigned int level, pte_t *e)
{
	(void)level;
	(void)e;
	return false;
}
#endif
