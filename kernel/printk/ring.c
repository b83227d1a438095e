/*
 * The log ring: records that any context may write, NMI included, without a lock.
 *
 * Two rings of powers of two.  A record's number picks its descriptor; its text lies in the text
 * ring at a position that, like the number, only grows.  Both are handed out by one atomic
 * addition. The descriptor's state says for which number it stands and whether it is complete;
 * writing it last publishes the record.
 *
 * Nothing is ever waited for, so old records are overwritten while somebody reads them.  A reader
 * copies, then checks that the descriptor still says the same and that the text has not been
 * lapped; else the record counts as lost.  A writer that is interrupted for a whole lap may garble
 * the text of one other record: it is text, and lengths are always bounded.
 */
#include <kernel/printk/printk_impl.h>
#include <kern/atomic.h>
#include <kern/errno.h>
#include <kern/string.h>

#define RING_WRITING 1ull
#define RING_DONE 2ull
#define RING_STATE(seq, what) ((seq) << 2 | (what))

struct ring_desc {
	u64 state; /* atomic */
	u64 text_pos;
	u64 ts_ns;
	u16 len;
	u8 level, facility;
	u32 caller;
	u32 flags;
};

#define RING_BOOT_TEXT (128u << 10)
#define RING_BOOT_DESCS 2048u

static char ring_boot_text[RING_BOOT_TEXT];
static struct ring_desc ring_boot_descs[RING_BOOT_DESCS];

struct ring {
	char *text;
	struct ring_desc *descs;
	u64 text_mask, desc_mask;
	u64 next_seq;  /* atomic */
	u64 next_text; /* atomic */
};

static struct ring boot_ring = {
	.text = ring_boot_text,
	.descs = ring_boot_descs,
	.text_mask = RING_BOOT_TEXT - 1,
	.desc_mask = RING_BOOT_DESCS - 1,
};
static struct ring *ring = &boot_ring;

static void ring_copy_in(struct ring *r, u64 pos, const char *text, size_t len)
{
	size_t at = pos & r->text_mask, first = r->text_mask + 1 - at;

	if (first > len)
		first = len;
	memcpy(r->text + at, text, first);
	memcpy(r->text, text + first, len - first);
}

static void ring_copy_out(struct ring *r, u64 pos, char *text, size_t len)
{
	size_t at = pos & r->text_mask, first = r->text_mask + 1 - at;

	if (first > len)
		first = len;
	memcpy(text, r->text + at, first);
	memcpy(text + first, r->text, len - first);
}

static void ring_put(struct ring *r, const struct ring_record *rec, const char *text)
{
	u64 seq = __atomic_fetch_add(&r->next_seq, 1, __ATOMIC_SEQ_CST);
	u64 pos = __atomic_fetch_add(&r->next_text, rec->len, __ATOMIC_SEQ_CST);
	struct ring_desc *d = &r->descs[seq & r->desc_mask];
	u64 writing = RING_STATE(seq, RING_WRITING);

	__atomic_store_n(&d->state, writing, __ATOMIC_SEQ_CST);
	d->text_pos = pos;
	d->ts_ns = rec->ts_ns;
	d->len = rec->len;
	d->level = rec->level;
	d->facility = rec->facility;
	d->caller = rec->caller;
	d->flags = rec->flags;
	ring_copy_in(r, pos, text, rec->len);
	/* Fails if we were lapped: then the descriptor is another record's. */
	__atomic_compare_exchange_n(&d->state, &writing, RING_STATE(seq, RING_DONE), false,
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

void ring_write(const struct ring_record *rec, const char *text)
{
	ring_put(__atomic_load_n(&ring, __ATOMIC_ACQUIRE), rec, text);
}

u64 ring_next_seq(void)
{
	return __atomic_load_n(&ring->next_seq, __ATOMIC_SEQ_CST);
}

u64 ring_first_seq(void)
{
	struct ring *r = ring;
	u64 next = __atomic_load_n(&r->next_seq, __ATOMIC_SEQ_CST);
	u64 seq = next > r->desc_mask + 1 ? next - (r->desc_mask + 1) : 0;

	for (; seq < next; seq++) {
		const struct ring_desc *d = &r->descs[seq & r->desc_mask];

		if (__atomic_load_n(&d->state, __ATOMIC_ACQUIRE) == RING_STATE(seq, RING_DONE) &&
		    __atomic_load_n(&r->next_text, __ATOMIC_RELAXED) - d->text_pos <=
			    r->text_mask + 1)
			break;
	}
	return seq;
}

/* One record; -EAGAIN: still being written, -ESTALE: overwritten. */
static int ring_try_read(struct ring *r, u64 seq, struct ring_record *rec, char *text, size_t size)
{
	struct ring_desc *d = &r->descs[seq & r->desc_mask];
	u64 state = __atomic_load_n(&d->state, __ATOMIC_ACQUIRE);
	u64 pos;
	size_t len;

	if (state != RING_STATE(seq, RING_DONE))
		return state == RING_STATE(seq, RING_WRITING) || (state >> 2) < seq || !state
			       ? -EAGAIN
			       : -ESTALE;
	*rec = (struct ring_record){.seq = seq,
				    .ts_ns = d->ts_ns,
				    .len = d->len,
				    .level = d->level,
				    .facility = d->facility,
				    .caller = d->caller,
				    .flags = d->flags};
	pos = d->text_pos;
	len = rec->len < size ? rec->len : size;
	if (len > PRINTK_TEXT_MAX)
		len = PRINTK_TEXT_MAX;
	ring_copy_out(r, pos, text, len);
	smp_rmb();
	if (__atomic_load_n(&d->state, __ATOMIC_ACQUIRE) != state ||
	    __atomic_load_n(&r->next_text, __ATOMIC_RELAXED) - pos > r->text_mask + 1)
		return -ESTALE;
	return 0;
}

int ring_read(u64 seq, struct ring_record *rec, char *text, size_t size, bool skip_unfinished)
{
	struct ring *r = __atomic_load_n(&ring, __ATOMIC_ACQUIRE);
	u64 next = __atomic_load_n(&r->next_seq, __ATOMIC_SEQ_CST);

	if (next > r->desc_mask + 1 && seq < next - (r->desc_mask + 1))
		seq = next - (r->desc_mask + 1);
	for (; seq < next; seq++) {
		int err = ring_try_read(r, seq, rec, text, size);

		if (!err)
			return 0;
		if (err == -EAGAIN && !skip_unfinished)
			break;
	}
	return -ENOENT;
}

u32 ring_text_size(void)
{
	return (u32)(ring->text_mask + 1);
}

/* Moves to larger memory: at boot, on one CPU, with interrupts off. */
void ring_replace(void *text, size_t text_size, void *descs, size_t desc_count)
{
	static struct ring large;
	static char line[PRINTK_TEXT_MAX];
	struct ring_record rec;
	u64 seq = ring_first_seq();

	large = (struct ring){.text = text,
			      .descs = descs,
			      .text_mask = text_size - 1,
			      .desc_mask = desc_count - 1,
			      .next_seq = seq};
	while (!ring_read(seq, &rec, line, sizeof(line), true)) {
		large.next_seq = rec.seq;
		ring_put(&large, &rec, line);
		seq = rec.seq + 1;
	}
	__atomic_store_n(&ring, &large, __ATOMIC_RELEASE);
}

size_t ring_desc_size(void)
{
	return sizeof(struct ring_desc);
}
