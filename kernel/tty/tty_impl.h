/* Shared by the files of kernel/tty. */
#pragma once

#include <kernel/tty/tty.h>

#include <kernel/file/file.h>
#include <kernel/poll/poll.h>
#include <linux/signal.h>

/* An open file on a terminal: file->private_data. */
struct tty_file {
	struct tty *tty;       /* +1 */
	struct list_head link; /* tty->files */
	bool hung;	       /* set by tty_hangup() under tty->spin, never cleared */
	bool is_console;       /* opened as /dev/console: no job control, survives a hangup */
};

/* io.c */
ssize_t tty_read(struct file *f, struct uio *u, loff_t *pos);
ssize_t tty_write(struct file *f, struct uio *u, loff_t *pos);
u32 tty_poll(struct file *f, struct poll_table *pt);
/* Until all output is sent: -ERESTARTSYS. */
int tty_drain(struct tty *tty) __must_check;
/* Under tty->spin: echo to the device. True: nothing of it is left. */
bool tty_echo_flush(struct tty *tty);
void tty_flush_input(struct tty *tty);
void tty_flush_output(struct tty *tty);
/* A reader took input: lets the other side go on. */
void tty_input_taken(struct tty *tty);
void tty_wake_all(struct tty *tty);

/* ioctl.c, termios.c */
long tty_ioctl(struct file *f, unsigned int cmd, unsigned long arg);
long tty_termios_ioctl(struct tty *tty, unsigned int cmd, unsigned long arg); /* -ENOIOCTLCMD */

/* job.c */
/* May current, if in the background, do this?  -ERESTARTSYS after a signal, -EIO. */
int tty_job_check(struct tty *tty, int sig) __must_check;
static inline int tty_check_change(struct tty *tty)
{
	return tty_job_check(tty, SIGTTOU);
}
struct tty *tty_of_current(void); /* +1 or NULL */
void tty_open_set_session(struct tty *tty, struct file *f);
void tty_clear_session(struct tty *tty);
long tty_job_ioctl(struct tty *tty, struct file *f, bool is_master, unsigned int cmd,
		   unsigned long arg); /* -ENOIOCTLCMD */
void tty_hangup_session(struct tty *tty, bool leader_exits);

/* console.c */
int tty_console_get(struct tty **out) __must_check; /* +1 */
extern struct tty *tty_list;
