/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A message on its way: judged, its descriptors and payload taken hold of, its head written for
 * whoever gets it.
 *
 * What a receiver finds in his pool is the sender's head and items (PAYLOAD_VEC turned into
 * PAYLOAD_OFF), then the items about the sender, then the payload. Offsets in the items count from
 * the head; how much is told of the sender depends on the receiver, so they are set for each kind
 * of receiver anew.
 */
#include "bus_impl.h"

#include <abi/memfd.h>
#include <kern/overflow.h>
#include <kernel/mm/mm.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/vfs/vfs.h>

#define MEMFD_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

bool (*bus_file_refused)(const struct file *f);

void bus_refuse_files(bool (*refused)(const struct file *f))
{
	bus_file_refused = refused;
}

/* ---- shared parts ---- */

struct bus_blob *bus_blob_create(size_t size)
{
	struct bus_blob *b = kvmalloc(sizeof(*b) + size, GFP_KERNEL);

	if (b) {
		b->refs = 1;
		b->size = size;
	}
	return b;
}

struct bus_blob *bus_blob_get(struct bus_blob *b)
{
	__atomic_fetch_add(&b->refs, 1, __ATOMIC_RELAXED);
	return b;
}

void bus_blob_put(struct bus_blob *b)
{
	if (b && !__atomic_sub_fetch(&b->refs, 1, __ATOMIC_ACQ_REL))
		kvfree(b);
}

struct bus_files *bus_files_get(struct bus_files *f)
{
	if (f)
		__atomic_fetch_add(&f->refs, 1, __ATOMIC_RELAXED);
	return f;
}

void bus_files_put(struct bus_files *f)
{
	if (!f || __atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL))
		return;
	for (u32 i = 0; i < f->fds + f->memfds; i++)
		file_put(f->files[i]);
	kfree(f);
}

/* ---- judging ---- */

struct counts {
	u32 parts, fds, memfds;
	const struct kdbus_item *fd_item, *bloom, *name;
	u64 vec_bytes;
};

static int judge_flags(const struct kdbus_msg *msg, bool sync)
{
	if (msg->payload_type == KDBUS_PAYLOAD_KERNEL)
		return -EINVAL;
	if (msg->dst_id == KDBUS_DST_ID_BROADCAST) {
		if (!(msg->flags & KDBUS_MSG_SIGNAL))
			return -EBADMSG;
		if (msg->timeout_ns)
			return -ENOTUNIQ;
	}
	if (msg->flags & KDBUS_MSG_EXPECT_REPLY) {
		if (!msg->timeout_ns)
			return -EINVAL;
		return msg->flags & KDBUS_MSG_SIGNAL ? -ENOTUNIQ : 0;
	}
	if (sync || (msg->cookie_reply && msg->flags & KDBUS_MSG_SIGNAL))
		return -EINVAL;
	return 0;
}

static int judge_vec(const struct kdbus_item *i, struct counts *n)
{
	if (check_add_overflow(n->vec_bytes, i->vec.size, &n->vec_bytes) ||
	    n->vec_bytes > BUS_VEC_TOTAL_MAX)
		return -EMSGSIZE;
	if (i->vec.address && !access_ok((void __user *)i->vec.address, i->vec.size))
		return -EFAULT;
	n->parts++;
	return 0;
}

static int judge_memfd(const struct kdbus_item *i, struct counts *n)
{
	u64 end;

	if (check_add_overflow(i->memfd.start, i->memfd.size, &end))
		return -EMSGSIZE;
	if (n->memfds >= BUS_MEMFDS_MAX)
		return -E2BIG;
	n->memfds++;
	n->parts++; /* padding */
	return 0;
}

static int judge_bloom(const struct kdbus_item *i, const struct bus *b, struct counts *n)
{
	u64 size = bus_item_payload(i) - sizeof(struct kdbus_bloom_filter);

	if (n->bloom)
		return -EEXIST;
	n->bloom = i;
	if (size & 7)
		return -EFAULT;
	return size == b->bloom.size ? 0 : -EDOM;
}

static int judge_item(const struct kdbus_item *i, const struct kdbus_msg *msg, const struct bus *b,
		      struct counts *n)
{
	switch (i->type) {
	case KDBUS_ITEM_PAYLOAD_VEC:
		return judge_vec(i, n);
	case KDBUS_ITEM_PAYLOAD_MEMFD:
		return judge_memfd(i, n);
	case KDBUS_ITEM_FDS:
		if (n->fd_item)
			return -EEXIST;
		n->fd_item = i;
		if (bus_item_payload(i) / sizeof(int) > BUS_USER_FDS_MAX)
			return -EMFILE;
		n->fds = (u32)(bus_item_payload(i) / sizeof(int));
		return 0;
	case KDBUS_ITEM_BLOOM_FILTER:
		return judge_bloom(i, b, n);
	case KDBUS_ITEM_DST_NAME:
		if (n->name)
			return -EEXIST;
		n->name = i;
		if (!bus_name_is_valid(i->str, false))
			return -EINVAL;
		return msg->dst_id == KDBUS_DST_ID_BROADCAST ? -EBADMSG : 0;
	default: /* NEGOTIATE: asks nothing here */
		return -EINVAL;
	}
}

static int judge(const struct bus_args *a, const struct bus *b, bool sync, struct counts *n)
{
	const struct kdbus_msg *msg = (const void *)a->cmd;
	const struct kdbus_item *i;
	int err = judge_flags(msg, sync);

	if (err)
		return err;
	bus_item_for_each (i, a->items, a->items_size) {
		err = judge_item(i, msg, b, n);
		if (err)
			return err;
	}
	if (!(msg->flags & KDBUS_MSG_SIGNAL) != !n->bloom)
		return -EBADMSG;
	if (msg->dst_id == KDBUS_DST_ID_NAME && !n->name)
		return -EDESTADDRREQ;
	return msg->dst_id == KDBUS_DST_ID_BROADCAST && n->fd_item ? -ENOTUNIQ : 0;
}

/* ---- descriptors ---- */

static int get_fd(int fd, struct file **out)
{
	struct fd_ref ref;
	int err = 0;

	if (fd < 0)
		return -EBADF;
	ref = fd_get_path((unsigned int)fd);
	if (!ref.file)
		return -EBADF;
	/* A reference to a bus in a queue of a bus could be one to itself. */
	if (!(ref.file->mode & FMODE_PATH) &&
	    (ref.file->ops == &bus_endpoint_ops || ref.file->ops == &bus_control_ops ||
	     (bus_file_refused && bus_file_refused(ref.file))))
		err = -EOPNOTSUPP;
	else
		*out = file_get(ref.file);
	fd_put(ref);
	return err;
}

static int judge_sealed(struct file *f, const struct kdbus_memfd *m)
{
	const struct super_ops *ops = f->inode->super->ops;
	long seals = ops && ops->seals ? ops->seals(f, F_GET_SEALS, 0) : -EINVAL;

	if (seals < 0)
		return -EMEDIUMTYPE;
	if ((seals & MEMFD_SEALS) != MEMFD_SEALS)
		return -ETXTBSY;
	return m->start + m->size > (u64)inode_size(f->inode) ? -EFAULT : 0;
}

static int get_memfd(const struct kdbus_memfd *m, struct file **out)
{
	struct file *f = fd_file((unsigned int)m->fd);
	int err;

	if (!f)
		return -EBADF;
	err = judge_sealed(f, m);
	if (err)
		file_put(f);
	else
		*out = f;
	return err;
}

static int files_create(const struct counts *n, struct bus_files **out)
{
	struct bus_files *f;

	*out = NULL;
	if (!n->fds && !n->memfds)
		return 0;
	f = kzalloc(sizeof(*f) + (n->fds + n->memfds) * sizeof(f->files[0]));
	if (!f)
		return -ENOMEM;
	f->refs = 1;
	*out = f;
	return 0;
}

/* ---- taking hold ---- */

static void add_part(struct bus_message *m, const void __user *base, u64 size)
{
	if (!size)
		return;
	m->parts[m->part_count++] = (struct bus_part){base, size};
	m->payload += size;
}

static void import_vec(struct bus_message *m, struct kdbus_item *i)
{
	u64 offset = m->payload;

	i->type = KDBUS_ITEM_PAYLOAD_OFF;
	if (i->vec.address) {
		add_part(m, (const void __user *)i->vec.address, i->vec.size);
		i->vec.offset = offset;
	} else {
		/* Of zeroes only what keeps the next part in its place modulo 8. */
		add_part(m, NULL, i->vec.size % 8);
		i->vec.offset = ~0ull;
	}
}

/* fds come first in the array, so their number is known beforehand. */
static int import_memfd(struct bus_message *m, struct kdbus_item *i, u32 fds)
{
	struct bus_files *f = m->files;
	int err = get_memfd(&i->memfd, &f->files[fds + f->memfds]);

	if (err)
		return err;
	f->memfd_at[f->memfds++] = (u32)((u8 *)&i->memfd.fd - (u8 *)m->msg);
	i->memfd.fd = -1;
	i->memfd.__pad = 0;
	/* What comes behind it begins at a multiple of 8. */
	add_part(m, NULL, -m->payload & 7);
	return 0;
}

static int import_fds(struct bus_message *m, struct kdbus_item *i, u32 fds)
{
	struct bus_files *f = m->files;

	for (u32 n = 0; n < fds; n++) {
		int err = get_fd(i->fds[n], &f->files[n]);

		if (err)
			return err;
		i->fds[n] = -1;
		f->fds++;
	}
	if (f)
		f->fds_at = (u32)((u8 *)i->fds - (u8 *)m->msg);
	return 0;
}

static void zero_padding(struct kdbus_item *i)
{
	memset((u8 *)i + i->size, 0, BUS_ALIGN8(i->size) - i->size);
}

static int import_items(struct bus_message *m, const struct bus_args *a, const struct counts *n)
{
	struct kdbus_item *i;
	int err = 0;

	/* The descriptors first: files[] is without gaps then, whatever fails. */
	if (n->fd_item)
		err = import_fds(m, (struct kdbus_item *)(uptr)n->fd_item, n->fds);
	bus_item_for_each (i, a->items, a->items_size) {
		if (err)
			return err;
		switch (i->type) {
		case KDBUS_ITEM_PAYLOAD_VEC:
			import_vec(m, i);
			break;
		case KDBUS_ITEM_PAYLOAD_MEMFD:
			err = import_memfd(m, i, n->fds);
			break;
		case KDBUS_ITEM_BLOOM_FILTER:
			m->filter = &i->bloom_filter;
			break;
		case KDBUS_ITEM_DST_NAME:
			m->dst_name = i->str;
			break;
		default:
			break;
		}
		/* The last one's is behind the copy: see bus_message_head(). */
		if ((u8 *)i + BUS_ALIGN8(i->size) <= (u8 *)a->items + a->items_size)
			zero_padding(i);
	}
	add_part(m, NULL, -m->payload & 7);
	return err;
}

int bus_message_import(struct bus_message *m, struct bus_conn *src, struct bus_args *a, bool sync)
{
	struct counts n = {0};
	int err;

	memset(m, 0, sizeof(*m));
	m->src = src;
	m->msg = (void *)a->cmd;
	err = judge(a, src->bus, sync, &n);
	if (err)
		return err;
	if (n.parts) {
		m->parts = alloc_array(n.parts + 1, sizeof(*m->parts));
		if (!m->parts)
			return -ENOMEM;
	}
	err = files_create(&n, &m->files);
	if (!err)
		err = import_items(m, a, &n);
	m->msg_size = BUS_ALIGN8((size_t)m->msg->size);
	return err;
}

void bus_message_kernel(struct bus_message *m, struct kdbus_msg *msg, size_t size)
{
	memset(m, 0, sizeof(*m));
	m->msg = msg;
	m->msg_size = BUS_ALIGN8(size);
	m->notice = msg->items;
}

void bus_message_release(struct bus_message *m)
{
	for (u32 i = 0; i < m->head_count; i++)
		bus_blob_put(m->heads[i].blob);
	bus_blob_put(m->body);
	bus_files_put(m->files);
	bus_meta_release(&m->meta);
	kfree(m->parts);
}

/* ---- what a receiver gets ---- */

u64 bus_message_mask(struct bus_message *m, const struct bus_conn *dst)
{
	/* The kernel says when, and nothing more. */
	if (!m->src)
		return KDBUS_ATTACH_TIMESTAMP;
	return bus_meta_mask(current->pid, READ_ONCE(m->src->attach_send), &dst->view,
			     READ_ONCE(dst->attach_recv));
}

static int capture(struct bus_message *m, u64 mask, struct bus *b)
{
	if (mask & KDBUS_ATTACH_TIMESTAMP && !m->stamp.seqnum) {
		m->stamp.seqnum = __atomic_add_fetch(&b->last_message, 1, __ATOMIC_RELAXED);
		m->stamp.monotonic_ns = time_mono_ns();
		m->stamp.realtime_ns = time_real_ns();
	}
	/* Who was given other names by a privileged HELLO says nothing of the task behind it. */
	if (!m->src || m->src->meta->faked)
		return 0;
	if (m->prepared)
		mask &= ~(u64)KDBUS_ATTACH_CMDLINE;
	return bus_meta_capture(&m->meta, mask & BUS_META_PROCESS);
}

int bus_message_prepare(struct bus_message *m)
{
	int err = 0;

	if (m->src && !m->src->meta->faked)
		err = bus_meta_capture(&m->meta,
				       READ_ONCE(m->src->bus->recv_any) & KDBUS_ATTACH_CMDLINE);
	m->prepared = true;
	return err;
}

bool bus_message_names_matter(struct bus_message *m, const struct bus_conn *dst)
{
	m->with_names = m->src && !list_empty(&m->src->names.claims);
	return m->with_names && bus_message_mask(m, dst) & KDBUS_ATTACH_NAMES;
}

static struct bus_meta_source source_of(struct bus_message *m)
{
	struct bus_meta_source s = {.timestamp = &m->stamp};

	if (m->src) {
		s.task = m->src->meta->faked ? NULL : &m->meta;
		s.names = m->with_names ? &m->src->names : NULL;
		s.description = m->src->description;
	}
	return s;
}

/* The payload begins at @to, from the head on. */
static void move_payload(struct kdbus_msg *msg, size_t msg_size, u64 to)
{
	struct kdbus_item *i;

	bus_item_for_each (i, msg->items, msg_size - sizeof(*msg)) {
		if (i->type == KDBUS_ITEM_PAYLOAD_OFF && i->vec.offset != ~0ull)
			i->vec.offset += to;
	}
}

static int write_head(struct bus_message *m, const struct bus_conn *dst, u64 mask,
		      struct bus_blob **out)
{
	struct bus_meta_source s = source_of(m);
	size_t meta, whole = (size_t)m->msg->size;
	struct bus_blob *b;
	int err = capture(m, mask, dst->bus);

	if (err)
		return err;
	meta = bus_meta_size(&s, mask, &dst->view);
	b = bus_blob_create(m->msg_size + meta);
	if (!b)
		return -ENOMEM;
	memcpy(b->data, m->msg, whole);
	memset(b->data + whole, 0, m->msg_size - whole);
	meta = bus_meta_write(&s, mask, &dst->view, b->data + m->msg_size, meta);
	b->size = m->msg_size + meta;
	if (m->payload)
		move_payload((void *)b->data, whole, b->size);
	((struct kdbus_msg *)b->data)->size = b->size;
	*out = b;
	return 0;
}

int bus_message_head(struct bus_message *m, const struct bus_conn *dst, struct bus_blob **out)
{
	u64 mask = bus_message_mask(m, dst);
	struct bus_head *h;
	int err;

	for (u32 i = 0; i < m->head_count; i++) {
		h = &m->heads[i];
		if (h->mask == mask && bus_meta_view_same(h->view, &dst->view)) {
			*out = bus_blob_get(h->blob);
			return 0;
		}
	}
	err = write_head(m, dst, mask, out);
	if (!err && m->head_count < BUS_HEADS) {
		m->heads[m->head_count++] =
			(struct bus_head){mask, &dst->view, bus_blob_get(*out)};
	}
	return err;
}

static int copy_part(const struct bus_part *p, u8 *to)
{
	if (!p->base)
		memset(to, 0, p->size);
	else if (copy_from_user(to, p->base, p->size))
		return -EFAULT;
	return 0;
}

int bus_message_share(struct bus_message *m)
{
	struct bus_blob *b;
	u64 at = 0;
	int err = 0;

	if (m->body || !m->payload)
		return 0;
	b = bus_blob_create(m->payload);
	if (!b)
		return -ENOMEM;
	for (u32 i = 0; i < m->part_count && !err; i++) {
		err = copy_part(&m->parts[i], b->data + at);
		at += m->parts[i].size;
	}
	if (err)
		bus_blob_put(b);
	else
		m->body = b;
	return err;
}

int bus_message_write(const struct bus_message *m, struct bus_conn *dst, u64 at)
{
	static const u8 zeroes[8];
	int err = 0;

	for (u32 i = 0; i < m->part_count && !err; i++) {
		const struct bus_part *p = &m->parts[i];
		struct uio u;

		if (p->base) {
			uio_init_user(&u, true, (void __user *)(uptr)p->base, p->size);
			err = bus_pool_write(dst, at, &u);
		} else {
			err = bus_pool_write_kernel(dst, at, zeroes, p->size);
		}
		at += p->size;
	}
	return err;
}
