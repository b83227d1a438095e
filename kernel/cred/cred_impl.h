/* Shared by the files of kernel/cred. */
#pragma once

#include <kernel/cred/cred.h>

/* The counters of a user, made if there are none; +1. */
int cred_user_find(u32 uid, struct cred_user **out) __must_check;
struct cred_groups *cred_groups_get(struct cred_groups *g);
void cred_groups_put(struct cred_groups *g);
/* Changes of user ids move capabilities, as capabilities(7) says. */
void cred_caps_fix_setuid(struct cred *c, const struct cred *old);
void cred_caps_fix_setfsuid(struct cred *c, const struct cred *old);

/*
 * protected.c: places in protectable memory.  A place that was taken holds anything but .head; it
 * is filled by one rare write.
 */
int cred_place_take(struct cred_head **out) __must_check;
void cred_place_fill(const struct cred_head *h, const struct cred *from);
/* Nobody looks at it any more. */
void cred_place_give(struct cred_head *h);
