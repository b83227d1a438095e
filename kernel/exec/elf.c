/*
 * ELF64 programs: static, position-independent, and with an interpreter.  elf(5), getauxval(3).
 *
 * Both files are checked and their interpreter opened before the point of no return; then segments
 * are mapped, the rest of each last data page is cleared, and the initial stack is written in one
 * piece.
 */
#include <kernel/exec/exec_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <lib/elf/elf.h>
#include <kernel/cred/cred.h>
#include <kernel/file/file.h>
#include <kernel/mm/mm.h>
#include <kernel/rng/rng.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/vfs/vfs.h>
#include <asm/elf_arch.h>
#include <asm/regs.h>
#include <linux/auxvec.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/personality.h>

#define AUXV_PAIRS 20

struct elf_load {
	struct elf_plan main, interp;
	u64 main_bias, interp_bias;
};

/* Reads the program headers, from @head if they are there, and makes the plan. */
static int read_plan(struct file *f, const void *head, size_t head_len, struct elf_plan *plan)
{
	struct elf_header h;
	int err = elf_read_header(head, head_len, ELF_ARCH_MACHINE, &h);

	if (err)
		return err;
	if (h.phdr_offset + h.phdr_bytes <= head_len)
		return elf_make_plan(&h, (const u8 *)head + h.phdr_offset, PAGE_SIZE, USER_END,
				     plan);
	if (h.phdr_bytes > ELF_PHDRS_BYTES_MAX)
		return -ENOEXEC;
	void *phdrs = kvmalloc(h.phdr_bytes, GFP_KERNEL);

	if (!phdrs)
		return -ENOMEM;
	ssize_t n = vfs_read_kernel(f, phdrs, h.phdr_bytes, (loff_t)h.phdr_offset);

	if (n == (ssize_t)h.phdr_bytes)
		err = elf_make_plan(&h, phdrs, PAGE_SIZE, USER_END, plan);
	else
		err = n < 0 ? (int)n : -EIO;
	kvfree(phdrs);
	return err;
}

static int open_interp(struct exec *x, struct elf_load *l)
{
	u64 size = l->main.interp_size;
	u8 head[1024];
	char *name;
	ssize_t n;
	int err;

	if (size < 2 || size > PATH_MAX)
		return -ENOEXEC;
	name = kmalloc(size);
	if (!name)
		return -ENOMEM;
	n = vfs_read_kernel(x->file, name, size, (loff_t)l->main.interp_offset);
	if (n != (ssize_t)size)
		err = n < 0 ? (int)n : -EIO;
	else if (name[size - 1])
		err = -ENOEXEC;
	else
		err = vfs_open_exec(AT_FDCWD, name, 0, &x->interp);
	kfree(name);
	if (err)
		return err;
	n = vfs_read_kernel(x->interp, head, sizeof(head), 0);
	if (n < ELF_HEADER_SIZE)
		return n < 0 ? (int)n : -EIO;
	err = read_plan(x->interp, head, (size_t)n, &l->interp);
	return err == -ENOEXEC || err == -EINVAL ? -ELIBBAD : err;
}

/* ---- mapping ---- */

static u32 segment_prot(u32 flags)
{
	return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) |
	       (flags & PF_X ? PROT_EXEC : 0);
}

/* Memory of the segment that the file does not fill. */
static int map_bss(struct mm *mm, const struct elf_segment *s, u64 bias, u32 prot)
{
	u64 file_end = bias + s->vaddr + s->filesz, mem_end = bias + s->vaddr + s->memsz;
	u64 page_end = (file_end + PAGE_SIZE - 1) & PAGE_MASK, at;

	if (!s->filesz)
		page_end = (bias + s->vaddr) & PAGE_MASK;
	else if ((prot & PROT_WRITE) && page_end != file_end &&
		 clear_user((void __user *)(unsigned long)file_end, page_end - file_end))
		return -EFAULT;
	if (mem_end <= page_end)
		return 0;
	return mm_map(mm, page_end, ((mem_end + PAGE_SIZE - 1) & PAGE_MASK) - page_end, prot,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL, 0, &at);
}

static int map_segments(struct mm *mm, struct file *f, const struct elf_plan *plan, u64 bias)
{
	for (u32 i = 0; i < plan->segments; i++) {
		const struct elf_segment *s = &plan->segment[i];
		u64 skew = s->vaddr & (PAGE_SIZE - 1), at;
		u32 prot = segment_prot(s->flags);
		int err = 0;

		if (s->filesz)
			err = mm_map(mm, bias + s->vaddr - skew, s->filesz + skew, prot,
				     MAP_PRIVATE | (i ? MAP_FIXED : MAP_FIXED_NOREPLACE), f,
				     (s->offset - skew) >> PAGE_SHIFT, &at);
		if (!err && s->memsz > s->filesz)
			err = map_bss(mm, s, bias, prot);
		if (err)
			return err;
	}
	return 0;
}

/* A place for something that may lie anywhere, as mmap would give it: reserved, then mapped over.
 */
static int find_place(struct mm *mm, const struct elf_plan *plan, u64 *bias)
{
	u64 len = plan->high - plan->low, at, slack = plan->align - PAGE_SIZE;
	int err = mm_map(mm, 0, len + slack, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			 NULL, 0, &at);

	if (err)
		return err;
	err = mm_unmap(mm, at, len + slack);
	*bias = ((at + slack) & ~(plan->align - 1)) - plan->low;
	return err;
}

static int map_main(struct exec *x, struct elf_load *l)
{
	struct mm *mm = current->mm;
	int err = 0;

	if (l->main.dyn && l->main.interp_size) {
		u64 base = ELF_ARCH_DYN_BASE;

		if (exec_randomizes(1))
			base += (rng_u64() & 0xfffffffull) << PAGE_SHIFT;
		base &= ~(l->main.align - 1);
		l->main_bias = base - l->main.low;
	} else if (l->main.dyn) {
		err = find_place(mm, &l->main, &l->main_bias);
	}
	return err ? err : map_segments(mm, x->file, &l->main, l->main_bias);
}

static int map_interp(struct exec *x, struct elf_load *l)
{
	struct mm *mm = current->mm;
	int err;

	if (!x->interp)
		return 0;
	if (l->interp.dyn) {
		err = find_place(mm, &l->interp, &l->interp_bias);
		if (err)
			return err;
	}
	return map_segments(mm, x->interp, &l->interp, l->interp_bias);
}

static int set_brk(const struct elf_load *l)
{
	struct mm *mm = current->mm;
	u64 brk = (l->main.brk + l->main_bias + PAGE_SIZE - 1) & PAGE_MASK;

	/* A static PIE lies among the mappings: its heap does not grow there. */
	if (l->main.dyn && !l->main.interp_size)
		brk = ELF_ARCH_DYN_BASE;
	if (exec_randomizes(2))
		brk += rng_u64() & 0x1fff000ull;
	mm->start_code = l->main.start_code + l->main_bias;
	mm->end_code = l->main.end_code + l->main_bias;
	mm->start_data = l->main.start_data + l->main_bias;
	mm->end_data = l->main.end_data + l->main_bias;
	return mm_set_brk(mm, brk, brk);
}

/* ---- the initial stack ---- */

static void aux(struct mm *mm, u64 type, u64 value)
{
	mm->saved_auxv[mm->auxv_len++] = type;
	mm->saved_auxv[mm->auxv_len++] = value;
}

static void fill_auxv(struct exec *x, const struct elf_load *l, u64 vdso, u64 random_at,
		      u64 platform_at)
{
	struct mm *mm = current->mm;
	const struct cred *c = current->cred;

	mm->auxv_len = 0;
	if (vdso)
		aux(mm, AT_SYSINFO_EHDR, vdso);
	aux(mm, AT_MINSIGSTKSZ, elf_arch_minsigstksz());
	aux(mm, AT_HWCAP, ELF_ARCH_HWCAP);
	aux(mm, AT_PAGESZ, PAGE_SIZE);
	aux(mm, AT_CLKTCK, USER_HZ);
	aux(mm, AT_PHDR, l->main.phdr_vaddr ? l->main.phdr_vaddr + l->main_bias : 0);
	aux(mm, AT_PHENT, sizeof(struct elf64_phdr));
	aux(mm, AT_PHNUM, l->main.phdr_count);
	aux(mm, AT_BASE, x->interp ? l->interp_bias + l->interp.low : 0);
	aux(mm, AT_FLAGS, 0);
	aux(mm, AT_ENTRY, l->main.entry + l->main_bias);
	aux(mm, AT_UID, c->uid);
	aux(mm, AT_EUID, c->euid);
	aux(mm, AT_GID, c->gid);
	aux(mm, AT_EGID, c->egid);
	aux(mm, AT_SECURE, x->secure);
	aux(mm, AT_RANDOM, random_at);
	aux(mm, AT_HWCAP2, elf_arch_hwcap2());
	aux(mm, AT_EXECFN, x->filename_at);
	aux(mm, AT_PLATFORM, platform_at);
	aux(mm, AT_NULL, 0);
}

/* Everything below the strings as one block: argc, argv, envp, auxv. */
static int write_block(struct exec *x, u64 *sp)
{
	struct mm *mm = current->mm;
	size_t words = 1 + (size_t)x->argc + 1 + (size_t)x->envc + 1 + mm->auxv_len;
	u64 small[128], *block = small, *w;
	int err = 0;

	if (words > ARRAY_SIZE(small)) {
		block = kvmalloc(words * sizeof(u64), GFP_KERNEL);
		if (!block)
			return -ENOMEM;
	}
	w = block;
	*w++ = (u64)x->argc;
	memcpy(w, x->strings + x->first, (size_t)x->argc * sizeof(u64));
	w += x->argc;
	*w++ = 0;
	memcpy(w, x->strings + x->first + x->argc, (size_t)x->envc * sizeof(u64));
	w += x->envc;
	*w++ = 0;
	memcpy(w, mm->saved_auxv, mm->auxv_len * sizeof(u64));
	*sp = (*sp - words * sizeof(u64)) & ~15ull;
	if (copy_to_user((void __user *)(unsigned long)*sp, block, words * sizeof(u64)))
		err = -EFAULT;
	if (block != small)
		kvfree(block);
	return err;
}

static int write_stack(struct exec *x, const struct elf_load *l, u64 vdso, u64 *out_sp)
{
	static const char platform[] = ELF_ARCH_PLATFORM;
	struct mm *mm = current->mm;
	u64 sp = x->stack_top, extra[4] = {0};

	mm->arg_start = x->argc ? x->strings[x->first] : x->stack_top;
	mm->env_start = x->envc ? x->strings[x->first + (u32)x->argc] : x->filename_at;
	mm->arg_end = mm->env_start;
	mm->env_end = x->filename_at;
	if (exec_randomizes(1))
		sp -= rng_u64() & 0x1fff;
	/* The platform's name and 16 random bytes. */
	extra[0] = rng_u64();
	extra[1] = rng_u64();
	static_assert(sizeof(platform) <= 16, "platform");
	memcpy(&extra[2], platform, sizeof(platform));
	sp = (sp - sizeof(extra)) & ~15ull;
	if (copy_to_user((void __user *)(unsigned long)sp, extra, sizeof(extra)))
		return -EFAULT;
	fill_auxv(x, l, vdso, sp, sp + 16);
	int err = write_block(x, &sp);

	mm->start_stack = sp;
	*out_sp = sp;
	return err;
}

static int make_stack_exec(struct exec *x)
{
	struct mm *mm = current->mm;

	rwsem_read_lock(&mm->lock);
	struct vma *vma = vma_at(mm, x->stack - 1);
	u64 start = vma ? vma->start : 0;

	rwsem_read_unlock(&mm->lock);
	return start ? mm_protect(mm, start, x->stack - start, PROT_READ | PROT_WRITE | PROT_EXEC)
		     : -ENOMEM;
}

static int run(struct exec *x, struct elf_load *l)
{
	u64 vdso, sp;
	int err = exec_commit(x);

	if (err)
		return err;
	/* As a program without the header of its own asked for on x86-64: stack not executable. */
	if (l->main.stack == ELF_STACK_EXEC)
		err = make_stack_exec(x);
	if (!err)
		err = map_main(x, l);
	if (!err)
		err = map_interp(x, l);
	if (!err)
		err = set_brk(l);
	if (!err)
		err = vdso_map(current->mm, x->stack + 2 * PAGE_SIZE, &vdso);
	if (!err)
		err = write_stack(x, l, vdso, &sp);
	if (err)
		return err;
	u64 entry = x->interp ? l->interp.entry + l->interp_bias : l->main.entry + l->main_bias;

	if (entry >= USER_END)
		return -EINVAL;
	elf_arch_start(task_regs(current), (unsigned long)entry, (unsigned long)sp);
	return 0;
}

static int elf_load(struct exec *x)
{
	struct elf_load *l;
	int err;

	if (memcmp(x->head, "\177ELF", 4))
		return -ENOEXEC;
	l = kzalloc(sizeof(*l));
	if (!l)
		return -ENOMEM;
	err = read_plan(x->file, x->head, sizeof(x->head), &l->main);
	if (!err && l->main.interp_size)
		err = open_interp(x, l);
	if (!err && x->interp)
		exec_judge_dump(x, x->interp);
	if (!err)
		err = run(x, l);
	kfree(l);
	return err;
}

static const struct exec_format elf_format = {
	.name = "elf",
	.load = elf_load,
};
EXEC_FORMAT(elf_format);
