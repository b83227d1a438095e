/*
 * Pools of huge pages, and parts of them.
 *
 * Free pages are folios without references on a list.  `reserved` of them are promised; who has no
 * promise gets one only if more are free, or a surplus page made on the spot.
 */
#include <kernel/hugetlb/hugetlb_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/boot/boot.h>
#include <kernel/cmdline/cmdline.h>
#include <kernel/frame/frame.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/printk/printk.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <lib/parse/parse.h>

#define HUGETLB_ORDER 9u

static struct hugetlb_size sizes[] = {
	{.lock = SPINLOCK_INIT(LK_IRQ_LEAF),
	 .order = HUGETLB_ORDER,
	 .pool = LIST_HEAD_INIT(sizes[0].pool)},
};
static struct mutex resize_lock; /* LK_SLEEP_LEAF: one at a time */

int (*hugetlb_new_file)(const char *name, u64 size, u32 log, umode_t mode, bool reserve,
			struct file **out);
struct hugetlb_map *(*hugetlb_inode_map)(const struct inode *i);
unsigned long *(*hugetlb_seals)(const struct inode *i);

struct hugetlb_size *hugetlb_size_at(unsigned int i)
{
	return i < ARRAY_SIZE(sizes) ? &sizes[i] : NULL;
}

struct hugetlb_size *hugetlb_size_of(u64 bytes)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		if (hugetlb_bytes(&sizes[i]) == bytes)
			return &sizes[i];
	}
	return NULL;
}

struct hugetlb_size *hugetlb_find_size(u32 log)
{
	return log ? hugetlb_size_of(1ull << (log & 63)) : &sizes[0];
}

void hugetlb_figures(struct hugetlb_size *s, struct hugetlb_figures *out)
{
	guard(spin_irqsave)(&s->lock);
	*out = (struct hugetlb_figures){
		.total = s->total,
		.free = s->free,
		.reserved = s->reserved,
		.surplus = s->surplus,
		.overcommit = s->overcommit,
	};
}

/* ---- pages ---- */

static struct folio *fresh(const struct hugetlb_size *s)
{
	return folio_new_huge(s->order, GFP_USER | GFP_NOWARN);
}

/* s->lock held. */
static void push(struct hugetlb_size *s, struct folio *f)
{
	list_add(&f->lru, &s->pool);
	s->free++;
}

static struct folio *pop(struct hugetlb_size *s)
{
	struct folio *f = list_first_entry_or_null(&s->pool, struct folio, lru);

	if (f) {
		list_del_init(&f->lru);
		s->free--;
	}
	return f;
}

/* Surplus pages that nobody needs go. */
static void trim(struct hugetlb_size *s)
{
	for (;;) {
		unsigned long irq = spin_lock_irqsave(&s->lock);
		struct folio *f = s->surplus && s->free > s->reserved ? pop(s) : NULL;

		if (f) {
			s->surplus--;
			s->total--;
		}
		spin_unlock_irqrestore(&s->lock, irq);
		if (!f)
			return;
		folio_free_huge(f);
	}
}

int hugetlb_promise(struct hugetlb_size *s, u64 pages)
{
	for (;;) {
		struct folio *f;
		u64 missing;

		{
			guard(spin_irqsave)(&s->lock);
			if (s->free >= s->reserved + pages) {
				s->reserved += pages;
				return 0;
			}
			missing = s->reserved + pages - s->free;
			if (s->surplus + missing > s->overcommit)
				break;
		}
		f = signal_fatal_pending(current) ? NULL : fresh(s);
		if (!f)
			break;
		guard(spin_irqsave)(&s->lock);
		s->total++;
		s->surplus++;
		push(s, f);
	}
	trim(s);
	return -ENOMEM;
}

void hugetlb_unpromise(struct hugetlb_size *s, u64 pages)
{
	{
		guard(spin_irqsave)(&s->lock);
		s->reserved -= pages;
	}
	trim(s);
}

static struct folio *take_surplus(struct hugetlb_size *s)
{
	struct folio *f;

	{
		guard(spin_irqsave)(&s->lock);
		if (s->surplus >= s->overcommit)
			return NULL;
		s->surplus++;
		s->total++;
	}
	f = fresh(s);
	if (!f) {
		guard(spin_irqsave)(&s->lock);
		s->surplus--;
		s->total--;
	}
	return f;
}

int hugetlb_take_page(struct hugetlb_part *p, bool promised, struct folio **out)
{
	struct hugetlb_size *s = p->size;
	struct folio *f = NULL;

	{
		guard(spin_irqsave)(&s->lock);
		if (promised) {
			s->reserved--;
			f = pop(s);
		} else if (s->free > s->reserved) {
			f = pop(s);
		}
	}
	if (!f)
		f = take_surplus(s);
	if (!f)
		return -ENOSPC;
	f->private_data = hugetlb_part_get(p);
	folio_use_huge(f);
	*out = f;
	return 0;
}

/* The last reference on @f is gone.  Any context. */
static void page_unused(struct folio *f)
{
	struct hugetlb_part *p = f->private_data;
	struct hugetlb_size *s = p->size;
	bool keep_promise = !hugetlb_part_uncharge(p, 1), gone;

	f->private_data = NULL;
	{
		guard(spin_irqsave)(&s->lock);
		s->reserved += keep_promise;
		gone = s->surplus && s->free >= s->reserved;
		if (gone) {
			s->surplus--;
			s->total--;
		} else {
			push(s, f);
		}
	}
	if (gone)
		folio_free_huge(f);
	hugetlb_part_put(p);
}

/* ---- size of the pool ---- */

static bool grow_one(struct hugetlb_size *s, u64 pages)
{
	struct folio *f;

	{
		guard(spin_irqsave)(&s->lock);
		if (s->total - s->surplus >= pages)
			return false;
		if (s->surplus) {
			s->surplus--;
			return true;
		}
	}
	f = signal_fatal_pending(current) ? NULL : fresh(s);
	if (!f)
		return false;
	guard(spin_irqsave)(&s->lock);
	s->total++;
	push(s, f);
	return true;
}

/* What is in use or promised becomes surplus. */
static bool shrink_one(struct hugetlb_size *s, u64 pages)
{
	struct folio *f = NULL;

	{
		guard(spin_irqsave)(&s->lock);
		if (s->total - s->surplus <= pages)
			return false;
		if (s->free > s->reserved) {
			f = pop(s);
			s->total--;
		} else {
			s->surplus++;
		}
	}
	if (f)
		folio_free_huge(f);
	return true;
}

void hugetlb_resize(struct hugetlb_size *s, u64 pages)
{
	guard(mutex)(&resize_lock);
	while (grow_one(s, pages))
		;
	while (shrink_one(s, pages))
		;
}

void hugetlb_set_overcommit(struct hugetlb_size *s, u64 pages)
{
	guard(spin_irqsave)(&s->lock);
	s->overcommit = pages;
}

/* ---- parts ---- */

int hugetlb_part_create(struct hugetlb_size *s, s64 most, s64 least, struct hugetlb_part **out)
{
	struct hugetlb_part *p = kzalloc(sizeof(*p));

	if (!p)
		return -ENOMEM;
	if (least > 0 && hugetlb_promise(s, (u64)least)) {
		kfree(p);
		return -ENOMEM;
	}
	p->size = s;
	p->refs = 1;
	spin_init(&p->lock, LK_IRQ_LEAF);
	p->most = most;
	p->least = least;
	p->spare = least > 0 ? least : 0;
	p->no_map = (struct hugetlb_map){.part = p, .none = true};
	p->lost_map = (struct hugetlb_map){.part = p, .none = true, .lost = true};
	*out = p;
	return 0;
}

struct hugetlb_part *hugetlb_part_get(struct hugetlb_part *p)
{
	__atomic_fetch_add(&p->refs, 1, __ATOMIC_RELAXED);
	return p;
}

void hugetlb_part_put(struct hugetlb_part *p)
{
	if (!p || __atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (p->least > 0)
		hugetlb_unpromise(p->size, (u64)p->least);
	kfree(p);
}

s64 hugetlb_part_charge(struct hugetlb_part *p, u64 pages)
{
	s64 n = (s64)pages, own;

	if (p->most < 0 && p->least <= 0)
		return n;
	guard(spin_irqsave)(&p->lock);
	if (p->most >= 0 && p->used + n > p->most)
		return -ENOMEM;
	p->used += n;
	own = min(n, p->spare);
	p->spare -= own;
	return n - own;
}

s64 hugetlb_part_uncharge(struct hugetlb_part *p, u64 pages)
{
	s64 n = (s64)pages, own;

	if (p->most < 0 && p->least <= 0)
		return n;
	guard(spin_irqsave)(&p->lock);
	p->used -= n;
	own = max(p->least, 0) - p->used - p->spare;
	own = clamp_t(s64, own, 0, n);
	p->spare += own;
	return n - own;
}

/* ---- boot ---- */

/* hugepagesz=SIZE chooses what the hugepages=N behind it are of. */
static void boot_options(void)
{
	struct hugetlb_size *s = &sizes[0];
	char word[64], *value;
	bool for_init;
	u64 n;

	for (size_t pos = 0; cmdline_next(&pos, word, sizeof(word), &for_init) && !for_init;) {
		value = strchr(word, '=');
		if (!value)
			continue;
		*value++ = 0;
		if (!strcmp(word, "hugepagesz") || !strcmp(word, "default_hugepagesz")) {
			s = NULL;
			const char *text = value;

			if (!parse_size(&text, &n) && !*text)
				s = hugetlb_size_of(n);
			if (!s)
				pr_err("HugeTLB: unsupported %s=%s\n", word, value);
		} else if (!strcmp(word, "hugepages") && s && !parse_u64(value, 10, &n)) {
			hugetlb_resize(s, n);
		}
	}
}

static void hugetlb_init(void)
{
	mutex_init(&resize_lock, LK_SLEEP_LEAF);
	pagecache_set_huge_hook(page_unused);
	boot_options();
}
INITCALL(hugetlb_init);
