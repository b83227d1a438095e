/* The log ring, between the files of kernel/printk. */
#pragma once

#include <kern/types.h>

/* Longest text of one record; longer messages are cut. */
#define PRINTK_TEXT_MAX 976

#define RECORD_CONT 1u	  /* goes on where the record before stopped */
#define RECORD_NEWLINE 2u /* ends its line */

struct ring_record {
	u64 seq, ts_ns;
	u16 len;
	u8 level, facility;
	u32 caller;
	u32 flags; /* RECORD_* */
};

void ring_write(const struct ring_record *rec, const char *text);
/* The first record from @seq on: its text up to @size bytes. -ENOENT: none is complete. */
int ring_read(u64 seq, struct ring_record *rec, char *text, size_t size, bool skip_unfinished)
	__must_check;
u64 ring_first_seq(void);
u64 ring_next_seq(void);
u32 ring_text_size(void);
size_t ring_desc_size(void);
void ring_replace(void *text, size_t text_size, void *descs, size_t desc_count);

/* "[    0.123456] " for @ts_ns; returns the length. */
size_t printk_format_time(char *buf, size_t size, u64 ts_ns);

/* syslog.c */
void syslog_init(void);
u64 syslog_cleared_seq(void);
