/* Shared by the files of kernel/frame. */
#pragma once

#include <kernel/frame/frame.h>
#include <kernel/lock/lock.h>
#include <asm/patch.h>
#include <asm/percpu.h>

#define PCP_CAP 512

/* Single frames of one CPU; interrupts off.  Counters are summed over CPUs by readers. */
struct frame_pcp {
	u32 count;
	u32 pfn[PCP_CAP];
	u64 allocs, frees;	  /* frames */
	s64 by_type[FRAME_TYPES]; /* frames, this CPU's share */
};

enum frame_zone_id { ZONE_LOW, ZONE_HIGH, ZONES };

struct frame_zone {
	struct spinlock lock;		 /* LK_BUDDY */
	u32 heads[FRAME_ORDER_MAX + 1];	 /* first free block by order; 0: none */
	u32 orders;			 /* bit n: heads[n] is not empty */
	u32 blocks[FRAME_ORDER_MAX + 1]; /* on each list */
	u64 managed;			 /* atomic: frames that were ever given */
	u64 free;			 /* frames; read without the lock */
	u64 unmerged;			 /* single frames given since the last merge */
	u64 aside, aside_free;		 /* atomic: frames that are not the buddy's */
};

extern struct frame_zone frame_zones[ZONES];
extern u64 frame_total, frame_min_free;
extern u64 frame_map_frames; /* [I] descriptors and the tables that map them */
extern u32 frame_pcp_high, frame_pcp_batch;

DECLARE_PERCPU(struct frame_pcp, frame_pcp);

/* First frame of ZONE_HIGH. */
#define ZONE_HIGH_PFN (1ul << (32 - PAGE_SHIFT))

static inline struct frame_zone *frame_zone_of(u64 pfn)
{
	return &frame_zones[pfn >= ZONE_HIGH_PFN ? ZONE_HIGH : ZONE_LOW];
}

static inline u64 frame_free_count(void)
{
	return READ_ONCE(frame_zones[ZONE_LOW].free) + READ_ONCE(frame_zones[ZONE_HIGH].free);
}

/* zone->lock held.  The block's frames come back typed FRAME_FREE_TAIL; 0: none. */
u64 buddy_take(struct frame_zone *z, unsigned int order);
void buddy_give(struct frame_zone *z, u64 pfn, unsigned int order);
/* A single frame, not merged with its buddy until buddy_merge(). */
void buddy_give_single(struct frame_zone *z, u64 pfn);
/* Merges what can be of the first @scan single frames on the list, the last given ones. */
void buddy_merge(struct frame_zone *z, u64 scan);
/* Gives [pfn, end), never seen before or typed FRAME_RESERVED, in the largest blocks. */
void buddy_give_range(u64 pfn, u64 end);

#define ASIDE_MAX 16u
bool frame_aside_range(unsigned int i, u64 *pfn, u64 *pages);
void frame_early_init(void);
/* owner.c: who asks for a frame is remembered, if the command line wants that. */
extern struct static_key frame_owner_key;
void frame_owner_set(u64 pfn, u32 gfp);
#define RECLAIM_TRIES 8u
#define PROGRESS_TRIES 64u
enum frame_outcome { FRAME_GIVE_UP, FRAME_AGAIN, FRAME_PROGRESS };
/* Shrinkers, then the out-of-memory hook; does trying again make sense? */
enum frame_outcome frame_reclaim(unsigned int order, u32 gfp, unsigned int attempt);
bool frame_below_low(void);
void frame_kick_kswapd(u32 gfp);
void frame_pcp_drain_local(void);
