/*
 * prctl(PR_SET_MM): what an address space says of itself, for programs that restore others.
 *
 * All fields are judged together, whether one or all of them change; nobody else depends on them:
 * they are what /proc shows and where brk(2) is.
 */
#include <kernel/task/prctl_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/file/file.h>
#include <kernel/mm/mm.h>
#include <kernel/ns/user.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/vfs/vfs.h>
#include <linux/prctl.h>

/* As many words as Linux has for it; the last two are always AT_NULL's. */
#define AUXV_WORDS 48u
static_assert(AUXV_WORDS <= ARRAY_SIZE(((struct mm *)0)->saved_auxv), "the vector fits");

static void map_read(const struct mm *mm, struct prctl_mm_map *m)
{
	*m = (struct prctl_mm_map){
		.start_code = mm->start_code,
		.end_code = mm->end_code,
		.start_data = mm->start_data,
		.end_data = mm->end_data,
		.start_brk = mm->start_brk,
		.brk = mm->brk,
		.start_stack = mm->start_stack,
		.arg_start = mm->arg_start,
		.arg_end = mm->arg_end,
		.env_start = mm->env_start,
		.env_end = mm->env_end,
		.exe_fd = (u32)-1,
	};
}

static void map_write(struct mm *mm, const struct prctl_mm_map *m)
{
	mm->start_code = m->start_code;
	mm->end_code = m->end_code;
	mm->start_data = m->start_data;
	mm->end_data = m->end_data;
	mm->start_brk = m->start_brk;
	mm->brk = m->brk;
	mm->start_stack = m->start_stack;
	mm->arg_start = m->arg_start;
	mm->arg_end = m->arg_end;
	mm->env_start = m->env_start;
	mm->env_end = m->env_end;
}

/* Where the field that PR_SET_MM_@what names is in the map; NULL: none. */
static __u64 *field_of(struct prctl_mm_map *m, unsigned long what)
{
	__u64 *const fields[] = {
		[PR_SET_MM_START_CODE] = &m->start_code,
		[PR_SET_MM_END_CODE] = &m->end_code,
		[PR_SET_MM_START_DATA] = &m->start_data,
		[PR_SET_MM_END_DATA] = &m->end_data,
		[PR_SET_MM_START_STACK] = &m->start_stack,
		[PR_SET_MM_START_BRK] = &m->start_brk,
		[PR_SET_MM_BRK] = &m->brk,
		[PR_SET_MM_ARG_START] = &m->arg_start,
		[PR_SET_MM_ARG_END] = &m->arg_end,
		[PR_SET_MM_ENV_START] = &m->env_start,
		[PR_SET_MM_ENV_END] = &m->env_end,
	};

	return what < ARRAY_SIZE(fields) ? fields[what] : NULL;
}

static bool is_address(u64 addr)
{
	return addr >= mm_mmap_min_addr && addr < USER_END;
}

static int map_judge(const struct prctl_mm_map *m)
{
	const u64 addresses[] = {m->start_code, m->end_code,  m->start_data,  m->end_data,
				 m->start_brk,	m->brk,	      m->start_stack, m->arg_start,
				 m->arg_end,	m->env_start, m->env_end};

	for (unsigned int i = 0; i < ARRAY_SIZE(addresses); i++) {
		if (!is_address(addresses[i]))
			return -EINVAL;
	}
	if (m->start_code >= m->end_code || m->start_data > m->end_data || m->start_brk > m->brk ||
	    m->arg_start > m->arg_end || m->env_start > m->env_end)
		return -EINVAL;
	if (m->brk - m->start_brk + (m->end_data - m->start_data) > task_rlimit(RLIMIT_DATA))
		return -EINVAL;
	if (m->auxv_size && (!m->auxv || m->auxv_size > AUXV_WORDS * sizeof(u64)))
		return -EINVAL;
	return 0;
}

/* ---- auxiliary vector ---- */

static int auxv_read(u64 to[AUXV_WORDS], u64 from, u64 size)
{
	memset(to, 0, AUXV_WORDS * sizeof(u64));
	if (size > AUXV_WORDS * sizeof(u64))
		return -EINVAL;
	if (copy_from_user(to, (const void __user *)(unsigned long)from, size))
		return -EFAULT;
	to[AUXV_WORDS - 2] = to[AUXV_WORDS - 1] = 0;
	return 0;
}

/* Of @size bytes; what was behind them stays.  mm->lock held for writing. */
static void auxv_write(struct mm *mm, const u64 *v, u64 size)
{
	unsigned int n = 0;

	memset(mm->saved_auxv + mm->auxv_len, 0,
	       sizeof(mm->saved_auxv) - mm->auxv_len * sizeof(u64));
	memcpy(mm->saved_auxv, v, size);
	mm->saved_auxv[AUXV_WORDS - 2] = mm->saved_auxv[AUXV_WORDS - 1] = 0;
	while (mm->saved_auxv[n])
		n += 2;
	mm->auxv_len = n + 2;
}

static int set_auxv(struct mm *mm, u64 from, u64 size)
{
	u64 v[AUXV_WORDS];
	int err = auxv_read(v, from, size);

	if (err)
		return err;
	rwsem_write_lock(&mm->lock);
	auxv_write(mm, v, size);
	rwsem_write_unlock(&mm->lock);
	return 0;
}

/* ---- the program's file ---- */

/* mm->lock held.  Is the program that is to be forgotten still mapped? */
static bool exe_is_mapped(struct mm *mm)
{
	struct vma *v;

	if (!mm->exe_file)
		return false;
	for (v = vma_find(mm, 0); v; v = vma_next(mm, v)) {
		if (v->file && v->file->path.dentry == mm->exe_file->path.dentry &&
		    v->file->path.mnt == mm->exe_file->path.mnt)
			return true;
	}
	return false;
}

static int exe_judge(const struct file *f)
{
	struct inode *i = f->inode;

	if (!S_ISREG(i->mode) || (f->path.mnt->flags & MNT_NOEXEC))
		return -EACCES;
	return vfs_permission(i, MAY_EXEC);
}

static int exe_replace(struct mm *mm, struct file *f)
{
	struct file *old = f;
	int err = vfs_deny_write(f);

	if (err)
		return -EACCES;
	file_get(f);
	rwsem_write_lock(&mm->lock);
	if (exe_is_mapped(mm)) {
		err = -EBUSY;
	} else {
		old = mm->exe_file;
		mm->exe_file = f;
	}
	rwsem_write_unlock(&mm->lock);
	if (old) {
		vfs_allow_write(old);
		file_put(old);
	}
	return err;
}

static int set_exe(struct mm *mm, unsigned int fd)
{
	struct fd_ref ref = fd_get(fd);

	if (!ref.file)
		return -EBADF;
	int err = exe_judge(ref.file);

	if (!err)
		err = exe_replace(mm, ref.file);
	fd_put(ref);
	return err;
}

/* ---- the calls ---- */

static long set_all(struct mm *mm, const struct prctl_mm_map __user *from, u64 size)
{
	u64 v[AUXV_WORDS] = {0};
	struct prctl_mm_map m;
	int err;

	if (size != sizeof(m))
		return -EINVAL;
	if (copy_from_user(&m, from, sizeof(m)))
		return -EFAULT;
	err = map_judge(&m);
	if (!err && m.auxv_size)
		err = auxv_read(v, (u64)(unsigned long)m.auxv, m.auxv_size);
	if (err)
		return err;
	if (m.exe_fd != (u32)-1) {
		if (!ns_capable(current->cred->user_ns, CAP_CHECKPOINT_RESTORE) &&
		    !ns_capable(current->cred->user_ns, CAP_SYS_ADMIN))
			return -EPERM;
		err = set_exe(mm, m.exe_fd);
		if (err)
			return err;
	}
	rwsem_write_lock(&mm->lock);
	map_write(mm, &m);
	if (m.auxv_size)
		auxv_write(mm, v, sizeof(v));
	rwsem_write_unlock(&mm->lock);
	return 0;
}

static bool is_on_stack(unsigned long what)
{
	return what == PR_SET_MM_START_STACK ||
	       (what >= PR_SET_MM_ARG_START && what <= PR_SET_MM_ENV_END);
}

static long set_one(struct mm *mm, unsigned long what, u64 addr)
{
	struct prctl_mm_map m;
	__u64 *field = field_of(&m, what);

	if (!is_address(addr) || !field)
		return -EINVAL;
	rwsem_write_lock(&mm->lock);
	map_read(mm, &m);
	*field = addr;
	int err = map_judge(&m);

	if (!err && is_on_stack(what) && !vma_find(mm, addr))
		err = -EFAULT;
	if (!err)
		map_write(mm, &m);
	rwsem_write_unlock(&mm->lock);
	return err;
}

long prctl_set_mm(unsigned long what, unsigned long addr, unsigned long size, unsigned long rest)
{
	struct mm *mm = current->mm;

	if (rest ||
	    (size && what != PR_SET_MM_AUXV && what != PR_SET_MM_MAP && what != PR_SET_MM_MAP_SIZE))
		return -EINVAL;
	if (what == PR_SET_MM_MAP_SIZE)
		return put_user((u32)sizeof(struct prctl_mm_map), (u32 __user *)addr);
	if (what == PR_SET_MM_MAP)
		return set_all(mm, (const struct prctl_mm_map __user *)addr, size);
	if (!capable(CAP_SYS_RESOURCE))
		return -EPERM;
	if (what == PR_SET_MM_EXE_FILE)
		return set_exe(mm, (unsigned int)addr);
	if (what == PR_SET_MM_AUXV)
		return set_auxv(mm, addr, size);
	return set_one(mm, what, addr);
}
