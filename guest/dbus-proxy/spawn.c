// SPDX-License-Identifier: BSD-2-Clause
/*
 * The process of a service: its user, environment and program. What goes wrong between fork and
 * exec comes back through a pipe that exec closes.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "activation_impl.h"

#define FILES_WANTED 65536 /* by a bus of the whole machine, as dbus-daemon */

/* What services are started with; 0: as the bridge was. */
static struct rlimit inherited;

void spawn_raise_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return;
	inherited = files;
	if (!geteuid() && files.rlim_max < FILES_WANTED)
		files.rlim_max = FILES_WANTED;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

struct plan {
	char **argv, **envp;
	const struct passwd *user; /* NULL: the bridge's own */
	int report;
};

static void become(const struct plan *plan)
{
	const struct passwd *user = plan->user;

	if (!user || user->pw_uid == geteuid())
		return;
	if (initgroups(user->pw_name, user->pw_gid) || setgid(user->pw_gid) ||
	    setuid(user->pw_uid)) {
		int error = errno;

		if (write(plan->report, &error, sizeof(error)) < 0)
			_exit(126);
		_exit(126);
	}
}

static void run(const struct plan *plan) G_GNUC_NORETURN;

static void run(const struct plan *plan)
{
	int null = open("/dev/null", O_RDONLY), error;
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (null > 0)
		dup2(null, 0);
	if (inherited.rlim_max)
		setrlimit(RLIMIT_NOFILE, &inherited);
	become(plan);
	execvpe(plan->argv[0], plan->argv, plan->envp);
	error = errno;
	if (write(plan->report, &error, sizeof(error)) < 0)
		_exit(127);
	_exit(127);
}

/* 0 when the program runs, else the errno that kept it from that. */
static int spawn(struct plan *plan, pid_t *pid)
{
	int ends[2], error = 0;

	if (pipe2(ends, O_CLOEXEC))
		return errno;
	plan->report = ends[1];
	*pid = fork();
	if (*pid == 0)
		run(plan);
	error = *pid < 0 ? errno : 0;
	close(ends[1]);
	/* exec closes the other end: this is short, as the child does nothing that waits */
	if (!error && read(ends[0], &error, sizeof(error)) != sizeof(error))
		error = 0;
	close(ends[0]);
	return error;
}

static char **service_environment(struct service *service)
{
	struct proxy *proxy = service->all->proxy;
	const char *type = proxy->config->type ? proxy->config->type : "";
	char **env = g_strdupv(service->all->environment);

	env = g_environ_setenv(env, "DBUS_STARTER_ADDRESS", proxy->address, TRUE);
	if (strcmp(type, "system") == 0) {
		env = g_environ_setenv(env, "DBUS_STARTER_BUS_TYPE", "system", TRUE);
		env = g_environ_setenv(env, "DBUS_SYSTEM_BUS_ADDRESS", proxy->address, TRUE);
	} else if (strcmp(type, "session") == 0) {
		env = g_environ_setenv(env, "DBUS_STARTER_BUS_TYPE", "session", TRUE);
		env = g_environ_setenv(env, "DBUS_SESSION_BUS_ADDRESS", proxy->address, TRUE);
	}
	return env;
}

pid_t service_spawn(struct service *service, const char **error, char **text)
{
	g_auto(GStrv) argv = NULL, envp = NULL;
	g_autoptr(GError) wrong = NULL;
	struct plan plan = {0};
	pid_t pid = 0;
	int r;

	*error = DBUS_ERROR("Spawn.FileInvalid");
	if (!g_shell_parse_argv(service->exec, NULL, &argv, &wrong)) {
		*text = g_strdup_printf("Invalid Exec of %s: %s", service->name, wrong->message);
		return 0;
	}
	if (service->user && g_strcmp0(service->all->proxy->config->type, "system") == 0) {
		plan.user = getpwnam(service->user);
		if (!plan.user) {
			*text = g_strdup_printf("User %s of %s does not exist", service->user,
						service->name);
			return 0;
		}
	}
	envp = service_environment(service);
	plan.argv = argv;
	plan.envp = envp;
	r = spawn(&plan, &pid);
	if (!r)
		return pid;
	*error = DBUS_ERROR("Spawn.ExecFailed");
	*text = g_strdup_printf("Failed to execute program %s: %s", service->name, g_strerror(r));
	return 0;
}
