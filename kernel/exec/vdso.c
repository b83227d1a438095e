/* The vDSO in a program's memory: two adjacent mappings, data [vvar] and code [vdso]. */
#include <kernel/exec/exec_impl.h>

#include <kern/errno.h>
#include <kernel/mm/mm.h>
#include <asm/page.h>
#include <asm/vdso.h>

static int vdso_fault(struct vma_fault *vf)
{
	unsigned int base = (unsigned int)(unsigned long)vf->vma->private_data;
	u64 page = (vf->addr - vf->vma->start) >> PAGE_SHIFT;

	if (base + page >= vdso_data_pages() + vdso_text_pages())
		return -EFAULT;
	vf->pfn = vdso_page_phys(base + (unsigned int)page) >> PAGE_SHIFT;
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

static const struct vma_ops vvar_ops = {.fault = vdso_fault, .name = vvar_name};
static const struct vma_ops vdso_ops = {.fault = vdso_fault, .name = vdso_name};

int vdso_map(struct mm *mm, u64 above, u64 *out)
{
	unsigned int data = vdso_data_pages(), text = vdso_text_pages();
	u64 len = (u64)data << PAGE_SHIFT, at;
	int err;

	*out = 0;
	if (!text)
		return 0;
	err = mm_map_special(mm, above, len, VM_READ | VM_MAYREAD | VM_PFNMAP | VM_DONTDUMP,
			     &vvar_ops, NULL, &at);
	if (err)
		return err;
	err = mm_map_special(mm, at + len, (u64)text << PAGE_SHIFT,
			     VM_READ | VM_EXEC | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_PFNMAP,
			     &vdso_ops, (void *)(unsigned long)data, out);
	if (!err)
		mm->arch.vdso = (unsigned long)*out;
	return err;
}
