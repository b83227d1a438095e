/*
 * /sys/devices/pci0000:00, /sys/bus/pci and /proc/bus/pci/devices, as lspci(8) reads them.
 * Source: sysfs-bus-pci of Linux's ABI documents.
 */
#include "pci_impl.h"

#include <kern/errno.h>
#include <kern/string.h>
#include <asm/cpumask.h>
#include <asm/smp.h>
#include <kernel/cred/cred.h>
#include <kernel/file/file.h>
#include <kernel/irq/irq.h>
#include <kernel/procfs/procfs.h>
#include <kernel/seq/seq.h>
#include <kernel/slab/slab.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/vfs.h>
#include <linux/capability.h>
#include <linux/pci_regs.h>

/* What resources are called in files: bits of Linux's resource flags. */
#define FLAG_IO 0x100u
#define FLAG_MEMORY 0x200u
#define FLAG_PREFETCH 0x2000u
#define FLAG_READ_ONLY 0x4000u
#define FLAG_ALIGNED 0x40000u
#define FLAG_64 0x100000u
#define LINES_FUNCTION 13u /* lines of a resource file */
#define LINES_BRIDGE 17u
#define CONFIG_UNPRIVILEGED 64u
#define PATH_MAX_HERE 160
#define PCI_MESSAGES_SHOWN 64u /* of a device, at most */

static int show_vendor(struct seq *s, void *ctx)
{
	seq_printf(s, "0x%04x\n", ((struct pci_device *)ctx)->vendor);
	return 0;
}

static int show_device(struct seq *s, void *ctx)
{
	seq_printf(s, "0x%04x\n", ((struct pci_device *)ctx)->device);
	return 0;
}

static int show_subvendor(struct seq *s, void *ctx)
{
	seq_printf(s, "0x%04x\n", ((struct pci_device *)ctx)->subvendor);
	return 0;
}

static int show_subdevice(struct seq *s, void *ctx)
{
	seq_printf(s, "0x%04x\n", ((struct pci_device *)ctx)->subdevice);
	return 0;
}

static int show_revision(struct seq *s, void *ctx)
{
	seq_printf(s, "0x%02x\n", ((struct pci_device *)ctx)->revision);
	return 0;
}

static int show_class(struct seq *s, void *ctx)
{
	seq_printf(s, "0x%06x\n", ((struct pci_device *)ctx)->class);
	return 0;
}

/* The wired line: messages have numbers of their own in /proc/interrupts. */
static int show_irq(struct seq *s, void *ctx)
{
	seq_printf(s, "%u\n", pci_wired_line(ctx));
	return 0;
}

static int show_enable(struct seq *s, void *ctx)
{
	seq_printf(s, "%u\n", ((struct pci_device *)ctx)->driver != NULL);
	return 0;
}

static int show_numa_node(struct seq *s, void *ctx)
{
	(void)ctx;
	seq_puts(s, "-1\n");
	return 0;
}

static int show_local_cpus(struct seq *s, void *ctx)
{
	struct cpumask online = cpumask_read(&cpu_online_mask);

	(void)ctx;
	seq_put_mask(s, online.bits, smp_possible_count());
	seq_putc(s, '\n');
	return 0;
}

static int show_local_cpulist(struct seq *s, void *ctx)
{
	struct cpumask online = cpumask_read(&cpu_online_mask);

	(void)ctx;
	seq_put_bits(s, online.bits);
	seq_putc(s, '\n');
	return 0;
}

static void put_modalias(struct seq *s, const struct pci_device *d)
{
	seq_printf(s, "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X\n", d->vendor, d->device,
		   d->subvendor, d->subdevice, d->class >> 16, (d->class >> 8) & 0xff,
		   d->class & 0xff);
}

static int show_modalias(struct seq *s, void *ctx)
{
	put_modalias(s, ctx);
	return 0;
}

static int show_uevent(struct seq *s, void *ctx)
{
	const struct pci_device *d = ctx;

	if (d->driver)
		seq_printf(s, "DRIVER=%s\n", d->driver->name);
	seq_printf(s, "PCI_CLASS=%04X\nPCI_ID=%04X:%04X\nPCI_SUBSYS_ID=%04X:%04X\n", d->class,
		   d->vendor, d->device, d->subvendor, d->subdevice);
	seq_printf(s, "PCI_SLOT_NAME=%s\nMODALIAS=", d->name);
	put_modalias(s, d);
	return 0;
}

static u32 flags_of(const struct pci_device *d, unsigned int i)
{
	u32 f = d->bar[i].flags;

	if (i == PCI_ROM)
		return f | FLAG_MEMORY | FLAG_PREFETCH | FLAG_READ_ONLY | FLAG_ALIGNED;
	if (f & PCI_BASE_ADDRESS_SPACE_IO)
		return f | FLAG_IO | FLAG_ALIGNED;
	return f | FLAG_MEMORY | FLAG_ALIGNED |
	       ((f & PCI_BASE_ADDRESS_MEM_PREFETCH) ? FLAG_PREFETCH : 0) |
	       ((f & PCI_BASE_ADDRESS_MEM_TYPE_64) ? FLAG_64 : 0);
}

static int show_resource(struct seq *s, void *ctx)
{
	const struct pci_device *d = ctx;
	bool bridge = pci_header_kind(d) == PCI_HEADER_TYPE_BRIDGE;

	for (unsigned int i = 0; i < (bridge ? LINES_BRIDGE : LINES_FUNCTION); i++) {
		bool there = i <= PCI_ROM && d->bar[i].size && d->bar[i].start;
		u64 start = there ? d->bar[i].start : 0;

		seq_printf(s, "0x%016llx 0x%016llx 0x%016llx\n", (unsigned long long)start,
			   (unsigned long long)(there ? start + d->bar[i].size - 1 : 0),
			   (unsigned long long)(there ? flags_of(d, i) : 0));
	}
	return 0;
}

/* ---- config: the bytes themselves ---- */

/* The widest access that @at and @left allow. */
static u32 step_of(loff_t at, size_t left)
{
	return !(at & 3) && left >= 4 ? 4 : !(at & 1) && left >= 2 ? 2 : 1;
}

static ssize_t config_read(struct file *f, struct uio *u, loff_t *pos)
{
	struct pci_device *d = sysfs_file_ctx(f);
	loff_t end = capable(CAP_SYS_ADMIN) ? pci_config_size(d) : CONFIG_UNPRIVILEGED;
	ssize_t done = 0;

	while (u->left && *pos < end) {
		u32 n = step_of(*pos, min_t(size_t, u->left, (size_t)(end - *pos)));
		u32 v = d->config.read(&d->config, (u32)*pos, n);

		if (uio_copy_to(u, &v, n) != n)
			return done ? done : -EFAULT;
		*pos += n;
		done += n;
	}
	return done;
}

static ssize_t config_write(struct file *f, struct uio *u, loff_t *pos)
{
	struct pci_device *d = sysfs_file_ctx(f);
	loff_t end = pci_config_size(d);
	ssize_t done = 0;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	while (u->left && *pos < end) {
		u32 n = step_of(*pos, min_t(size_t, u->left, (size_t)(end - *pos))), v = 0;

		if (uio_copy_from(u, &v, n) != n)
			return done ? done : -EFAULT;
		d->config.write(&d->config, (u32)*pos, n, v);
		*pos += n;
		done += n;
	}
	return done;
}

static const struct file_ops config_fops = {
	.read = config_read,
	.write = config_write,
	.lseek = generic_lseek,
};

#define PCI_ATTRS(config_size)                                                                    \
	{                                                                                         \
		{"class", 0444, show_class, NULL},                                                \
			{"config", 0644, .fops = &config_fops, .size = (config_size)},            \
			{"device", 0444, show_device, NULL}, {"enable", 0444, show_enable, NULL}, \
			{"irq", 0444, show_irq, NULL},                                            \
			{"local_cpulist", 0444, show_local_cpulist, NULL},                        \
			{"local_cpus", 0444, show_local_cpus, NULL},                              \
			{"modalias", 0444, show_modalias, NULL},                                  \
			{"numa_node", 0444, show_numa_node, NULL},                                \
			{"resource", 0444, show_resource, NULL},                                  \
			{"revision", 0444, show_revision, NULL},                                  \
			{"subsystem_device", 0444, show_subdevice, NULL},                         \
			{"subsystem_vendor", 0444, show_subvendor, NULL},                         \
			{"uevent", 0444, show_uevent, NULL}, {"vendor", 0444, show_vendor, NULL}, \
			{NULL, 0, NULL, NULL},                                                    \
	}
static const struct sysfs_attr attrs_plain[] = PCI_ATTRS(PCI_CONFIG_SIZE);
static const struct sysfs_attr attrs_express[] = PCI_ATTRS(PCI_EXT_CONFIG_SIZE);

/* ---- the tree ---- */

int pci_device_path(const struct pci_device *d, char *buf, size_t size)
{
	size_t len = 0;

	if (d->bridge) {
		int err = pci_device_path(d->bridge, buf, size);

		if (err)
			return err;
		len = strlen(buf);
	} else {
		len = (size_t)snprintf(buf, size, "devices/pci0000:00");
	}
	if (len < size)
		len += (size_t)snprintf(buf + len, size - len, "/%s", d->name);
	return len < size ? 0 : -ENAMETOOLONG;
}

static int show_message(struct seq *s, void *ctx)
{
	(void)ctx;
	seq_puts(s, "msix\n");
	return 0;
}

/* A file for each of its messages, named by the line: what irqbalance(1) looks for. */
static int build_messages(struct sysfs_builder *b, const char *device_dir, struct pci_device *d)
{
	struct sysfs_attr one[2] = {{NULL, 0444, show_message, NULL}, {NULL, 0, NULL, NULL}};
	char dir[PATH_MAX_HERE + 16];
	unsigned int line;
	int err = 0;

	snprintf(dir, sizeof(dir), "%s/msi_irqs", device_dir);
	for (unsigned int i = 0; !err && i < PCI_MESSAGES_SHOWN; i++) {
		line = pci_irq_message(d, i);
		if (!line)
			continue;
		/* The table and the name stay as long as the tree. */
		struct sysfs_attr *attr = kmemdup(one, sizeof(one));

		if (!attr)
			return -ENOMEM;
		attr->name = kasprintf("%u", line);
		err = attr->name ? b->files(b, dir, attr, d) : -ENOMEM;
	}
	return err;
}

static int build_device(struct sysfs_builder *b, struct pci_device *d)
{
	char dir[PATH_MAX_HERE];
	int err = pci_device_path(d, dir, sizeof(dir));

	if (err)
		return 0; /* bridges nested deeper than any machine's: not shown */
	err = b->files(b, dir, pci_config_size(d) == PCI_CONFIG_SIZE ? attrs_plain : attrs_express,
		       d);
	if (!err)
		err = build_messages(b, dir, d);
	return err ? err : b->join(b, dir, "pci", d->driver ? d->driver->name : NULL);
}

static int build_pci(struct sysfs_builder *b)
{
	struct pci_device *d;
	int err;

	if (list_empty(&pci_devices))
		return 0;
	err = b->dir(b, "bus/pci/devices");
	if (!err)
		err = b->dir(b, "bus/pci/drivers");
	for_each_pci_device(d)
	{
		if (!err)
			err = build_device(b, d);
	}
	return err;
}
SYSFS_BUILD(build_pci);

/* ---- /proc/bus/pci/devices ---- */

static int show_devices(struct seq *s, void *v)
{
	struct pci_device *d;

	(void)v;
	for_each_pci_device(d)
	{
		seq_printf(s, "%02x%02x\t%04x%04x\t%x", d->bus, d->devfn, d->vendor, d->device,
			   pci_wired_line(d));
		for (unsigned int i = 0; i <= PCI_ROM; i++)
			seq_printf(s, "\t%16llx",
				   (unsigned long long)(d->bar[i].size
								? d->bar[i].start |
									  (d->bar[i].flags & 0xf)
								: 0));
		for (unsigned int i = 0; i <= PCI_ROM; i++)
			seq_printf(s, "\t%16llx",
				   (unsigned long long)(d->bar[i].start ? d->bar[i].size : 0));
		seq_printf(s, "\t%s\n", d->driver ? d->driver->name : "");
	}
	return 0;
}
PROC_FILE("bus/pci/devices", 0444, show_devices);
