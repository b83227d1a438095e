/* UTS namespaces: the names of the machine. uname(2), sethostname(2), uts_namespaces(7). */
#include <kernel/ns/ns_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/lock/lock.h>
#include <kernel/procfs/procfs.h>
#include <kernel/slab/slab.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <generated/version.h>
#include <linux/personality.h>
#include <linux/sched.h>
#include <linux/utsname.h>

/* Programs (and glibc) read a Linux version out of the release. */
const char uts_release[] = CORBEL_UTS_RELEASE;
const char uts_version[] = CORBEL_UTS_VERSION;

struct uts_ns {
	struct ns_common ns;
	struct spinlock lock; /* LK_SPIN_LEAF: writers */
	struct seqcount seq;
	struct new_utsname names;
};

static const struct ns_kind uts_kind;
static struct uts_ns uts_initial = {
	.ns = NS_COMMON_INITIAL(&uts_kind, NS_INO_UTS),
	.lock = SPINLOCK_INIT(LK_SPIN_LEAF),
	.names =
		{
			.sysname = CORBEL_UTS_SYSNAME,
			.nodename = "(none)",
			.release = CORBEL_UTS_RELEASE,
			.version = CORBEL_UTS_VERSION,
#if defined(__x86_64__)
			.machine = "x86_64",
#else
			.machine = "aarch64",
#endif
			.domainname = "(none)",
		},
};

static struct uts_ns *current_uts(void)
{
	return container_of(current_ns(NS_UTS), struct uts_ns, ns);
}

static void names_read(struct uts_ns *u, struct new_utsname *out)
{
	u32 seq;

	do {
		seq = seq_read_begin(&u->seq);
		*out = u->names;
	} while (seq_read_retry(&u->seq, seq));
}

void uts_get(struct new_utsname *out)
{
	names_read(current_uts(), out);
}

long sys_uname(struct new_utsname __user *buf)
{
	struct uts_ns *u = current_uts();
	u32 seq;

	/* Straight from the original; a change meanwhile only means once more. */
	do {
		seq = seq_read_begin(&u->seq);
		if (copy_to_user(buf, &u->names, sizeof(u->names)))
			return -EFAULT;
	} while (seq_read_retry(&u->seq, seq));
	if ((current->personality & UNAME26) && copy_to_user(buf->release, "2.6.60", 7))
		return -EFAULT;
	return 0;
}

static struct proc_watch hostname_watch = PROC_WATCH_INIT(hostname_watch);
static struct proc_watch domainname_watch = PROC_WATCH_INIT(domainname_watch);

/* Who polls is told of changes in every namespace. */
static int set_name(struct uts_ns *u, char *field, struct proc_watch *w, const char *name,
		    size_t len)
{
	char buf[__NEW_UTS_LEN + 1] = {0};

	if (len > __NEW_UTS_LEN)
		return -EINVAL;
	memcpy(buf, name, len);
	spin_lock(&u->lock);
	seq_write_begin(&u->seq);
	memcpy(field, buf, sizeof(buf));
	seq_write_end(&u->seq);
	spin_unlock(&u->lock);
	proc_watch_changed(w);
	return 0;
}

static int set_hostname(const char *name, size_t len)
{
	struct uts_ns *u = current_uts();

	return set_name(u, u->names.nodename, &hostname_watch, name, len);
}

static int set_domainname(const char *name, size_t len)
{
	struct uts_ns *u = current_uts();

	return set_name(u, u->names.domainname, &domainname_watch, name, len);
}

static int name_from_user(char *buf, const char __user *name, int len)
{
	if (!ns_capable(current_uts()->ns.owner, CAP_SYS_ADMIN))
		return -EPERM;
	if (len < 0 || len > __NEW_UTS_LEN)
		return -EINVAL;
	return copy_from_user(buf, name, (size_t)len) ? -EFAULT : 0;
}

long sys_sethostname(const char __user *name, int len)
{
	char buf[__NEW_UTS_LEN];
	int err = name_from_user(buf, name, len);

	return err ? err : set_hostname(buf, (size_t)len);
}

long sys_setdomainname(const char __user *name, int len)
{
	char buf[__NEW_UTS_LEN];
	int err = name_from_user(buf, name, len);

	return err ? err : set_domainname(buf, (size_t)len);
}

/* ---- /proc/sys ---- */

static int show_hostname(char *buf, size_t size)
{
	struct new_utsname u;

	uts_get(&u);
	return snprintf(buf, size, "%s", u.nodename);
}

static int store_hostname(const char *text)
{
	return set_hostname(text, strlen(text));
}
SYSCTL("kernel/hostname", 0644, .show = show_hostname, .store = store_hostname,
       .watch = &hostname_watch);

static int show_domainname(char *buf, size_t size)
{
	struct new_utsname u;

	uts_get(&u);
	return snprintf(buf, size, "%s", u.domainname);
}

static int store_domainname(const char *text)
{
	return set_domainname(text, strlen(text));
}
SYSCTL("kernel/domainname", 0644, .show = show_domainname, .store = store_domainname,
       .watch = &domainname_watch);

/* ---- the kind ---- */

static int uts_copy(const struct ns_copy *req, struct ns_common *old, struct ns_common **out)
{
	struct uts_ns *u = kzalloc(sizeof(*u));
	int err;

	if (!u)
		return -ENOMEM;
	err = ns_init(&u->ns, &uts_kind, req->owner);
	if (err) {
		kfree(u);
		return err;
	}
	spin_init(&u->lock, LK_SPIN_LEAF);
	names_read(container_of(old, struct uts_ns, ns), &u->names);
	*out = &u->ns;
	return 0;
}

static void uts_free(struct ns_common *ns)
{
	ns_release(ns);
	kfree(container_of(ns, struct uts_ns, ns));
}

static const struct ns_kind uts_kind = {
	.name = "uts",
	.flag = CLONE_NEWUTS,
	.slot = NS_UTS,
	.ucount = UCOUNT_UTS_NAMESPACES,
	.initial = &uts_initial.ns,
	.copy = uts_copy,
	.free = uts_free,
};
NS_KIND(uts_kind);
