/*
 * hugetlbfs: its mounts, and files of it without a name.
 *
 * Directories and names are those of tmpfs; a regular file has pages of one size, out of the part
 * of the pool that the mount may use.
 */
#include <fs/hugetlbfs/hugetlbfs.h>
#include "hugetlbfs_impl.h"

#include <kern/align.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/boot/boot.h>
#include <kernel/cred/cred.h>
#include <kernel/file/file.h>
#include <kernel/mm/mm.h>
#include <kernel/ns/user.h>
#include <kernel/seq/seq.h>
#include <kernel/slab/slab.h>
#include <kernel/vfs/fs_type.h>
#include <lib/parse/parse.h>
#include <fs/tmpfs/tmpfs.h>
#include <linux/magic.h>
#include <linux/mman.h>

struct options {
	struct hugetlb_size *size;
	u64 most, least; /* bytes, or percent of the pool */
	bool has_most, has_least, most_percent, least_percent, has_inodes;
	struct tmpfs_root root;
};

static struct mount *nameless_mounts[4]; /* by size, as hugetlb_size_at() */

static struct mounted *mounted_of(const struct super *sb)
{
	return tmpfs_kind_data(sb);
}

/* ---- options ---- */

static int set_amount(const char *s, u64 *out, bool *percent, bool *has)
{
	if (parse_size(&s, out))
		return -EINVAL;
	*has = true;
	*percent = *s == '%';
	return s[*percent] ? -EINVAL : 0;
}

static int set_page_size(struct options *o, const char *s)
{
	u64 bytes;

	if (parse_size(&s, &bytes) || *s)
		return -EINVAL;
	o->size = hugetlb_size_of(bytes);
	return o->size ? 0 : -EINVAL;
}

static int set_option(const char *key, const char *value, void *ctx)
{
	struct options *o = ctx;
	const char *rest = value;
	u64 n;

	if (!value)
		return -EINVAL;
	if (!strcmp(key, "size"))
		return set_amount(value, &o->most, &o->most_percent, &o->has_most);
	if (!strcmp(key, "min_size"))
		return set_amount(value, &o->least, &o->least_percent, &o->has_least);
	if (!strcmp(key, "pagesize"))
		return set_page_size(o, value);
	if (!strcmp(key, "nr_inodes")) {
		o->has_inodes = true;
		return parse_size(&rest, &o->root.max_inodes) || *rest ? -EINVAL : 0;
	}
	if (parse_u64(value, !strcmp(key, "mode") ? 8 : 0, &n) || n >= U32_MAX)
		return -EINVAL;
	if (!strcmp(key, "mode"))
		o->root.mode = n & 01777;
	else if (!strcmp(key, "uid"))
		o->root.uid = uid_from_user((u32)n);
	else if (!strcmp(key, "gid"))
		o->root.gid = gid_from_user((u32)n);
	else
		return -EINVAL;
	return o->root.uid == ID_NONE || o->root.gid == ID_NONE ? -EINVAL : 0;
}

/* In pages. */
static s64 amount(const struct options *o, u64 n, bool has, bool percent)
{
	struct hugetlb_figures f;

	if (!has)
		return HUGETLB_NO_LIMIT;
	if (percent) {
		hugetlb_figures(o->size, &f);
		return (s64)(f.total * min_t(u64, n, 100) / 100);
	}
	return (s64)(n / hugetlb_bytes(o->size));
}

/* ---- supers ---- */

static void put_super(struct super *sb)
{
	if (tmpfs_kind_data(sb)) {
		struct mounted *m = mounted_of(sb);

		hugetlb_part_put(m->part);
		kfree(m);
	}
	tmpfs_kind_free(sb);
}

static void evict(struct inode *i)
{
	if (S_ISREG(i->mode))
		hugetlbfs_drop_file(i);
	tmpfs_kind_evict(i);
}

static int statfs(struct dentry *d, struct kstatfs *st)
{
	struct hugetlb_part *p = mounted_of(d->super)->part;
	u64 max, used;

	st->bsize = hugetlb_bytes(p->size);
	if (p->most >= 0) {
		guard(spin_irqsave)(&p->lock);
		st->blocks = (u64)p->most;
		st->bfree = st->bavail = (u64)(p->most - p->used);
	}
	tmpfs_kind_inodes(d->super, &max, &used);
	if (max) {
		st->files = max;
		st->ffree = max - used;
	}
	return 0;
}

static void show_options(struct super *sb, struct seq *s)
{
	const struct mounted *m = mounted_of(sb);
	u64 bytes = hugetlb_bytes(m->part->size);
	bool giga = bytes >= 1ull << 30;

	if (m->root.uid)
		seq_printf(s, ",uid=%u", uid_to_user(m->root.uid));
	if (m->root.gid)
		seq_printf(s, ",gid=%u", gid_to_user(m->root.gid));
	if (m->root.mode != 0755)
		seq_printf(s, ",mode=%o", m->root.mode);
	if (m->root.max_inodes)
		seq_printf(s, ",nr_inodes=%llu", (unsigned long long)m->root.max_inodes);
	seq_printf(s, ",pagesize=%llu%c", (unsigned long long)(bytes >> (giga ? 30 : 20)),
		   giga ? 'G' : 'M');
	if (m->part->most >= 0)
		seq_printf(s, ",size=%llu", (unsigned long long)m->part->most * bytes);
	if (m->part->least >= 0)
		seq_printf(s, ",min_size=%llu", (unsigned long long)m->part->least * bytes);
}

static long seals(struct file *f, unsigned int cmd, u32 what)
{
	if (!S_ISREG(f->inode->mode))
		return -EINVAL;
	return tmpfs_seals_do(f, cmd, what, &hugetlb_of(f->inode)->seals);
}

static const struct super_ops hugetlbfs_super_ops = {
	.put_super = put_super,
	.evict = evict,
	.statfs = statfs,
	.show_options = show_options,
	.seals = seals,
};

static const struct tmpfs_kind hugetlbfs_kind = {
	.magic = HUGETLBFS_MAGIC,
	.ops = &hugetlbfs_super_ops,
	.init_file = hugetlbfs_init_file,
};

static int make_super(const struct fs_type *type, u32 ms_flags, struct options *o,
		      struct super **out)
{
	struct mounted *m = kzalloc(sizeof(*m));
	int err;

	if (!m)
		return -ENOMEM;
	err = hugetlb_part_create(o->size, amount(o, o->most, o->has_most, o->most_percent),
				  amount(o, o->least, o->has_least, o->least_percent), &m->part);
	if (err) {
		kfree(m);
		return err;
	}
	o->root.data = m;
	m->root = o->root;
	err = tmpfs_create_kind(type, ms_flags, &hugetlbfs_kind, &o->root, out);
	if (err) {
		hugetlb_part_put(m->part);
		kfree(m);
		return err;
	}
	(*out)->blksize = (u32)hugetlb_bytes(o->size);
	return 0;
}

static struct options defaults(struct hugetlb_size *size)
{
	return (struct options){
		.size = size,
		.root = {.mode = 0755, .uid = current_cred()->fsuid, .gid = current_cred()->fsgid},
	};
}

static int hugetlbfs_mount(const struct fs_type *type, u32 ms_flags, const char *source,
			   const char *options, struct super **out)
{
	struct options o = defaults(hugetlb_find_size(0));
	s64 most, least;
	int err = fs_options_parse(options, set_option, &o);

	(void)source;
	if (err)
		return err;
	most = amount(&o, o.most, o.has_most, o.most_percent);
	least = amount(&o, o.least, o.has_least, o.least_percent);
	if (most >= 0 && least > most)
		return -EINVAL;
	return make_super(type, ms_flags, &o, out);
}

static const struct fs_param params[] = {
	{"size", FS_PARAM_SIZE},      {"min_size", FS_PARAM_SIZE},
	{"nr_inodes", FS_PARAM_SIZE}, {"pagesize", FS_PARAM_SIZE},
	{"mode", FS_PARAM_OCTAL},     {"uid", FS_PARAM_NUMBER},
	{"gid", FS_PARAM_NUMBER},     {.name = NULL},
};
static const struct fs_type hugetlbfs_type = {
	.name = "hugetlbfs", .flags = FS_NODEV, .mount = hugetlbfs_mount, .params = params};
FS_TYPE(hugetlbfs_type);

/* ---- files without a name ---- */

static struct mount *nameless_mount(const struct hugetlb_size *want)
{
	const struct hugetlb_size *s;

	for (unsigned int i = 0; want && (s = hugetlb_size_at(i)); i++) {
		if (s == want && i < ARRAY_SIZE(nameless_mounts))
			return nameless_mounts[i];
	}
	return NULL;
}

static int new_file(const char *name, u64 size, u32 log, umode_t mode, bool reserve,
		    struct file **out)
{
	const struct hugetlb_size *s = hugetlb_find_size(log);
	struct mount *m = nameless_mount(s);
	struct inode *i;
	int err;

	if (!m)
		return -ENODEV;
	u64 bytes = ALIGN(size, hugetlb_bytes(s));

	if (bytes < size || bytes > (u64)S64_MAX)
		return -ENOMEM;
	err = tmpfs_kind_file(m->super, mode, &i);
	if (err)
		return err;
	i->nlink = 0;
	inode_set_size(i, (loff_t)bytes);
	if (reserve && bytes)
		err = hugetlb_reserve(hugetlb_of(i)->map, 0, bytes / hugetlb_bytes(s) - 1);
	if (err) {
		inode_put(i);
		return err;
	}
	return vfs_nameless_file(m, name, i, O_RDWR | O_LARGEFILE, out);
}

static struct hugetlb_map *inode_map(const struct inode *i)
{
	return hugetlb_of(i)->map;
}

static unsigned long *inode_seals(const struct inode *i)
{
	return &hugetlb_of(i)->seals;
}

static void hugetlbfs_init(void)
{
	struct hugetlb_size *size;
	struct super *sb;

	for (unsigned int i = 0; i < ARRAY_SIZE(nameless_mounts) && (size = hugetlb_size_at(i));
	     i++) {
		struct options o = defaults(size);

		if (make_super(&hugetlbfs_type, 0, &o, &sb))
			return;
		sb->dentry_ops = &tmpfs_nameless_ops;
		if (vfs_internal_mount(sb, &nameless_mounts[i]))
			return;
	}
	hugetlb_inode_map = inode_map;
	hugetlb_seals = inode_seals;
	hugetlb_new_file = new_file;
}
INITCALL(hugetlbfs_init);
