/*
 * Page tables: typed entries and the arithmetic of a walk. One entry type serves every level;
 * level 0 holds 4 KiB pages, level PT_ROOT_LEVEL is the root. Nothing outside this header knows
 * a bit of an entry, and nothing knows the number of levels, so that 5 levels stay a change here.
 *
 * Table pages come from the frame allocator of the caller and must be zeroed before they are
 * linked. Entries are read and written with the functions below, never as plain memory.
 */
#pragma once

#include <asm/page.h>
#include <kern/compiler.h>
#include <kern/types.h>

#define PT_TOP_LEVEL 3u
#define PT_ROOT_LEVEL PT_TOP_LEVEL
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

#define PTE_PRESENT 0x001ULL	    /* valid */
#define PTE_TABLE 0x002ULL	    /* page or table; clear in a block */
#define PTE_ATTR(n) ((u64)(n) << 2) /* index into MAIR: 0 normal, 1 device, 2 non-cacheable */
#define PTE_USER 0x040ULL
#define PTE_RDONLY 0x080ULL
#define PTE_INNER_SHARED 0x300ULL
#define PTE_YOUNG 0x400ULL
#define PTE_NOT_GLOBAL 0x800ULL
#define PTE_PXN (1ULL << 53)
#define PTE_NX (1ULL << 54)	    /* UXN */
#define PTE_DIRTY (1ULL << 55)	    /* software */
#define PTE_SPECIAL (1ULL << 56)    /* software */
#define PTE_UFFD_WP (1ULL << 57)    /* software */
#define PTE_PROTNONE (1ULL << 58)   /* software, with PTE_PRESENT clear */
#define PTE_SOFT_DIRTY (1ULL << 52) /* software, in place of the contiguous hint */
#define PTE_ADDR_MASK 0x0000fffffffff000ULL

#define PGPROT(b) ((pgprot_t){.bits = (b)})
#define PTE_KERNEL_COMMON_ (PTE_PRESENT | PTE_TABLE | PTE_INNER_SHARED | PTE_YOUNG | PTE_NX)
#define PGPROT_KERNEL PGPROT(PTE_KERNEL_COMMON_ | PTE_PXN | PTE_DIRTY)
#define PGPROT_KERNEL_RO PGPROT(PTE_KERNEL_COMMON_ | PTE_PXN | PTE_RDONLY)
#define PGPROT_KERNEL_RX PGPROT(PTE_KERNEL_COMMON_ | PTE_RDONLY)

static inline pgprot_t pgprot_uncached(pgprot_t p)
{
	return PGPROT((p.bits & ~PTE_ATTR(7)) | PTE_ATTR(1));
}

static inline pgprot_t pgprot_write_combine(pgprot_t p)
{
	return PGPROT((p.bits & ~PTE_ATTR(7)) | PTE_ATTR(2));
}

/* User protection from PROT_READ (1), PROT_WRITE (2), PROT_EXEC (4); 0 gives PROT_NONE. */
static inline pgprot_t pgprot_user(unsigned int prot)
{
	u64 bits = PTE_TABLE | PTE_INNER_SHARED | PTE_YOUNG | PTE_NOT_GLOBAL | PTE_PXN | PTE_USER;

	bits |= (prot & 7u) ? PTE_PRESENT : PTE_PROTNONE;
	return PGPROT(bits | ((prot & 2u) ? 0 : PTE_RDONLY) | ((prot & 4u) ? 0 : PTE_NX));
}

/* --- walking --- */

static __always_inline bool pt_has_five(void)
{
	return false;
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
	(void)user;
	return (pte_t){phys | PTE_PRESENT | PTE_TABLE};
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
#define PT_ROOT_USER_ENTRIES 512u /* user and kernel halves have a root each */

/* --- making and changing values --- */

static inline pte_t pte_make(u64 phys, pgprot_t prot)
{
	return (pte_t){phys | prot.bits};
}

/* Same for a leaf at level 1 or 2. */
static inline pte_t pte_make_huge(u64 phys, pgprot_t prot)
{
	return (pte_t){phys | (prot.bits & ~PTE_TABLE)};
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

ASM_PTE_CLEAR(pte_mk_write, PTE_RDONLY)
ASM_PTE_SET(pte_mk_young, PTE_YOUNG)
ASM_PTE_SET(pte_mk_dirty, (PTE_DIRTY | PTE_SOFT_DIRTY))
ASM_PTE_SET(pte_mk_special, PTE_SPECIAL)
ASM_PTE_SET(pte_mk_uffd_wp, PTE_UFFD_WP)
ASM_PTE_SET(pte_mk_soft_dirty, PTE_SOFT_DIRTY)
ASM_PTE_SET(pte_wrprotect, PTE_RDONLY)
ASM_PTE_CLEAR(pte_mk_old, PTE_YOUNG)
ASM_PTE_CLEAR(pte_mk_clean, PTE_DIRTY)
ASM_PTE_CLEAR(pte_clear_uffd_wp, PTE_UFFD_WP)
ASM_PTE_CLEAR(pte_clear_soft_dirty, PTE_SOFT_DIRTY)
ASM_PTE_TEST(pte_present, (PTE_PRESENT | PTE_PROTNONE)) /* maps a page, perhaps PROT_NONE */
ASM_PTE_TEST(pte_young, PTE_YOUNG)
ASM_PTE_TEST(pte_dirty, PTE_DIRTY)
ASM_PTE_TEST(pte_user, PTE_USER)
ASM_PTE_TEST(pte_special, PTE_SPECIAL)
ASM_PTE_TEST(pte_uffd_wp, PTE_UFFD_WP)
ASM_PTE_TEST(pte_soft_dirty, PTE_SOFT_DIRTY)

static inline bool pte_writable(pte_t e)
{
	return !(e.raw & PTE_RDONLY);
}

/* Of an entry above the lowest level. */
static inline bool pte_huge(pte_t e)
{
	return !(e.raw & PTE_TABLE);
}

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
	return (e.raw & (PTE_PRESENT | PTE_TABLE)) == (PTE_PRESENT | PTE_TABLE);
}

/*
 * A huge page on its way to become a table: not present, and only who put this there replaces it.
 */
#define PTE_SPLITTING ((pte_t){0x4ULL})

static inline bool pte_is_splitting(pte_t e)
{
	return e.raw == PTE_SPLITTING.raw;
}

/* Entry of the @i-th small page of what the huge entry @e maps. */
static inline pte_t pte_huge_part(pte_t e, unsigned int i)
{
	return (pte_t){(e.raw | PTE_TABLE) + ((u64)i << PAGE_SHIFT)};
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
			 PTE_SOFT_DIRTY | PTE_ATTR(7);

	return (pte_t){(e.raw & keep) | (prot.bits & ~(PTE_ADDR_MASK | PTE_YOUNG | PTE_DIRTY))};
}

/*
 * Entries that are neither empty nor present carry a marker: 5 bits of type, 40 of value. Used for
 * swap-like state and user-fault markers.
 */
static inline pte_t pte_make_marker(unsigned int type, u64 value)
{
	return (pte_t){0x2ULL | (u64)(type & 31u) << 2 | (value & 0xffffffffffULL) << 12};
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
	__atomic_fetch_or(&at->raw, PTE_RDONLY, __ATOMIC_RELAXED);
}

/* Entries of user space in a root: nothing special, the kernel has a root of its own. */
static inline unsigned int pt_root_order(void)
{
	return 0;
}

/* As pte_cmpxchg() with an entry that leads to the table at @phys. */
static inline bool pt_root_link(pte_t *at, pte_t *old, u64 phys)
{
	return pte_cmpxchg(at, old, pte_make_table(phys, true));
}

static inline void pt_root_unlink(pte_t *at)
{
	pte_write(at, (pte_t){0});
}
