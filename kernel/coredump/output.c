/* The bytes of the image: to the file with holes, or through the pipe with zeros for them. */
#include <kernel/coredump/coredump_impl.h>

#include <kern/string.h>
#include <kernel/signal/signal.h>
#include <kernel/vfs/vfs.h>

static const u8 zeros[512];

bool core_emit(struct core_out *o, const void *data, size_t len)
{
	const u8 *at = data;

	if (o->written + len > o->limit)
		return false;
	while (len) {
		if (signal_fatal_pending(current))
			return false;
		ssize_t n = vfs_write_kernel(o->file, at, len, (loff_t)o->pos);

		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
		o->pos += (u64)n;
		o->written += (u64)n;
	}
	o->tail_hole = false;
	return true;
}

bool core_skip(struct core_out *o, u64 len)
{
	if (!o->pipe) {
		o->pos += len;
		o->tail_hole = len || o->tail_hole;
		return !signal_fatal_pending(current);
	}
	while (len) {
		size_t n = min_t(u64, len, sizeof(zeros));

		if (!core_emit(o, zeros, n))
			return false;
		len -= n;
	}
	return true;
}

bool core_align(struct core_out *o, u64 to)
{
	u64 rest = o->pos % to;

	return !rest || core_skip(o, to - rest);
}

void core_finish(struct core_out *o)
{
	if (!o->tail_hole || !o->pos)
		return;
	o->pos--;
	(void)!core_emit(o, zeros, 1);
}
