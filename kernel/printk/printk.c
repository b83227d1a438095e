/*
 * printk: format, store, show.
 *
 * A message is formatted into a buffer on the stack, stored in the ring, and shown on the consoles
 * by whoever gets the console token, which is tried for and never waited for: a message from
 * within a console driver or from an NMI is stored, and the holder of the token shows it.  Before
 * it goes the holder looks for records that came meanwhile, so none is left behind.
 *
 * Readers of /dev/kmsg are woken from the next timer interrupt or switch when the message came with
 * interrupts off, since the waker's locks may be the caller's.
 */
#include <kernel/printk/printk.h>
#include <kernel/printk/printk_impl.h>
#include <kernel/panic/panic.h>
#include <kernel/boot/boot.h>
#include <kernel/cmdline/cmdline.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <kernel/vmap/vmap.h>
#include <kernel/wait/wait.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <asm/cpu.h>
#include <asm/init.h>

int console_loglevel = 7;
int printk_default_level = 4;
int printk_minimum_level = 1;
struct wait_queue printk_wait = WAIT_QUEUE_INIT(printk_wait);

static struct console *consoles;   /* grows and is replaced under the token */
static u32 console_token;	   /* atomic: 1: somebody prints */
static struct task *console_owner; /* who has the token; changed by that task only */
static u64 console_seq;		   /* token: next to show */
static bool console_midline;	   /* token: the last text did not end its line */
static u64 wake_due;		   /* atomic: readers are to be woken */

/* --- formatting --- */

size_t printk_format_time(char *buf, size_t size, u64 ts_ns)
{
	return (size_t)scnprintf(buf, size, "[%5llu.%06llu] ", ts_ns / NSEC_PER_SEC,
				 ts_ns % NSEC_PER_SEC / NSEC_PER_USEC);
}

/* Splits "\001" level prefixes off @text; the rest starts at the returned pointer. */
static const char *printk_take_level(const char *text, struct ring_record *rec)
{
	while (text[0] == KERN_SOH[0] && text[1]) {
		if (text[1] >= '0' && text[1] <= '7')
			rec->level = (u8)(text[1] - '0');
		else if (text[1] == 'c')
			rec->flags |= RECORD_CONT;
		text += 2;
	}
	return text;
}

/* --- consoles --- */

static void console_write(const char *s, size_t len, u8 level)
{
	bool any = false;

	for (struct console *c = consoles; c; c = c->next) {
		if (level >= console_loglevel && level)
			continue;
		c->write(c, s, len);
		any = true;
	}
	if (any || consoles || level >= console_loglevel)
		return;
	for (size_t i = 0; i < len; i++)
		arch_early_putc(s[i]);
}

/* Shows one record: a time stamp at the start of each line. */
static void console_show(const struct ring_record *rec, const char *text)
{
	char line[PRINTK_TEXT_MAX + 32];
	size_t len = 0, i = 0;

	if (console_midline && !(rec->flags & RECORD_CONT))
		line[len++] = '\n';
	if (!console_midline || !(rec->flags & RECORD_CONT))
		len += printk_format_time(line + len, sizeof(line) - len, rec->ts_ns);
	for (; i < rec->len && i < PRINTK_TEXT_MAX; i++) {
		if (len + 24 > sizeof(line)) {
			console_write(line, len, rec->level);
			len = 0;
		}
		line[len++] = text[i];
		if (text[i] == '\n' && i + 1 < rec->len)
			len += printk_format_time(line + len, sizeof(line) - len, rec->ts_ns);
	}
	if (rec->flags & RECORD_NEWLINE)
		line[len++] = '\n';
	console_midline = !(rec->flags & RECORD_NEWLINE);
	console_write(line, len, rec->level);
}

static void console_show_new(bool all)
{
	char text[PRINTK_TEXT_MAX];
	struct ring_record rec;

	while (!ring_read(console_seq, &rec, text, sizeof(text), all)) {
		console_seq = rec.seq + 1;
		if (rec.level < console_loglevel || rec.level == 0)
			console_show(&rec, text);
	}
}

static bool console_try(void)
{
	if (__atomic_exchange_n(&console_token, 1, __ATOMIC_ACQUIRE))
		return false;
	WRITE_ONCE(console_owner, current);
	return true;
}

static void console_release(void)
{
	WRITE_ONCE(console_owner, NULL);
	__atomic_store_n(&console_token, 0, __ATOMIC_SEQ_CST);
}

bool printk_is_showing(void)
{
	return current && READ_ONCE(console_owner) == current;
}

/* True when the first record that was not shown is complete. */
static bool console_has_work(void)
{
	struct ring_record rec;

	return !ring_read(console_seq, &rec, (char *)&rec, 0, false);
}

static void console_flush(void)
{
	u64 seen;

	do {
		seen = ring_next_seq();
		if (!console_try())
			return;
		preempt_disable();
		console_show_new(false);
		console_release();
		preempt_enable();
	} while (ring_next_seq() != seen && console_has_work());
}

void printk_flush_panic(void)
{
	/* A CPU that was stopped while it printed does not give the token back. */
	for (unsigned int i = 0; i < 100000 && !console_try(); i++)
		cpu_relax();
	console_show_new(true);
	console_release();
}

void console_register(struct console *c)
{
	while (!console_try())
		cpu_relax();
	if (!c->is_boot && consoles && consoles->is_boot)
		consoles = consoles->next;
	else if (!c->is_boot && !consoles)
		console_midline = false; /* what was shown by arch_early_putc stays shown */
	c->next = consoles;
	consoles = c;
	console_release();
	console_flush();
}

/* --- storing --- */

static void printk_wake_readers(void)
{
	if (!wait_queue_active(&printk_wait))
		return;
	if (irqs_are_off() || preempt_count()) {
		__atomic_store_n(&wake_due, 1, __ATOMIC_RELAXED);
		return;
	}
	wake_up_all(&printk_wait);
}

void printk_run_deferred(void)
{
	if (likely(!READ_ONCE(wake_due)))
		return;
	if (__atomic_exchange_n(&wake_due, 0, __ATOMIC_SEQ_CST))
		wake_up_all(&printk_wait);
}

static u32 printk_caller(void)
{
	struct task *t = current;

	return t && t->pid ? (u32)t->pid->nr : 0;
}

static void printk_store(struct ring_record *rec, const char *text, size_t len)
{
	if (len && text[len - 1] == '\n') {
		rec->flags |= RECORD_NEWLINE;
		len--;
	}
	rec->len = (u16)(len < PRINTK_TEXT_MAX ? len : PRINTK_TEXT_MAX);
	rec->ts_ns = time_mono_ns();
	rec->caller = printk_caller();
	ring_write(rec, text);
}

int vprintk(const char *fmt, __builtin_va_list ap)
{
	char buf[PRINTK_TEXT_MAX + 8];
	struct ring_record rec = {.level = (u8)printk_default_level};
	const char *text;
	int len = vscnprintf(buf, sizeof(buf), fmt, ap);

	text = printk_take_level(buf, &rec);
	printk_store(&rec, text, strlen(text));
	console_flush();
	printk_wake_readers();
	return len;
}

int printk(const char *fmt, ...)
{
	__builtin_va_list ap;
	int len;

	__builtin_va_start(ap, fmt);
	len = vprintk(fmt, ap);
	__builtin_va_end(ap);
	return len;
}

void printk_user(u8 level, u8 facility, const char *text, size_t len)
{
	struct ring_record rec = {
		.level = level & 7, .facility = facility, .flags = RECORD_NEWLINE};

	printk_store(&rec, text, len);
	console_flush();
	printk_wake_readers();
}

int printk_ratelimit_s = 5, printk_ratelimit_burst = 10;

bool printk_ratelimit(struct printk_ratelimit *r)
{
	u64 interval_ns = (u64)READ_ONCE(printk_ratelimit_s) * NSEC_PER_SEC;
	u32 burst = (u32)READ_ONCE(printk_ratelimit_burst);
	u64 now = time_mono_ns(), begin = READ_ONCE(r->begin_ns);
	u32 missed;

	if (!interval_ns || !burst)
		return true;
	if (begin && now - begin < interval_ns) {
		if (__atomic_fetch_add(&r->printed, 1, __ATOMIC_RELAXED) < burst)
			return true;
		__atomic_fetch_add(&r->missed, 1, __ATOMIC_RELAXED);
		return false;
	}
	WRITE_ONCE(r->begin_ns, now | 1);
	WRITE_ONCE(r->printed, 1);
	missed = __atomic_exchange_n(&r->missed, 0, __ATOMIC_RELAXED);
	if (missed)
		pr_warn("%u messages suppressed\n", missed);
	return true;
}

/* --- reading --- */

int printk_read(u64 seq, struct printk_record *rec, char *text, size_t size)
{
	struct ring_record r;
	int err = ring_read(seq, &r, text, size, false);

	if (err)
		return err;
	*rec = (struct printk_record){.seq = r.seq,
				      .ts_ns = r.ts_ns,
				      .level = r.level,
				      .facility = r.facility,
				      .len = r.len,
				      .caller = r.caller};
	return 0;
}

u64 printk_first_seq(void)
{
	return ring_first_seq();
}

u64 printk_next_seq(void)
{
	return ring_next_seq();
}

/* --- start-up --- */

static void printk_grow(u64 size)
{
	u64 text_size = 1ull << 17;
	void *text, *descs;
	unsigned long flags;

	while (text_size < size && text_size < (64ull << 20))
		text_size <<= 1;
	if (text_size <= ring_text_size())
		return;
	text = vmalloc(text_size);
	descs = vmalloc(text_size / 64 * ring_desc_size());
	if (!text || !descs) {
		vfree(text);
		vfree(descs);
		pr_err("log_buf_len: no memory for %llu bytes\n", text_size);
		return;
	}
	flags = irqs_save();
	ring_replace(text, text_size, descs, text_size / 64);
	irqs_restore(flags);
}

void printk_init(void)
{
	u64 level;

	syslog_init();
	if (cmdline_has("quiet"))
		console_loglevel = 4;
	if (cmdline_has("debug"))
		console_loglevel = 10;
	if (cmdline_u64("loglevel", &level) && level <= 15)
		console_loglevel = level ? (int)level : 1;
	if (cmdline_has("ignore_loglevel"))
		console_loglevel = 15;
}

static void printk_init_late(void)
{
	u64 size;

	if (cmdline_size("log_buf_len", &size))
		printk_grow(size);
}
INITCALL(printk_init_late);
