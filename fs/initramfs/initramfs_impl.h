/* Private to fs/initramfs. */
#pragma once

#include <kern/list.h>
#include <kern/types.h>

struct cpio_entry;

#define UNPACK_LINK_BUCKETS 64

/* State of one unpacking: names of files with several links that are still to be met. */
struct unpack {
	struct hlist_head links[UNPACK_LINK_BUCKETS];
	bool in_place; /* data lies in the boot archive's own frames: may be adopted */
	u64 files, adopted_pages;
};

/* Makes what one entry describes.  Errors: what the file system said. */
int unpack_entry(struct unpack *u, const struct cpio_entry *e) __must_check;
void unpack_forget_links(struct unpack *u);
