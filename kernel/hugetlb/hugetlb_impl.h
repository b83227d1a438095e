/* Private to kernel/hugetlb. */
#pragma once

#include <kernel/hugetlb/hugetlb.h>

/* Pages that will be there when they are taken: -ENOMEM. */
int hugetlb_promise(struct hugetlb_size *s, u64 pages) __must_check;
void hugetlb_unpromise(struct hugetlb_size *s, u64 pages);
/* @promised: one of these. -ENOSPC. */
int hugetlb_take_page(struct hugetlb_part *p, bool promised, struct folio **out) __must_check;
/*
 * @pages of @p are in use from now on: how many of them its own minimum does not cover, or -ENOMEM;
 * and no more: how many go back beyond that.
 */
s64 hugetlb_part_charge(struct hugetlb_part *p, u64 pages) __must_check;
s64 hugetlb_part_uncharge(struct hugetlb_part *p, u64 pages);
