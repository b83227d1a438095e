/* The names of the machine: uname(2), sethostname(2). */
#include <kernel/task/task_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/syscall/syscall.h>
#include <kernel/uaccess/uaccess.h>
#include <generated/version.h>
#include <linux/personality.h>
#include <linux/utsname.h>

/* Programs (and glibc) read a Linux version out of the release. */
const char uts_release[] = CORBEL_UTS_RELEASE;
const char uts_version[] = CORBEL_UTS_VERSION;

static struct spinlock uts_lock = SPINLOCK_INIT(LK_SPIN_LEAF);
static struct seqcount uts_seq; /* writers: uts_lock */
static struct new_utsname uts = {
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
};

void uts_get(struct new_utsname *out)
{
	u32 seq;

	do {
		seq = seq_read_begin(&uts_seq);
		*out = uts;
	} while (seq_read_retry(&uts_seq, seq));
}

long sys_uname(struct new_utsname __user *buf)
{
	u32 seq;

	/* Straight from the original; a change meanwhile only means once more. */
	do {
		seq = seq_read_begin(&uts_seq);
		if (copy_to_user(buf, &uts, sizeof(uts)))
			return -EFAULT;
	} while (seq_read_retry(&uts_seq, seq));
	if ((current->personality & UNAME26) && copy_to_user(buf->release, "2.6.60", 7))
		return -EFAULT;
	return 0;
}

static int set_name(char *field, const char *name, size_t len)
{
	char buf[__NEW_UTS_LEN + 1] = {0};

	if (len > __NEW_UTS_LEN)
		return -EINVAL;
	memcpy(buf, name, len);
	spin_lock(&uts_lock);
	seq_write_begin(&uts_seq);
	memcpy(field, buf, sizeof(buf));
	seq_write_end(&uts_seq);
	spin_unlock(&uts_lock);
	return 0;
}

int uts_set_hostname(const char *name, size_t len)
{
	return set_name(uts.nodename, name, len);
}

int uts_set_domainname(const char *name, size_t len)
{
	return set_name(uts.domainname, name, len);
}

static long set_from_user(char *field, const char __user *name, int len)
{
	char buf[__NEW_UTS_LEN];

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (len < 0 || len > __NEW_UTS_LEN)
		return -EINVAL;
	if (copy_from_user(buf, name, (size_t)len))
		return -EFAULT;
	return set_name(field, buf, (size_t)len);
}

long sys_sethostname(const char __user *name, int len)
{
	return set_from_user(uts.nodename, name, len);
}

long sys_setdomainname(const char __user *name, int len)
{
	return set_from_user(uts.domainname, name, len);
}
