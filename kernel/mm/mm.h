/*
 * Address spaces: VMAs, page tables, faults, and the calls that change them.
 *
 * VMAs live in a B-tree that fault handling walks without the mm lock; each VMA has its own read
 * lock for faults.  mm->lock (LK_MM) is taken for writing by every change of the tree.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>
#include <kernel/lock/lock.h>
#include <kernel/rcu/rcu.h>
#include <lib/btree/btree.h>
#include <asm/mm_arch.h>
#include <linux/mman.h>

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08 /* Linux 6.11; newer than the headers */
#endif

struct file;
struct frame;
struct mm;
struct pagecache;
struct regs;
struct seq;
struct task;
struct uffd;
struct user_ns;
struct vma;

#define VM_READ 0x1ul
#define VM_WRITE 0x2ul
#define VM_EXEC 0x4ul
#define VM_SHARED 0x8ul
#define VM_MAYREAD 0x10ul
#define VM_MAYWRITE 0x20ul
#define VM_MAYEXEC 0x40ul
#define VM_MAYSHARE 0x80ul
#define VM_GROWSDOWN 0x100ul
#define VM_UFFD_MISSING 0x200ul /* vma->uffd is asked for what is not there */
#define VM_UFFD_WP 0x1000ul	/* and told of writes to entries with PTE_UFFD_WP */
#define VM_LOCKED 0x2000ul
#define VM_IO 0x4000ul
#define VM_SEQ_READ 0x8000ul
#define VM_RAND_READ 0x10000ul
#define VM_DONTCOPY 0x20000ul
#define VM_DONTEXPAND 0x40000ul
#define VM_LOCKONFAULT 0x80000ul
#define VM_ACCOUNT 0x100000ul
#define VM_NORESERVE 0x200000ul
#define VM_PFNMAP 0x400000ul	 /* frames without references: vDSO data, devices */
#define VM_SOFTDIRTY 0x8000000ul /* new since /proc/PID/clear_refs was written */
#define VM_WIPEONFORK 0x2000000ul
#define VM_HUGETLB 0x10000000ul /* of pages of the pool: kernel/hugetlb */
#define VM_DONTDUMP 0x4000000ul
#define VM_HUGEPAGE 0x20000000ul
#define VM_NOHUGEPAGE 0x40000000ul
#define VM_MERGEABLE 0x80000000ul
#define VM_STACK 0x100000000ul
#define VM_DROPPABLE 0x200000000ul   /* reclaim may take the pages: MAP_DROPPABLE */
#define VM_UFFD_MINOR 0x2000000000ul /* asked for what is in the file, but not mapped */
/* Has had private pages of a parent's: never becomes one with what is new. */
#define VM_FORKED 0x4000000000ul
#define VM_UFFD (VM_UFFD_MISSING | VM_UFFD_WP | VM_UFFD_MINOR)

/* What a fault wants from the owner of a mapping. */
struct vma_fault {
	struct vma *vma;
	u64 addr;	     /* page aligned */
	u64 index;	     /* page of the file */
	u32 flags;	     /* FAULT_* */
	struct frame *frame; /* out: +1 reference */
	u64 pfn;	     /* out, for VM_PFNMAP */
};
#define FAULT_WRITE 1u
#define FAULT_USER 2u
#define FAULT_EXEC 4u
#define FAULT_REMOTE 8u
#define FAULT_NOWAIT 16u
#define FAULT_FORCE 32u /* break sharing although the mapping is read-only (ptrace) */

struct vma_ops {
	/* Returns 0, or -errno: -EFAULT SIGSEGV, -EIO/-ENXIO SIGBUS, -ENOMEM OOM. May sleep. */
	int (*fault)(struct vma_fault *vf);
	/* A shared page becomes writable. */
	int (*page_mkwrite)(struct vma_fault *vf);
	void (*open)(struct vma *vma); /* a copy was made: fork, split */
	void (*close)(struct vma *vma);
	int (*mremap)(struct vma *vma);
	const char *(*name)(struct vma *vma); /* for /proc/PID/maps: "[vdso]" */
};

struct vma {
	u64 start, end; /* LK_MM write + vma write lock */
	struct mm *mm;
	u64 flags;		 /* VM_* */
	u64 pgoff;		 /* in pages; anonymous: start >> PAGE_SHIFT at creation */
	struct file *file;	 /* +1 or NULL */
	struct pagecache *cache; /* set for file and shared anonymous mappings */
	const struct vma_ops *ops;
	void *private_data;
	struct uffd *uffd;	    /* +1 or NULL: with one of VM_UFFD */
	struct list_head rmap_link; /* pagecache->vmas */
	/* mm while the VMA is in the tree; a reader that looked it up under RCU checks this, as the
	 * memory of a VMA may become another one at any time (but stays a VMA). */
	struct mm *attached;
	struct vma *chain; /* VMAs being unmapped together; LK_MM */
	u64 pte_bits;	   /* of a fully permitted entry, from flags */
	s32 readers;	   /* atomic: per-VMA lock; negative: writer.  Survives reuse. */
	bool has_anon;	   /* private pages or marks may exist: fork copies entries */
	u16 policy;	   /* mbind(2): POLICY_*; 0: none of its own */
};

struct mm {
	struct btree vmas;   /* LK_MM for change, RCU for lookup */
	struct rwsem lock;   /* LK_MM */
	struct arch_mm arch; /* page-table root, CPUs that have it loaded, vdso */
	u32 users;	     /* atomic: tasks */
	u32 refs;	     /* atomic: the struct itself (lazy TLB, /proc) */
	u64 seq;	     /* bumped by each change of the tree: per-thread caches */
	u64 mmap_base, task_size;
	u64 start_code, end_code, start_data, end_data, start_brk, brk, start_stack;
	u64 arg_start, arg_end, env_start, env_end;
	u64 saved_auxv[2 * 28];
	unsigned int auxv_len;				     /* u64s used */
	u64 total_vm, locked_vm, data_vm, exec_vm, stack_vm; /* pages; LK_MM */
	s64 rss_anon, rss_file, rss_shmem;		     /* pages; atomic */
	s64 hugetlb; /* pages in huge pages of the pool; atomic */
	u64 hiwater_rss, hiwater_vm;
	u64 pgtable_bytes;	   /* atomic */
	struct ns_common *time_ns; /* +1: whose clocks [vvar] tells; NULL: the machine's; LK_MM */
	u32 vma_count;
	u32 def_flags;
	struct file *exe_file; /* +1; LK_MM */
	/* [I] +1 while there are users: where its program may be read; rights over it are rights
	 * there. */
	struct user_ns *user_ns;
	u32 membarrier;	    /* atomic: MEMBARRIER_CMD_REGISTER_* done */
	u8 dumpable;	    /* DUMP_*: PR_SET_DUMPABLE, suid_dumpable */
	u8 coredump_filter; /* /proc/PID/coredump_filter: DUMP_FILTER_* */
	bool oom_victim;    /* being killed: its memory will come back */
	bool oom_skip;	    /* private memory was taken, or cannot be: look elsewhere */
	bool thp_disabled;  /* PR_SET_THP_DISABLE; inherited */
	bool uffd_used;	    /* some VMA has, or had, a userfaultfd: LK_MM */
	/* One empty table for each huge entry, so that splitting one needs no memory. */
	struct spinlock spare_lock;	 /* LK_PTE */
	struct frame *spare_tables;	 /* spare_lock; linked by owner */
	struct list_head huge_link;	 /* of interest to khugepaged: LK_MM_HUGE */
	struct list_head droppable_link; /* has droppable memory: LK_MM_DROPPABLE */
	u64 droppable_cursor;		 /* where reclaim goes on; LK_MM_DROPPABLE */
};

/* fs.suid_dumpable: what programs get that changed their rights. */
extern int mm_suid_dumpable;
#define DUMP_NONE 0u
#define DUMP_USER 1u /* by and for whoever has its user id */
#define DUMP_ROOT 2u /* readable by root only */

/* Bits of core(5) coredump_filter. */
#define DUMP_FILTER_ANON_PRIVATE 1u
#define DUMP_FILTER_ANON_SHARED 2u
#define DUMP_FILTER_FILE_PRIVATE 4u
#define DUMP_FILTER_FILE_SHARED 8u
#define DUMP_FILTER_ELF_HEADERS 16u
#define DUMP_FILTER_HUGETLB_PRIVATE 32u
#define DUMP_FILTER_HUGETLB_SHARED 64u
#define DUMP_FILTER_DEFAULT                                                             \
	(DUMP_FILTER_ANON_PRIVATE | DUMP_FILTER_ANON_SHARED | DUMP_FILTER_ELF_HEADERS | \
	 DUMP_FILTER_HUGETLB_PRIVATE)

/* Four slots in front of the tree, in struct task; valid while seq equals mm->seq. */
#define VMA_CACHE_SLOTS 4
struct vma_cache {
	u64 seq;
	struct vma *slot[VMA_CACHE_SLOTS];
};

void mm_system_init(void);
/* An empty address space with one user. -ENOMEM. */
int mm_create(struct mm **out) __must_check;
int mm_fork(struct mm *from, struct mm **out) __must_check; /* copy-on-write copy; may sleep */
struct mm *mm_get(struct mm *mm);			    /* a user: keeps the mappings */
bool mm_tryget(struct mm *mm) __must_check;
void mm_put(struct mm *mm); /* the last one unmaps everything; may sleep */
void mm_ref(struct mm *mm); /* keeps the struct only */
void mm_unref(struct mm *mm);
/* Makes @mm current's (exec, kthread use); arch switch included. Consumes the caller's user
 * reference. */
void mm_replace_current(struct mm *mm);
/* kernel/sched: switch address spaces between tasks (lazy for kernel threads). Interrupts off. */
void mm_switch(struct mm *prev, struct mm *next, struct task *next_task);

/* mmap(2) inside the kernel: same rules and errors.  @addr is a hint unless MAP_FIXED.  Takes
 * mm->lock. */
int mm_map(struct mm *mm, u64 addr, u64 len, u32 prot, u32 flags, struct file *file, u64 pgoff,
	   u64 *out) __must_check;
int mm_unmap(struct mm *mm, u64 addr, u64 len) __must_check;
int mm_protect(struct mm *mm, u64 addr, u64 len, u32 prot) __must_check;
/* For the mmap op of /dev/zero: the memory is as that of a mapping without a file. */
int mm_map_zero(struct vma *v) __must_check;
/* A mapping whose pages come from @ops only (vDSO, devices). */
int mm_map_special(struct mm *mm, u64 addr, u64 len, u64 vm_flags, const struct vma_ops *ops,
		   void *private_data, u64 *out) __must_check;
/* Takes the pages out of all mappings with @ops: they are asked for anew. Takes mm->lock. */
void mm_zap_special(struct mm *mm, const struct vma_ops *ops);
int mm_set_brk(struct mm *mm, u64 start, u64 brk) __must_check; /* exec */
/* The initial stack VMA below @top; grows down to RLIMIT_STACK. */
int mm_map_stack(struct mm *mm, u64 top, bool exec, u64 *out_start) __must_check;

/* Caller holds mm->lock or RCU (peek). find: first VMA with end > addr. */
struct vma *vma_find(struct mm *mm, u64 addr);
struct vma *vma_at(struct mm *mm, u64 addr); /* contains addr, or NULL */
struct vma *vma_next(struct mm *mm, const struct vma *vma);
struct vma *vma_prev(struct mm *mm, const struct vma *vma);

/* arch up-call: handles a user-address fault.  0, or a signal to raise in *sig, *code. */
int mm_fault(struct mm *mm, u64 addr, u32 fault_flags, int *sig, int *code) __must_check;
/* Other processes' memory (ptrace, /proc/PID/mem, cmdline): bytes copied. FOLL-like @write. */
size_t mm_access(struct mm *mm, u64 addr, void *buf, size_t len, bool write, bool force);
/*
 * Pins the frames behind user memory, for as long as it takes: +1 each, none of them in a
 * contiguous region.  Returns pages, -EFAULT or -ENOMEM.  With @write only private memory: who
 * writes to shared memory does so by mm_access(), under mm->lock, so that whether a file has
 * writers (pagecache->writable_maps) is told by its mappings alone.
 */
ssize_t mm_pin(struct mm *mm, u64 addr, size_t pages, bool write, struct frame **out) __must_check;
/*
 * For futexes: identity of the memory at @uaddr.  Private memory: (mm, addr); shared: (inode seq,
 * page index).
 */
struct mm_key {
	u64 object, index;
	u32 offset;
	bool shared;
};
int mm_futex_key(struct mm *mm, u64 uaddr, bool shared, bool write, struct mm_key *out)
	__must_check;

/*
 * The first mapping of a file that ends behind *start: +1 on the file and its extent; NULL: there
 * is none, or current is being killed.  Takes mm->lock.
 */
struct file *mm_find_file(struct mm *mm, u64 *start, u64 *end);

/* Sets rlimit-aware totals, may_expand checks live inside; figures for /proc: */
struct mm_usage {
	u64 size, resident, shared, text, data; /* pages, as statm */
};
void mm_usage(struct mm *mm, struct mm_usage *out);
/*
 * Takes the private memory of an address space whose tasks are all being killed.  Nothing can be
 * faulted in afterwards.  -EAGAIN: it is busy.  Does not sleep for mm->lock.
 */
int mm_reap(struct mm *mm) __must_check;

/* Overcommit: /proc/sys/vm/overcommit_memory, CommitLimit, Committed_AS. */
extern int mm_overcommit_mode, mm_overcommit_ratio;
/* One of ratio and kbytes is 0 once the other was set. */
extern int mm_overcommit_kbytes, mm_admin_reserve_kbytes, mm_user_reserve_kbytes;
void mm_set_overcommit_ratio(int percent);
void mm_set_overcommit_kbytes(int kb);
extern unsigned int mm_max_map_count;
extern u64 mm_mmap_min_addr; /* lower ones take CAP_SYS_RAWIO */
u64 mm_committed_pages(void);
u64 mm_commit_limit_pages(void);
/* A promise of memory that is not a mapping's: System V segments. -ENOMEM. */
int mm_commit(u64 pages) __must_check;
void mm_uncommit(u64 pages);
/*
 * Unmaps what is left of the file mapping with these @ops whose first page is, or would be, at
 * @addr: shmdt(2). -EINVAL when there is none.
 */
int mm_unmap_attached(struct mm *mm, u64 addr, const struct vma_ops *ops) __must_check;
struct mm_events {
	u64 pgfault, pgmajfault, pgalloc, pgfree, oom_kill;
	/* of lookups by a thread in its own address space; cycles with vma_cycles only */
	u64 vmacache_calls, vmacache_hits, vmacache_flushes, vmacache_cycles;
	u64 thp_fault_alloc, thp_fault_fallback, thp_collapse_alloc, thp_collapse_alloc_failed,
		thp_split_page, thp_split_page_failed, thp_split_pmd, thp_zero_page_alloc,
		thp_zero_page_alloc_failed;
};
void mm_events(struct mm_events *out); /* /proc/vmstat */
u64 mm_huge_pages(void);	       /* huge pages mapped as such: AnonHugePages */
u64 mm_poisoned_pages(void);	       /* HardwareCorrupted */
u64 mm_locked_pages(void);	       /* Mlocked */

/* log2 of the size of the page at @addr.  May sleep. */
unsigned int mm_page_shift(struct mm *mm, u64 addr);

/* Mappings of files of pages of a pool (kernel/hugetlb), in hugetlb.c. */
struct folio;
struct hugetlb_map;
/* For their mmap op: @v gets pages promised as its flags say; @shared is the file's map. -ENOMEM.
 */
int hugetlb_map_vma(struct vma *v, struct hugetlb_map *shared) __must_check;
/* One at a time makes the page @index (in such pages) of @pc. */
void hugetlb_lock_page(const struct pagecache *pc, u64 index);
void hugetlb_unlock_page(const struct pagecache *pc, u64 index);
/* A new page of zeroes there, +1; its lock is held. -ENOSPC, -ENOMEM, -EEXIST. */
int hugetlb_add_page(struct pagecache *pc, struct hugetlb_map *m, u64 index, struct folio **out)
	__must_check;
u64 hugetlb_file_size(const struct file *f); /* of a page of such a file; 0: it is another one */

/* prctl(PR_SET_THP_DISABLE). */
int mm_set_huge_disabled(struct mm *mm, bool disabled) __must_check;
bool oom_may_use_reserve(void); /* current is dying to give memory back */
