/* How large pipes get, and how much of it a user may have: pipe(7) "/proc files". */
#include <kernel/pipe/pipe_impl.h>

#include <kern/align.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/frame/frame.h>
#include <kernel/procfs/procfs.h>
#include <kernel/vfs/vfs.h>
#include <linux/capability.h>

static u32 max_size = 1u << 20;
static u64 user_pages_soft = 16384, user_pages_hard; /* 0: no limit */
SYSCTL_U64("fs/pipe-user-pages-soft", 0644, &user_pages_soft, 0, U64_MAX);
SYSCTL_U64("fs/pipe-user-pages-hard", 0644, &user_pages_hard, 0, U64_MAX);

/* A size in bytes as a number of slots; 0: too large. */
static u32 slots_for(u64 size)
{
	if (size > 1ull << 31)
		return 0;
	return (u32)(roundup_pow_of_two(max_t(u64, size, PAGE_SIZE)) >> PAGE_SHIFT);
}

static int show_max_size(char *buf, size_t size)
{
	return snprintf(buf, size, "%u", READ_ONCE(max_size));
}

static int store_max_size(const char *text)
{
	u64 value;
	u32 slots;

	if (proc_parse_u64s(text, &value, 1) != 1)
		return -EINVAL;
	slots = slots_for(value);
	if (!slots)
		return -EINVAL;
	WRITE_ONCE(max_size, slots << PAGE_SHIFT);
	return 0;
}
SYSCTL_TEXT("fs/pipe-max-size", 0644, show_max_size, store_max_size);

/* May exceed the limits. */
static bool privileged(void)
{
	return capable(CAP_SYS_RESOURCE) || capable(CAP_SYS_ADMIN);
}

static bool above(s64 pages, const u64 *limit)
{
	u64 max = READ_ONCE(*limit);

	return max && (u64)pages > max;
}

static s64 charge(struct cred_user *u, s64 slots)
{
	return __atomic_add_fetch(&u->pipe_pages, slots, __ATOMIC_RELAXED);
}

int pipe_charge_new(struct cred_user *u, u32 *slots)
{
	u32 want = PIPE_SLOTS_DEFAULT, max = READ_ONCE(max_size) >> PAGE_SHIFT;
	s64 pages;

	if (unlikely(want > max) && !capable(CAP_SYS_RESOURCE))
		want = max;
	pages = charge(u, want);
	if (unlikely(above(pages, &user_pages_soft)) && want > PIPE_SLOTS_MIN && !privileged()) {
		pages = charge(u, (s64)PIPE_SLOTS_MIN - want);
		want = PIPE_SLOTS_MIN;
	}
	if (unlikely(above(pages, &user_pages_hard)) && !privileged()) {
		(void)charge(u, -(s64)want);
		return -ENFILE;
	}
	*slots = want;
	return 0;
}

void pipe_uncharge(struct cred_user *u, u32 slots)
{
	(void)charge(u, -(s64)slots);
}

/* F_SETPIPE_SZ; p->lock is held. */
static long set_size(struct pipe *p, u64 size)
{
	u32 slots = slots_for(size);
	s64 more, pages;
	int err;

	if (!slots)
		return -EINVAL;
	if (slots > p->slots && ((u64)slots << PAGE_SHIFT) > READ_ONCE(max_size) &&
	    !capable(CAP_SYS_RESOURCE))
		return -EPERM;
	more = (s64)slots - p->slots;
	pages = charge(p->user, more);
	err = more > 0 && (above(pages, &user_pages_hard) || above(pages, &user_pages_soft)) &&
			      !privileged()
		      ? -EPERM
		      : pipe_resize(p, slots);
	if (err)
		(void)charge(p->user, -more);
	return err ? err : (long)slots << PAGE_SHIFT;
}

long pipe_fcntl(struct pipe *p, unsigned int cmd, unsigned long arg)
{
	long ret;

	if (cmd == F_GETPIPE_SZ)
		return (long)READ_ONCE(p->slots) * PAGE_SIZE;
	mutex_lock(&p->lock);
	ret = set_size(p, (u32)arg);
	mutex_unlock(&p->lock);
	if (ret > 0)
		wake_up_all(&p->write_wait);
	return ret;
}
