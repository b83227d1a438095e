/* /proc/sys/kernel/core_pattern: core(5), "Naming of core dump files". */
#include <kernel/coredump/coredump_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/ns/ns.h>
#include <kernel/procfs/procfs.h>
#include <kernel/slab/slab.h>
#include <kernel/time/time.h>
#include <kernel/vfs/vfs.h>
#include <linux/utsname.h>

static char core_pattern[CORE_PATTERN_MAX] = "core";
static struct spinlock pattern_lock = SPINLOCK_INIT(LK_SPIN_LEAF); /* core_pattern */
static int core_uses_pid;
int core_pipe_limit;

struct builder {
	char *text;
	size_t len;
	bool has_pid;
	const struct siginfo *info;
};

static void put_bytes(struct builder *b, const char *s, size_t n)
{
	n = min(n, CORE_NAME_MAX - 1 - b->len);
	memcpy(b->text + b->len, s, n);
	b->len += n;
}

static void put_number(struct builder *b, u64 v)
{
	char text[24];

	put_bytes(b, text, (size_t)snprintf(text, sizeof(text), "%llu", (unsigned long long)v));
}

/* A name from user space is one component, and none that leads elsewhere. */
static void put_escaped(struct builder *b, const char *s)
{
	size_t from = b->len;

	if (!strcmp(s, ".") || !strcmp(s, "..") || !s[0])
		put_bytes(b, "!", 1), s += s[0] != 0;
	put_bytes(b, s, strlen(s));
	for (size_t i = from; i < b->len; i++) {
		if (b->text[i] == '/')
			b->text[i] = '!';
	}
}

/* %E is the whole path, %f its last component. */
static void put_executable(struct builder *b, bool base)
{
	struct file *exe = current->mm->exe_file;
	char *buf = kmalloc(PAGE_SIZE), *name = NULL;

	if (buf && exe && !path_format(&exe->path, buf, PAGE_SIZE, &name)) {
		const char *slash = base ? strrchr(name, '/') : NULL;

		put_escaped(b, slash ? slash + 1 : name);
	} else {
		put_escaped(b, current->comm);
		if (!base)
			put_bytes(b, " (path unknown)", 15);
	}
	kfree(buf);
}

static void put_host(struct builder *b)
{
	struct new_utsname u;

	uts_get(&u);
	put_escaped(b, u.nodename);
}

static void put_specifier(struct builder *b, char c)
{
	const struct cred *cr = current->cred;

	switch (c) {
	case '%':
		put_bytes(b, "%", 1);
		break;
	case 'p':
		b->has_pid = true;
		put_number(b, (u64)task_tgid(current));
		break;
	case 'P': /* what whoever collects dumps knows it by */
		put_number(b, (u64)current->process->pid->nr);
		break;
	case 'i':
		put_number(b, (u64)task_tid(current));
		break;
	case 'I':
		put_number(b, (u64)current->pid->nr);
		break;
	case 'u':
		put_number(b, cr->uid);
		break;
	case 'g':
		put_number(b, cr->gid);
		break;
	case 'd':
		put_number(b, current->mm->dumpable);
		break;
	case 's':
		put_number(b, (u64)b->info->si_signo);
		break;
	case 't':
		put_number(b, (time_real_ns() / NSEC_PER_SEC));
		break;
	case 'h':
		put_host(b);
		break;
	case 'e':
		put_escaped(b, current->comm);
		break;
	case 'f':
	case 'E':
		put_executable(b, c == 'f');
		break;
	case 'c':
		put_number(b, task_rlimit(RLIMIT_CORE));
		break;
	case 'C':
		put_number(b, current->se.cpu);
		break;
	}
}

static void put_word(struct builder *b, const char **at, bool to_blank)
{
	const char *p = *at;

	for (; *p && !(to_blank && *p == ' '); p++) {
		if (*p != '%') {
			put_bytes(b, p, 1);
		} else if (!*++p) {
			break; /* a lone % at the end */
		} else {
			put_specifier(b, *p);
		}
	}
	b->text[b->len] = 0;
	*at = p;
}

/* Words are divided before they are expanded: a name with blanks stays one argument. */
static int make_arguments(struct core_name *n, struct builder *b, const char *p)
{
	while (*p && n->argc < CORE_ARGS_MAX) {
		while (*p == ' ')
			p++;
		if (!*p || b->len >= CORE_NAME_MAX - 1)
			break;
		n->argv[n->argc++] = b->text + b->len;
		put_word(b, &p, true);
		b->len++;
	}
	return n->argc && n->argv[0][0] ? 0 : -EINVAL;
}

int core_name_make(const struct siginfo *info, struct core_name *n)
{
	char pattern[CORE_PATTERN_MAX];
	const char *p = pattern;

	n->text = kzalloc(CORE_NAME_MAX + 1);
	if (!n->text)
		return -ENOMEM;
	spin_lock(&pattern_lock);
	memcpy(pattern, core_pattern, sizeof(pattern));
	spin_unlock(&pattern_lock);

	struct builder b = {.text = n->text, .info = info};

	n->pipe = pattern[0] == '|';
	if (n->pipe) {
		int err = make_arguments(n, &b, p + 1);

		if (err)
			core_name_free(n);
		return err;
	}
	put_word(&b, &p, false);
	if (READ_ONCE(core_uses_pid) && !b.has_pid) {
		put_bytes(&b, ".", 1);
		put_number(&b, (u64)task_tgid(current));
		b.text[b.len] = 0;
	}
	n->argv[n->argc++] = n->text;
	if (n->text[0])
		return 0;
	core_name_free(n);
	return -EINVAL;
}

void core_name_free(struct core_name *n)
{
	kfree(n->text);
	n->text = NULL;
}

/* ---- /proc/sys/kernel ---- */

static int show_pattern(char *buf, size_t size)
{
	spin_lock(&pattern_lock);
	int len = snprintf(buf, size, "%s", core_pattern);

	spin_unlock(&pattern_lock);
	return len;
}

static int store_pattern(const char *text)
{
	char fresh[CORE_PATTERN_MAX] = {0};

	(void)strscpy(fresh, text, sizeof(fresh));
	spin_lock(&pattern_lock);
	memcpy(core_pattern, fresh, sizeof(core_pattern));
	spin_unlock(&pattern_lock);
	return 0;
}
SYSCTL_TEXT("kernel/core_pattern", 0644, show_pattern, store_pattern);
SYSCTL_INT("kernel/core_uses_pid", 0644, &core_uses_pid, -0x7fffffff, 0x7fffffff);
SYSCTL_INT("kernel/core_pipe_limit", 0644, &core_pipe_limit, 0, 0x7fffffff);
