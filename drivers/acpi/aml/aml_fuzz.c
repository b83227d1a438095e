/* Any bytes as a table; every name and method of it is evaluated. */
#include <drivers/acpi/aml/aml.h>

#include <kern/string.h>

#define NODES 256u

static struct aml_node nodes[NODES];
static u64 heap[1024];

static void note(void *ctx, u16 node, u64 value)
{
	const struct aml *a = ctx;

	(void)value;
	if (node >= a->nodes)
		__builtin_trap();
}

static void look(const struct aml_value *v)
{
	struct aml_resources r;

	if (v->type == AML_BUFFER || v->type == AML_STRING)
		aml_read_resources(v->bytes, v->len, &r);
	(void)aml_is_id(v, "PNP0C0C");
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct aml a;
	struct aml_value v = {.type = AML_NOTHING};
	char path[40];

	aml_init(&a, nodes, NODES, heap, sizeof(heap));
	a.notify = note;
	a.notify_ctx = &a;
	(void)!aml_load(&a, data, (u32)size);
	for (u32 i = 0; i < a.nodes; i++) {
		aml_path(&a, (u16)i, path, sizeof(path));
		if (!aml_eval(&a, (u16)i, &v))
			look(&v);
		for (u32 k = 0; v.type == AML_PACKAGE && k < v.len; k++)
			look(&v.element[k]);
		v.type = AML_NOTHING;
	}
	(void)aml_next_device(&a, AML_NONE);
	return 0;
}
