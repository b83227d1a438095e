/* /proc/net/unix, /proc/net/protocols, /proc/sys/net/unix. */
#include <net/unix/unix_impl.h>

#include <kernel/procfs/procfs.h>
#include <kernel/seq/seq.h>
#include <kernel/vfs/vfs.h>

#define FLAG_ACCEPTING 0x10000u /* __SO_ACCEPTCON */

int unix_dgram_queue_max = 10;
SYSCTL_INT("net/unix/max_dgram_qlen", 0644, &unix_dgram_queue_max, 0, 0x7fffffff);

/* SS_*: what the socket does as Linux counts it. */
static u32 state_of(const struct unix_sock *sk)
{
	bool connected = sk->state == UNIX_CONNECTED;

	if (sk->sock)
		return connected ? 3 : 1;
	return connected ? 2 : 4;
}

static void show_name(struct seq *s, const struct unix_name *n)
{
	u32 len = n->len - (u32)offsetof(struct sockaddr_un, sun_path);

	seq_putc(s, ' ');
	if (n->addr.sun_path[0])
		len--; /* the terminator */
	for (u32 i = 0; i < len; i++)
		seq_putc(s, n->addr.sun_path[i] ? n->addr.sun_path[i] : '@');
}

/* unix_all_lock is held: nothing of @sk goes away. */
static void show_socket(struct seq *s, struct unix_sock *sk)
{
	const struct unix_name *name = READ_ONCE(sk->name);
	const struct socket *sock = READ_ONCE(sk->sock);
	const struct file *f = sock ? READ_ONCE(sock->file) : NULL;

	/* The first column is an address, which is nobody's business; Linux counts the reference of
	 * its own table, as we do ours. */
	seq_printf(s, "%016x: %08X %08X %08X %04X %02X %5lu", 0, READ_ONCE(sk->refs), 0,
		   READ_ONCE(sk->state) == UNIX_LISTENING ? FLAG_ACCEPTING : 0, (u32)sk->type,
		   state_of(sk), f && f->inode ? (unsigned long)f->inode->ino : 0ul);
	if (name)
		show_name(s, name);
	seq_putc(s, '\n');
}

/* An element is a socket with a reference; element 0 the heading. */
static struct unix_sock *get_from(struct list_head *at)
{
	for (; at != &unix_all; at = at->next) {
		struct unix_sock *sk = list_entry(at, struct unix_sock, all_link);

		if (unix_tryget(sk))
			return sk;
	}
	return NULL;
}

static void *list_start(struct seq *s, u64 pos)
{
	struct list_head *at = unix_all.next;

	(void)s;
	if (!pos)
		return &unix_all;
	guard(spin)(&unix_all_lock);
	for (at = unix_all.next; --pos && at != &unix_all; at = at->next)
		;
	return get_from(at);
}

static void *list_next(struct seq *s, void *v, u64 pos)
{
	struct unix_sock *old = v == &unix_all ? NULL : v, *sk;

	(void)s;
	(void)pos;
	spin_lock(&unix_all_lock);
	sk = get_from(old ? old->all_link.next : unix_all.next);
	spin_unlock(&unix_all_lock);
	unix_put(old);
	return sk;
}

static void list_stop(struct seq *s, void *v)
{
	(void)s;
	if (v && v != &unix_all)
		unix_put(v);
}

static int list_show(struct seq *s, void *v)
{
	struct unix_sock *sk = v;

	if (v == &unix_all) {
		seq_puts(s, "Num       RefCount Protocol Flags    Type St Inode Path\n");
		return 0;
	}
	if (sk->net != s->private_data)
		return 0;
	spin_lock(&sk->lock);
	show_socket(s, sk);
	spin_unlock(&sk->lock);
	return 0;
}

static const struct seq_ops list_ops = {list_start, list_next, list_stop, list_show};
PROC_NET_LIST("unix", 0444, &list_ops);

static int protocols_show(struct seq *s, void *v)
{
	int streams = 0, others = 0;
	struct unix_sock *sk;

	(void)v;
	spin_lock(&unix_all_lock);
	list_for_each_entry (sk, &unix_all, all_link)
		*(sk->type == SOCK_STREAM ? &streams : &others) += 1;
	spin_unlock(&unix_all_lock);
	seq_puts(s,
		 "protocol  size sockets  memory press maxhdr  slab module     cl co di ac io in "
		 "de sh ss gs se re sp bi br ha uh gp em\n");
	seq_printf(s, "%-9s %4u %6d  %6d   %-3s %6u   %-3s  %-10s %s\n", "UNIX-STREAM",
		   (u32)sizeof(*sk), streams, -1, "NI", 0, "yes", "kernel",
		   " y  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n  y  n  n");
	seq_printf(s, "%-9s %4u %6d  %6d   %-3s %6u   %-3s  %-10s %s\n", "UNIX", (u32)sizeof(*sk),
		   others, -1, "NI", 0, "yes", "kernel",
		   " y  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n  n");
	return 0;
}
PROC_NET_FILE("protocols", 0444, protocols_show);

static int sockstat_show(struct seq *s, void *v)
{
	(void)v;
	seq_printf(s, "sockets: used %u\n", READ_ONCE(unix_count));
	return 0;
}
PROC_NET_FILE("sockstat", 0444, sockstat_show);
