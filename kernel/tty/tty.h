/*
 * Terminals: what a driver gives (struct tty_ops), what programs see (/dev/ttyS0, /dev/tty,
 * /dev/console), sessions and foreground groups.
 *
 * A driver embeds struct tty, fills it by tty_setup(), passes received bytes to tty_receive() and
 * takes output in ops->write.  The line discipline is <kernel/ntty/ntty.h>.
 */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>
#include <kern/list.h>
#include <kernel/device/device.h>
#include <kernel/file/file.h>
#include <kernel/lock/lock.h>
#include <kernel/ntty/ntty.h>
#include <kernel/wait/wait.h>
#include <asm/termios.h>

struct file;
struct inode;
struct pid;
struct process;
struct tty;

/* NULL: nothing to do, nothing pending, not supported. */
struct tty_ops {
	/* Each open, tty->lock held; tty->opens counts those before.  Each close, after the count
	 * went down. */
	int (*open)(struct tty *tty, struct file *f);
	void (*close)(struct tty *tty);

	/* Under tty->spin, interrupts off. */
	size_t (*room)(const struct tty *tty);
	size_t (*write)(struct tty *tty, const u8 *buf, size_t len); /* takes what fits */
	size_t (*pending)(const struct tty *tty); /* written, not sent; also without the lock */
	void (*flush)(struct tty *tty);		  /* drops what is pending */
	void (*flow)(struct tty *tty, bool go);	  /* the output starts or stops */
	/* The input is gone; @all: what waits in front of the line discipline shall go too. */
	void (*input_flushed)(struct tty *tty, bool all);

	/* No spinlock held. */
	void (*input_room)(struct tty *tty);				  /* a reader made room */
	void (*set_termios)(struct tty *tty, const struct termios2 *old); /* tty->lock */
	void (*send_char)(struct tty *tty, u8 c); /* before all that waits */
	void (*wait_sent)(struct tty *tty);	  /* the device's own buffer too */
	int (*get_modem)(struct tty *tty);	  /* TIOCM_* */
	int (*set_modem)(struct tty *tty, u32 set, u32 clear);
	int (*set_break)(struct tty *tty, bool on);
	long (*ioctl)(struct tty *tty, unsigned int cmd, unsigned long arg); /* -ENOIOCTLCMD */
	void (*hangup)(struct tty *tty);
	void (*free)(struct tty *tty); /* last reference */
};

struct tty {
	const struct tty_ops *ops;
	char name[16]; /* "ttyS0", "pts/3" */
	u32 major, minor;
	u32 refs;	   /* atomic: files, and who looks */
	struct mutex lock; /* LK_TTY: open, close, settings, hangup */
	struct mutex read_lock,
		write_lock;   /* LK_TTY: one reader, one writer; never two of the three */
	struct spinlock spin; /* LK_IRQ_LEAF: all of the following */
	struct ntty n;
	struct list_head files; /* struct tty_file */
	struct winsize winsize;
	struct termios2 locked; /* lock: bits and characters that are set stay as they are */
	bool xoff_sent;		/* IXOFF: the other side was asked to wait */
	bool dead;		/* hung up for ever: no new session, no open */
	bool exclusive;		/* TIOCEXCL */
	u32 opens;		/* lock; a pseudo terminal's master counts as one */
	/* +1; changed under tasklist_lock and spin, read under either. */
	struct pid *session, *pgrp;
	struct wait_queue read_wait, write_wait;
	struct fasync_list async; /* O_ASYNC */
	bool async_wrote;	  /* something was written since O_ASYNC's last POLL_OUT */
	struct device device;	  /* tty_register() */
	struct tty *next;
};

/* The settings a terminal begins with (stty sane), for @cflag. */
struct termios2 tty_initial_termios(tcflag_t cflag, speed_t speed);
/* One reference, which is the driver's. */
void tty_setup(struct tty *tty, const struct tty_ops *ops, const struct termios2 *t);
/* A node in /dev and a name for console=; tty->name, major, minor are set.  For terminals that
 * stay. */
int tty_register(struct tty *tty, const char *driver) __must_check;
struct tty *tty_get(struct tty *tty);
bool tty_tryget(struct tty *tty) __must_check;
void tty_put(struct tty *tty);

/* Received bytes; returns how many were taken.  @flags: NTTY_* a byte, or NULL.  Any context, no
 * lock. */
size_t tty_receive(struct tty *tty, const u8 *buf, const u8 *flags, size_t len);
u32 tty_input_room(struct tty *tty);
/* There is room for output again, or all is sent.  Any context; not under tty->spin. */
void tty_output_room(struct tty *tty);

/* The line is gone: files read 0 and write EIO, the session's leader gets SIGHUP.  May sleep. */
void tty_hangup(struct tty *tty);
/* A foreground signal (^C by other means). */
void tty_signal(struct tty *tty, int sig);
bool tty_set_winsize(struct tty *tty, const struct winsize *ws); /* and SIGWINCH; true: changed */

/* For pseudo terminals: an open file on @tty; consumes its reference on success. */
int tty_open_file(struct tty *tty, struct file *f, bool is_console) __must_check;
/* Pseudo terminals' slaves: finds the terminal behind a node. +1.  -EIO, -ENXIO. */
void tty_set_slave_lookup(int (*find)(struct inode *inode, struct tty **out));
extern const struct file_ops tty_file_ops;
/* The ioctls of a terminal, as the other end of a pseudo terminal has them too. */
long tty_ioctl_common(struct tty *tty, struct file *f, bool is_master, unsigned int cmd,
		      unsigned long arg);

/* /proc/PID/stat: device number (as in struct stat) and foreground group, 0 and -1 without a
 * terminal. */
struct pid_ns;
/* @pgrp as @ns numbers it. */
void tty_process_info(struct process *p, const struct pid_ns *ns, u32 *dev, int *pgrp);
/* What console= chose: "ttyS0\n", for /sys/class/tty/console/active. Returns the length. */
size_t tty_console_active(char *buf, size_t size);
/* Is @name ("ttyS0") to show kernel messages? */
bool tty_is_console(const char *name);
