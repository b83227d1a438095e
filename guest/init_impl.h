#pragma once

/* What the launcher wants done; all strings live until the machine ends. */
struct init_config {
	char **argv;	 /* the command, NULL-terminated */
	char **env;	 /* its environment, NULL-terminated */
	const char *cwd; /* NULL: /root or / */
	const char *hostname;
	int rows; /* 0: not known */
	int cols;
	int tty; /* the host has a terminal */
};

/*
 * Fills @cfg from the run file at @path; without one the command is @argv + 1, and without words
 * there /bin/sh. Returns -1 when memory is short; @cfg->argv is not usable then.
 */
int init_config_load(struct init_config *cfg, const char *path, int argc, char **argv);

/* One line for the user on standard error. */
void init_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
