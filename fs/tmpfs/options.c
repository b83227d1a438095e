/*
 * Mount options of tmpfs(5): parsing, remount, and how /proc/mounts shows them.
 */
#include "tmpfs_impl.h"

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/ns/user.h>
#include <kernel/frame/frame.h>
#include <kernel/seq/seq.h>
#include <kernel/slab/slab.h>
#include <kernel/vfs/fs_type.h>
#include <lib/parse/parse.h>

static const char *const huge_names[] = {"never", "always", "within_size", "advise"};
/* One memory node: whatever names it alone says the same, but is shown as given. */
static const char *const policies[] = {"default", "local", "prefer:0", "bind:0", "interleave:0"};

static u64 total_frames(void)
{
	struct frame_stats st;

	frame_stats(&st);
	return st.total;
}

u64 tmpfs_default_pages(void)
{
	return total_frames() / 2;
}

u64 tmpfs_default_inodes(void)
{
	return total_frames() / 2;
}

/* ---- values ---- */

static int number(const char *s, u64 *out)
{
	if (parse_size(&s, out) || *s)
		return -EINVAL;
	return 0;
}

/* "10m", "50%". */
static int set_size(struct tmpfs *t, const char *s)
{
	const char *p = s;
	u64 v;

	if (parse_digits(&p, 10, &v) && *p == '%') {
		if (p[1] || v > U64_MAX / (total_frames() + 1))
			return -EINVAL;
		t->max_pages = total_frames() * v / 100;
	} else {
		if (number(s, &v))
			return -EINVAL;
		t->max_pages = v / PAGE_SIZE + !!(v % PAGE_SIZE);
	}
	t->given |= TMPFS_GIVEN_PAGES;
	return 0;
}

static int set_nr_blocks(struct tmpfs *t, const char *s)
{
	if (number(s, &t->max_pages) || t->max_pages > S64_MAX)
		return -EINVAL;
	t->given |= TMPFS_GIVEN_PAGES;
	return 0;
}

static int set_nr_inodes(struct tmpfs *t, const char *s)
{
	t->given |= TMPFS_GIVEN_INODES;
	return number(s, &t->max_inodes);
}

static int set_mode(struct tmpfs *t, const char *s)
{
	u64 v;
	int err = parse_u64(s, 8, &v);

	if (err || v > U32_MAX)
		return -EINVAL;
	t->mode = v & 07777;
	return 0;
}

static int set_id(u32 *id, const char *s)
{
	u64 v;

	/* -1 is nobody's number. */
	if (parse_u64(s, 0, &v) || v >= U32_MAX)
		return -EINVAL;
	*id = (u32)v;
	return 0;
}

static int set_uid(struct tmpfs *t, const char *s)
{
	int err = set_id(&t->uid, s);

	t->uid = uid_from_user(t->uid);
	return err ? err : t->uid == ID_NONE ? -EINVAL : 0;
}

static int set_gid(struct tmpfs *t, const char *s)
{
	int err = set_id(&t->gid, s);

	t->gid = gid_from_user(t->gid);
	return err ? err : t->gid == ID_NONE ? -EINVAL : 0;
}

static int word(const char *s, const char *const *words, unsigned int n, u8 *out)
{
	for (unsigned int i = 0; i < n; i++) {
		if (!strcmp(s, words[i])) {
			*out = (u8)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int set_huge(struct tmpfs *t, const char *s)
{
	t->given |= TMPFS_GIVEN_HUGE;
	return word(s, huge_names, ARRAY_SIZE(huge_names), &t->huge);
}

static int set_mpol(struct tmpfs *t, const char *s)
{
	t->given |= TMPFS_GIVEN_POLICY;
	if (!strcmp(s, "prefer"))
		s = "local";
	else if (!strcmp(s, "interleave"))
		s = "interleave:0";
	return word(s, policies, ARRAY_SIZE(policies), &t->policy);
}

static int set_inode32(struct tmpfs *t, const char *s)
{
	(void)s;
	t->inode32 = true;
	t->given |= TMPFS_GIVEN_INODE32;
	return 0;
}

static int set_inode64(struct tmpfs *t, const char *s)
{
	(void)s;
	t->inode32 = false;
	t->given &= ~TMPFS_GIVEN_INODE32;
	return 0;
}

static const struct {
	const char *key;
	bool has_value;
	int (*set)(struct tmpfs *t, const char *s);
} settings[] = {
	{"size", true, set_size},	 {"nr_blocks", true, set_nr_blocks},
	{"mode", true, set_mode},	 {"nr_inodes", true, set_nr_inodes},
	{"uid", true, set_uid},		 {"gid", true, set_gid},
	{"huge", true, set_huge},	 {"mpol", true, set_mpol},
	{"inode32", false, set_inode32}, {"inode64", false, set_inode64},
};

static int set_option(const char *key, const char *value, void *ctx)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		if (strcmp(key, settings[i].key))
			continue;
		if (settings[i].has_value != !!value)
			return -EINVAL;
		return settings[i].set(ctx, value);
	}
	return -EINVAL;
}

int tmpfs_parse_options(struct tmpfs *t, const char *options)
{
	t->given = 0;
	return fs_options_parse(options, set_option, t);
}

/* ---- remount ---- */

/* t->lock held.  A limit cannot be introduced later, nor fall below what is used; none may. */
static bool may_become(const struct tmpfs *t, const struct tmpfs *n)
{
	if (n->given & TMPFS_GIVEN_PAGES && n->max_pages &&
	    (!t->max_pages || n->max_pages < t->used_pages))
		return false;
	if (n->given & TMPFS_GIVEN_INODES && n->max_inodes &&
	    (!t->max_inodes || n->max_inodes < t->used_inodes))
		return false;
	return !(n->given & TMPFS_GIVEN_INODE32 && READ_ONCE(t->next_ino) >= U32_MAX);
}

/* Mode and owner are those of the root's birth: named again they change nothing. */
int tmpfs_remount(struct super *sb, u32 *flags, const char *options)
{
	struct tmpfs *t = tmpfs_of(sb), n = *t;
	int err = tmpfs_parse_options(&n, options);

	(void)flags;
	if (err)
		return err;
	spin_lock(&t->lock);
	if (may_become(t, &n)) {
		t->max_pages = n.max_pages;
		t->max_inodes = n.max_inodes;
		t->huge = n.huge;
		t->policy = n.policy;
		WRITE_ONCE(t->inode32, n.inode32);
	} else {
		err = -EINVAL;
	}
	spin_unlock(&t->lock);
	return err;
}

void tmpfs_show_options(struct super *sb, struct seq *s)
{
	const struct tmpfs *t = tmpfs_of(sb);

	if (t->max_pages != tmpfs_default_pages())
		seq_printf(s, ",size=%lluk",
			   (unsigned long long)(t->max_pages << (PAGE_SHIFT - 10)));
	if (t->max_inodes != tmpfs_default_inodes())
		seq_printf(s, ",nr_inodes=%llu", (unsigned long long)t->max_inodes);
	if (t->mode != 01777)
		seq_printf(s, ",mode=%03o", t->mode);
	if (t->uid)
		seq_printf(s, ",uid=%u", uid_to_user(t->uid));
	if (t->gid)
		seq_printf(s, ",gid=%u", gid_to_user(t->gid));
	seq_puts(s, t->inode32 ? ",inode32" : ",inode64");
	if (t->huge)
		seq_printf(s, ",huge=%s", huge_names[t->huge]);
	if (t->policy)
		seq_printf(s, ",mpol=%s", policies[t->policy]);
}
