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

/* One that can be set. */
struct uts_name {
	size_t at; /* in struct new_utsname */
	struct proc_watch watch;
};

static struct uts_name hostname = {offsetof(struct new_utsname, nodename),
				   PROC_WATCH_INIT(hostname.watch)};
static struct uts_name domainname = {offsetof(struct new_utsname, domainname),
				     PROC_WATCH_INIT(domainname.watch)};

/* Who polls is told of changes in every namespace. */
static int set_name(struct uts_name *n, const char *name, size_t len)
{
	struct uts_ns *u = current_uts();
	char buf[__NEW_UTS_LEN + 1] = {0};

	if (len > __NEW_UTS_LEN)
		return -EINVAL;
	memcpy(buf, name, len);
	spin_lock(&u->lock);
	seq_write_begin(&u->seq);
	memcpy((char *)&u->names + n->at, buf, sizeof(buf));
	seq_write_end(&u->seq);
	spin_unlock(&u->lock);
	proc_watch_changed(&n->watch);
	return 0;
}

static long set_from_user(struct uts_name *n, const char __user *name, int len)
{
	char buf[__NEW_UTS_LEN];

	if (!ns_capable(current_uts()->ns.owner, CAP_SYS_ADMIN))
		return -EPERM;
	if (len < 0 || len > __NEW_UTS_LEN)
		return -EINVAL;
	return copy_from_user(buf, name, (size_t)len) ? -EFAULT : set_name(n, buf, (size_t)len);
}

long sys_sethostname(const char __user *name, int len)
{
	return set_from_user(&hostname, name, len);
}

long sys_setdomainname(const char __user *name, int len)
{
	return set_from_user(&domainname, name, len);
}

/* ---- /proc/sys/kernel ---- */

#define SHOW(field)                                        \
	static int show_##field(char *buf, size_t size)    \
	{                                                  \
		struct new_utsname u;                      \
                                                           \
		uts_get(&u);                               \
		return snprintf(buf, size, "%s", u.field); \
	}
#define STORE(name)                                         \
	static int store_##name(const char *text)           \
	{                                                   \
		return set_name(&name, text, strlen(text)); \
	}
SHOW(sysname)
SHOW(nodename)
SHOW(release)
SHOW(version)
SHOW(machine)
SHOW(domainname)
STORE(hostname)
STORE(domainname)
SYSCTL_TEXT("kernel/arch", 0444, show_machine, NULL);
SYSCTL_TEXT("kernel/osrelease", 0444, show_release, NULL);
SYSCTL_TEXT("kernel/ostype", 0444, show_sysname, NULL);
SYSCTL_TEXT("kernel/version", 0444, show_version, NULL);
SYSCTL("kernel/hostname", 0644, .show = show_nodename, .store = store_hostname,
       .watch = &hostname.watch);
SYSCTL("kernel/domainname", 0644, .show = show_domainname, .store = store_domainname,
       .watch = &domainname.watch);

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
