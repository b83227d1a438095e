/*
 * Who holds memory: the boot option page_owner=on, page_owner of debugfs, sums by call site.
 *
 * Each allocation leaves its back trace beside the frame.  Traces are kept once, in an open table
 * that only grows: an entry is claimed by its hash, filled, and published by its length.  Nothing
 * is done when a frame is freed: its descriptor says that it is free.  Off, which is usual, an
 * allocation runs over one NOP.
 */
#include "frame_impl.h"

#include <asm/clock.h>
#include <asm/stack.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/boot/boot.h>
#include <kernel/cmdline/cmdline.h>
#include <kernel/file/file.h>
#include <kernel/patch/patch.h>
#include <kernel/printk/printk.h>
#include <kernel/procfs/procfs.h>
#include <kernel/seq/seq.h>
#include <kernel/slab/slab.h>
#include <kernel/symbol/symbol.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <kernel/vmap/vmap.h>
#include <lib/sort/sort.h>

#define TRACE_MAX 11u
#define TRACE_SKIP 1u /* this file's own */
#define STACKS 4096u
#define PROBES 32u
#define NO_STACK (~0u)
#define BLOCK_SHIFT 9u

struct owner_stack {
	u32 key;	    /* atomic: hash, never 0; 0: empty */
	u32 depth;	    /* atomic: 0 until the trace is there */
	u32 ips[TRACE_MAX]; /* low halves: the image is in the top 2 GiB */
};

struct owner {
	u64 time_ns;
	u32 stack;
	u32 gfp;
	u32 pid, tgid;
	char comm[16];
};

struct static_key frame_owner_key = STATIC_KEY_FALSE;
static struct owner *owners;	   /* [I] by frame number, heads only */
static u64 owners_end;		   /* [I] */
static struct owner_stack *stacks; /* [I] */
static u64 stacks_missing;	   /* atomic: allocations whose trace found no room */

/* ---- keeping ---- */

static u32 hash_ips(const u32 *ips, unsigned int n)
{
	u32 h = 2166136261u;

	for (unsigned int i = 0; i < n; i++)
		h = (h ^ ips[i]) * 16777619u;
	h ^= h >> 15;
	return h ? h : 1;
}

static bool same(const struct owner_stack *s, const u32 *ips, u32 n)
{
	u32 depth = __atomic_load_n(&s->depth, __ATOMIC_ACQUIRE);

	/* One that is being filled has the same hash: it is the same trace. */
	return !depth || (depth == n && !memcmp(s->ips, ips, n * sizeof(*ips)));
}

static u32 keep_stack(const u32 *ips, u32 n)
{
	u32 key = hash_ips(ips, n);

	for (u32 i = 0; i < PROBES; i++) {
		u32 at = (key + i) % STACKS,
		    was = __atomic_load_n(&stacks[at].key, __ATOMIC_ACQUIRE);

		if (!was && __atomic_compare_exchange_n(&stacks[at].key, &was, key, false,
							__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
			memcpy(stacks[at].ips, ips, n * sizeof(*ips));
			__atomic_store_n(&stacks[at].depth, n, __ATOMIC_RELEASE);
			return at;
		}
		if (was == key && same(&stacks[at], ips, n))
			return at;
	}
	__atomic_fetch_add(&stacks_missing, 1, __ATOMIC_RELAXED);
	return NO_STACK;
}

void frame_owner_set(u64 pfn, u32 gfp)
{
	unsigned long addrs[TRACE_MAX + TRACE_SKIP];
	const struct task *t = current;
	u32 ips[TRACE_MAX], n = 0;

	if (pfn >= owners_end)
		return;
	unsigned int found = stack_walk(0, addrs, ARRAY_SIZE(addrs));

	for (unsigned int i = TRACE_SKIP; i < found; i++)
		ips[n++] = (u32)addrs[i];
	struct owner *o = &owners[pfn];

	o->stack = n ? keep_stack(ips, n) : NO_STACK;
	o->gfp = gfp;
	o->time_ns = time_mono_ns();
	o->pid = t && t->pid ? (u32)t->pid->nr : 0;
	o->tgid = t && t->pid ? (u32)t->process->pid->nr : 0;
	(void)strscpy(o->comm, t ? t->comm : "boot", sizeof(o->comm));
}

static void owner_init(void)
{
	char value[8];
	u64 end = frame_pfn_end();

	if (!cmdline_value("page_owner", value, sizeof(value)) || strcmp(value, "on"))
		return;
	owners = vmalloc(end * sizeof(*owners));
	stacks = vmalloc(STACKS * sizeof(*stacks));
	if (!owners || !stacks) {
		pr_warn("page_owner: no memory\n");
		return;
	}
	for (u64 i = 0; i < end; i++)
		owners[i].stack = NO_STACK;
	owners_end = end;
	static_key_enable(&frame_owner_key);
}
INITCALL(owner_init);

/* ---- telling ---- */

static const char *const type_names[FRAME_TYPES] = {
	[FRAME_RESERVED] = "reserved", [FRAME_FREE] = "free",	 [FRAME_FREE_TAIL] = "free_tail",
	[FRAME_KERNEL] = "kernel",     [FRAME_SLAB] = "slab",	 [FRAME_PGTABLE] = "pgtable",
	[FRAME_STACK] = "stack",       [FRAME_VMAP] = "vmalloc", [FRAME_ANON] = "anon",
	[FRAME_FOLIO] = "folio",       [FRAME_TAIL] = "tail",	 [FRAME_CMA] = "cma",
};

/* Is this the head of an allocation that is there now, with a known maker? */
static bool is_owned(u64 pfn)
{
	u8 type;

	if (!pfn_valid(pfn) || owners[pfn].stack == NO_STACK)
		return false;
	type = READ_ONCE(pfn_to_frame(pfn)->type);
	return type > FRAME_FREE_TAIL && type != FRAME_TAIL && type < FRAME_TYPES;
}

static bool is_movable(u8 type)
{
	return type == FRAME_ANON || type == FRAME_FOLIO;
}

static void put_stack(struct seq *s, u32 stack)
{
	const struct owner_stack *k = &stacks[stack];
	u32 depth = __atomic_load_n(&k->depth, __ATOMIC_ACQUIRE);
	char sym[SYMBOL_NAME_MAX + 32];

	for (u32 i = 0; i < depth; i++) {
		symbol_format((unsigned long)(long)(s32)k->ips[i] - 1, sym, sizeof(sym));
		seq_printf(s, " %s\n", sym);
	}
}

static void *owner_start(struct seq *s, u64 pos)
{
	(void)s;
	while (pos < owners_end && !is_owned(pos))
		pos++;
	return pos < owners_end ? pfn_to_frame(pos) : NULL;
}

static void *owner_next(struct seq *s, void *v, u64 pos)
{
	(void)pos;
	return owner_start(s, frame_to_pfn(v) + 1);
}

static u64 owner_behind(struct seq *s, void *v)
{
	(void)s;
	return frame_to_pfn(v) + 1;
}

static void owner_stop(struct seq *s, void *v)
{
	(void)s;
	(void)v;
}

static int owner_show(struct seq *s, void *v)
{
	const struct frame *f = v;
	u64 pfn = frame_to_pfn(f);
	struct owner o = owners[pfn];
	u8 type = READ_ONCE(f->type);
	const char *kind = is_movable(type) ? "Movable" : "Unmovable";

	if (o.stack == NO_STACK || type >= FRAME_TYPES)
		return 0;
	o.comm[sizeof(o.comm) - 1] = 0;
	seq_printf(s,
		   "Page allocated via order %u, mask %#x, pid %u, tgid %u (%s), ts %llu ns, "
		   "free_ts 0 ns\n",
		   f->order, o.gfp, o.pid, o.tgid, o.comm, o.time_ns);
	seq_printf(s, "PFN %llu type %s Block %llu type %s Flags %#x(%s)\n", pfn, kind,
		   pfn >> BLOCK_SHIFT, kind, type, type_names[type]);
	put_stack(s, o.stack);
	seq_putc(s, '\n');
	return 0;
}

static const struct seq_ops owner_ops = {
	.start = owner_start,
	.next = owner_next,
	.stop = owner_stop,
	.show = owner_show,
	.behind = owner_behind,
};

static int owner_open(struct inode *i, struct file *f)
{
	(void)i;
	return owners_end ? seq_open(f, &owner_ops, NULL) : -EINVAL;
}

static const struct file_ops owner_fops = {
	.open = owner_open,
	.read = seq_read,
	.lseek = seq_lseek,
	.release = seq_release,
};

DEBUGFS_FOPS("page_owner", 0400, &owner_fops);

struct site {
	u64 frames;
	u32 stack;
};

static int more_first(const void *a, const void *b, void *context)
{
	const struct site *x = a, *y = b;

	(void)context;
	return (x->frames < y->frames) - (x->frames > y->frames);
}

/* Sums by call site, the largest first. */
static int show_sites(struct seq *s, void *ctx)
{
	struct site *sites;

	(void)ctx;
	if (!owners_end)
		return -EINVAL;
	sites = kvmalloc(STACKS * sizeof(*sites), GFP_KERNEL);
	if (!sites)
		return -ENOMEM;
	for (u32 i = 0; i < STACKS; i++)
		sites[i] = (struct site){0, i};
	for (u64 pfn = 0; pfn < owners_end; pfn++) {
		if (is_owned(pfn))
			sites[owners[pfn].stack % STACKS].frames += 1ull
								    << pfn_to_frame(pfn)->order;
	}
	sort(sites, STACKS, sizeof(*sites), more_first, NULL);
	for (u32 i = 0; i < STACKS && sites[i].frames; i++) {
		put_stack(s, sites[i].stack);
		seq_printf(s, "nr_base_pages: %llu\n\n", sites[i].frames);
	}
	if (READ_ONCE(stacks_missing))
		seq_printf(s, "without a trace, since boot: %llu\n\n", READ_ONCE(stacks_missing));
	kvfree(sites);
	return 0;
}

DEBUGFS_FILE("page_owner_stacks/show_stacks", 0400, show_sites, NULL, NULL);

/* By type, whether or not owners are kept. */
static int show_types(struct seq *s, void *ctx)
{
	struct frame_stats st;

	(void)ctx;
	frame_stats(&st);
	seq_printf(s, "%-12s %12s %12s\n", "type", "frames", "kB");
	for (unsigned int t = FRAME_KERNEL; t < FRAME_TYPES; t++) {
		if (t != FRAME_TAIL)
			seq_printf(s, "%-12s %12llu %12llu\n", type_names[t], st.by_type[t],
				   st.by_type[t] << (PAGE_SHIFT - 10));
	}
	seq_printf(s, "%-12s %12llu %12llu\n", "free", st.free, st.free << (PAGE_SHIFT - 10));
	seq_printf(s, "%-12s %12llu %12llu\n", "total", st.total, st.total << (PAGE_SHIFT - 10));
	return 0;
}

DEBUGFS_FILE("page_types", 0400, show_types, NULL, NULL);
