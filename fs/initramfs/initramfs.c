/*
 * Unpacking of the boot archive.
 *
 * Each range that the loader handed over is read as a run of pieces: plain newc archives are
 * unpacked where they lie, compressed ones after decompression.  When all is done, the frames of
 * the range that no file has adopted go to the allocator.  Damage is reported and ends the
 * unpacking of that range; the machine boots with what is there.
 */
#include <fs/initramfs/initramfs.h>
#include <fs/initramfs/initramfs_impl.h>

#include <kern/align.h>
#include <kern/errno.h>
#include <kernel/boot/boot.h>
#include <kernel/frame/frame.h>
#include <kernel/printk/printk.h>
#include <kernel/slab/slab.h>
#include <kernel/vfs/vfs.h>
#include <lib/cpio/cpio.h>

/* An error's text as Linux words it for a broken archive. */
static const char *unpack_problem(int err)
{
	switch (err) {
	case -EINVAL:
	case -EILSEQ:
		return "invalid magic at start of compressed archive";
	case -EOPNOTSUPP:
		return "compression method not configured";
	case -ENOMEM:
		return "out of memory";
	case -ENOSPC:
		return "write error";
	default:
		return "broken entry";
	}
}

/* Unpacks all entries up to the end or to something that is not cpio (then -EILSEQ, c->pos at it).
 */
static int unpack_entries(struct unpack *u, struct cpio *c)
{
	struct cpio_entry e;
	int err;

	while (!(err = cpio_next(c, &e))) {
		err = cpio_checksum_ok(&e) ? unpack_entry(u, &e) : -EBADMSG;
		if (err == -ENOMEM || err == -ENOSPC)
			return err;
		if (err)
			pr_warn("initramfs: %s: error %d\n", e.name, err);
	}
	return err == -ENODATA ? 0 : err;
}

static int unpack_decompressed(struct unpack *u, const void *data, size_t size)
{
	struct cpio c;
	bool was_in_place = u->in_place;
	int err;

	u->in_place = false;
	cpio_init(&c, data, size);
	err = unpack_entries(u, &c);
	u->in_place = was_in_place;
	return err;
}

/* The piece at c->pos is no cpio archive: is it a compressed one? */
static int unpack_compressed(struct unpack *u, struct cpio *c)
{
	const u8 *at = c->base + c->pos;
	size_t left = c->size - c->pos, used = 0, size = 0;
	enum unpack_format format = unpack_detect(at, left);
	void *data = NULL;
	int err;

	if (format == UNPACK_NONE)
		return -EILSEQ;
	err = unpack_piece(format, at, left, &used, &data, &size);
	if (err)
		return err;
	err = unpack_decompressed(u, data, size);
	kvfree(data);
	c->pos += used;
	return err;
}

static int unpack_range(struct unpack *u, const void *data, size_t size)
{
	struct cpio c;
	int err;

	cpio_init(&c, data, size);
	for (;;) {
		err = unpack_entries(u, &c);
		if (err != -EILSEQ)
			return err;
		err = unpack_compressed(u, &c);
		if (err)
			return err;
		if (c.pos >= c.size)
			return 0;
	}
}

/* Frees what no file has adopted. */
static void free_rest(u64 start, u64 end)
{
	u64 run = 0;

	start = ALIGN_DOWN(start, PAGE_SIZE);
	end = ALIGN(end, PAGE_SIZE);
	for (u64 pa = start; pa < end; pa += PAGE_SIZE) {
		if (phys_to_frame(pa)->type == FRAME_RESERVED) {
			run = run ? run : pa;
			continue;
		}
		if (run)
			frame_free_range(run, pa);
		run = 0;
	}
	if (run)
		frame_free_range(run, end);
}

void initramfs_unpack(void)
{
	for (unsigned int i = 0; i < boot_info.initrd_count; i++) {
		u64 start = boot_info.initrd[i].start, end = boot_info.initrd[i].end;
		struct unpack u = {.in_place = true};
		int err = unpack_range(&u, phys_to_virt(start), end - start);

		unpack_forget_links(&u);
		if (err)
			pr_emerg("Initramfs unpacking failed: %s\n", unpack_problem(err));
		free_rest(start, end);
		pr_info("initramfs: %llu entries, %llu pages in place, %llu KiB of archive\n",
			(unsigned long long)u.files, (unsigned long long)u.adopted_pages,
			(unsigned long long)(end - start) >> 10);
	}
}
