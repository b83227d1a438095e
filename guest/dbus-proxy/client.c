// SPDX-License-Identifier: BSD-2-Clause
/*
 * The socket of a client: who is at its other end, bytes and descriptors in both directions, and
 * the limits of what may pile up. A client that does not read loses nothing at once: what it is
 * sent waits here up to the limit, then in its queue on the kernel bus, then senders are refused.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <pwd.h>
#include <unistd.h>

#include "proxy.h"

#define READ_BYTES 65536
#define FDS_A_READ 253
#define LABEL_BYTES 256

struct chunk {
	uint8_t *data;
	size_t len, done;
	int *fds;
	unsigned int fd_count;
};

/* ---- output */

static void close_all(const int *fds, unsigned int n)
{
	while (n)
		close(fds[--n]);
}

static void chunk_free(struct chunk *chunk)
{
	close_all(chunk->fds, chunk->fd_count);
	g_free(chunk->fds);
	g_free(chunk->data);
	g_free(chunk);
}

/* Bytes that went, 0 when the socket is full, or a negative errno. */
static ssize_t send_some(int socket, const void *data, size_t len, const int *fds, unsigned int n)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int) * FDS_A_READ)];
	} control;
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t r;

	if (n) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int) * n);
		memcpy(CMSG_DATA(&control.head), fds, sizeof(int) * n);
	}
	do {
		r = sendmsg(socket, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return errno == EAGAIN || errno == ENOBUFS ? 0 : -errno;
	return r;
}

static void watch(struct client *client)
{
	uint32_t events = client->paused ? 0 : EPOLLIN;

	if (client->output.length)
		events |= EPOLLOUT;
	loop_change(client->proxy->loop, &client->source, events);
}

bool client_is_full(const struct client *client)
{
	const int64_t *limits = client->proxy->config->limits;

	return (int64_t)client->output_bytes > limits[LIMIT_OUTGOING_BYTES] ||
	       client->output_fds > limits[LIMIT_OUTGOING_FDS];
}

static void flush(struct client *client)
{
	struct chunk *chunk;

	while ((chunk = g_queue_peek_head(&client->output))) {
		ssize_t n = send_some(client->source.fd, chunk->data + chunk->done,
				      chunk->len - chunk->done, chunk->fds, chunk->fd_count);

		if (n < 0) {
			client_close(client);
			return;
		}
		if (n == 0)
			break;
		close_all(chunk->fds, chunk->fd_count);
		client->output_fds -= chunk->fd_count;
		chunk->fd_count = 0;
		chunk->done += (size_t)n;
		client->output_bytes -= (size_t)n;
		if (chunk->done == chunk->len)
			chunk_free(g_queue_pop_head(&client->output));
	}
	if (client_is_full(client))
		return;
	if (client->conn)
		loop_change(client->proxy->bus_loop, &client->bus_source, EPOLLIN);
	if (client->paused) {
		client->paused = false;
		client_process(client);
	}
	if (client->state != CLIENT_GONE)
		watch(client);
}

void client_write(struct client *client, const void *data, size_t len, const int *fds,
		  unsigned int fd_count)
{
	struct chunk *chunk;
	ssize_t n = 0;

	if (client->state != CLIENT_GONE && !client->output.length)
		n = send_some(client->source.fd, data, len, fds, fd_count);
	if (n < 0)
		client_close(client);
	if (client->state == CLIENT_GONE || (n > 0 && (size_t)n == len)) {
		close_all(fds, fd_count);
		return;
	}
	if (n > 0) {
		close_all(fds, fd_count);
		fd_count = 0;
	}
	chunk = g_new0(struct chunk, 1);
	chunk->len = len - (size_t)n;
	chunk->data = g_memdup2((const uint8_t *)data + n, chunk->len);
	chunk->fds = g_memdup2(fds, fd_count * sizeof(int));
	chunk->fd_count = fd_count;
	g_queue_push_tail(&client->output, chunk);
	client->output_bytes += chunk->len;
	client->output_fds += fd_count;
	watch(client);
}

/* ---- input */

static void take_fds(struct client *client, struct msghdr *msg)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			g_array_append_vals(client->input_fds, CMSG_DATA(c),
					    (guint)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int)));
}

/* Whether there may be more to do; the client may be gone after. */
static bool fill(struct client *client)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int) * FDS_A_READ)];
	} control;
	struct iovec iov = {.iov_len = READ_BYTES};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	guint before = client->input->len;
	ssize_t n;

	g_byte_array_set_size(client->input, before + READ_BYTES);
	iov.iov_base = client->input->data + before;
	n = recvmsg(client->source.fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	g_byte_array_set_size(client->input, before + (guint)MAX(n, 0));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		client_close(client);
		return false;
	}
	take_fds(client, &msg);
	if (msg.msg_flags & MSG_CTRUNC ||
	    client->input_fds->len > client->proxy->config->limits[LIMIT_INCOMING_FDS] ||
	    (client->input_fds->len && !client->sasl.fds)) {
		client_close(client);
		return false;
	}
	return true;
}

static void begin_messages(struct client *client)
{
	struct proxy *proxy = client->proxy;

	loop_stop_timer(proxy->loop, &client->timer);
	if (!policy_may_connect(proxy->config->policy, client->uid, client->groups,
				client->group_count)) {
		client_close(client);
		return;
	}
	client->state = CLIENT_SILENT;
	loop_start_timer(proxy->loop, &client->timer, proxy->config->limits[LIMIT_AUTH_TIMEOUT]);
}

static void authenticate(struct client *client)
{
	g_autoptr(GString) reply = g_string_new(NULL);

	client->used += (unsigned int)sasl_feed(&client->sasl,
						(const char *)client->input->data + client->used,
						client->input->len - client->used, reply);
	if (reply->len)
		client_write(client, reply->str, reply->len, NULL, 0);
	if (client->state == CLIENT_GONE)
		return;
	if (client->sasl.state == SASL_FAILED)
		client_close(client);
	else if (client->sasl.state == SASL_DONE)
		begin_messages(client);
}

/* Bytes of the message at the head of the input, 0 when not even that is known, -1 for nonsense. */
static gssize message_bytes(struct client *client)
{
	const uint8_t *head = client->input->data + client->used;
	gsize have = client->input->len - client->used;
	gssize need;

	if (have < 16)
		return 0;
	need = g_dbus_message_bytes_needed((guchar *)(uintptr_t)head, have, NULL);
	if (need > client->proxy->config->limits[LIMIT_MESSAGE_BYTES])
		return -1;
	return need;
}

static bool take_message(struct client *client, gssize need)
{
	const uint8_t *data = client->input->data + client->used;

	client->used += (unsigned int)need;
	return relay_from_client(client, data, (size_t)need);
}

static void watch_pending_fds(struct client *client)
{
	struct proxy *proxy = client->proxy;

	if (client->state < CLIENT_ACTIVE)
		return;
	if (!client->input_fds->len)
		loop_stop_timer(proxy->loop, &client->timer);
	else if (!client->timer.place)
		loop_start_timer(proxy->loop, &client->timer,
				 proxy->config->limits[LIMIT_PENDING_FD_TIMEOUT]);
}

void client_process(struct client *client)
{
	if (client->state == CLIENT_AUTH)
		authenticate(client);
	while (client->state > CLIENT_AUTH && client->state < CLIENT_GONE) {
		gssize need;

		if (client_is_full(client)) {
			client->paused = true;
			break;
		}
		need = message_bytes(client);
		if (need > 0 && (guint)need > client->input->len - client->used)
			break;
		if (need == 0)
			break;
		if (need < 0 || !take_message(client, need))
			client_close(client);
	}
	if (client->state == CLIENT_GONE)
		return;
	if (client->used)
		g_byte_array_remove_range(client->input, 0, client->used);
	client->used = 0;
	watch_pending_fds(client);
	watch(client);
}

static void on_socket(struct source *source, uint32_t events)
{
	struct client *client = (struct client *)((char *)source - offsetof(struct client, source));

	if (events & EPOLLOUT)
		flush(client);
	if (client->state != CLIENT_GONE && events & (EPOLLIN | EPOLLHUP | EPOLLERR) &&
	    fill(client))
		client_process(client);
}

/* ---- life */

static void on_timer(struct timer *timer)
{
	client_close((struct client *)((char *)timer - offsetof(struct client, timer)));
}

static void learn_groups(struct client *client, int fd)
{
	socklen_t size = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0 || errno != ERANGE)
		size = 0;
	client->groups = g_malloc0(size + sizeof(gid_t));
	if (size && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, client->groups, &size))
		size = 0;
	client->group_count = size / sizeof(gid_t);
	client->groups[client->group_count++] = client->gid;
}

static void learn_label(struct client *client, int fd)
{
	char label[LABEL_BYTES + 1];
	socklen_t size = LABEL_BYTES;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERSEC, label, &size) || !size)
		return;
	label[size] = '\0';
	client->label = g_strdup(label);
}

static bool learn_peer(struct client *client, int fd)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size))
		return false;
	client->uid = cred.uid;
	client->gid = cred.gid;
	client->pid = cred.pid;
	learn_groups(client, fd);
	learn_label(client, fd);
	return true;
}

static bool at_console(uid_t uid)
{
	struct passwd *user = getpwuid(uid);
	g_autofree char *path = user ? g_build_filename("/run/console", user->pw_name, NULL) : NULL;

	return path && access(path, F_OK) == 0;
}

void client_new_policy(struct client *client)
{
	peer_policy_free(client->policy);
	client->policy = policy_for(client->proxy->config->policy, client->uid, client->groups,
				    client->group_count, at_console(client->uid));
}

char **client_names(struct client *client, bool queued)
{
	GPtrArray *names = g_ptr_array_new();
	GHashTableIter iter;
	gpointer name, state;

	g_hash_table_iter_init(&iter, client->names);
	while (g_hash_table_iter_next(&iter, &name, &state))
		if (queued || GPOINTER_TO_INT(state) & NAME_OWNED)
			g_ptr_array_add(names, g_strdup(name));
	g_ptr_array_add(names, NULL);
	return (char **)g_ptr_array_free(names, FALSE);
}

static bool offers_external(const struct config *config)
{
	return !config->auth->len ||
	       g_ptr_array_find_with_equal_func(config->auth, "EXTERNAL", g_str_equal, NULL);
}

void client_accept(struct proxy *proxy, int fd)
{
	struct client *client = g_new0(struct client, 1);

	client->proxy = proxy;
	client->source.fd = client->bus_source.fd = -1;
	if (!learn_peer(client, fd) || loop_add(proxy->loop, &client->source, fd, EPOLLIN)) {
		close(fd);
		client_free(client);
		return;
	}
	client->source.ready = on_socket;
	client->timer.expired = on_timer;
	client->sasl = (struct sasl){.uid = client->uid, .guid = proxy->guid};
	client->sasl.external = offers_external(proxy->config);
	client->input = g_byte_array_new();
	client->input_fds = g_array_new(FALSE, FALSE, sizeof(int));
	client->rules = g_ptr_array_new_with_free_func((GDestroyNotify)match_free);
	client->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	client_new_policy(client);
	g_queue_init(&client->output);
	g_hash_table_add(proxy->everyone, client);
	proxy->incomplete++;
	loop_start_timer(proxy->loop, &client->timer, proxy->config->limits[LIMIT_AUTH_TIMEOUT]);
}

static void leave_bus(struct client *client)
{
	struct proxy *proxy = client->proxy;
	int64_t uid = client->uid;
	guint n = GPOINTER_TO_UINT(g_hash_table_lookup(proxy->users, &uid));

	proxy->complete--;
	if (n > 1)
		g_hash_table_replace(proxy->users, g_memdup2(&uid, sizeof(uid)),
				     GUINT_TO_POINTER(n - 1));
	else
		g_hash_table_remove(proxy->users, &uid);
	g_hash_table_remove(proxy->clients, &client->id);
	g_ptr_array_remove_fast(proxy->monitors, client);
	services_forget(proxy->services, client);
	loop_remove(proxy->bus_loop, &client->bus_source);
	bus_disconnect(client->conn);
	client->conn = NULL;
}

void client_close(struct client *client)
{
	struct proxy *proxy = client->proxy;
	int fd = client->source.fd;

	if (client->state == CLIENT_GONE)
		return;
	if (client->state < CLIENT_ACTIVE)
		proxy->incomplete--;
	client->state = CLIENT_GONE;
	loop_stop_timer(proxy->loop, &client->timer);
	loop_remove(proxy->loop, &client->source);
	close(fd);
	if (client->conn)
		leave_bus(client);
	g_hash_table_remove(proxy->everyone, client);
	loop_free_later(proxy->loop, (GDestroyNotify)client_free, client);
}

void client_free(struct client *client)
{
	struct chunk *chunk;

	while ((chunk = g_queue_pop_head(&client->output)))
		chunk_free(chunk);
	if (client->input)
		g_byte_array_unref(client->input);
	if (client->input_fds) {
		close_all((int *)(void *)client->input_fds->data, client->input_fds->len);
		g_array_unref(client->input_fds);
	}
	g_clear_pointer(&client->rules, g_ptr_array_unref);
	g_clear_pointer(&client->names, g_hash_table_unref);
	g_clear_pointer(&client->failures, g_hash_table_unref);
	peer_policy_free(client->policy);
	g_free(client->groups);
	g_free(client->label);
	g_free(client);
}
