/*
 * A QEMU TCG plugin that counts executed instructions for each translated block and writes
 * "ADDRESS COUNT" lines at the end: exact, and without changing the guest.
 *
 * Debian does not package qemu-plugin.h, so what is used of the interface is declared here.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_info;
enum { QEMU_PLUGIN_INLINE_ADD_U64 };
typedef void (*tb_fn)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*udata_fn)(qemu_plugin_id_t, void *);
extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, tb_fn fn);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op, void *at,
						     uint64_t add);
extern void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, udata_fn fn, void *ctx);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

struct block {
	uint64_t address;
	uint64_t executed;
	struct block *next;
};

static struct block *blocks;
static const char *path = "profile.out";

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	struct block *b = calloc(1, sizeof(*b));

	(void)id;
	if (!b)
		return;
	b->address = qemu_plugin_tb_vaddr(tb);
	/* Translation is serialised by QEMU as long as there is one CPU. */
	b->next = blocks;
	blocks = b;
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &b->executed,
						 qemu_plugin_tb_n_insns(tb));
}

static void on_exit_write(qemu_plugin_id_t id, void *ctx)
{
	FILE *f = fopen(path, "w");

	(void)id;
	(void)ctx;
	if (!f)
		return;
	for (struct block *b = blocks; b; b = b->next)
		if (b->executed)
			fprintf(f, "%lx %lu\n", b->address, b->executed);
	fclose(f);
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv);

__attribute__((visibility("default"))) int
qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++)
		if (strncmp(argv[i], "out=", 4) == 0)
			path = strdup(argv[i] + 4);
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	qemu_plugin_register_atexit_cb(id, on_exit_write, NULL);
	return 0;
}
