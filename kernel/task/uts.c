/* The names of the machine: uname(2), sethostname(2). */
#include <kernel/task/task_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/syscall/syscall.h>
#include <kernel/uaccess/uaccess.h>
#include <generated/version.h>
#include <linux/utsname.h>

/* Programs (and glibc) read a Linux version out of the release. */
const char uts_release[] = CORBEL_UTS_RELEASE;
const char uts_version[] = CORBEL_UTS_VERSION;

static struct spinlock uts_lock = SPINLOCK_INIT(LK_SPIN_LEAF);
static struct new_utsname uts = {	/* nodename, domainname: uts_lock */
	.sysname = "Linux",
	.nodename = "(none)",
#if defined(__x86_64__)
	.machine = "x86_64",
#else
	.machine = "aarch64",
#endif
	.domainname = "(none)",
};

void uts_get(struct new_utsname *out)
{
	spin_lock(&uts_lock);
	*out = uts;
	spin_unlock(&uts_lock);
	(void)strscpy(out->release, uts_release, sizeof(out->release));
	(void)strscpy(out->version, uts_version, sizeof(out->version));
}

long sys_uname(struct new_utsname __user *buf)
{
	struct new_utsname u;

	uts_get(&u);
	if (current->personality & 0x0020000)	/* UNAME26 */
		(void)strscpy(u.release, "2.6.60", sizeof(u.release));
	return copy_to_user(buf, &u, sizeof(u)) ? -EFAULT : 0;
}

static int set_name(char *field, const char *name, size_t len)
{
	char buf[__NEW_UTS_LEN + 1] = { 0 };

	if (len > __NEW_UTS_LEN)
		return -EINVAL;
	memcpy(buf, name, len);
	spin_lock(&uts_lock);
	memcpy(field, buf, sizeof(buf));
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
