/*
 * SO_ATTACH_FILTER: a classic BPF program judges what a socket receives, socket(7).
 *
 * Senders run the program under RCU, so a replaced one goes after a grace period. Setting one and
 * locking the choice exclude each other (filter_lock).
 */
#include <net/core/socket_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/lock/lock.h>
#include <kernel/rcu/rcu.h>
#include <kernel/rng/rng.h>
#include <kernel/slab/slab.h>
#include <kernel/uaccess/uaccess.h>
#include <lib/bpf/bpf.h>
#include <asm/cpu.h>

struct socket_filter {
	struct rcu_head rcu;
	u32 len; /* instructions */
	struct sock_filter prog[];
};

static struct spinlock filter_lock = SPINLOCK_INIT(LK_SPIN_LEAF);

/* What a message has besides its bytes; false: there is no device to ask. */
static bool ancillary(const struct bpf_data *d, u32 offset, u32 width, u32 a, u32 x, u32 *out)
{
	(void)d;
	(void)width;
	*out = 0;
	switch (offset - (u32)SKF_AD_OFF) {
	case SKF_AD_PROTOCOL:
	case SKF_AD_PKTTYPE:
	case SKF_AD_NLATTR:
	case SKF_AD_NLATTR_NEST:
	case SKF_AD_MARK:
	case SKF_AD_QUEUE:
	case SKF_AD_RXHASH:
	case SKF_AD_VLAN_TAG:
	case SKF_AD_VLAN_TAG_PRESENT:
	case SKF_AD_VLAN_TPID:
	case SKF_AD_PAY_OFFSET:
		return true;
	case SKF_AD_CPU:
		*out = cpu_id();
		return true;
	case SKF_AD_RANDOM:
		*out = rng_u32();
		return true;
	case SKF_AD_ALU_XOR_X:
		*out = a ^ x;
		return true;
	default:
		return false;
	}
}

u32 socket_filter_run(const struct socket_filter *f, const u8 *bytes, u32 len)
{
	const struct bpf_data d = {
		.bytes = bytes, .len = len, .kind = BPF_KIND_PACKET, .ancillary = ancillary};

	return bpf_run(f->prog, &d);
}

static int filter_read(const struct sock_fprog *fprog, struct socket_filter **out)
{
	u32 size = fprog->len * (u32)sizeof(struct sock_filter);
	struct socket_filter *f;
	u16 *scratch;
	int err = -ENOMEM;

	if (!fprog->len || fprog->len > BPF_MAXINSNS || !fprog->filter)
		return -EINVAL;
	f = kmalloc(sizeof(*f) + size);
	scratch = kmalloc(fprog->len * sizeof(*scratch));
	if (f && scratch) {
		f->len = fprog->len;
		err = copy_from_user(f->prog, (const void __user *)fprog->filter, size)
			      ? -EFAULT
			      : bpf_check(f->prog, f->len, BPF_KIND_PACKET, 0, scratch);
		if (!err && size > (u32)READ_ONCE(socket_optmem_max))
			err = -ENOMEM;
	}
	kfree(scratch);
	if (err)
		kfree(f);
	else
		*out = f;
	return err;
}

/* Puts @f (NULL: none) in the place of the filter. -EPERM, -ENOENT: there is none to take away. */
static int filter_replace(struct socket *s, struct socket_filter *f)
{
	struct socket_filter *old = NULL;
	int err = 0;

	spin_lock(&filter_lock);
	if (s->filter_locked)
		err = -EPERM;
	else if (!f && !s->filter)
		err = -ENOENT;
	if (!err) {
		old = s->filter;
		rcu_assign(s->filter, f);
	}
	spin_unlock(&filter_lock);
	if (old)
		rcu_kfree(&old->rcu, old);
	return err;
}

int socket_filter_attach(struct socket *s, const void *buf, u32 len)
{
	struct sock_fprog fprog;
	struct socket_filter *f;
	int err;

	if (len != sizeof(fprog))
		return -EINVAL;
	if (READ_ONCE(s->filter_locked))
		return -EPERM;
	memcpy(&fprog, buf, sizeof(fprog));
	err = filter_read(&fprog, &f);
	if (err)
		return err;
	err = filter_replace(s, f);
	if (err)
		kfree(f);
	return err;
}

int socket_filter_detach(struct socket *s)
{
	return filter_replace(s, NULL);
}

int socket_filter_set_lock(struct socket *s, bool on)
{
	guard(spin)(&filter_lock);
	if (s->filter_locked && !on)
		return -EPERM;
	s->filter_locked = on;
	return 0;
}

/* SO_GET_FILTER: its instructions; lengths count instructions, not bytes. */
int socket_filter_get(struct socket *s, void __user *optval, int __user *optlen, int len)
{
	const struct socket_filter *f;
	struct sock_filter *copy = NULL;
	u32 n = 0;
	int err = 0;

	if (len)
		copy = kmalloc(BPF_MAXINSNS * sizeof(*copy));
	if (len && !copy)
		return -ENOMEM;
	rcu_read_lock();
	f = rcu_dereference(s->filter);
	if (f)
		n = f->len;
	if (len && (u32)len < n)
		err = -EINVAL;
	else if (len && n)
		memcpy(copy, f->prog, n * sizeof(*copy));
	rcu_read_unlock();
	if (!err && len && copy_to_user(optval, copy, n * sizeof(*copy)))
		err = -EFAULT;
	kfree(copy);
	if (!err && put_user((int)n, optlen))
		err = -EFAULT;
	return err;
}

void socket_filter_free(struct socket *s)
{
	if (s->filter)
		rcu_kfree(&s->filter->rcu, s->filter);
}
