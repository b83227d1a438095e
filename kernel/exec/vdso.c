/* The vDSO in a program's memory: two adjacent mappings, data [vvar] and code [vdso]. */
#include <kernel/exec/exec_impl.h>

#include <kern/errno.h>
#include <kernel/mm/mm.h>
#include <kernel/ns/ns.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <asm/page.h>
#include <asm/vdso.h>

static int vvar_fault(struct vma_fault *vf)
{
	struct ns_common *time_ns = READ_ONCE(vf->vma->mm->time_ns);
	u64 phys;

	/* A second page only where the first is not the machine's. */
	if (vf->index > 1 || (vf->index && !time_ns))
		return -EIO;
	phys = time_ns && !vf->index ? time_ns_vdso_phys(time_ns) : vdso_data_phys();
	vf->pfn = phys >> PAGE_SHIFT;
	return 0;
}

static int vdso_fault(struct vma_fault *vf)
{
	if (vf->index >= vdso_text_pages())
		return -EIO;
	vf->pfn = vdso_text_phys((unsigned int)vf->index) >> PAGE_SHIFT;
	return 0;
}

static const char *vvar_name(struct vma *vma)
{
	(void)vma;
	return "[vvar]";
}

static const char *vdso_name(struct vma *vma)
{
	(void)vma;
	return "[vdso]";
}

static const struct vma_ops vvar_ops = {.fault = vvar_fault, .name = vvar_name};
static const struct vma_ops vdso_ops = {.fault = vdso_fault, .name = vdso_name};

void vdso_set_time(struct mm *mm, struct ns_common *ns)
{
	struct ns_common *old;

	ns = ns_is_first_time(ns) ? NULL : ns_get(ns);
	rwsem_write_lock(&mm->lock);
	old = mm->time_ns;
	WRITE_ONCE(mm->time_ns, ns);
	rwsem_write_unlock(&mm->lock);
	if (old != ns)
		mm_zap_special(mm, &vvar_ops);
	ns_put(old);
}

int vdso_map(struct mm *mm, u64 above, u64 *out)
{
	unsigned int data = vdso_data_pages(), text = vdso_text_pages();
	u64 len = (u64)data << PAGE_SHIFT, at;
	int err;

	*out = 0;
	if (!text)
		return 0;
	vdso_set_time(mm, current_ns(NS_TIME));
	err = mm_map_special(mm, above, len, VM_READ | VM_MAYREAD | VM_PFNMAP | VM_DONTDUMP,
			     &vvar_ops, NULL, &at);
	if (err)
		return err;
	err = mm_map_special(mm, at + len, (u64)text << PAGE_SHIFT,
			     VM_READ | VM_EXEC | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_PFNMAP,
			     &vdso_ops, NULL, out);
	if (!err)
		mm->arch.vdso = (unsigned long)*out;
	return err;
}

static bool is_mapped(struct mm *mm)
{
	struct vma *v;

	rwsem_read_lock(&mm->lock);
	for (v = vma_find(mm, 0); v && v->ops != &vvar_ops && v->ops != &vdso_ops;)
		v = vma_next(mm, v);
	rwsem_read_unlock(&mm->lock);
	return v;
}

long exec_map_vdso(u64 addr)
{
	u64 at;

	/* Two threads at once may both map it, which hurts nobody. */
	if (is_mapped(current->mm))
		return -EEXIST;
	int err = vdso_map(current->mm, addr, &at);

	return err ? err : (long)vdso_text_pages() << PAGE_SHIFT;
}
