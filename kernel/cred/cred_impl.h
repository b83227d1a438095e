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
