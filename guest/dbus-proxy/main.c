// SPDX-License-Identifier: BSD-2-Clause
/*
 * corbel-dbus-proxy: lets programs that speak D-Bus over a socket use the message bus of the
 * kernel. Its options are those of dbus-daemon(1), so that it can stand where that stands.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "proxy_impl.h"

#define CONFIG_DIR "/usr/share/dbus-1/"

static struct {
	gboolean session, system, fork, nofork, nopidfile, syslog, nosyslog, check, print_address,
		print_pid, introspect, version, ignored;
	char *config_file, *address, *bus, *kernel_root;
	int address_fd, pid_fd;
} options = {.address_fd = 1, .pid_fd = 1};

static gboolean take_fd(const char *name, const char *value, gpointer data G_GNUC_UNUSED,
			GError **error)
{
	bool address = strcmp(name, "--print-address") == 0;
	guint64 fd = 1;

	if (value && !g_ascii_string_to_unsigned(value, 10, 0, G_MAXINT32, &fd, error))
		return FALSE;
	*(address ? &options.print_address : &options.print_pid) = TRUE;
	*(address ? &options.address_fd : &options.pid_fd) = (int)fd;
	return TRUE;
}

#define FLAG(name, field, text)                                           \
	{                                                                 \
		name, 0, 0, G_OPTION_ARG_NONE, &options.field, text, NULL \
	}
static const GOptionEntry entries[] = {
	FLAG("session", session, "a session bus: session.conf"),
	FLAG("system", system, "the system bus: system.conf"),
	{"config-file", 0, 0, G_OPTION_ARG_FILENAME, &options.config_file, "another file", "FILE"},
	{"address", 0, 0, G_OPTION_ARG_STRING, &options.address, "listen there", "ADDRESS"},
	{"bus", 0, 0, G_OPTION_ARG_STRING, &options.bus, "join or make the kernel bus UID-NAME",
	 "NAME"},
	{"kernel-root", 0, 0, G_OPTION_ARG_FILENAME, &options.kernel_root,
	 "where kdbusfs is mounted", "DIR"},
	{"print-address", 0, G_OPTION_FLAG_OPTIONAL_ARG, G_OPTION_ARG_CALLBACK, (void *)take_fd,
	 "write the address to a descriptor", "FD"},
	{"print-pid", 0, G_OPTION_FLAG_OPTIONAL_ARG, G_OPTION_ARG_CALLBACK, (void *)take_fd,
	 "write the process id to a descriptor", "FD"},
	FLAG("fork", fork, "go to the background"),
	FLAG("nofork", nofork, "do not, whatever the file says"),
	FLAG("nopidfile", nopidfile, "write no pid file"),
	FLAG("syslog", syslog, "log to syslog as well"),
	FLAG("syslog-only", syslog, "the same"),
	FLAG("nosyslog", nosyslog, "log to standard error only"),
	FLAG("systemd-activation", ignored, "ignored: services are started here"),
	FLAG("check-config", check, "read the configuration, say what is wrong, end"),
	FLAG("version", version, "say who this is"),
	G_OPTION_ENTRY_NULL,
};

/* ---- signals */

struct signals {
	struct source source;
	struct proxy *proxy;
};

static void reap(struct proxy *proxy)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		services_child_ended(proxy->services, pid, status);
}

static void on_signal(struct source *source, uint32_t events G_GNUC_UNUSED)
{
	struct signals *signals = (void *)((char *)source - offsetof(struct signals, source));
	struct signalfd_siginfo info;
	g_autoptr(GError) error = NULL;

	if (read(source->fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGCHLD)
		reap(signals->proxy);
	else if (info.ssi_signo != SIGHUP)
		signals->proxy->quit = true;
	else if (!proxy_reload(signals->proxy, &error))
		g_warning("the configuration stays as it was: %s", error->message);
}

static void watch_signals(struct signals *signals, struct proxy *proxy)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signals->proxy = proxy;
	signals->source.ready = on_signal;
	loop_add(proxy->loop, &signals->source, signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
		 EPOLLIN);
}

/* ---- the rest of a daemon */

static GLogWriterOutput log_to_syslog(GLogLevelFlags level, const GLogField *fields, gsize n,
				      gpointer data G_GNUC_UNUSED)
{
	g_autofree char *text = g_log_writer_format_fields(level, fields, n, FALSE);

	syslog(level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING)
		       ? LOG_WARNING
		       : LOG_INFO,
	       "%s", text);
	return g_log_writer_standard_streams(level, fields, n, NULL);
}

static void tell(int fd, const char *text)
{
	dprintf(fd, "%s\n", text);
	if (fd > 2)
		close(fd);
}

/* Returns in the child, with what tells the parent that the sockets are there. */
static int to_background(void)
{
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC))
		return -1;
	pid = fork();
	if (pid > 0) {
		close(ready[1]);
		_exit(read(ready[0], &byte, 1) == 1 ? 0 : 1);
	}
	close(ready[0]);
	setsid();
	return ready[1];
}

static void end_wait(int ready)
{
	int null = open("/dev/null", O_RDWR);

	if (ready < 0)
		return;
	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
		close(null);
	}
	if (write(ready, "", 1) != 1)
		g_warning("the parent is gone");
	close(ready);
}

static void write_pidfile(const char *path)
{
	g_autofree char *text = g_strdup_printf("%d\n", (int)getpid());

	if (!g_file_set_contents(path, text, -1, NULL))
		g_warning("no pid file %s", path);
}

static void announce(struct proxy *proxy)
{
	g_autofree char *pid = g_strdup_printf("%d", (int)getpid());

	if (options.print_address)
		tell(options.address_fd, proxy->address);
	if (options.print_pid)
		tell(options.pid_fd, pid);
	if (proxy->config->pidfile && !options.nopidfile)
		write_pidfile(proxy->config->pidfile);
}

static int fail(GError *error)
{
	g_printerr("corbel-dbus-proxy: %s\n", error ? error->message : "unknown error");
	return 1;
}

static int check_config(void)
{
	g_autoptr(GError) error = NULL;
	struct config *config = config_read(options.config_file, &error);

	if (!config)
		return fail(error);
	config_free(config);
	return 0;
}

static int serve(void)
{
	struct proxy_options how = {options.config_file, options.bus, options.kernel_root, NULL};
	g_autoptr(GError) error = NULL;
	struct signals signals = {0};
	struct proxy *proxy;
	int ready = -1;

	how.config = config_read(options.config_file, &error);
	if (!how.config)
		return fail(error);
	if (!options.nofork && (options.fork || how.config->fork))
		ready = to_background();
	proxy = proxy_create(&how, &error);
	if (!proxy)
		return fail(error);
	if (options.syslog || (proxy->config->syslog && !options.nosyslog)) {
		openlog("corbel-dbus-proxy", LOG_PID, LOG_DAEMON);
		g_log_set_writer_func(log_to_syslog, NULL, NULL);
	}
	watch_signals(&signals, proxy);
	if (!proxy_start(proxy, options.address, &error))
		return fail(error);
	announce(proxy);
	end_wait(ready);
	proxy_run(proxy);
	if (proxy->config->pidfile && !options.nopidfile)
		unlink(proxy->config->pidfile);
	proxy_destroy(proxy);
	return 0;
}

int main(int argc, char **argv)
{
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;

	setlocale(LC_ALL, "");
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error))
		return fail(error);
	if (options.version) {
		g_print("corbel-dbus-proxy: a D-Bus message bus over the kernel's\n");
		return 0;
	}
	if (!options.config_file)
		options.config_file = g_strdup(options.system ? CONFIG_DIR "system.conf"
							      : CONFIG_DIR "session.conf");
	if (options.check)
		return check_config();
	spawn_raise_limits();
	return serve();
}
