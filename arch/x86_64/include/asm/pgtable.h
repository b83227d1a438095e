/*
 * Page tables: typed entries and the arithmetic of a walk. One entry type serves every level;
 * level 0 holds 4 KiB pages, level PT_ROOT_LEVEL is the root. Nothing outside this header knows
 * a bit of an entry.
 *
 * There are four levels, or five on CPUs with LA57; which is settled at start-up. PT_TOP_LEVEL is
 * the highest that both have; hot walks ask pt_has_five() once and have a loop of fixed length
 * below it.
 *
 * Table pages come from the frame allocator of the caller and must be zeroed before they are
 * linked. Entries are read and written with the functions below, never as plain memory.
 */
#pragma once

#include <asm/page.h>
#include <asm/patch.h>
#include <asm/preempt.h>
#include <kern/compiler.h>
#include <kern/types.h>

#define PT_TOP_LEVEL 3u
#define PT_ROOT_LEVEL pt_root_level
extern unsigned int pt_root_level;	 /* [I] after start-up: 3 or 4 */
extern struct static_key pt_five_levels; /* [I] the same as a patched branch */
#define PT_ENTRIES 512u
#define PT_SHIFT(level) (PAGE_SHIFT + 9u * (level))
#define PT_SIZE(level) (1UL << PT_SHIFT(level))

typedef struct {
	u64 raw;
} pte_t;

/* Protection and cache attributes of a mapping: the bits of an entry without its address. */
typedef struct {
	u64 bits;
} pgprot_t;

#define PTE_PRESENT 0x001ULL
#define PTE_WRITE 0x002ULL
#define PTE_USER 0x004ULL
#define PTE_PWT 0x008ULL
#define PTE_PCD 0x010ULL
#define PTE_YOUNG 0x020ULL
#define PTE_DIRTY 0x040ULL
#define PTE_HUGE 0x080ULL /* levels 1 and 2 */
#define PTE_GLOBAL 0x100ULL
#define PTE_PROTNONE 0x100ULL	/* with PTE_PRESENT clear: mapped, but no access */
#define PTE_SPECIAL 0x200ULL	/* software: no frame descriptor to reference */
#define PTE_UFFD_WP 0x400ULL	/* software */
#define PTE_SOFT_DIRTY 0x800ULL /* software */
#define PTE_NX 0x8000000000000000ULL
#define PTE_ADDR_MASK 0x000ffffffffff000ULL

/* PTE_NX where the CPU has it; entries are made with this, so that no bit is reserved. */
extern u64 pte_nx_mask;

#define PGPROT(b) ((pgprot_t){.bits = (b)})
#define PGPROT_KERNEL \
	PGPROT(PTE_PRESENT | PTE_WRITE | PTE_YOUNG | PTE_DIRTY | PTE_GLOBAL | pte_nx_mask)
#define PGPROT_KERNEL_RO PGPROT(PTE_PRESENT | PTE_YOUNG | PTE_GLOBAL | pte_nx_mask)
#define PGPROT_KERNEL_RX PGPROT(PTE_PRESENT | PTE_YOUNG | PTE_GLOBAL)

/* PAT is left as at reset except entry 1, which becomes write-combining. */
static inline pgprot_t pgprot_uncached(pgprot_t p)
{
	return PGPROT((p.bits & ~(PTE_PCD | PTE_PWT)) | PTE_PCD | PTE_PWT);
}

static inline pgprot_t pgprot_write_combine(pgprot_t p)
{
	return PGPROT((p.bits & ~(PTE_PCD | PTE_PWT)) | PTE_PWT);
}

/* User protection from PROT_READ (1), PROT_WRITE (2), PROT_EXEC (4); 0 gives PROT_NONE. */
static inline pgprot_t pgprot_user(unsigned int prot)
{
	if (!(prot & 7u))
		return PGPROT(PTE_PROTNONE | PTE_YOUNG | PTE_USER);
	return PGPROT(PTE_PRESENT | PTE_USER | PTE_YOUNG | ((prot & 2u) ? PTE_WRITE : 0) |
		      ((prot & 4u) ? 0 : pte_nx_mask));
}

/* --- walking --- */

static __always_inline bool pt_has_five(void)
{
	return static_key_unlikely(&pt_five_levels);
}

static inline unsigned int pt_index(unsigned int level, unsigned long addr)
{
	return (unsigned int)(addr >> PT_SHIFT(level)) & (PT_ENTRIES - 1);
}

/* The table an entry of level >= 1 points to. */
static inline pte_t *pte_table(pte_t e)
{
	return phys_to_virt(e.raw & PTE_ADDR_MASK);
}

/* Entry that links table page @phys; permissions are decided at the leaf. */
static inline pte_t pte_make_table(u64 phys, bool user)
{
	return (pte_t){phys | PTE_PRESENT | PTE_WRITE | PTE_YOUNG | (user ? PTE_USER : 0)};
}

/* First address of the next entry at @level, or @end if that comes first. */
static inline unsigned long pt_next(unsigned int level, unsigned long addr, unsigned long end)
{
	unsigned long next = (addr + PT_SIZE(level)) & ~(PT_SIZE(level) - 1);

	return next - 1 < end - 1 ? next : end;
}

/* The kernel's own root, and copying its half to a new, zeroed root. */
extern pte_t *kernel_pt_root;
void pt_root_init(pte_t *root);
#define PT_ROOT_USER_ENTRIES 256u

/* --- making and changing values --- */

static inline pte_t pte_make(u64 phys, pgprot_t prot)
{
	return (pte_t){phys | prot.bits};
}

/* Same for a leaf at level 1 or 2. */
static inline pte_t pte_make_huge(u64 phys, pgprot_t prot)
{
	return (pte_t){phys | prot.bits | PTE_HUGE};
}

#define ASM_PTE_SET(name, bit)                 \
	static inline pte_t name(pte_t e)      \
	{                                      \
		return (pte_t){e.raw | (bit)}; \
	}
#define ASM_PTE_CLEAR(name, bit)                \
	static inline pte_t name(pte_t e)       \
	{                                       \
		return (pte_t){e.raw & ~(bit)}; \
	}
#define ASM_PTE_TEST(name, bit)              \
	static inline bool name(pte_t e)     \
	{                                    \
		return (e.raw & (bit)) != 0; \
	}

ASM_PTE_SET(pte_mk_write, PTE_WRITE)
ASM_PTE_SET(pte_mk_young, PTE_YOUNG)
ASM_PTE_SET(pte_mk_dirty, (PTE_DIRTY | PTE_SOFT_DIRTY))
ASM_PTE_SET(pte_mk_special, PTE_SPECIAL)
ASM_PTE_SET(pte_mk_uffd_wp, PTE_UFFD_WP)
ASM_PTE_SET(pte_mk_soft_dirty, PTE_SOFT_DIRTY)
ASM_PTE_CLEAR(pte_wrprotect, PTE_WRITE)
ASM_PTE_CLEAR(pte_mk_old, PTE_YOUNG)
ASM_PTE_CLEAR(pte_mk_clean, PTE_DIRTY)
ASM_PTE_CLEAR(pte_clear_uffd_wp, PTE_UFFD_WP)
ASM_PTE_CLEAR(pte_clear_soft_dirty, PTE_SOFT_DIRTY)
ASM_PTE_TEST(pte_present, (PTE_PRESENT | PTE_PROTNONE)) /* maps a page, perhaps PROT_NONE */
ASM_PTE_TEST(pte_writable, PTE_WRITE)
ASM_PTE_TEST(pte_young, PTE_YOUNG)
ASM_PTE_TEST(pte_dirty, PTE_DIRTY)
ASM_PTE_TEST(pte_user, PTE_USER)
ASM_PTE_TEST(pte_special, PTE_SPECIAL)
ASM_PTE_TEST(pte_huge, PTE_HUGE)
ASM_PTE_TEST(pte_uffd_wp, PTE_UFFD_WP)
ASM_PTE_TEST(pte_soft_dirty, PTE_SOFT_DIRTY)

static inline bool pte_exec(pte_t e)
{
	return !(e.raw & PTE_NX);
}

static inline bool pte_none(pte_t e)
{
	return !e.raw;
}

/* Level 1 and above: leads to a table. */
static inline bool pte_is_table(pte_t e)
{
	return (e.raw & (PTE_PRESENT | PTE_HUGE)) == PTE_PRESENT;
}

/*
 * A huge page on its way to become a table: not present, and only who put this there replaces it.
 */
#define PTE_SPLITTING ((pte_t){0x2ULL | PTE_HUGE})

static inline bool pte_is_splitting(pte_t e)
{
	return e.raw == PTE_SPLITTING.raw;
}

/* Entry of the @i-th small page of what the huge entry @e maps. */
static inline pte_t pte_huge_part(pte_t e, unsigned int i)
{
	return (pte_t){(e.raw & ~PTE_HUGE) + ((u64)i << PAGE_SHIFT)};
}

static inline bool pte_protnone(pte_t e)
{
	return (e.raw & (PTE_PRESENT | PTE_PROTNONE)) == PTE_PROTNONE;
}

static inline u64 pte_phys(pte_t e)
{
	return e.raw & PTE_ADDR_MASK;
}

static inline u64 pte_pfn(pte_t e)
{
	return pte_phys(e) >> PAGE_SHIFT;
}

/* New protection, same page; young, dirty and software bits stay. */
static inline pte_t pte_modify(pte_t e, pgprot_t prot)
{
	const u64 keep = PTE_ADDR_MASK | PTE_YOUNG | PTE_DIRTY | PTE_SPECIAL | PTE_UFFD_WP |
			 PTE_SOFT_DIRTY | PTE_HUGE | PTE_PCD | PTE_PWT;

	return (pte_t){(e.raw & keep) | (prot.bits & ~(PTE_ADDR_MASK | PTE_YOUNG | PTE_DIRTY))};
}

/*
 * Entries that are neither empty nor present carry a marker: 5 bits of type, 50 of value. Used for
 * swap-like state and user-fault markers.
 */
static inline pte_t pte_make_marker(unsigned int type, u64 value)
{
	return (pte_t){0x2ULL | (u64)(type & 31u) << 2 | value << 12};
}

static inline bool pte_is_marker(pte_t e)
{
	return e.raw && !pte_present(e);
}

static inline unsigned int pte_marker_type(pte_t e)
{
	return (unsigned int)(e.raw >> 2) & 31u;
}

static inline u64 pte_marker_value(pte_t e)
{
	return e.raw >> 12;
}

/* --- access to live entries --- */

static __always_inline pte_t pte_read(const pte_t *at)
{
	return (pte_t){__atomic_load_n(&at->raw, __ATOMIC_RELAXED)};
}

/* What the entry points to is visible to other CPUs before the entry is. */
static __always_inline void pte_write(pte_t *at, pte_t e)
{
	__atomic_store_n(&at->raw, e.raw, __ATOMIC_RELEASE);
}

/* Exchange, so that accessed and dirty bits set by the CPU meanwhile are not lost. */
static __always_inline pte_t pte_xchg(pte_t *at, pte_t e)
{
	return (pte_t){__atomic_exchange_n(&at->raw, e.raw, __ATOMIC_ACQ_REL)};
}

/* Replaces *old by @e; on failure stores the present value in *old. */
static __always_inline bool pte_cmpxchg(pte_t *at, pte_t *old, pte_t e)
{
	return __atomic_compare_exchange_n(&at->raw, &old->raw, e.raw, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

/* Clears the accessed bit; returns whether it was set. */
static __always_inline bool pte_test_clear_young(pte_t *at)
{
	return __atomic_fetch_and(&at->raw, ~PTE_YOUNG, __ATOMIC_RELAXED) & PTE_YOUNG;
}

/* Takes write permission away in place. */
static __always_inline void pte_set_wrprotect(pte_t *at)
{
	__atomic_fetch_and(&at->raw, ~PTE_WRITE, __ATOMIC_RELAXED);
}

/*
 * Entries of user space in a root. Where the kernel is isolated a root is two pages: the kernel's,
 * in which user space cannot be executed, and behind it the one that is loaded in user mode. Who
 * finds an entry that another CPU is linking may see it in the first only, and faults once more.
 */
static __always_inline unsigned int pt_root_order(void)
{
	return cpu_has(CPU_PTI);
}

/* As pte_cmpxchg() with an entry that leads to the table at @phys. */
static __always_inline bool pt_root_link(pte_t *at, pte_t *old, u64 phys)
{
	pte_t e = pte_make_table(phys, true);

	if (!cpu_has_unlikely(CPU_PTI))
		return pte_cmpxchg(at, old, e);
	/* Both at once for who would keep this CPU by faulting on the second again and again. */
	preempt_disable();
	bool done = pte_cmpxchg(at, old, (pte_t){e.raw | pte_nx_mask});

	if (done)
		pte_write(at + PT_ENTRIES, e);
	preempt_enable();
	return done;
}

static __always_inline void pt_root_unlink(pte_t *at)
{
	pte_write(at, (pte_t){0});
	if (cpu_has_unlikely(CPU_PTI))
		pte_write(at + PT_ENTRIES, (pte_t){0});
}
