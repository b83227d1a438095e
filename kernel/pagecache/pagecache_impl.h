/* Shared by the files of kernel/pagecache. */
#pragma once

#include <kernel/pagecache/pagecache.h>

/* Calls fn for the folios with an index in [first, last], each with a reference. */
void pagecache_drop(struct pagecache *pc, u64 first, u64 last);
