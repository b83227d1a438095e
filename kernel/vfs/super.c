/*
 * Superblocks and the table of file-system types.
 *
 * A super lives as long as mounts refer to it.  Anonymous device numbers (major 0) count up and are
 * not reused, so that (st_dev, st_ino) never names two files.
 */
#include <kernel/notify/notify.h>
#include <kernel/ns/user.h>
#include <kernel/seq/seq.h>
#include <kernel/vfs/fs_type.h>
#include <kernel/vfs/mount_impl.h>
#include <kernel/vfs/vfs_impl.h>
#include <linux/mount.h>

extern const struct fs_type *const __start_fs_type[], *const __stop_fs_type[];

static struct slab_cache *super_cache;
static struct spinlock supers_lock = SPINLOCK_INIT(LK_SPIN_LEAF);
static LIST_HEAD(supers);
static u32 next_minor;

struct super_rcu {
	struct super super;
	struct rcu_head rcu;
};

void super_init(void)
{
	super_cache = SLAB_CACHE_BOOT(super_rcu, 0);
}

int fs_type_find(const char *name, size_t len, const struct fs_type **out)
{
	for (const struct fs_type *const *t = __start_fs_type; t < __stop_fs_type; t++) {
		if (strlen((*t)->name) == len && !memcmp((*t)->name, name, len)) {
			*out = *t;
			return 0;
		}
	}
	return -ENODEV;
}

int fs_type_index(const char *name)
{
	for (const struct fs_type *const *t = __start_fs_type; t < __stop_fs_type; t++) {
		if (!strcmp((*t)->name, name))
			return (int)(t - __start_fs_type);
	}
	return -EINVAL;
}

const char *fs_type_name(unsigned int index)
{
	return index < (unsigned int)fs_type_count() ? __start_fs_type[index]->name : NULL;
}

int fs_type_count(void)
{
	return (int)(__stop_fs_type - __start_fs_type);
}

void filesystems_show(struct seq *s)
{
	for (const struct fs_type *const *t = __start_fs_type; t < __stop_fs_type; t++)
		seq_printf(s, "%s\t%s\n", (*t)->flags & FS_NODEV ? "nodev" : "", (*t)->name);
}

int super_alloc(const struct fs_type *t, u32 ms_flags, struct super **out)
{
	struct super_rcu *r = slab_alloc(super_cache, GFP_KERNEL);
	struct super *sb;

	if (!r)
		return -ENOMEM;
	memset(r, 0, sizeof(*r));
	sb = &r->super;
	sb->refs = 1;
	sb->type = t;
	sb->flags = ms_flags;
	sb->dev = vfs_makedev(0, __atomic_add_fetch(&next_minor, 1, __ATOMIC_RELAXED));
	sb->blksize = PAGE_SIZE;
	sb->max_bytes = S64_MAX;
	sb->time_gran_ns = 1;
	mutex_init(&sb->rename_lock, LK_RENAME);
	spin_init(&sb->lock, LK_INODE_HASH);
	list_init(&sb->inodes);
	list_init(&sb->mounts);
	sb->owner = user_ns_get(current->cred ? fs_type_owner(t) : &user_ns_init);
	strscpy(sb->id, t ? t->name : "", sizeof(sb->id));
	spin_lock(&supers_lock);
	list_add_tail(&sb->link, &supers);
	spin_unlock(&supers_lock);
	*out = sb;
	return 0;
}

static void super_free_rcu(struct rcu_head *head)
{
	slab_free(super_cache, container_of(head, struct super_rcu, rcu));
}

void super_put(struct super *sb)
{
	if (!sb || __atomic_sub_fetch(&sb->refs, 1, __ATOMIC_ACQ_REL))
		return;
	spin_lock(&supers_lock);
	list_del(&sb->link);
	spin_unlock(&supers_lock);
	notify_unmount(sb);
	dentry_prune_super(sb);
	if (sb->ops && sb->ops->put_super)
		sb->ops->put_super(sb);
	user_ns_put(sb->owner);
	/* Inodes are freed after a grace period and may still look at the super: after them. */
	rcu_call(&container_of(sb, struct super_rcu, super)->rcu, super_free_rcu);
}

static bool super_tryget(struct super *sb)
{
	return ref_tryget(&sb->refs);
}

int super_find_dev(u32 dev, struct super **out)
{
	struct super *sb;
	int err = -EINVAL;

	spin_lock(&supers_lock);
	list_for_each_entry (sb, &supers, link) {
		if (sb->dev == dev && super_tryget(sb)) {
			*out = sb;
			err = 0;
			break;
		}
	}
	spin_unlock(&supers_lock);
	return err;
}

/* Calls fn(super) with a reference on each that is mounted. */
void super_for_each(void (*fn)(struct super *sb))
{
	struct super *sb, *prev = NULL;

	spin_lock(&supers_lock);
	list_for_each_entry (sb, &supers, link) {
		if (!super_tryget(sb))
			continue;
		spin_unlock(&supers_lock);
		super_put(prev);
		fn(sb);
		prev = sb;
		spin_lock(&supers_lock);
	}
	spin_unlock(&supers_lock);
	super_put(prev);
}
