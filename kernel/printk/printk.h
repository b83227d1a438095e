/*
 * The kernel log: levels, a ring of records, consoles.  Any context including NMI.
 *
 * A message has a level as the first bytes of the format (KERN_* as in linux/…: "\001" digit).
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>

#define KERN_SOH "\001"
#define KERN_EMERG KERN_SOH "0"
#define KERN_ALERT KERN_SOH "1"
#define KERN_CRIT KERN_SOH "2"
#define KERN_ERR KERN_SOH "3"
#define KERN_WARNING KERN_SOH "4"
#define KERN_NOTICE KERN_SOH "5"
#define KERN_INFO KERN_SOH "6"
#define KERN_DEBUG KERN_SOH "7"
#define KERN_CONT KERN_SOH "c"

int printk(const char *fmt, ...) __printf(1, 2);
int vprintk(const char *fmt, __builtin_va_list ap);
/* Is the running task at the consoles?  If it ended, nothing would be shown any more. */
bool printk_is_showing(void);

#ifndef PR_ROOM
#define PR_ROOM ""
#endif
#define pr_emerg(f, ...) printk(KERN_EMERG PR_ROOM f, ##__VA_ARGS__)
#define pr_err(f, ...) printk(KERN_ERR PR_ROOM f, ##__VA_ARGS__)
#define pr_warn(f, ...) printk(KERN_WARNING PR_ROOM f, ##__VA_ARGS__)
#define pr_notice(f, ...) printk(KERN_NOTICE PR_ROOM f, ##__VA_ARGS__)
#define pr_info(f, ...) printk(KERN_INFO PR_ROOM f, ##__VA_ARGS__)
#define pr_debug(f, ...) printk(KERN_DEBUG PR_ROOM f, ##__VA_ARGS__)
#define pr_cont(f, ...) printk(KERN_CONT f, ##__VA_ARGS__)

/* At most printk_ratelimit_burst messages per printk_ratelimit_s seconds from this place (10, 5);
 * no limit when either is 0. */
extern int printk_ratelimit_s, printk_ratelimit_burst;
struct printk_ratelimit {
	u64 begin_ns;
	u32 printed, missed;
};
bool printk_ratelimit(struct printk_ratelimit *r);
#define pr_warn_ratelimited(f, ...)                 \
	do {                                        \
		static struct printk_ratelimit rl_; \
		if (printk_ratelimit(&rl_))         \
			pr_warn(f, ##__VA_ARGS__);  \
	} while (0)
#define pr_err_ratelimited(f, ...)                  \
	do {                                        \
		static struct printk_ratelimit rl_; \
		if (printk_ratelimit(&rl_))         \
			pr_err(f, ##__VA_ARGS__);   \
	} while (0)

/* A place that log text goes to.  write() may be called with interrupts off and in a panic. */
struct console {
	const char *name; /* "ttyS" + index, as on the command line */
	void (*write)(struct console *c, const char *s, size_t len);
	struct console *next;
	u8 level;     /* messages below this level are shown */
	bool is_boot; /* replaced by the first real console */
};
void console_register(struct console *c);
extern int console_loglevel; /* /proc/sys/kernel/printk; quiet, loglevel=, debug */

/* Readers: /dev/kmsg and syslog(2).  Sequence numbers start at 0 and never wrap. */
struct printk_record {
	u64 seq, ts_ns;
	u8 level, facility;
	u16 len;    /* bytes of text */
	u32 caller; /* thread id */
};
/*
 * Copies the first record with number >= @seq into @rec and at most @size bytes of its text.
 * -ENOENT: there is none yet.  A larger rec->seq than asked for tells that records were lost.
 */
int printk_read(u64 seq, struct printk_record *rec, char *text, size_t size) __must_check;
u64 printk_first_seq(void);
u64 printk_next_seq(void);
struct wait_queue;
extern struct wait_queue printk_wait;
/* A line written by user space to /dev/kmsg. */
void printk_user(u8 level, u8 facility, const char *text, size_t len);

/* Reads loglevel=, quiet, debug, ignore_loglevel. log_buf_len= is obeyed when there is memory. */
void printk_init(void);
/* Wakes readers whose wake-up could not be done where the message came from. */
void printk_run_deferred(void);
/* Everything that is in the ring goes to the consoles now, whoever holds what. */
void printk_flush_panic(void);
extern int dmesg_restrict;			       /* /proc/sys/kernel/dmesg_restrict */
extern int printk_minimum_level, printk_default_level; /* /proc/sys/kernel/printk */
