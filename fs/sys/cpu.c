/*
 * /sys/devices/system/cpu: which CPUs there are, how they belong together, their caches.
 *
 * glibc, util-linux and libnuma read the lists of CPUs; lscpu and hwloc read cache/ and topology/.
 */
#include <fs/sys/sys_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/boot/boot.h>
#include <kernel/seq/seq.h>
#include <kernel/vfs/vfs.h>
#include <asm/cpu_cache.h>
#include <asm/cpumask.h>
#include <asm/smp.h>

/* ---- lists and bit maps ---- */

static void put_cpu_list(struct seq *s, u64 mask)
{
	seq_put_bits(s, mask);
	seq_putc(s, '\n');
}

/* As many digits as the machine's CPUs need. */
static void put_cpu_map(struct seq *s, u64 mask)
{
	seq_put_mask(s, mask, smp_possible_count());
	seq_putc(s, '\n');
}

int sysfs_show_online(struct seq *s, void *ctx)
{
	(void)ctx;
	put_cpu_list(s, cpumask_read(&cpu_online_mask).bits);
	return 0;
}

int sysfs_show_online_mask(struct seq *s, void *ctx)
{
	(void)ctx;
	put_cpu_map(s, cpumask_read(&cpu_online_mask).bits);
	return 0;
}

static int show_possible(struct seq *s, void *ctx)
{
	(void)ctx;
	put_cpu_list(s, cpu_possible_mask.bits);
	return 0;
}

static int show_offline(struct seq *s, void *ctx)
{
	(void)ctx;
	put_cpu_list(s, cpu_possible_mask.bits & ~cpumask_read(&cpu_online_mask).bits);
	return 0;
}

static int show_kernel_max(struct seq *s, void *ctx)
{
	(void)ctx;
	seq_printf(s, "%d\n", NR_CPUS_MAX - 1);
	return 0;
}

static int show_text(struct seq *s, void *ctx)
{
	seq_puts(s, ctx);
	seq_putc(s, '\n');
	return 0;
}

static const struct sysfs_attr cpu_attrs[] = {
	{"online", 0444, sysfs_show_online, NULL},   {"possible", 0444, show_possible, NULL},
	{"present", 0444, show_possible, NULL},	     {"offline", 0444, show_offline, NULL},
	{"kernel_max", 0444, show_kernel_max, NULL}, {NULL, 0, NULL, NULL},
};

SYSFS_FILE("devices/system/cpu/smt/active", 0444, show_text, NULL, "0");
SYSFS_FILE("devices/system/cpu/smt/control", 0444, show_text, NULL, "notsupported");
SYSFS_FILE("devices/system/cpu/isolated", 0444, show_text, NULL, "");

/* ---- topology: one package; each CPU is a core of its own ---- */

static int show_zero(struct seq *s, void *ctx)
{
	(void)ctx;
	seq_puts(s, "0\n");
	return 0;
}

/* As Linux says it of CPUs that are in no cluster. */
static int show_no_cluster(struct seq *s, void *ctx)
{
	(void)ctx;
	seq_puts(s, "65535\n");
	return 0;
}

static int show_cpu_number(struct seq *s, void *ctx)
{
	seq_printf(s, "%lu\n", (unsigned long)ctx);
	return 0;
}

static int show_cpu_self(struct seq *s, void *ctx)
{
	put_cpu_list(s, 1ull << (unsigned long)ctx);
	return 0;
}

static int show_cpu_self_map(struct seq *s, void *ctx)
{
	put_cpu_map(s, 1ull << (unsigned long)ctx);
	return 0;
}

static const struct sysfs_attr topology_attrs[] = {
	{"physical_package_id", 0444, show_zero, NULL},
	{"die_id", 0444, show_zero, NULL},
	{"cluster_id", 0444, show_no_cluster, NULL},
	{"core_id", 0444, show_cpu_number, NULL},
	{"thread_siblings", 0444, show_cpu_self_map, NULL},
	{"thread_siblings_list", 0444, show_cpu_self, NULL},
	{"core_cpus", 0444, show_cpu_self_map, NULL},
	{"core_cpus_list", 0444, show_cpu_self, NULL},
	{"cluster_cpus", 0444, show_cpu_self_map, NULL},
	{"cluster_cpus_list", 0444, show_cpu_self, NULL},
	{"core_siblings", 0444, sysfs_show_online_mask, NULL},
	{"core_siblings_list", 0444, sysfs_show_online, NULL},
	{"die_cpus", 0444, sysfs_show_online_mask, NULL},
	{"die_cpus_list", 0444, sysfs_show_online, NULL},
	{"package_cpus", 0444, sysfs_show_online_mask, NULL},
	{"package_cpus_list", 0444, sysfs_show_online, NULL},
	{NULL, 0, NULL, NULL},
};

/* ---- caches: what a file shows is read when it is read ---- */

#define CACHE_CTX(cpu, index) ((void *)((cpu) << 8 | (index)))

/* The directory was made because this cache is there. */
static struct cpu_cache cache_of(void *ctx)
{
	unsigned long n = (unsigned long)ctx;
	struct cpu_cache c;

	if (!cpu_cache_read((unsigned int)(n >> 8), n & 0xff, &c))
		c = (struct cpu_cache){};
	return c;
}

#define CACHE_NUMBER(field, format)                              \
	static int show_cache_##field(struct seq *s, void *ctx)  \
	{                                                        \
		seq_printf(s, format "\n", cache_of(ctx).field); \
		return 0;                                        \
	}
CACHE_NUMBER(level, "%u")
CACHE_NUMBER(size_kb, "%uK")
CACHE_NUMBER(line_size, "%u")
CACHE_NUMBER(partitions, "%u")
CACHE_NUMBER(ways, "%u")
CACHE_NUMBER(sets, "%u")
CACHE_NUMBER(id, "%u")

static int show_cache_type(struct seq *s, void *ctx)
{
	static const char *const names[] = {
		[CPU_CACHE_DATA] = "Data",
		[CPU_CACHE_INSTRUCTION] = "Instruction",
		[CPU_CACHE_UNIFIED] = "Unified",
	};

	seq_printf(s, "%s\n", names[cache_of(ctx).type]);
	return 0;
}

static int show_cache_sharers(struct seq *s, void *ctx)
{
	put_cpu_list(s, cache_of(ctx).sharers.bits);
	return 0;
}

static int show_cache_sharers_map(struct seq *s, void *ctx)
{
	put_cpu_map(s, cache_of(ctx).sharers.bits);
	return 0;
}

static const struct sysfs_attr cache_attrs[] = {
	{"id", 0444, show_cache_id, NULL},
	{"level", 0444, show_cache_level, NULL},
	{"type", 0444, show_cache_type, NULL},
	{"size", 0444, show_cache_size_kb, NULL},
	{"coherency_line_size", 0444, show_cache_line_size, NULL},
	{"physical_line_partition", 0444, show_cache_partitions, NULL},
	{"ways_of_associativity", 0444, show_cache_ways, NULL},
	{"number_of_sets", 0444, show_cache_sets, NULL},
	{"shared_cpu_map", 0444, show_cache_sharers_map, NULL},
	{"shared_cpu_list", 0444, show_cache_sharers, NULL},
	{NULL, 0, NULL, NULL},
};

static int add_caches(struct dentry *dir, unsigned long cpu)
{
	struct dentry *cache, *d;
	struct cpu_cache c;
	char name[16];
	int err = 0;

	if (!cpu_cache_read((unsigned int)cpu, 0, &c))
		return 0;
	err = kernfs_dir(dir, "cache", &cache);
	for (unsigned long i = 0; !err && cpu_cache_read((unsigned int)cpu, (unsigned int)i, &c);
	     i++) {
		snprintf(name, sizeof(name), "index%lu", i);
		err = kernfs_dir(cache, name, &d);
		if (!err)
			err = kernfs_files(d, cache_attrs, CACHE_CTX(cpu, i));
	}
	return err;
}

/* ---- the directories ---- */

/* @node: the directory of the node that the CPU is in. */
static int add_cpu(struct dentry *dir, struct dentry *node, unsigned long cpu)
{
	struct dentry *d, *topology;
	char name[16], target[24];
	int err;

	snprintf(name, sizeof(name), "cpu%lu", cpu);
	snprintf(target, sizeof(target), "../../cpu/%s", name);
	err = kernfs_dir(dir, name, &d);
	if (!err)
		err = kernfs_dir(d, "topology", &topology);
	if (!err)
		err = kernfs_files(topology, topology_attrs, (void *)cpu);
	if (!err)
		err = add_caches(d, cpu);
	if (!err)
		err = kernfs_link(d, "node0", "../../node/node0");
	return err ? err : kernfs_link(node, name, target);
}

int sysfs_add_cpus(struct dentry *system)
{
	struct dentry *dir, *nodes, *node;
	unsigned int cpu;
	int err = kernfs_dir(system, "cpu", &dir);

	if (!err)
		err = kernfs_files(dir, cpu_attrs, NULL);
	if (!err)
		err = kernfs_find_dir(system, "node", &nodes);
	if (!err)
		err = kernfs_find_dir(nodes, "node0", &node);
	for_each_possible_cpu(cpu)
	{
		if (err)
			break;
		err = add_cpu(dir, node, cpu);
	}
	return err;
}
