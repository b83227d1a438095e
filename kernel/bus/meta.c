/*
 * Metadata.
 *
 * Items are written from a table: how long one is, and how it is written. What is asked for and is
 * not there has no item.
 */
#include "meta_impl.h"

#include <kern/align.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/mm/mm.h>
#include <kernel/ns/user.h>
#include <kernel/rcu/rcu.h>
#include <kernel/slab/slab.h>

#include "name_impl.h"

#define ITEM_HEAD offsetof(struct kdbus_item, data)
#define CMDLINE_MAX 4096u /* with the terminator */

#define FROM_CRED ((u64)(KDBUS_ATTACH_CREDS | KDBUS_ATTACH_AUXGROUPS | KDBUS_ATTACH_CAPS))
/* Public on the bus. The others are told if the sender gives them out or /proc would show them. */
#define ALWAYS                                                                               \
	((u64)(KDBUS_ATTACH_CONN_DESCRIPTION | KDBUS_ATTACH_TIMESTAMP | KDBUS_ATTACH_NAMES | \
	       KDBUS_ATTACH_AUXGROUPS | KDBUS_ATTACH_CREDS | KDBUS_ATTACH_PIDS))

/* ---- views ---- */

void bus_meta_view_init(struct bus_meta_view *v)
{
	v->user_ns = user_ns_get(current_cred()->user_ns);
	v->pid = pid_get(current->pid);
	v->root = fs_ctx_root(current->fs);
}

void bus_meta_view_destroy(struct bus_meta_view *v)
{
	user_ns_put(v->user_ns);
	pid_put(v->pid);
	if (v->root.dentry)
		path_put(&v->root);
	*v = (struct bus_meta_view){.user_ns = NULL};
}

static bool is_same_place(const struct path *a, const struct path *b)
{
	return a->mnt == b->mnt && a->dentry == b->dentry;
}

bool bus_meta_view_same(const struct bus_meta_view *a, const struct bus_meta_view *b)
{
	return a->user_ns == b->user_ns && a->pid->ns == b->pid->ns &&
	       is_same_place(&a->root, &b->root);
}

u64 bus_meta_mask(const struct pid *provider, u64 send, const struct bus_meta_view *receiver,
		  u64 recv)
{
	u64 allowed = send | ALWAYS;

	/* What hides processes is an option of a mount of /proc; here it counts that they are
	 * in sight at all. */
	if (recv & ~allowed && pid_nr_in(provider, receiver->pid->ns))
		return recv & _KDBUS_ATTACH_ALL;
	return recv & allowed & _KDBUS_ATTACH_ALL;
}

/* ---- capture ---- */

static int capture_exe(struct bus_meta *m)
{
	struct mm *mm = current->mm;
	struct path exe = {.dentry = NULL};
	char *buf, *text;

	rwsem_read_lock(&mm->lock);
	if (mm->exe_file)
		exe = path_get(&mm->exe_file->path);
	rwsem_read_unlock(&mm->lock);
	if (!exe.dentry)
		return 0;
	buf = kmalloc(PATH_MAX_LEN);
	if (!buf) {
		path_put(&exe);
		return -ENOMEM;
	}
	if (!path_format(&exe, buf, PATH_MAX_LEN, &text))
		m->exe = kstrdup(text);
	path_put(&exe);
	kfree(buf);
	if (!m->exe)
		return -ENOMEM;
	m->root = fs_ctx_root(current->fs);
	m->valid |= KDBUS_ATTACH_EXE;
	return 0;
}

static int capture_cmdline(struct bus_meta *m)
{
	struct mm *mm = current->mm;
	u64 start = mm->arg_start, end = mm->arg_end;
	size_t len;

	if (end <= start)
		return 0;
	len = (size_t)min_t(u64, end - start, CMDLINE_MAX - 1);
	m->cmdline = kmalloc(len + 1);
	if (!m->cmdline)
		return -ENOMEM;
	len = mm_access(mm, start, m->cmdline, len, false, true);
	if (!len) {
		kfree(m->cmdline);
		m->cmdline = NULL;
		return 0;
	}
	if (m->cmdline[len - 1])
		m->cmdline[len++] = 0;
	m->cmdline_len = (u32)len;
	m->valid |= KDBUS_ATTACH_CMDLINE;
	return 0;
}

static void capture_pids(struct bus_meta *m)
{
	m->tid = current->pid;
	m->pid = current->process->pid;
	m->process = current->process;
	m->valid |= KDBUS_ATTACH_PIDS;
}

int bus_meta_capture(struct bus_meta *m, u64 what)
{
	int err = 0;

	what &= BUS_META_PROCESS & ~m->asked;
	if (!what)
		return 0;
	if (what & FROM_CRED) {
		m->cred = current_cred();
		m->valid |= what & FROM_CRED;
	}
	if (what & KDBUS_ATTACH_PIDS)
		capture_pids(m);
	if (what & KDBUS_ATTACH_TID_COMM)
		task_comm(current, m->tid_comm);
	if (what & KDBUS_ATTACH_PID_COMM)
		task_comm(current->process->leader, m->pid_comm);
	/* There is one cgroup, and no audit that would have set a login. */
	m->valid |= what & (KDBUS_ATTACH_TID_COMM | KDBUS_ATTACH_PID_COMM | KDBUS_ATTACH_CGROUP |
			    KDBUS_ATTACH_AUDIT);
	m->asked |= what & ~(u64)(KDBUS_ATTACH_EXE | KDBUS_ATTACH_CMDLINE);
	if (what & KDBUS_ATTACH_EXE && current->mm)
		err = capture_exe(m);
	if (err)
		return err;
	m->asked |= what & KDBUS_ATTACH_EXE;
	if (what & KDBUS_ATTACH_CMDLINE && current->mm)
		err = capture_cmdline(m);
	if (!err)
		m->asked |= what;
	return err;
}

void bus_meta_release(struct bus_meta *m)
{
	if (m->owned) {
		if (m->cred)
			cred_put(m->cred);
		pid_put(m->tid);
		pid_put(m->pid);
		pid_put(m->ppid);
	}
	if (m->root.dentry)
		path_put(&m->root);
	kfree(m->exe);
	kfree(m->cmdline);
	kfree(m->seclabel);
	*m = (struct bus_meta){.valid = 0};
}

/* Turns what is borrowed into what is owned. */
static void own(struct bus_meta *m)
{
	struct process *parent;

	m->owned = true;
	m->cred = cred_get(m->cred);
	m->tid = pid_get(m->tid);
	m->pid = pid_get(m->pid);
	rcu_read_lock();
	parent = rcu_dereference(m->process->parent);
	if (parent)
		m->ppid = pid_get(parent->pid); /* the process keeps it for a grace period */
	rcu_read_unlock();
	m->process = NULL;
}

int bus_meta_create(struct bus_meta **out)
{
	struct bus_meta *m = kzalloc(sizeof(*m));
	int err;

	if (!m)
		return -ENOMEM;
	err = bus_meta_capture(m, BUS_META_PROCESS);
	if (err) {
		bus_meta_destroy(m);
		return err;
	}
	own(m);
	*out = m;
	return 0;
}

void bus_meta_destroy(struct bus_meta *m)
{
	if (!m)
		return;
	bus_meta_release(m);
	kfree(m);
}

/* ---- faked ---- */

static bool import_id(u64 id, bool is_gid, u32 *out)
{
	*out = ID_NONE;
	if (id >= U32_MAX)
		return id == U32_MAX || id == U64_MAX;
	*out = is_gid ? gid_from_user((u32)id) : uid_from_user((u32)id);
	return *out != ID_NONE;
}

static int fake_creds(struct bus_meta *m, const struct kdbus_creds *c)
{
	const u64 id[8] = {c->uid, c->euid, c->suid, c->fsuid, c->gid, c->egid, c->sgid, c->fsgid};

	for (u32 i = 0; i < ARRAY_SIZE(id); i++) {
		if (!import_id(id[i], i >= 4, &m->id[i]))
			return -EINVAL;
	}
	m->valid |= KDBUS_ATTACH_CREDS;
	return 0;
}

static bool import_pid(u64 nr, struct pid **out)
{
	*out = nr && nr <= S32_MAX ? pid_find((int)nr) : NULL;
	return !nr || *out;
}

static int fake_pids(struct bus_meta *m, const struct kdbus_pids *p)
{
	if (!import_pid(p->tid, &m->tid) || !import_pid(p->pid, &m->pid) ||
	    !import_pid(p->ppid, &m->ppid))
		return -EINVAL;
	m->valid |= KDBUS_ATTACH_PIDS;
	return 0;
}

static int fake_label(struct bus_meta *m, const char *label)
{
	m->seclabel = kstrdup(label);
	if (!m->seclabel)
		return -ENOMEM;
	m->valid |= KDBUS_ATTACH_SECLABEL;
	return 0;
}

int bus_meta_create_faked(const struct kdbus_creds *creds, const struct kdbus_pids *pids,
			  const char *seclabel, struct bus_meta **out)
{
	struct bus_meta *m = kzalloc(sizeof(*m));
	int err = 0;

	if (!m)
		return -ENOMEM;
	m->owned = true;
	m->faked = true;
	if (creds)
		err = fake_creds(m, creds);
	if (!err && pids)
		err = fake_pids(m, pids);
	if (!err && seclabel)
		err = fake_label(m, seclabel);
	if (err)
		bus_meta_destroy(m);
	else
		*out = m;
	return err;
}

/* ---- items ---- */

/* What is shown of a kernel id: none stays none. */
static u64 show_uid(const struct bus_meta_view *v, u32 id)
{
	return id == ID_NONE ? ID_NONE : user_ns_show_uid(v->user_ns, id);
}

static u64 show_gid(const struct bus_meta_view *v, u32 id)
{
	return id == ID_NONE ? ID_NONE : user_ns_show_gid(v->user_ns, id);
}

static size_t creds_size(const struct bus_meta_source *s, const struct bus_meta_view *v)
{
	(void)s;
	(void)v;
	return sizeof(struct kdbus_creds);
}

static void write_creds(const struct bus_meta_source *s, const struct bus_meta_view *v,
			struct kdbus_item *i)
{
	const struct bus_meta *m = s->task;
	const struct cred *c = m->cred;
	u32 id[8];

	if (m->faked) {
		memcpy(id, m->id, sizeof(id));
	} else {
		const u32 real[8] = {c->uid, c->euid, c->suid, c->fsuid,
				     c->gid, c->egid, c->sgid, c->fsgid};

		memcpy(id, real, sizeof(id));
	}
	i->creds = (struct kdbus_creds){
		.uid = show_uid(v, id[0]),
		.euid = show_uid(v, id[1]),
		.suid = show_uid(v, id[2]),
		.fsuid = show_uid(v, id[3]),
		.gid = show_gid(v, id[4]),
		.egid = show_gid(v, id[5]),
		.sgid = show_gid(v, id[6]),
		.fsgid = show_gid(v, id[7]),
	};
}

static size_t pids_size(const struct bus_meta_source *s, const struct bus_meta_view *v)
{
	(void)s;
	(void)v;
	return sizeof(struct kdbus_pids);
}

static u64 show_pid(const struct bus_meta_view *v, const struct pid *p)
{
	return p ? (u64)pid_nr_in(p, v->pid->ns) : 0;
}

static void write_pids(const struct bus_meta_source *s, const struct bus_meta_view *v,
		       struct kdbus_item *i)
{
	const struct bus_meta *m = s->task;

	i->pids = (struct kdbus_pids){
		.pid = show_pid(v, m->pid),
		.tid = show_pid(v, m->tid),
		.ppid = m->process ? (u64)process_ppid_in(m->process, v->pid->ns)
				   : show_pid(v, m->ppid),
	};
}

static size_t groups_size(const struct bus_meta_source *s, const struct bus_meta_view *v)
{
	(void)v;
	return s->task->cred->groups->count * sizeof(u64);
}

static void write_groups(const struct bus_meta_source *s, const struct bus_meta_view *v,
			 struct kdbus_item *i)
{
	const struct cred_groups *g = s->task->cred->groups;

	for (u32 n = 0; n < g->count; n++)
		i->data64[n] = show_gid(v, g->gid[n]);
}

/* Words: where they are in a struct bus_meta. */
static const char *word_of(const struct bus_meta *m, u64 type)
{
	switch (type) {
	case KDBUS_ITEM_TID_COMM:
		return m->tid_comm;
	case KDBUS_ITEM_PID_COMM:
		return m->pid_comm;
	case KDBUS_ITEM_EXE:
		return m->exe;
	case KDBUS_ITEM_CGROUP:
		return "/";
	default:
		return m->seclabel;
	}
}

static size_t cmdline_size(const struct bus_meta_source *s, const struct bus_meta_view *v)
{
	(void)v;
	return s->task->cmdline_len;
}

static void write_cmdline(const struct bus_meta_source *s, const struct bus_meta_view *v,
			  struct kdbus_item *i)
{
	(void)v;
	memcpy(i->str, s->task->cmdline, s->task->cmdline_len);
}

enum { CAP_SETS = 4, CAP_WORDS = 2 };

static size_t caps_size(const struct bus_meta_source *s, const struct bus_meta_view *v)
{
	(void)s;
	(void)v;
	return sizeof(u32) + sizeof(u32[CAP_SETS][CAP_WORDS]);
}

/* As capable(7) has it: none over a namespace that is not one's own or below it; who made one
 * from the namespace above has all in it. */
static void write_caps(const struct bus_meta_source *s, const struct bus_meta_view *v,
		       struct kdbus_item *i)
{
	const struct cred *c = s->task->cred;
	u64 set[CAP_SETS] = {0};

	if (user_ns_is_below(v->user_ns, c->user_ns)) {
		const u64 own_sets[CAP_SETS] = {c->cap_inheritable, c->cap_permitted,
						c->cap_effective, c->cap_bset};

		memcpy(set, own_sets, sizeof(set));
	}
	for (const struct user_ns *u = v->user_ns; u != c->user_ns && u->level > c->user_ns->level;
	     u = user_ns_parent(u)) {
		if (user_ns_parent(u) != c->user_ns || u->owner_uid != c->euid)
			continue;
		for (u32 n = 1; n < CAP_SETS; n++)
			set[n] = CAP_FULL_SET;
	}
	i->caps.last_cap = CAP_LAST_CAP;
	for (u32 n = 0; n < CAP_SETS; n++) {
		i->caps.caps[n * CAP_WORDS] = (u32)(set[n] & CAP_FULL_SET);
		i->caps.caps[n * CAP_WORDS + 1] = (u32)((set[n] & CAP_FULL_SET) >> 32);
	}
}

static size_t audit_size(const struct bus_meta_source *s, const struct bus_meta_view *v)
{
	(void)s;
	(void)v;
	return sizeof(struct kdbus_audit);
}

static void write_audit(const struct bus_meta_source *s, const struct bus_meta_view *v,
			struct kdbus_item *i)
{
	(void)s;
	(void)v;
	i->audit = (struct kdbus_audit){.sessionid = U32_MAX, .loginuid = U32_MAX};
}

/* In the order in which they stand in a message. No .size: a word. */
static const struct meta_item {
	u64 bit;
	u64 type;
	size_t (*size)(const struct bus_meta_source *s, const struct bus_meta_view *v);
	void (*write)(const struct bus_meta_source *s, const struct bus_meta_view *v,
		      struct kdbus_item *i);
} meta_items[] = {
	{KDBUS_ATTACH_CREDS, KDBUS_ITEM_CREDS, creds_size, write_creds},
	{KDBUS_ATTACH_PIDS, KDBUS_ITEM_PIDS, pids_size, write_pids},
	{KDBUS_ATTACH_AUXGROUPS, KDBUS_ITEM_AUXGROUPS, groups_size, write_groups},
	{KDBUS_ATTACH_TID_COMM, KDBUS_ITEM_TID_COMM, NULL, NULL},
	{KDBUS_ATTACH_PID_COMM, KDBUS_ITEM_PID_COMM, NULL, NULL},
	{KDBUS_ATTACH_EXE, KDBUS_ITEM_EXE, NULL, NULL},
	{KDBUS_ATTACH_CMDLINE, KDBUS_ITEM_CMDLINE, cmdline_size, write_cmdline},
	{KDBUS_ATTACH_CGROUP, KDBUS_ITEM_CGROUP, NULL, NULL},
	{KDBUS_ATTACH_CAPS, KDBUS_ITEM_CAPS, caps_size, write_caps},
	{KDBUS_ATTACH_SECLABEL, KDBUS_ITEM_SECLABEL, NULL, NULL},
	{KDBUS_ATTACH_AUDIT, KDBUS_ITEM_AUDIT, audit_size, write_audit},
};

/* Which items of the task there are. */
static u64 task_mask(const struct bus_meta_source *s, u64 mask, const struct bus_meta_view *v)
{
	if (!s->task)
		return 0;
	mask &= s->task->valid;
	if (mask & KDBUS_ATTACH_EXE && !is_same_place(&s->task->root, &v->root))
		mask &= ~(u64)KDBUS_ATTACH_EXE;
	return mask;
}

static size_t payload_size(const struct meta_item *k, const struct bus_meta_source *s,
			   const struct bus_meta_view *v)
{
	return k->size ? k->size(s, v) : strlen(word_of(s->task, k->type)) + 1;
}

static size_t whole_size(size_t payload)
{
	return ALIGN(ITEM_HEAD + payload, 8ul);
}

size_t bus_meta_size(const struct bus_meta_source *s, u64 mask, const struct bus_meta_view *v)
{
	u64 of_task = task_mask(s, mask, v);
	size_t size = 0;

	for (size_t k = 0; k < ARRAY_SIZE(meta_items); k++) {
		if (of_task & meta_items[k].bit)
			size += whole_size(payload_size(&meta_items[k], s, v));
	}
	if (s->description && mask & KDBUS_ATTACH_CONN_DESCRIPTION)
		size += whole_size(strlen(s->description) + 1);
	if (s->timestamp && mask & KDBUS_ATTACH_TIMESTAMP)
		size += whole_size(sizeof(*s->timestamp));
	if (s->names && mask & KDBUS_ATTACH_NAMES)
		size += bus_name_items(s->names, NULL, 0);
	return size;
}

/* An item at @at of @buf with its padding zeroed; @at moves behind it. */
static struct kdbus_item *put_head(char *buf, size_t *at, u64 type, size_t payload)
{
	struct kdbus_item *i = (struct kdbus_item *)(buf + *at);
	size_t whole = whole_size(payload);

	memset(buf + *at + whole - 8, 0, 8);
	i->size = ITEM_HEAD + payload;
	i->type = type;
	*at += whole;
	return i;
}

static void put_item(const struct meta_item *k, const struct bus_meta_source *s,
		     const struct bus_meta_view *v, char *buf, size_t *at)
{
	size_t payload = payload_size(k, s, v);
	struct kdbus_item *i = put_head(buf, at, k->type, payload);

	if (k->write)
		k->write(s, v, i);
	else
		memcpy(i->str, word_of(s->task, k->type), payload);
}

size_t bus_meta_write(const struct bus_meta_source *s, u64 mask, const struct bus_meta_view *v,
		      void *buf, size_t size)
{
	u64 of_task = task_mask(s, mask, v);
	size_t at = 0;

	for (size_t k = 0; k < ARRAY_SIZE(meta_items); k++) {
		if (of_task & meta_items[k].bit)
			put_item(&meta_items[k], s, v, buf, &at);
	}
	if (s->description && mask & KDBUS_ATTACH_CONN_DESCRIPTION) {
		size_t len = strlen(s->description) + 1;

		memcpy(put_head(buf, &at, KDBUS_ITEM_CONN_DESCRIPTION, len)->str, s->description,
		       len);
	}
	if (s->timestamp && mask & KDBUS_ATTACH_TIMESTAMP)
		put_head(buf, &at, KDBUS_ITEM_TIMESTAMP, sizeof(*s->timestamp))->timestamp =
			*s->timestamp;
	/* Last: they may have changed since their size was taken. */
	if (s->names && mask & KDBUS_ATTACH_NAMES)
		at += bus_name_items(s->names, (char *)buf + at, size - at);
	return at;
}
