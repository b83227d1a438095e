/*
 * The boot archive becomes the contents of the root file system.
 *
 * newc archives (Linux early-userspace/buffer-format), several one after the other, each plain,
 * gzip or zstd.
 */
#pragma once

#include <kern/types.h>

/* One compressed piece of the archive, as recognised by its first bytes. */
enum unpack_format { UNPACK_NONE, UNPACK_GZIP, UNPACK_ZSTD };
enum unpack_format unpack_detect(const void *data, size_t size);
/*
 * Decompresses the piece at @data into memory of the callee (free with kvfree); @used: bytes of the
 * piece. -EINVAL damaged, -ENOMEM, -EOPNOTSUPP format not configured.
 */
int unpack_piece(enum unpack_format format, const void *data, size_t size, size_t *used, void **out,
		 size_t *out_size) __must_check;
