/*
 * Huge pages that are set aside: pools of them by size, and promises of pages out of a pool.
 *
 * A page of a pool is a folio of its own for life (FOLIO_HUGETLB).  In use it has references like
 * any other and belongs to a file's page cache or, as a private copy, to page tables; the last put
 * brings it back.  Mappings are promised their pages when they are made (struct hugetlb_map), so
 * that a fault cannot fail.  Source: Documentation/admin-guide/mm/hugetlbpage.rst,
 * hugetlbfs_reserv.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>
#include <kern/list.h>
#include <kernel/lock/lock.h>
#include <lib/radix/radix.h>
#include <asm/page.h>

struct file;
struct folio;
struct hugetlb_part;
struct inode;

/* Pages of one size. */
struct hugetlb_size {
	struct spinlock lock; /* LK_IRQ_LEAF: all below */
	u8 order;	      /* [I] */
	u64 total, free;      /* pages */
	u64 reserved;	      /* promised and not taken yet; at most free */
	u64 surplus;	      /* made on demand, to be given back when they fall free */
	u64 overcommit;	      /* how many of these there may be */
	struct list_head pool;
};

struct hugetlb_figures {
	u64 total, free, reserved, surplus, overcommit;
};

/* The pool of pages of 1 << @log bytes, 0: the usual one; NULL: there is no such size. */
struct hugetlb_size *hugetlb_find_size(u32 log);
struct hugetlb_size *hugetlb_size_of(u64 bytes);
/* One size after the other from 0 on; NULL behind the last. */
struct hugetlb_size *hugetlb_size_at(unsigned int i);
static inline u64 hugetlb_bytes(const struct hugetlb_size *s)
{
	return PAGE_SIZE << s->order;
}
void hugetlb_figures(struct hugetlb_size *s, struct hugetlb_figures *out);
/* Makes the pool that large if it can: what is in use stays, as surplus. May sleep. */
void hugetlb_resize(struct hugetlb_size *s, u64 pages);
void hugetlb_set_overcommit(struct hugetlb_size *s, u64 pages);
/* vm.hugetlb_shm_group: who may have shared memory segments without CAP_IPC_LOCK. */
bool hugetlb_may_share(void);

/*
 * The pages promised to a file, or to a private mapping of one, by index in huge pages: each is
 * promised, taken, or neither.
 */
struct hugetlb_map {
	struct mutex lock;	   /* LK_SLEEP_LEAF: tree */
	struct radix_tree tree;	   /* of numbers */
	struct hugetlb_part *part; /* +1 */
	u32 refs;		   /* atomic */
	bool none;		   /* nothing is promised, ever: a forked child's */
	bool lost;		   /* its pages went to who was promised them */
};

/* A part of a pool: what a mount of hugetlbfs may use (size=) and has for sure (min_size=). */
struct hugetlb_part {
	struct hugetlb_size *size; /* [I] */
	u32 refs;		   /* atomic: its owner, maps, pages in use */
	struct spinlock lock;	   /* LK_IRQ_LEAF: used, spare */
	s64 most, least;	   /* [I] pages; -1: no such limit */
	s64 used;		   /* with a limit: promised and taken */
	s64 spare;		   /* of `least`, what nobody uses */
	struct hugetlb_map no_map, lost_map;
};
#define HUGETLB_NO_LIMIT (-1l)
/* -ENOMEM: no memory, or the pool has not @least pages left. */
int hugetlb_part_create(struct hugetlb_size *s, s64 most, s64 least, struct hugetlb_part **out)
	__must_check;
struct hugetlb_part *hugetlb_part_get(struct hugetlb_part *p);
void hugetlb_part_put(struct hugetlb_part *p);

/* Maps of mappings that are promised nothing: see there. They live as long as @p. */
static inline struct hugetlb_map *hugetlb_no_map(struct hugetlb_part *p)
{
	return &p->no_map;
}
static inline struct hugetlb_map *hugetlb_lost_map(struct hugetlb_part *p)
{
	return &p->lost_map;
}
int hugetlb_map_create(struct hugetlb_part *p, struct hugetlb_map **out) __must_check;
struct hugetlb_map *hugetlb_map_get(struct hugetlb_map *m);
void hugetlb_map_put(struct hugetlb_map *m); /* the last one gives back what was promised */
/* Promises what is not yet in [first, last]: all or nothing. -ENOMEM. */
int hugetlb_reserve(struct hugetlb_map *m, u64 first, u64 last) __must_check;
/* Forgets [first, last]; promises go back to the pool. */
void hugetlb_unreserve(struct hugetlb_map *m, u64 first, u64 last);
/* A page for @index, one reference, contents undefined; was it @promised? -ENOSPC; -ENOMEM. */
int hugetlb_take(struct hugetlb_map *m, u64 index, struct folio **out, bool *promised) __must_check;
/* Undoes that: @f goes back and is promised again if it was. */
void hugetlb_untake(struct hugetlb_map *m, u64 index, struct folio *f, bool promised);

static inline struct hugetlb_size *hugetlb_map_size(const struct hugetlb_map *m)
{
	return m->part->size;
}

/*
 * fs/hugetlbfs: a nameless file of @size bytes, rounded up to whole pages, as for mmap(2),
 * memfd_create(2), shmget(2).  @reserve: pages are promised at once. -ENODEV: no such size;
 * -ENOMEM.
 */
extern int (*hugetlb_new_file)(const char *name, u64 size, u32 log, umode_t mode, bool reserve,
			       struct file **out);
/* The map of an inode of hugetlbfs. */
extern struct hugetlb_map *(*hugetlb_inode_map)(const struct inode *i);
/* Its seals: F_SEAL_*; inode->lock. */
extern unsigned long *(*hugetlb_seals)(const struct inode *i);
