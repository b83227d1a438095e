/* #! scripts: the interpreter of the first line runs with the script's name as argument. execve(2).
 */
#include <kernel/exec/exec_impl.h>

#include <kern/errno.h>
#include <kern/string.h>

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_end(char c)
{
	return is_space(c) || !c;
}

/* First byte in [p, end) that is no blank; NULL if all are. */
static char *skip_space(char *p, char *end)
{
	for (; p < end; p++) {
		if (!is_space(*p))
			return p;
	}
	return NULL;
}

static char *find_end(char *p, char *end)
{
	for (; p < end; p++) {
		if (is_end(*p))
			return p;
	}
	return NULL;
}

/*
 * Splits the first line of @line (EXEC_HEAD + 1 bytes, terminated) into the interpreter and at most
 * one argument (may be NULL).  -ENOEXEC: not a usable line, or the interpreter's name is cut off.
 */
static int parse_line(char *line, char **name, char **arg)
{
	char *end = line + EXEC_HEAD - 1;
	char *nl = memchr(line, '\n', EXEC_HEAD);

	if (!nl) {
		char *first = skip_space(line + 2, end);

		if (!first || !find_end(first, end))
			return -ENOEXEC;
		nl = end;
	}
	while (nl > line + 2 && is_space(nl[-1]))
		nl--;
	char *n = skip_space(line + 2, nl);

	if (!n || !*n)
		return -ENOEXEC;
	char *sep = find_end(n, nl);

	*arg = sep && *sep ? skip_space(sep, nl) : NULL;
	*nl = 0;
	if (sep)
		*sep = 0;
	*name = n;
	return 0;
}

static int script_load(struct exec *x)
{
	char line[EXEC_HEAD + 1];
	char *name, *arg;
	int err;

	if (x->head[0] != '#' || x->head[1] != '!')
		return -ENOEXEC;
	memcpy(line, x->head, EXEC_HEAD);
	line[EXEC_HEAD] = 0;
	err = parse_line(line, &name, &arg);
	if (err)
		return err;
	if (x->from_fd)
		return -ENOENT;
	exec_drop_argv0(x);
	err = exec_push_arg(x, x->interp_name ? x->interp_name : x->filename);
	if (!err && arg)
		err = exec_push_arg(x, arg);
	if (!err)
		err = exec_push_arg(x, name);
	return err ? err : exec_open_next(x, name);
}

static const struct exec_format script_format = {
	.name = "script",
	.load = script_load,
};
EXEC_FORMAT(script_format);
