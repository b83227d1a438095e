/* The run file: what the launcher asks for (docs/launcher-protocol.md, "The archive"). */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init_impl.h"

static const char *const default_env[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"HOME=/root",
	"USER=root",
	"LOGNAME=root",
	"SHELL=/bin/sh",
	"TERM=vt100",
};
#define DEFAULTS (sizeof(default_env) / sizeof(default_env[0]))

/* The whole file with a zero byte behind it, or NULL. */
static char *read_file(const char *path, size_t *len)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st)) {
		close(fd);
		return NULL;
	}

	char *buf = malloc((size_t)st.st_size + 1);
	size_t got = 0;

	while (buf && got < (size_t)st.st_size) {
		ssize_t n = read(fd, buf + got, (size_t)st.st_size - got);

		if (n <= 0)
			break;
		got += (size_t)n;
	}
	close(fd);
	if (buf)
		buf[got] = '\0';
	*len = got;
	return buf;
}

static void set_env(char **env, size_t *count, char *entry)
{
	size_t name = strcspn(entry, "=") + 1;

	for (size_t i = 0; i < *count; i++) {
		if (strncmp(env[i], entry, name) == 0) {
			env[i] = entry;
			return;
		}
	}
	env[(*count)++] = entry;
}

/* @buf holds @len bytes of strings; it may be empty. Returns false when memory is short. */
static int load_words(struct init_config *cfg, char *buf, size_t len)
{
	size_t words = 1;

	for (size_t i = 0; i < len; i++)
		words += buf[i] == '\0';

	char **argv = calloc(words + 1, sizeof(*argv));
	char **env = calloc(words + DEFAULTS + 1, sizeof(*env));
	size_t nargs = 0;
	size_t nenv = 0;

	if (!argv || !env)
		return 0;
	while (nenv < DEFAULTS) {
		env[nenv] = strdup(default_env[nenv]);
		if (!env[nenv++])
			return 0;
	}
	for (char *s = buf; s < buf + len; s += strlen(s) + 1) {
		if (strncmp(s, "arg=", 4) == 0)
			argv[nargs++] = s + 4;
		else if (strncmp(s, "env=", 4) == 0 && strchr(s + 4, '='))
			set_env(env, &nenv, s + 4);
		else if (strncmp(s, "cwd=", 4) == 0)
			cfg->cwd = s + 4;
		else if (strncmp(s, "hostname=", 9) == 0)
			cfg->hostname = s + 9;
		else if (strncmp(s, "tty=", 4) == 0)
			cfg->tty = s[4] != '0';
		else
			sscanf(s, "size=%d %d", &cfg->rows, &cfg->cols);
	}
	cfg->env = env;
	if (nargs)
		cfg->argv = argv;
	return 1;
}

int init_config_load(struct init_config *cfg, const char *path, int argc, char **argv)
{
	static char shell[] = "/bin/sh";
	static char *shell_argv[] = {shell, NULL};
	size_t len = 0;
	char *buf = read_file(path, &len);

	*cfg = (struct init_config){
		.argv = argc > 1 ? argv + 1 : shell_argv,
		.hostname = "corbel",
		.tty = 1,
	};
	return load_words(cfg, buf, len) ? 0 : -1;
}
