/*
 * Control messages: SCM_RIGHTS and SCM_CREDENTIALS, unix(7).
 *
 * A message carries its sender's identity if that was given, or if one of the two sides had
 * SO_PASSCRED when it was sent, or the receiver was not accepted yet; else nobody's.
 */
#include <net/unix/unix_impl.h>

#include <kernel/ns/user.h>
#include <kernel/uaccess/uaccess.h>
#include <asm/socket.h>
#include <linux/capability.h>
#include <linux/fcntl.h>

void unix_scm_release(struct unix_scm *scm)
{
	unix_flight_end(scm);
	for (u32 i = 0; i < scm->file_count; i++)
		file_put(scm->files[i]);
	kfree(scm->files);
	pid_put(scm->pid);
	memset(scm, 0, sizeof(*scm));
}

static int parse_rights(const void *data, size_t len, struct unix_scm *scm)
{
	size_t n = len / sizeof(int);
	struct file **files;

	if (!n)
		return 0;
	if (n + scm->file_count > SCM_MAX_FD)
		return -EINVAL;
	files = alloc_array(n + scm->file_count, sizeof(*files));
	if (!files)
		return -ENOMEM;
	if (scm->file_count)
		memcpy(files, scm->files, scm->file_count * sizeof(*files));
	kfree(scm->files);
	scm->files = files;
	for (size_t i = 0; i < n; i++) {
		struct file *f;
		int fd;

		memcpy(&fd, (const u8 *)data + i * sizeof(fd), sizeof(fd));
		f = fd < 0 ? NULL : fd_file((unsigned int)fd);
		if (!f)
			return -EBADF;
		files[scm->file_count++] = f;
	}
	return 0;
}

/* One's own identity in any of its forms, or any for the privileged. */
static int parse_credentials(const void *data, size_t len, struct unix_scm *scm)
{
	const struct cred *c = current_cred();
	struct ucred u;
	struct pid *pid;

	if (len != sizeof(u))
		return -EINVAL;
	memcpy(&u, data, sizeof(u));
	u.uid = uid_from_user(u.uid);
	u.gid = gid_from_user(u.gid);
	if (u.uid == ID_NONE || u.gid == ID_NONE)
		return -EINVAL;
	if ((int)u.pid != task_tgid(current) &&
	    !ns_capable(task_pid_ns(current)->ns.owner, CAP_SYS_ADMIN))
		return -EPERM;
	if (u.uid != c->uid && u.uid != c->euid && u.uid != c->suid &&
	    !ns_capable(c->user_ns, CAP_SETUID))
		return -EPERM;
	if (u.gid != c->gid && u.gid != c->egid && u.gid != c->sgid &&
	    !ns_capable(c->user_ns, CAP_SETGID))
		return -EPERM;
	pid = pid_find((int)u.pid);
	if (!pid)
		return -ESRCH;
	pid_put(scm->pid);
	scm->pid = pid;
	scm->uid = u.uid;
	scm->gid = u.gid;
	return 0;
}

static int parse_one(const struct cmsghdr *h, const void *data, struct unix_scm *scm)
{
	size_t len = h->cmsg_len - sizeof(*h);

	if (h->cmsg_level != SOL_SOCKET)
		return 0;
	switch (h->cmsg_type) {
	case SCM_RIGHTS:
		return parse_rights(data, len, scm);
	case SCM_CREDENTIALS:
		return parse_credentials(data, len, scm);
	default:
		return -EINVAL;
	}
}

int unix_scm_parse(const struct socket_msg *m, struct unix_scm *out)
{
	struct unix_scm scm = {.uid = ID_NONE, .gid = ID_NONE};
	size_t at = 0;
	int err = 0;

	while (!err && m->control_len - at >= sizeof(struct cmsghdr)) {
		struct cmsghdr h;

		memcpy(&h, m->control + at, sizeof(h));
		if (h.cmsg_len < sizeof(h) || h.cmsg_len > m->control_len - at) {
			err = -EINVAL;
			break;
		}
		err = parse_one(&h, m->control + at + sizeof(h), &scm);
		if (CMSG_ALIGN(h.cmsg_len) >= m->control_len - at)
			break;
		at += CMSG_ALIGN(h.cmsg_len);
	}
	if (err) {
		unix_scm_release(&scm);
		return err;
	}
	*out = scm;
	return 0;
}

void unix_scm_add_identity(struct unix_scm *scm, const struct socket *from,
			   const struct unix_sock *to)
{
	if (scm->pid || (to->sock && likely(!from->passcred && !to->sock->passcred)))
		return;
	scm->pid = pid_get(current->process->pid);
	scm->uid = current_cred()->uid;
	scm->gid = current_cred()->gid;
}

/* A descriptor whose number the receiver has been told. */
static int install_file(struct file *f, u32 o_cloexec, int __user *to)
{
	int fd, err = fd_reserve(0, o_cloexec, &fd);

	if (err)
		return err;
	if (put_user(fd, to)) {
		fd_unreserve(fd);
		return -EFAULT;
	}
	fd_install(fd, f);
	return 0;
}

/* Descriptors for as many files as there is room for; returns how many.  Consumes a reference of
 * each file. */
static u32 install_files(struct socket_msg *m, struct unix_scm *scm, u32 room)
{
	int __user *to = (int __user *)(m->control_out + m->control_used + sizeof(struct cmsghdr));
	u32 n = 0;

	while (n < min(room, scm->file_count) &&
	       !install_file(scm->files[n], m->flags & MSG_CMSG_CLOEXEC ? O_CLOEXEC : 0, &to[n]))
		n++;
	for (u32 i = n; i < scm->file_count; i++)
		file_put(scm->files[i]);
	return n;
}

static void deliver_some_files(struct socket_msg *m, struct unix_scm *scm, bool peek)
{
	size_t left = m->control_room - m->control_used;
	u32 room = left > sizeof(struct cmsghdr)
			   ? (u32)((left - sizeof(struct cmsghdr)) / sizeof(int))
			   : 0;
	u32 n;

	if (peek)
		unix_flight_peek(scm);
	else
		unix_flight_end(scm);
	n = install_files(m, scm, room);
	if (n)
		socket_put_cmsg(m, SOL_SOCKET, SCM_RIGHTS, NULL, n * sizeof(int));
	if (n < scm->file_count)
		m->flags |= MSG_CTRUNC;
	if (peek)
		return;
	kfree(scm->files);
	scm->files = NULL;
	scm->file_count = 0;
}

void unix_scm_deliver_files(struct socket_msg *m, struct unix_scm *scm, bool peek)
{
	if (scm->file_count)
		deliver_some_files(m, scm, peek);
}

void unix_scm_deliver_identity(struct socket *s, struct socket_msg *m, const struct unix_scm *scm)
{
	if (likely(!s->passcred))
		return;
	struct ucred u = {
		scm->pid ? (u32)pid_vnr(scm->pid) : 0,
		scm->uid == ID_NONE ? READ_ONCE(overflow_uid) : uid_to_user(scm->uid),
		scm->gid == ID_NONE ? READ_ONCE(overflow_gid) : gid_to_user(scm->gid),
	};

	socket_put_cmsg(m, SOL_SOCKET, SCM_CREDENTIALS, &u, sizeof(u));
}
