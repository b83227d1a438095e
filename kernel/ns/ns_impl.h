/* Shared by the files of kernel/ns. */
#pragma once

#include <kernel/ns/ns.h>
#include <kernel/ns/ucount.h>
#include <kernel/ns/user.h>

/* +1 on a private copy of @from, with one reference. */
int nsproxy_copy(struct nsproxy *from, struct nsproxy **out) __must_check;
/*
 * A set like @from with new ones where req->flags says so. -EINVAL: a kind that nobody provides.
 */
int nsproxy_create(struct nsproxy *from, const struct ns_copy *req, struct nsproxy **out)
	__must_check;
/* Makes @p (consumed) what current uses. */
void nsproxy_switch(struct nsproxy *p);

/* user.c: ID_NONE: not mapped. */
u32 id_map_down(const struct id_map *m, u32 id);
/* Of @id, when it and the @count - 1 that follow are in one extent. */
u32 id_map_down_range(const struct id_map *m, u32 id, u32 count);
u32 id_map_up(const struct id_map *m, u32 kid);

#define for_each_ns_kind(k) \
	for (const struct ns_kind *const *k = __start_ns_kind; k < __stop_ns_kind; k++)
extern const struct ns_kind *const __start_ns_kind[], *const __stop_ns_kind[];
