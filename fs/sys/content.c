/*
 * What /sys shows: nodes, devices by class and by number, and facts of the kernel.
 *
 * Udev-like programs read class/ and dev/char.
 */
#include <fs/sys/sys_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/device/device.h>
#include <kernel/frame/frame.h>
#include <kernel/seq/seq.h>
#include <kernel/tty/tty.h>
#include <kernel/vfs/vfs.h>

extern const struct sysfs_entry *const __start_sysfs_entry[], *const __stop_sysfs_entry[];

/* ---- devices/system/node, clocksource: one node, one clock ---- */

static int show_text(struct seq *s, void *ctx)
{
	seq_puts(s, ctx);
	seq_putc(s, '\n');
	return 0;
}

static int show_node_meminfo(struct seq *s, void *ctx)
{
	struct frame_stats f;

	(void)ctx;
	frame_stats(&f);
	seq_printf(s, "Node 0 MemTotal:       %8llu kB\n",
		   (unsigned long long)(f.total << (PAGE_SHIFT - 10)));
	seq_printf(s, "Node 0 MemFree:        %8llu kB\n",
		   (unsigned long long)(f.free << (PAGE_SHIFT - 10)));
	seq_printf(s, "Node 0 MemUsed:        %8llu kB\n",
		   (unsigned long long)((f.total - f.free) << (PAGE_SHIFT - 10)));
	return 0;
}

static int show_numastat(struct seq *s, void *ctx)
{
	struct frame_stats f;

	(void)ctx;
	frame_stats(&f);
	seq_printf(s,
		   "numa_hit %llu\nnuma_miss 0\nnuma_foreign 0\ninterleave_hit 0\n"
		   "local_node %llu\nother_node 0\n",
		   (unsigned long long)f.allocs, (unsigned long long)f.allocs);
	return 0;
}

#define SYS_NODE "devices/system/node/"
SYSFS_FILE(SYS_NODE "online", 0444, show_text, NULL, "0");
SYSFS_FILE(SYS_NODE "possible", 0444, show_text, NULL, "0");
SYSFS_FILE(SYS_NODE "has_cpu", 0444, show_text, NULL, "0");
SYSFS_FILE(SYS_NODE "has_memory", 0444, show_text, NULL, "0");
SYSFS_FILE(SYS_NODE "has_normal_memory", 0444, show_text, NULL, "0");
SYSFS_FILE(SYS_NODE "has_generic_initiator", 0444, show_text, NULL, "");
SYSFS_FILE(SYS_NODE "node0/cpulist", 0444, sysfs_show_online, NULL, NULL);
SYSFS_FILE(SYS_NODE "node0/cpumap", 0444, sysfs_show_online_mask, NULL, NULL);
SYSFS_FILE(SYS_NODE "node0/distance", 0444, show_text, NULL, "10");
SYSFS_FILE(SYS_NODE "node0/meminfo", 0444, show_node_meminfo, NULL, NULL);
SYSFS_FILE(SYS_NODE "node0/numastat", 0444, show_numastat, NULL, NULL);
SYSFS_FILE("devices/system/clocksource/clocksource0/available_clocksource", 0444, show_text, NULL,
	   "tsc ");
SYSFS_FILE("devices/system/clocksource/clocksource0/current_clocksource", 0444, show_text, NULL,
	   "tsc");
SYSFS_FILE("kernel/fscaps", 0444, show_text, NULL, "1");

/* ---- devices by class ---- */

struct device_dirs {
	struct dentry *virtual, *class, *dev_char;
};

static int show_dev(struct seq *s, void *ctx)
{
	const struct device *d = ctx;

	seq_printf(s, "%u:%u\n", d->major, d->minor);
	return 0;
}

static int show_uevent(struct seq *s, void *ctx)
{
	const struct device *d = ctx;

	seq_printf(s, "MAJOR=%u\nMINOR=%u\nDEVNAME=%s\n", d->major, d->minor, d->name);
	if (d->mode != 0600)
		seq_printf(s, "DEVMODE=0%o\n", d->mode);
	return 0;
}

static const struct sysfs_attr device_attrs[] = {
	{"dev", 0444, show_dev, NULL},
	{"uevent", 0444, show_uevent, NULL},
	{NULL, 0, NULL, NULL},
};

/* The terminal behind /dev/console: init programs open it by name, to have job control on it. */
static int show_active(struct seq *s, void *ctx)
{
	char name[32];

	(void)ctx;
	if (tty_console_active(name, sizeof(name)))
		seq_puts(s, name);
	return 0;
}

static const struct sysfs_attr console_active = {"active", 0444, show_active, NULL};

static int add_links(struct device_dirs *dirs, struct device *d, const char *name)
{
	char target[96], number[24];
	struct dentry *class;
	int err = kernfs_find_dir(dirs->class, d->class_name, &class);

	if (err)
		return err;
	snprintf(target, sizeof(target), "../../devices/virtual/%s/%s", d->class_name, name);
	err = kernfs_link(class, name, target);
	if (err)
		return err;
	snprintf(number, sizeof(number), "%u:%u", d->major, d->minor);
	return kernfs_link(dirs->dev_char, number, target);
}

static int add_device(struct device *d, void *ctx)
{
	struct device_dirs *dirs = ctx;
	struct dentry *class, *dir;
	const char *slash, *name = d->name;
	char target[64];
	int err;

	if (!d->class_name || d->kind != DEVICE_CHAR || d->no_node)
		return 0;
	while ((slash = strchr(name, '/')))
		name = slash + 1;
	if (d->sysfs_name)
		name = d->sysfs_name;
	err = kernfs_find_dir(dirs->virtual, d->class_name, &class);
	if (!err)
		err = kernfs_dir(class, name, &dir);
	if (!err)
		err = kernfs_files(dir, device_attrs, d);
	if (!err && !strcmp(d->class_name, "tty") && !strcmp(name, "console"))
		err = kernfs_file(dir, &console_active, NULL);
	snprintf(target, sizeof(target), "../../../../class/%s", d->class_name);
	if (!err)
		err = kernfs_link(dir, "subsystem", target);
	return err ? err : add_links(dirs, d, name);
}

static int add_devices(struct dentry *root, struct dentry *devices)
{
	struct device_dirs dirs;
	struct dentry *dev, *block;
	int err = kernfs_dir(devices, "virtual", &dirs.virtual);

	if (!err)
		err = kernfs_dir(root, "class", &dirs.class);
	if (!err)
		err = kernfs_dir(root, "dev", &dev);
	if (!err)
		err = kernfs_dir(dev, "char", &dirs.dev_char);
	if (!err)
		err = kernfs_dir(dev, "block", &block);
	return err ? err : device_for_each(add_device, &dirs);
}

/* ---- what is known at boot only ---- */

struct builder {
	struct sysfs_builder ops;
	struct dentry *root;
};

static int build_path(struct sysfs_builder *b, const char *path, struct dentry **out)
{
	struct dentry *dir;
	const char *name;
	int err = kernfs_parent(container_of(b, struct builder, ops)->root, path, &dir, &name);

	return err ? err : kernfs_find_dir(dir, name, out);
}

static int build_dir(struct sysfs_builder *b, const char *path)
{
	struct dentry *unused;

	return build_path(b, path, &unused);
}

static int build_files(struct sysfs_builder *b, const char *path, const struct sysfs_attr *a,
		       void *ctx)
{
	struct dentry *dir;
	int err = build_path(b, path, &dir);

	return err ? err : kernfs_files(dir, a, ctx);
}

/* Both are paths below @root; the link says how to get there from where it is. */
static int link_to(struct dentry *root, const char *path, const char *target)
{
	struct dentry *dir;
	const char *name;
	char text[320];
	size_t len = 0;
	int err = kernfs_parent(root, path, &dir, &name);

	if (err)
		return err;
	for (const char *p = strchr(path, '/'); p && len + 3 < sizeof(text); p = strchr(p + 1, '/'))
		len += (size_t)snprintf(text + len, sizeof(text) - len, "../");
	len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", target);
	return len < sizeof(text) ? kernfs_link(dir, name, text) : -ENAMETOOLONG;
}

static int build_join(struct sysfs_builder *b, const char *dir, const char *bus, const char *driver)
{
	struct dentry *root = container_of(b, struct builder, ops)->root;
	const char *name = strrchr(dir, '/') + 1;
	char path[256], there[64];
	int err;

	snprintf(there, sizeof(there), "bus/%s", bus);
	snprintf(path, sizeof(path), "%s/subsystem", dir);
	err = link_to(root, path, there);
	snprintf(path, sizeof(path), "bus/%s/devices/%s", bus, name);
	if (!err)
		err = link_to(root, path, dir);
	if (err || !driver)
		return err;
	snprintf(there, sizeof(there), "bus/%s/drivers/%s", bus, driver);
	snprintf(path, sizeof(path), "%s/driver", dir);
	err = link_to(root, path, there);
	snprintf(path, sizeof(path), "%s/%s", there, name);
	return err ? err : link_to(root, path, dir);
}

extern sysfs_build_fn *const __start_sysfs_build[], *const __stop_sysfs_build[];

static int add_found(struct dentry *root)
{
	struct builder b = {{build_dir, build_files, build_join}, root};
	int err = 0;

	for (sysfs_build_fn *const *fn = __start_sysfs_build; fn < __stop_sysfs_build && !err; fn++)
		err = (*fn)(&b.ops);
	return err;
}

/* ---- the root ---- */

int sysfs_populate(struct dentry *root)
{
	static const char *const empty[] = {"block",  "bus",	"firmware", "fs",
					    "kernel", "module", "power"};
	/* Of debugfs and kdbusfs. */
	static const char *const mount_points[] = {"kernel/debug", "fs/kdbus"};
	struct dentry *devices, *system, *unused;
	int err = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(empty) && !err; i++)
		err = kernfs_dir(root, empty[i], &unused);
	if (!err)
		err = kernfs_dir(root, "devices", &devices);
	for (unsigned int i = 0; i < ARRAY_SIZE(mount_points) && !err; i++)
		err = kernfs_mount_point(root, mount_points[i]);
	if (!err)
		err = kernfs_dir(devices, "system", &system);
	if (!err)
		err = sysfs_add_cpus(system);
	if (!err)
		err = add_devices(root, devices);
	if (!err)
		err = kernfs_entries(root, __start_sysfs_entry, __stop_sysfs_entry);
	return err ? err : add_found(root);
}
