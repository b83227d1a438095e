/*
 * /dev/console: the terminal that the last console= on the command line names, else the first there
 * is.
 *
 * Unlike Linux there is no console without a terminal behind it, and TIOCCONS does not redirect it.
 */
#include <kernel/tty/tty_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cmdline/cmdline.h>
#include <kernel/task/task.h>
#include <kernel/vfs/vfs.h>

struct tty *tty_list; /* grows at boot only */

/* "console=ttyS0,115200": the name in @value. */
static void cut_options(char *value)
{
	*strchrnul(value, ',') = 0;
}

static struct tty *tty_by_name(const char *name)
{
	for (struct tty *tty = tty_list; tty; tty = tty->next) {
		if (!strcmp(tty->name, name))
			return tty;
	}
	return NULL;
}

static struct tty *console_choose(void)
{
	char value[32];

	if (!cmdline_value("console", value, sizeof(value)))
		return tty_list;
	cut_options(value);
	return tty_by_name(value);
}

int tty_console_get(struct tty **out)
{
	struct tty *tty = console_choose();

	/* A name that is not there (console=tty0): what is there, so that init has an output. */
	if (!tty)
		tty = tty_list;
	if (!tty)
		return -ENODEV;
	*out = tty_get(tty);
	return 0;
}

bool tty_is_console(const char *name)
{
	char word[64];
	size_t pos = 0;
	bool any = false, for_init;

	while (cmdline_next(&pos, word, sizeof(word), &for_init)) {
		if (for_init || !str_has_prefix(word, "console="))
			continue;
		any = true;
		cut_options(word);
		if (!strcmp(word + strlen("console="), name))
			return true;
	}
	return !any && tty_list && !strcmp(tty_list->name, name);
}

size_t tty_console_active(char *buf, size_t size)
{
	struct tty *tty;

	if (tty_console_get(&tty))
		return 0;
	size_t len = (size_t)scnprintf(buf, size, "%s\n", tty->name);

	tty_put(tty);
	return len;
}

void tty_process_info(struct process *p, const struct pid_ns *ns, u32 *dev, int *pgrp)
{
	*dev = 0;
	*pgrp = -1;
	spin_lock_irq(&tasklist_lock);
	if (p->tty) {
		*dev = vfs_makedev(p->tty->major, p->tty->minor);
		*pgrp = p->tty->pgrp ? pid_nr_in(p->tty->pgrp, ns) : -1;
	}
	spin_unlock_irq(&tasklist_lock);
}
