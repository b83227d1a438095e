/*
 * The tree of machine files, made once at boot from the rows that rooms declare (kernel/procfs).
 *
 * The rows are sorted by path, so that every directory is a run of rows with a common beginning;
 * each run becomes an array of nodes, sorted by name, in memory that is protected at the end.
 */
#include <fs/proc/proc_impl.h>

#include <kernel/boot/boot.h>
#include <kernel/panic/panic.h>
#include <kernel/pmalloc/pmalloc.h>
#include <lib/sort/sort.h>

extern const struct proc_entry *const __start_proc_entry[], *const __stop_proc_entry[];

struct proc_node proc_root __ro_after_init = {.name = "/", .mode = S_IFDIR | 0555};

/* '/' sorts before every other character, so that what is below a directory stays together. */
static int compare_paths(const void *a, const void *b, void *context)
{
	const u8 *p = (const u8 *)(*(const struct proc_entry *const *)a)->path;
	const u8 *q = (const u8 *)(*(const struct proc_entry *const *)b)->path;

	(void)context;
	for (; *p && *p == *q; p++, q++)
		;
	return (*p == '/' ? 1 : *p) - (*q == '/' ? 1 : *q);
}

static u32 component(const char *name)
{
	const char *slash = strchr(name, '/');

	return slash ? (u32)(slash - name) : (u32)strlen(name);
}

/* Rows from @row on whose name at @depth is that of the first. */
static size_t run_length(const struct proc_entry **row, size_t n, size_t depth)
{
	const char *name = row[0]->path + depth;
	u32 len = component(name);
	size_t i = 1;

	while (i < n && component(row[i]->path + depth) == len &&
	       !memcmp(row[i]->path + depth, name, len))
		i++;
	return i;
}

/* Nodes for rows[0..n), whose paths agree in their first @depth characters.  Directories that are
 * being filled wait on a list instead of the stack: their depth is the rooms' choice. */
struct pending {
	struct pending *next;
	struct proc_node *dir;
	const struct proc_entry **row;
	size_t n, depth;
};

static bool push(struct pending **list, struct proc_node *dir, const struct proc_entry **row,
		 size_t n, size_t depth)
{
	struct pending *p = kmalloc(sizeof(*p));

	if (!p)
		return false;
	*p = (struct pending){*list, dir, row, n, depth};
	*list = p;
	return true;
}

static bool fill_node(struct proc_node *node, const struct pending *p, size_t at, size_t run,
		      struct pending **list)
{
	const struct proc_entry *e = p->row[at];
	const char *name = e->path + p->depth;
	u32 len = component(name);

	node->name = name;
	node->len = len;
	if (!name[len]) { /* a row of its own; what follows with the same name is below it */
		node->mode = e->mode;
		node->entry = e;
		at++;
		run--;
	} else {
		node->mode = S_IFDIR | 0555;
	}
	return !run || push(list, node, p->row + at, run, p->depth + len + 1);
}

static bool fill_dir(struct pmalloc_pool *pool, const struct pending *p, struct pending **list)
{
	size_t count = 0, done = 0;
	struct proc_node *nodes;

	for (size_t i = 0; i < p->n; i += run_length(p->row + i, p->n - i, p->depth))
		count++;
	nodes = pmalloc_array(pool, count, sizeof(*nodes));
	if (!nodes)
		return false;
	for (size_t i = 0, run; i < p->n; i += run) {
		run = run_length(p->row + i, p->n - i, p->depth);
		if (!fill_node(&nodes[done++], p, i, run, list))
			return false;
	}
	p->dir->children = nodes;
	p->dir->child_count = (u32)count;
	return true;
}

static void proc_tree_init(void)
{
	size_t n = (size_t)(__stop_proc_entry - __start_proc_entry);
	const struct proc_entry **row = kmalloc(n * sizeof(*row));
	struct pending *list = NULL, *p;
	struct pmalloc_pool *pool;
	bool ok = row && !pmalloc_create("procfs", &pool);

	if (ok) {
		memcpy(row, __start_proc_entry, n * sizeof(*row));
		sort(row, n, sizeof(*row), compare_paths, NULL);
		ok = push(&list, &proc_root, row, n, 0);
	}
	while (ok && (p = list)) {
		list = p->next;
		ok = fill_dir(pool, p, &list);
		kfree(p);
	}
	kfree(row);
	if (!ok)
		panic("No memory for the tree of /proc");
	pmalloc_protect(pool);
}
INITCALL(proc_tree_init);
