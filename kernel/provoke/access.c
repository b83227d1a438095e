/* Accesses that memory protection refuses: writing constants and code, running data, user memory.
 */
#include <kernel/provoke/provoke_impl.h>

#include <asm/page.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/mm/mm.h>
#include <kernel/pmalloc/pmalloc.h>
#include <kernel/printk/printk.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <kernel/vmap/vmap.h>
#include <linux/mman.h>

#define CODE_BYTES 64

static const unsigned long constant = 0xaa55aa55;
static unsigned long after_init __ro_after_init = 0x55aa5500;
static u8 data_area[CODE_BYTES];
static const u8 constant_area[CODE_BYTES] = {0xc3}; /* a return, were it run */

/* Runs alone, or copied. */
static noinline void do_nothing(void)
{
	asm volatile("");
}

/* ---- writing ---- */

static void write_to(const void *at)
{
	volatile unsigned long *p = provoke_hide(at);

	pr_info("attempting bad write at %px\n", at);
	*p ^= 0xabcd1234;
	pr_err("FAIL: survived bad write\n");
}

static void run_write_ro(void)
{
	write_to(&constant);
}

static void run_write_ro_after_init(void)
{
	/* Its value is told from that of a constant: it is where it should be. */
	if (READ_ONCE(after_init) != 0x55aa5500)
		pr_err("FAIL: __ro_after_init was changed\n");
	write_to(&after_init);
}

/* An object of a pool that is protected; NULL: no memory.  The pool stays. */
static unsigned long *protected_object(void)
{
	static struct pmalloc_pool *pool;
	unsigned long *obj;

	if (!pool && pmalloc_create("provoke", &pool))
		return NULL;
	obj = pmalloc_alloc(pool, PAGE_SIZE);
	if (obj) {
		*obj = 0x55aa55aa;
		pmalloc_protect(pool);
	}
	return obj;
}

static void run_write_pmalloc(void)
{
	unsigned long *obj = protected_object();

	if (obj)
		write_to(obj);
}

static noinline void do_overwritten(void)
{
	pr_info("do_overwritten wasn't overwritten!\n");
}

static void run_write_kern(void)
{
	pr_info("attempting bad %u byte write at %px\n", CODE_BYTES, (void *)do_overwritten);
	memcpy(provoke_hide((void *)do_overwritten), provoke_hide((void *)do_nothing), CODE_BYTES);
	pr_err("FAIL: survived bad write\n");
	do_overwritten();
}

/* ---- running ---- */

static void run_code_at(void *at, bool copy)
{
	void (*run)(void) = (void (*)(void))provoke_hide(at);

	pr_info("attempting ok execution at %px\n", (void *)do_nothing);
	do_nothing();
	if (copy)
		memcpy(at, provoke_hide((void *)do_nothing), CODE_BYTES);
	pr_info("attempting bad execution at %px\n", at);
	run();
	pr_err("FAIL: func returned\n");
}

static void run_exec_data(void)
{
	run_code_at(data_area, true);
}

static void run_exec_stack(void)
{
	u8 area[CODE_BYTES];

	run_code_at(area, true);
}

static void run_exec_kmalloc(void)
{
	void *area = kmalloc(CODE_BYTES);

	if (!area)
		return;
	run_code_at(area, true);
	kfree(area);
}

static void run_exec_vmalloc(void)
{
	void *area = vmalloc(CODE_BYTES);

	if (!area)
		return;
	run_code_at(area, true);
	vfree(area);
}

static void run_exec_rodata(void)
{
	run_code_at(provoke_hide(constant_area), false);
}

static void run_exec_null(void)
{
	run_code_at(NULL, false);
}

/* ---- user memory ---- */

/* A page of the task that asks, which keeps it; 0: none. */
static u64 user_page(void)
{
	u64 at = 0;
	int err = mm_map(current->mm, 0, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
			 MAP_ANONYMOUS | MAP_PRIVATE, NULL, 0, &at);

	if (err)
		pr_warn("Failed to allocate user memory: error %d\n", err);
	return err ? 0 : at;
}

static void run_exec_userspace(void)
{
	u64 at = user_page();

	if (!at)
		return;
	if (copy_to_user((void __user *)at, provoke_hide((void *)do_nothing), CODE_BYTES))
		return;
	run_code_at((void *)at, false);
}

static void run_access_userspace(void)
{
	u64 at = user_page();
	u64 value = 0xc0dec0de;

	if (!at)
		return;
	if (copy_to_user((void __user *)at, &value, sizeof(value)))
		return;
	pr_info("attempting bad read at %px\n", (void *)at);
	value = *(volatile u64 *)provoke_hide((void *)at);
	pr_err("FAIL: survived bad read, value %#llx\n", value);
}

/* The other way round: what a user gives is to be written over protected memory. */
static void run_usercopy_pmalloc(void)
{
	unsigned long *obj = protected_object();
	u64 at = user_page();

	if (!obj || !at)
		return;
	pr_info("attempting bad copy_from_user to %px\n", (void *)obj);
	if (copy_from_user(obj, (const void __user *)at, 64))
		pr_warn("copy_from_user failed\n");
	pr_err("FAIL: survived copy over protected memory\n");
}

static void run_access_null(void)
{
	pr_info("attempting bad read at %px\n", (void *)NULL);
	pr_err("FAIL: survived bad read, value %#lx\n",
	       *(volatile unsigned long *)provoke_hide(NULL));
}

const struct provoke_type provoke_access[] = {
	{"EXEC_DATA", run_exec_data},
	{"EXEC_STACK", run_exec_stack},
	{"EXEC_KMALLOC", run_exec_kmalloc},
	{"EXEC_VMALLOC", run_exec_vmalloc},
	{"EXEC_RODATA", run_exec_rodata},
	{"EXEC_USERSPACE", run_exec_userspace},
	{"EXEC_NULL", run_exec_null},
	{"ACCESS_USERSPACE", run_access_userspace},
	{"ACCESS_NULL", run_access_null},
	{"WRITE_RO", run_write_ro},
	{"WRITE_RO_AFTER_INIT", run_write_ro_after_init},
	{"WRITE_KERN", run_write_kern},
	{"WRITE_PMALLOC", run_write_pmalloc},
	{"USERCOPY_PMALLOC", run_usercopy_pmalloc},
	{.name = NULL},
};
