/*
 * System V shared memory: shmget(2), shmat(2), shmdt(2).
 *
 * A segment is a nameless file of page cache.  Each shmat() opens that file anew with operations of
 * its own, whose mappings count themselves: fork, split, mremap, munmap and exit come here through
 * vma_ops.  A segment that was removed stays until the last of them has gone.
 */
#include <kernel/ipc/shm_impl.h>

#include <kernel/file/file.h>
#include <kernel/hugetlb/hugetlb.h>
#include <kernel/mm/mm.h>
#include <kernel/seq/seq.h>
#include <kernel/syscall/syscall.h>
#include <kernel/vfs/vfs.h>
#include <linux/capability.h>
#include <linux/shm.h>

static struct ipc_ids *shm_ids(struct ipc_ns *ns)
{
	return &ns->ids[IPC_KIND_SHM];
}

/* ---- life ---- */

static void segment_free(struct ipc_object *o)
{
	struct shm_segment *s = shm_of(o);

	pid_put(s->cpid);
	pid_put(s->lpid);
	kfree(s);
}

static void segment_discard(struct ipc_ns *ns, struct ipc_object *o)
{
	struct shm_segment *s = shm_of(o);

	(void)ns;
	file_put(s->file);
	mm_uncommit(s->committed);
}

static int segment_file(const struct ipc_request *r, struct file **out)
{
	char name[16];

	if (!vfs_memory_file)
		return -ENOMEM;
	snprintf(name, sizeof(name), "SYSV%08x", (u32)r->key);
	return vfs_memory_file(name, (loff_t)r->size, (umode_t)(r->flags & 0777), out);
}

/* Pages of a pool are promised now, and are no memory that overcommit counts. */
static int segment_huge_file(const struct ipc_request *r, struct file **out)
{
	u32 log = (u32)r->flags >> SHM_HUGE_SHIFT & SHM_HUGE_MASK;
	char name[16];

	if (!hugetlb_find_size(log) || !hugetlb_new_file)
		return -EINVAL;
	if (!hugetlb_may_share())
		return -EPERM;
	snprintf(name, sizeof(name), "SYSV%08x", (u32)r->key);
	return hugetlb_new_file(name, r->size, log, (umode_t)(r->flags & 0777),
				!(r->flags & SHM_NORESERVE), out);
}

static int segment_judge(const struct ipc_ns *ns, const struct ipc_request *r)
{
	u64 pages = (r->size + PAGE_SIZE - 1) >> PAGE_SHIFT;

	if (r->size < SHMMIN || r->size > ns->shm_max)
		return -EINVAL;
	if (pages << PAGE_SHIFT < r->size)
		return -ENOSPC;
	if (READ_ONCE(ns->shm_pages) + pages < pages ||
	    READ_ONCE(ns->shm_pages) + pages > ns->shm_all)
		return -ENOSPC;
	return r->size > (u64)S64_MAX ? -EINVAL : 0;
}

static int segment_create(struct ipc_ns *ns, const struct ipc_request *r, struct ipc_object **out)
{
	struct shm_segment *s;
	int err = segment_judge(ns, r);

	if (err)
		return err;
	s = kzalloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	ipc_object_init(&s->object, ns, r, segment_free);
	s->size = r->size;
	if (r->flags & SHM_HUGETLB) {
		err = segment_huge_file(r, &s->file);
	} else {
		if (!(r->flags & SHM_NORESERVE) || mm_overcommit_mode == 2)
			s->committed = shm_size_pages(s);
		err = mm_commit(s->committed);
		if (!err) {
			err = segment_file(r, &s->file);
			if (err)
				mm_uncommit(s->committed);
		}
	}
	if (err) {
		kfree(s);
		return err;
	}
	s->ctime = ipc_now();
	s->cpid = pid_get(current->process->pid);
	*out = &s->object;
	return 0;
}

static int segment_admit(struct ipc_ns *ns, struct ipc_object *o)
{
	struct shm_segment *s = shm_of(o);
	u64 pages = shm_size_pages(s);

	if (ns->shm_pages + pages > ns->shm_all)
		return -ENOSPC;
	ns->shm_pages += pages;
	s->file->inode->ino = (u64)(u32)o->id;
	s->has_creator = true;
	hlist_add_head(&s->creator_link, &current->shm_created);
	return 0;
}

static int segment_check(struct ipc_object *o, const struct ipc_request *r)
{
	return shm_of(o)->size < r->size ? -EINVAL : 0;
}

static int segment_limit(struct ipc_ns *ns)
{
	return ns->shm_mni;
}

static const struct ipc_get_ops shm_get_ops = {
	.kind = IPC_KIND_SHM,
	.create = segment_create,
	.check = segment_check,
	.admit = segment_admit,
	.discard = segment_discard,
	.limit = segment_limit,
};

long sys_shmget(int key, size_t size, int flags)
{
	const struct ipc_request r = {key, flags, size};

	return ipc_get_id(current_ipc_ns(), &r, &shm_get_ops);
}

struct ucounts *shm_uncharge_lock(struct shm_segment *s)
{
	struct ucounts *u = s->locker;

	s->object.mode &= (u16)~SHM_MODE_LOCKED;
	s->locker = NULL;
	if (u)
		ucounts_uncharge(u, UCOUNT_MEMLOCK, (s64)shm_size_pages(s));
	return u;
}

void shm_remove_unlock(struct ipc_ns *ns, struct shm_segment *s)
{
	struct file *file = s->file;
	struct ucounts *locker = shm_uncharge_lock(s);

	ipc_unlink(shm_ids(ns), &s->object);
	ns->shm_pages -= shm_size_pages(s);
	if (s->has_creator)
		hlist_del(&s->creator_link);
	s->has_creator = false;
	s->file = NULL;
	ipc_unlock_both(shm_ids(ns), &s->object);
	if (locker)
		ucounts_put(locker);
	mm_uncommit(s->committed);
	file_put(file);
	ipc_object_put(&s->object);
}

static bool may_destroy(const struct shm_segment *s)
{
	return !s->nattch && !s->object.deleted &&
	       (s->object.ns->shm_rmid_forced || (s->object.mode & SHM_MODE_DEST));
}

static void destroy_if_unused(struct shm_segment *s)
{
	struct ipc_ids *ids = shm_ids(s->object.ns);

	spin_lock(&ids->lock);
	spin_lock(&s->object.lock);
	if (may_destroy(s))
		shm_remove_unlock(s->object.ns, s);
	else
		ipc_unlock_both(ids, &s->object);
}

/* ---- attachments ---- */

static struct shm_segment *segment_of(const struct file *f)
{
	return f->private_data;
}

static void touched(struct shm_segment *s)
{
	ipc_set_pid(&s->lpid, current->process ? current->process->pid : NULL);
}

/* object.lock held. */
static void attached(struct shm_segment *s)
{
	s->nattch++;
	s->atime = ipc_now();
	touched(s);
}

static void shm_open_vma(struct vma *v)
{
	struct shm_segment *s = segment_of(v->file);

	guard(spin)(&s->object.lock);
	attached(s);
}

static void detach(struct shm_segment *s)
{
	bool unused;

	spin_lock(&s->object.lock);
	s->nattch--;
	s->dtime = ipc_now();
	touched(s);
	unused = may_destroy(s);
	spin_unlock(&s->object.lock);
	if (unused)
		destroy_if_unused(s);
}

static void shm_close_vma(struct vma *v)
{
	detach(segment_of(v->file));
}

static const struct vma_ops shm_vma_ops = {
	.open = shm_open_vma,
	.close = shm_close_vma,
};

static int shm_mmap(struct file *f, struct vma *v)
{
	struct shm_segment *s = segment_of(f);
	int err = 0;

	if (hugetlb_file_size(f))
		err = hugetlb_map_vma(v, hugetlb_inode_map(f->cache->inode));
	if (err)
		return err;
	guard(spin)(&s->object.lock);
	/* remap_file_pages(2) took the last attachment away, and with it the segment. */
	if (s->object.deleted)
		return -EINVAL;
	/* The file of a segment lives as long as attachments do, and so do its pages. */
	v->cache = f->cache;
	v->ops = &shm_vma_ops;
	attached(s);
	return 0;
}

static int shm_fsync(struct file *f, loff_t start, loff_t end, bool data_only)
{
	return generic_fsync_memory(f, start, end, data_only);
}

static void shm_release(struct file *f)
{
	struct shm_segment *s = segment_of(f);
	struct ipc_ns *ns = s->object.ns;

	ipc_object_put(&s->object);
	ns_put(&ns->ns);
}

static const struct file_ops shm_file_ops = {
	.mmap = shm_mmap,
	.fsync = shm_fsync,
	.release = shm_release,
};

struct attach {
	u64 addr;
	u32 prot, map_flags, o_flags;
	int access;
};

static int attach_judge(unsigned long addr, int flags, struct attach *a)
{
	a->map_flags = MAP_SHARED;
	if (addr) {
		if (flags & SHM_RND)
			addr &= PAGE_MASK;
		if ((addr & ~PAGE_MASK) || (!addr && (flags & SHM_REMAP)))
			return -EINVAL;
		a->map_flags |= flags & SHM_REMAP ? MAP_FIXED : MAP_FIXED_NOREPLACE;
	} else if (flags & SHM_REMAP) {
		return -EINVAL;
	}
	a->addr = addr;
	a->prot = flags & SHM_RDONLY ? PROT_READ : PROT_READ | PROT_WRITE;
	a->o_flags = flags & SHM_RDONLY ? O_RDONLY : O_RDWR;
	a->access = flags & SHM_RDONLY ? 0444 : 0666;
	if (flags & SHM_EXEC) {
		a->prot |= PROT_EXEC;
		a->access |= 0111;
	}
	return 0;
}

/* Counts one attachment more, so that the segment stays; +1 on it. */
static int attach_begin(struct ipc_ns *ns, int id, const struct attach *a, struct shm_segment **out,
			struct file **file)
{
	struct ipc_object *o;
	struct shm_segment *s;
	int err = ipc_lock(shm_ids(ns), id, &o);

	if (err)
		return err;
	s = shm_of(o);
	err = ipc_permit(o, a->access);
	if (!err) {
		s->nattch++;
		ipc_object_get(o);
		*file = file_get(s->file);
		*out = s;
	}
	spin_unlock(&o->lock);
	return err;
}

static int attach_file(struct shm_segment *s, struct file *base, u32 o_flags, struct file **out)
{
	int err = vfs_reopen(base, &shm_file_ops, s, o_flags, out);

	if (err)
		return err;
	ipc_object_get(&s->object);
	ns_get(&s->object.ns->ns);
	return 0;
}

static void attach_end(struct shm_segment *s)
{
	bool unused;

	spin_lock(&s->object.lock);
	s->nattch--;
	unused = may_destroy(s);
	spin_unlock(&s->object.lock);
	if (unused)
		destroy_if_unused(s);
	ipc_object_put(&s->object);
}

long sys_shmat(int shmid, unsigned long addr, int flags)
{
	struct shm_segment *s;
	struct file *base, *f;
	struct attach a;
	u64 at;
	int err = shmid < 0 ? -EINVAL : attach_judge(addr, flags, &a);

	if (!err)
		err = attach_begin(current_ipc_ns(), shmid, &a, &s, &base);
	if (err)
		return err;
	err = attach_file(s, base, a.o_flags, &f);
	file_put(base);
	if (!err) {
		err = mm_map(current->mm, a.addr, s->size, a.prot, a.map_flags, f, 0, &at);
		file_put(f);
	}
	attach_end(s);
	if (err == -EEXIST)
		err = -EINVAL;
	return err ? err : (long)at;
}

long sys_shmdt(unsigned long addr)
{
	if (addr & ~PAGE_MASK)
		return -EINVAL;
	return mm_unmap_attached(current->mm, addr, &shm_vma_ops);
}

/* ---- ends ---- */

/* A task ends: nobody is the creator of its segments any more. */
static void shm_exit(struct task *t)
{
	struct ipc_ns *ns = current_ipc_ns();
	struct ipc_ids *ids = shm_ids(ns);
	struct shm_segment *s;

	for (;;) {
		spin_lock(&ids->lock);
		s = t->shm_created.first
			    ? container_of(t->shm_created.first, struct shm_segment, creator_link)
			    : NULL;
		if (!s)
			break;
		hlist_del(&s->creator_link);
		s->has_creator = false;
		spin_lock(&s->object.lock);
		if (ns->shm_rmid_forced && may_destroy(s))
			shm_remove_unlock(ns, s);
		else
			ipc_unlock_both(ids, &s->object);
	}
	spin_unlock(&ids->lock);
}

static const struct task_hook shm_hook = {.shm_drop = shm_exit};
TASK_HOOK(shm_hook);

/* Segments without attachments, @all or those whose creator has ended. */
static void destroy_unattached(struct ipc_ns *ns, bool all)
{
	struct ipc_ids *ids = shm_ids(ns);
	struct ipc_object *o;

	for (u32 index = 0; index < IPC_IDS_MAX; index++) {
		struct shm_segment *s;

		spin_lock(&ids->lock);
		o = ipc_lock_next(ids, &index);
		if (!o) {
			spin_unlock(&ids->lock);
			return;
		}
		s = shm_of(o);
		if (all || (!s->has_creator && may_destroy(s)))
			shm_remove_unlock(ns, s);
		else
			ipc_unlock_both(ids, o);
	}
}

void shm_destroy_orphans(struct ipc_ns *ns)
{
	destroy_unattached(ns, false);
}

void shm_destroy_all(struct ipc_ns *ns)
{
	destroy_unattached(ns, true);
}
