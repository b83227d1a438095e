/* Memory as a core dump sees it. */
#pragma once

#include <kern/types.h>
#include <kern/compiler.h>

struct mm;

/*
 * A page of @mm, without making one: 1 and @page filled; 0: a hole, nothing was ever there.  Takes
 * mm->lock.
 */
int mm_dump_page(struct mm *mm, u64 addr, void *page) __must_check;
