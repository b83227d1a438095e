/*
 * Decompression of one piece of the boot archive, whole, into memory.
 *
 * The result's size is taken from what the format says (zstd frame header, gzip trailer) as a first
 * guess and doubled when that was wrong.
 */
#include <fs/initramfs/initramfs.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/slab/slab.h>
#ifdef CONFIG_ZLIB
#define ZLIB_CONST
#include <thirdparty/zlib.h>
#endif
#ifdef CONFIG_ZSTD
#include <thirdparty/zstd.h>
#endif

#define UNPACK_FIRST (1u << 20)
#define UNPACK_MAX (4ull << 30)

enum unpack_format unpack_detect(const void *data, size_t size)
{
	static const u8 gzip[] = {0x1f, 0x8b}, zstd[] = {0x28, 0xb5, 0x2f, 0xfd};

	if (size > sizeof(gzip) && !memcmp(data, gzip, sizeof(gzip)))
		return UNPACK_GZIP;
	if (size > sizeof(zstd) && !memcmp(data, zstd, sizeof(zstd)))
		return UNPACK_ZSTD;
	return UNPACK_NONE;
}

struct unpack_out {
	u8 *buf;
	size_t size, used;
};

static __maybe_unused int out_grow(struct unpack_out *o, size_t size)
{
	u8 *buf;

	if (size > UNPACK_MAX)
		return -ENOMEM;
	buf = kvmalloc(size, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	if (o->buf)
		memcpy(buf, o->buf, o->used);
	kvfree(o->buf);
	o->buf = buf;
	o->size = size;
	return 0;
}

#ifdef CONFIG_ZLIB
static voidpf zlib_alloc(voidpf ctx, uInt n, uInt size)
{
	(void)ctx;
	return kmalloc((size_t)n * size);
}

static void zlib_free(voidpf ctx, voidpf p)
{
	(void)ctx;
	kfree(p);
}

static int gzip_inflate(z_stream *z, struct unpack_out *o)
{
	for (;;) {
		int err = o->used == o->size ? out_grow(o, o->size * 2) : 0, ret;
		uInt room;

		if (err)
			return err;
		room = (uInt)min_t(size_t, o->size - o->used, 1u << 30);
		z->next_out = o->buf + o->used;
		z->avail_out = room;
		ret = inflate(z, Z_NO_FLUSH);
		o->used += room - z->avail_out;
		if (ret == Z_STREAM_END)
			return 0;
		if (ret != Z_OK && !(ret == Z_BUF_ERROR && z->avail_in))
			return -EINVAL;
	}
}

static int unpack_gzip(const void *data, size_t size, size_t *used, struct unpack_out *o)
{
	z_stream z = {.zalloc = zlib_alloc, .zfree = zlib_free};
	u32 hint;
	int err;

	memcpy(&hint, (const u8 *)data + size - sizeof(hint), sizeof(hint));
	err = out_grow(o, hint > size / 2 && hint < size * 64 ? hint + 1ul : UNPACK_FIRST);
	if (err)
		return err;
	z.next_in = data;
	z.avail_in = (uInt)min_t(size_t, size, U32_MAX);
	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return -ENOMEM;
	err = gzip_inflate(&z, o);
	*used = (size_t)(z.next_in - (const Bytef *)data);
	inflateEnd(&z);
	return err;
}
#else
static int unpack_gzip(const void *data, size_t size, size_t *used, struct unpack_out *o)
{
	(void)data, (void)size, (void)used, (void)o;
	return -EOPNOTSUPP;
}
#endif

#ifdef CONFIG_ZSTD
static int zstd_stream(ZSTD_DStream *ds, ZSTD_inBuffer *in, struct unpack_out *o)
{
	for (;;) {
		ZSTD_outBuffer out;
		size_t left, seen = in->pos;
		int err = o->used == o->size ? out_grow(o, o->size * 2) : 0;

		if (err)
			return err;
		out = (ZSTD_outBuffer){o->buf, o->size, o->used};
		left = ZSTD_decompressStream(ds, &out, in);
		if (ZSTD_isError(left))
			return -EINVAL;
		if (!left) {
			o->used = out.pos;
			return 0;
		}
		if (in->pos == seen && out.pos == o->used)
			return -EINVAL; /* cut off */
		o->used = out.pos;
	}
}

#define ZSTD_WINDOW_MAX (128u << 20)

static int unpack_zstd(const void *data, size_t size, size_t *used, struct unpack_out *o)
{
	size_t piece = ZSTD_findFrameCompressedSize(data, size), work_size;
	unsigned long long content = ZSTD_getFrameContentSize(data, size);
	ZSTD_inBuffer in = {data, size, 0};
	void *work;
	int err;

	if (ZSTD_isError(piece) || content == ZSTD_CONTENTSIZE_ERROR)
		return -EINVAL;
	work_size = ZSTD_estimateDStreamSize_fromFrame(data, size);
	if (ZSTD_isError(work_size) || work_size > ZSTD_WINDOW_MAX + (1u << 20))
		return -EINVAL;
	err = out_grow(o, content != ZSTD_CONTENTSIZE_UNKNOWN ? content + 1 : UNPACK_FIRST);
	if (err)
		return err;
	work = kvmalloc(work_size, GFP_KERNEL);
	if (!work)
		return -ENOMEM;
	in.size = piece;
	err = zstd_stream(ZSTD_initStaticDStream(work, work_size), &in, o);
	kvfree(work);
	*used = piece;
	return err;
}
#else
static int unpack_zstd(const void *data, size_t size, size_t *used, struct unpack_out *o)
{
	(void)data, (void)size, (void)used, (void)o;
	return -EOPNOTSUPP;
}
#endif

int unpack_piece(enum unpack_format format, const void *data, size_t size, size_t *used, void **out,
		 size_t *out_size)
{
	struct unpack_out o = {NULL, 0, 0};
	int err = -EINVAL;

	if (format == UNPACK_GZIP)
		err = unpack_gzip(data, size, used, &o);
	else if (format == UNPACK_ZSTD)
		err = unpack_zstd(data, size, used, &o);
	if (err) {
		kvfree(o.buf);
		return err;
	}
	*out = o.buf;
	*out_size = o.used;
	return 0;
}
