/* What userfaultfd(2) has learnt since the headers of Debian 12: values of Linux 6.8. */
#pragma once

#include <linux/ioctl.h>
#include <linux/userfaultfd.h>

#ifndef UFFD_FEATURE_WP_UNPOPULATED
#define UFFD_FEATURE_WP_UNPOPULATED (1 << 13)
#define UFFD_FEATURE_POISON (1 << 14)
#define UFFD_FEATURE_WP_ASYNC (1 << 15)
#define UFFD_FEATURE_MOVE (1 << 16)

#define _UFFDIO_MOVE 0x05
#define _UFFDIO_POISON 0x08

struct uffdio_move {
	__u64 dst, src, len;
	__u64 mode; /* UFFDIO_MOVE_MODE_* */
	__s64 move; /* out */
};
#define UFFDIO_MOVE_MODE_DONTWAKE ((__u64)1 << 0)
#define UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES ((__u64)1 << 1)

struct uffdio_poison {
	struct uffdio_range range;
	__u64 mode;    /* UFFDIO_POISON_MODE_* */
	__s64 updated; /* out */
};
#define UFFDIO_POISON_MODE_DONTWAKE ((__u64)1 << 0)

#define UFFDIO_MOVE _IOWR(UFFDIO, _UFFDIO_MOVE, struct uffdio_move)
#define UFFDIO_POISON _IOWR(UFFDIO, _UFFDIO_POISON, struct uffdio_poison)
#endif

#ifndef UFFDIO_CONTINUE_MODE_WP
#define UFFDIO_CONTINUE_MODE_WP ((__u64)1 << 1)
#endif
