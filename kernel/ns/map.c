/*
 * /proc/PID/uid_map, gid_map, projid_map, setgroups: user_namespaces(7).
 *
 * A map is written once, as a whole, by one write(2): all of it is judged first. Extents are kept
 * with their lower side as kernel ids, sorted both ways.
 */
#include <kernel/ns/ns_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/file/file.h>
#include <kernel/lock/lock.h>
#include <kernel/procfs/procfs.h>
#include <kernel/seq/seq.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/vfs.h>
#include <lib/parse/parse.h>

/* Maps and setgroups of all namespaces: writers. */
static struct mutex map_lock;

enum map_kind { MAP_UID, MAP_GID, MAP_PROJID };

static const struct {
	size_t offset;
	int cap; /* to write more than oneself; -1: none needed */
} kinds[] = {
	[MAP_UID] = {offsetof(struct user_ns, uid_map), CAP_SETUID},
	[MAP_GID] = {offsetof(struct user_ns, gid_map), CAP_SETGID},
	[MAP_PROJID] = {offsetof(struct user_ns, projid_map), -1},
};

static struct id_map *map_of(struct user_ns *u, enum map_kind k)
{
	return (struct id_map *)((char *)u + kinds[k].offset);
}

/* ---- the text ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool parse_id(const char **at, u32 *out)
{
	const char *p = *at;
	u64 v;

	while (is_blank(*p))
		p++;
	if (!parse_digits(&p, 10, &v) || v > U32_MAX)
		return false;
	*at = p;
	*out = (u32)v;
	return true;
}

static bool parse_extent(const char **at, struct id_extent *e)
{
	const char *p = *at;

	if (!parse_id(&p, &e->first) || !is_blank(*p) || !parse_id(&p, &e->lower) ||
	    !is_blank(*p) || !parse_id(&p, &e->count))
		return false;
	while (is_blank(*p))
		p++;
	if (*p && *p != '\n')
		return false;
	*at = *p ? p + 1 : p;
	return true;
}

static bool overlaps(u32 a, u32 b, u32 na, u32 nb)
{
	return a < b ? b - a < na : a - b < nb;
}

static int judge_extent(const struct id_extent *v, u32 n, const struct id_extent *e)
{
	if (e->first == ID_NONE || e->lower == ID_NONE || !e->count)
		return -EINVAL;
	if (e->first + e->count <= e->first || e->lower + e->count <= e->lower)
		return -EINVAL;
	for (u32 i = 0; i < n; i++) {
		if (overlaps(v[i].first, e->first, v[i].count, e->count) ||
		    overlaps(v[i].lower, e->lower, v[i].count, e->count))
			return -EINVAL;
	}
	return 0;
}

/* At most ID_EXTENTS_MAX extents of @text, which is shorter than a page. */
static int parse_map(const char *text, struct id_extent *v, u32 *count)
{
	u32 n = 0;

	while (*text) {
		struct id_extent e;

		if (n == ID_EXTENTS_MAX || !parse_extent(&text, &e))
			return -EINVAL;
		int err = judge_extent(v, n, &e);

		if (err)
			return err;
		v[n++] = e;
	}
	*count = n;
	return n ? 0 : -EINVAL;
}

/* ---- the rights ---- */

/*
 * What needs no capability in the parent: to be inside whom one is outside. Groups only when
 * setgroups(2) is denied for good, else one could leave a group that denies access.
 */
static bool is_own_id(const struct file *f, const struct user_ns *u, enum map_kind k,
		      const struct id_extent *v, u32 n)
{
	const struct cred *opener = f->cred;

	if (n != 1 || v[0].count != 1 || u->owner_uid != opener->euid)
		return false;
	if (k == MAP_UID)
		return user_ns_kuid(user_ns_parent(u), v[0].lower) == opener->euid;
	if (k == MAP_GID)
		return !(u->setgroups & SETGROUPS_ALLOWED) &&
		       user_ns_kgid(user_ns_parent(u), v[0].lower) == opener->egid;
	return false;
}

/* Mapping the parent's root lends file capabilities of that root: asks for CAP_SETFCAP there. */
static bool may_map_root(const struct file *f, const struct user_ns *u, const struct id_extent *v,
			 u32 n)
{
	bool maps_root = false;

	for (u32 i = 0; i < n; i++)
		maps_root |= v[i].lower == 0;
	if (!maps_root)
		return true;
	if (f->cred->user_ns == u)
		return u->parent_setfcap;
	return cred_ns_capable(f->cred, user_ns_parent(u), CAP_SETFCAP);
}

static bool may_write(const struct file *f, const struct user_ns *u, enum map_kind k,
		      const struct id_extent *v, u32 n)
{
	const struct user_ns *parent = user_ns_parent(u);
	int cap = kinds[k].cap;

	if (k == MAP_UID && !may_map_root(f, u, v, n))
		return false;
	if (is_own_id(f, u, k, v, n))
		return true;
	if (cap < 0)
		return true;
	return ns_capable(parent, cap) && cred_ns_capable(f->cred, parent, cap);
}

/* ---- putting it in place ---- */

/* What @count ids from @id on are for the kernel, if one extent of @u has them all; ID_NONE. */
static u32 down(const struct user_ns *u, enum map_kind k, u32 id, u32 count)
{
	const struct id_map *m = map_of((struct user_ns *)(uptr)u, k);

	return u == &user_ns_init ? id : id_map_down_range(m, id, count);
}

/*
 * Lower sides become kernel ids; each extent must lie in one of the parent's: looking at its ends
 * alone would let in what lies between two of them and is somebody else's.
 */
static int lower_to_kernel(const struct user_ns *parent, enum map_kind k, struct id_extent *v,
			   u32 n)
{
	for (u32 i = 0; i < n; i++) {
		u32 first = down(parent, k, v[i].lower, v[i].count);

		if (first == ID_NONE)
			return -EPERM;
		v[i].lower = first;
	}
	return 0;
}

static void sort_extents(struct id_extent *v, u32 n, size_t key)
{
	for (u32 i = 1; i < n; i++) {
		struct id_extent x = v[i];
		u32 j = i;

		for (; j && *(u32 *)((char *)&v[j - 1] + key) > *(u32 *)((char *)&x + key); j--)
			v[j] = v[j - 1];
		v[j] = x;
	}
}

static int install(struct id_map *m, const struct id_extent *v, u32 n)
{
	size_t bytes = n * sizeof(*v);
	struct id_extent *a = kmalloc(bytes), *b = kmalloc(bytes);

	if (!a || !b) {
		kfree(a);
		kfree(b);
		return -ENOMEM;
	}
	memcpy(a, v, bytes);
	memcpy(b, v, bytes);
	sort_extents(a, n, offsetof(struct id_extent, first));
	sort_extents(b, n, offsetof(struct id_extent, lower));
	m->by_first = a;
	m->by_lower = b;
	__atomic_store_n(&m->count, n, __ATOMIC_RELEASE);
	return 0;
}

/* map_lock held. */
static int write_map(struct file *f, struct user_ns *u, enum map_kind k, const char *text,
		     struct id_extent *v)
{
	struct id_map *m = map_of(u, k);
	u32 n;
	int err;

	if (m->count)
		return -EPERM;
	if (kinds[k].cap >= 0 && !cred_ns_capable(f->cred, u, CAP_SYS_ADMIN))
		return -EPERM;
	err = parse_map(text, v, &n);
	if (err)
		return err;
	if (!may_write(f, u, k, v, n))
		return -EPERM;
	err = lower_to_kernel(user_ns_parent(u), k, v, n);
	return err ? err : install(m, v, n);
}

/* ---- the files ---- */

/* +1 on the user namespace of the task behind @f. */
static int ns_of_file(const struct inode *i, struct user_ns **out)
{
	struct task *t = proc_task(i);

	if (!t)
		return -ESRCH;
	const struct cred *c = cred_of(t);

	*out = user_ns_get(c->user_ns);
	cred_put(c);
	task_put(t);
	return 0;
}

struct map_file {
	struct user_ns *ns; /* +1: of the time of the open */
	enum map_kind kind;
};

/* As the reader's namespace, or its parent when it is the very one, names the lower side. */
static int map_show(struct seq *s, void *v)
{
	const struct map_file *mf = s->private_data;
	const struct user_ns *viewer = s->file->cred->user_ns;
	const struct id_map *m = map_of(mf->ns, mf->kind);
	u32 n = __atomic_load_n(&m->count, __ATOMIC_ACQUIRE);

	(void)v;
	if (viewer == mf->ns && user_ns_parent(viewer))
		viewer = user_ns_parent(viewer);
	for (u32 i = 0; i < n; i++) {
		const struct id_extent *e = &m->by_first[i];
		u32 lower = e->lower;

		if (viewer != &user_ns_init)
			lower = id_map_up(map_of((struct user_ns *)(uptr)viewer, mf->kind), lower);
		seq_printf(s, "%10u %10u %10u\n", e->first, lower, e->count);
	}
	return 0;
}

static int map_open(struct inode *i, struct file *f, enum map_kind k)
{
	struct map_file *mf = kzalloc(sizeof(*mf));
	int err;

	if (!mf)
		return -ENOMEM;
	err = ns_of_file(i, &mf->ns);
	if (err)
		goto out_free;
	mf->kind = k;
	err = seq_open_single(f, map_show, mf);
	if (!err) {
		f->mode &= ~FMODE_PWRITE;
		return 0;
	}
	user_ns_put(mf->ns);
out_free:
	kfree(mf);
	return err;
}

static void map_release(struct file *f)
{
	struct map_file *mf = seq_private(f);

	user_ns_put(mf->ns);
	kfree(mf);
	seq_release(f);
}

static ssize_t map_write(struct file *f, struct uio *u, loff_t *pos)
{
	struct map_file *mf = seq_private(f);
	size_t len = u->left;
	struct id_extent *v;
	char *text;
	int err;

	const struct user_ns *by = f->cred->user_ns;

	if (!user_ns_parent(mf->ns) || (by != mf->ns && by != user_ns_parent(mf->ns)))
		return -EPERM;
	/* Only whole and from the beginning. */
	if (*pos || len >= PAGE_SIZE)
		return -EINVAL;
	text = kmalloc(PAGE_SIZE);
	v = kmalloc(ID_EXTENTS_MAX * sizeof(*v));
	err = text && v ? 0 : -ENOMEM;
	if (!err && uio_copy_from(u, text, len) != len)
		err = -EFAULT;
	if (!err) {
		text[len] = 0;
		mutex_lock(&map_lock);
		err = write_map(f, mf->ns, mf->kind, text, v);
		mutex_unlock(&map_lock);
	}
	kfree(text);
	kfree(v);
	if (err)
		return err;
	*pos = (loff_t)len;
	return (ssize_t)len;
}

#define ID_MAP_FILE(name_, kind_)                                \
	static int name_##_open(struct inode *i, struct file *f) \
	{                                                        \
		return map_open(i, f, kind_);                    \
	}                                                        \
	static const struct file_ops name_##_fops = {            \
		.open = name_##_open,                            \
		.read = seq_read,                                \
		.write = map_write,                              \
		.lseek = seq_lseek,                              \
		.release = map_release,                          \
	};                                                       \
	PROC_TASK_ENTRY(.name = #name_, .mode = S_IFREG | 0644, .fops = &name_##_fops)

ID_MAP_FILE(uid_map, MAP_UID);
ID_MAP_FILE(gid_map, MAP_GID);
ID_MAP_FILE(projid_map, MAP_PROJID);

/* ---- setgroups ---- */

static int setgroups_show(struct seq *s, void *v)
{
	const struct map_file *mf = s->private_data;

	(void)v;
	seq_printf(s, "%s\n", READ_ONCE(mf->ns->setgroups) & SETGROUPS_ALLOWED ? "allow" : "deny");
	return 0;
}

static int setgroups_open(struct inode *i, struct file *f)
{
	struct map_file *mf = kzalloc(sizeof(*mf));
	int err;

	if (!mf)
		return -ENOMEM;
	err = ns_of_file(i, &mf->ns);
	if (!err && (f->mode & FMODE_WRITE) && !ns_capable(mf->ns, CAP_SYS_ADMIN))
		err = -EACCES;
	if (!err)
		err = seq_open_single(f, setgroups_show, mf);
	if (err) {
		user_ns_put(mf->ns);
		kfree(mf);
	}
	return err;
}

/* map_lock held. Denied is for ever; and too late once groups can be named. */
static int set_setgroups(struct user_ns *u, bool allow)
{
	if (allow)
		return u->setgroups & SETGROUPS_ALLOWED ? 0 : -EPERM;
	if (u->gid_map.count)
		return -EPERM;
	WRITE_ONCE(u->setgroups, u->setgroups & ~SETGROUPS_ALLOWED);
	return 0;
}

static ssize_t setgroups_write(struct file *f, struct uio *u, loff_t *pos)
{
	struct map_file *mf = seq_private(f);
	size_t len = u->left, n;
	char text[8];
	bool allow;

	if (*pos || len >= sizeof(text))
		return -EINVAL;
	if (uio_copy_from(u, text, len) != len)
		return -EFAULT;
	text[len] = 0;
	allow = !strncmp(text, "allow", 5);
	if (!allow && strncmp(text, "deny", 4))
		return -EINVAL;
	n = allow ? 5 : 4;
	while (text[n] == ' ' || text[n] == '\n' || text[n] == '\t')
		n++;
	if (text[n])
		return -EINVAL;
	mutex_lock(&map_lock);
	int err = set_setgroups(mf->ns, allow);

	mutex_unlock(&map_lock);

	if (err)
		return err;
	*pos = (loff_t)len;
	return (ssize_t)len;
}

static const struct file_ops setgroups_fops = {
	.open = setgroups_open,
	.read = seq_read,
	.write = setgroups_write,
	.lseek = seq_lseek,
	.release = map_release,
};
PROC_TASK_ENTRY(.name = "setgroups", .mode = S_IFREG | 0644, .fops = &setgroups_fops);

/* ---- /proc/sys/user ---- */

static int max_show(enum ucount_kind k, char *buf, size_t size)
{
	return scnprintf(buf, size, "%d", READ_ONCE(current->cred->user_ns->max[k]));
}

/* Each user namespace has its own; who rules it sets them. */
static bool may_set_max(void)
{
	return ns_capable(current->cred->user_ns, CAP_SYS_RESOURCE);
}

static int max_store(enum ucount_kind k, const char *text)
{
	struct user_ns *u = current->cred->user_ns;
	int v;

	if (!may_set_max())
		return -EPERM;
	if (!proc_parse_int(text, &v) || v < 0)
		return -EINVAL;
	WRITE_ONCE(u->max[k], v);
	return 0;
}

#define ID_MAX_FILE(name_, kind_)                                                  \
	static int name_##_show(char *buf, size_t size)                            \
	{                                                                          \
		return max_show(kind_, buf, size);                                 \
	}                                                                          \
	static int name_##_store(const char *text)                                 \
	{                                                                          \
		return max_store(kind_, text);                                     \
	}                                                                          \
	SYSCTL("user/" #name_, 0644, .show = name_##_show, .store = name_##_store, \
	       .may_write = may_set_max)

ID_MAX_FILE(max_user_namespaces, UCOUNT_USER_NAMESPACES);
ID_MAX_FILE(max_pid_namespaces, UCOUNT_PID_NAMESPACES);
ID_MAX_FILE(max_uts_namespaces, UCOUNT_UTS_NAMESPACES);
ID_MAX_FILE(max_ipc_namespaces, UCOUNT_IPC_NAMESPACES);
ID_MAX_FILE(max_net_namespaces, UCOUNT_NET_NAMESPACES);
ID_MAX_FILE(max_mnt_namespaces, UCOUNT_MNT_NAMESPACES);
ID_MAX_FILE(max_cgroup_namespaces, UCOUNT_CGROUP_NAMESPACES);
ID_MAX_FILE(max_time_namespaces, UCOUNT_TIME_NAMESPACES);

void user_ns_limits_init(s32 max)
{
	mutex_init(&map_lock, LK_SLEEP_LEAF);
	for (int i = 0; i < UCOUNT_KINDS; i++)
		user_ns_init.max[i] = max;
}
