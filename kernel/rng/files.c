/* /proc/sys/kernel/random as Linux has it, and /sys/kernel/random: where readiness came from. */
#include <kernel/rng/rng.h>
#include <kernel/rng/rng_impl.h>
#include <kernel/lock/lock.h>
#include <kernel/procfs/procfs.h>
#include <kernel/seq/seq.h>
#include <kern/string.h>
#include <lib/fmt/fmt.h>

const char *const rng_source_names[RNG_SOURCES] = {
	[RNG_CPU] = "cpu",	   [RNG_BOOTLOADER] = "bootloader", [RNG_HWRNG] = "hwrng",
	[RNG_VMGENID] = "vmgenid", [RNG_INTERRUPT] = "interrupt",   [RNG_JITTER] = "jitter",
	[RNG_USER] = "user",
};

static int format_uuid(const u8 id[16], char *buf, size_t size)
{
	return snprintf(buf, size,
			"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
			id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7], id[8], id[9],
			id[10], id[11], id[12], id[13], id[14], id[15]);
}

static void make_uuid(u8 id[16])
{
	rng_bytes(id, 16);
	id[6] = (u8)((id[6] & 0x0f) | 0x40); /* version 4, RFC 9562 */
	id[8] = (u8)((id[8] & 0x3f) | 0x80);
}

static int show_uuid(char *buf, size_t size)
{
	u8 id[16];

	make_uuid(id);
	return format_uuid(id, buf, size);
}

static int show_boot_id(char *buf, size_t size)
{
	static struct spinlock lock = SPINLOCK_INIT(LK_SPIN_LEAF);
	static u8 boot_id[16]; /* lock */
	u8 fresh[16], id[16];

	make_uuid(fresh);
	spin_lock(&lock);
	if (!boot_id[6])
		memcpy(boot_id, fresh, sizeof(boot_id));
	memcpy(id, boot_id, sizeof(id));
	spin_unlock(&lock);
	return format_uuid(id, buf, size);
}

static int show_entropy(char *buf, size_t size)
{
	return snprintf(buf, size, "%u", rng_entropy_available());
}

static int show_poolsize(char *buf, size_t size)
{
	return snprintf(buf, size, "%u", RNG_READY_BITS);
}

static int show_reseed_secs(char *buf, size_t size)
{
	return snprintf(buf, size, "60");
}

/* Written by old programs; Linux takes any text and does nothing either. */
static int store_nothing(const char *text)
{
	(void)text;
	return 0;
}

SYSCTL_TEXT("kernel/random/boot_id", 0444, show_boot_id, NULL);
SYSCTL_TEXT("kernel/random/entropy_avail", 0444, show_entropy, NULL);
SYSCTL_TEXT("kernel/random/poolsize", 0444, show_poolsize, NULL);
SYSCTL_TEXT("kernel/random/urandom_min_reseed_secs", 0644, show_reseed_secs, store_nothing);
SYSCTL_TEXT("kernel/random/uuid", 0444, show_uuid, NULL);
SYSCTL_TEXT("kernel/random/write_wakeup_threshold", 0644, show_poolsize, store_nothing);

/* --- /sys/kernel/random --- */

static int show_sources(struct seq *s, void *ctx)
{
	struct rng_account all[RNG_SOURCES];
	struct rng_readiness ready;

	(void)ctx;
	rng_accounts(all, &ready);
	for (unsigned int i = 0; i < RNG_SOURCES; i++)
		seq_printf(s, "%s bits=%llu bytes=%llu inputs=%llu\n", rng_source_names[i],
			   (unsigned long long)all[i].bits, (unsigned long long)all[i].bytes,
			   (unsigned long long)all[i].calls);
	return 0;
}

static int show_ready_us(struct seq *s, void *ctx)
{
	struct rng_account all[RNG_SOURCES];
	struct rng_readiness ready;

	(void)ctx;
	rng_accounts(all, &ready);
	seq_printf(s, "%llu\n", (unsigned long long)((ready.at_ns + 999) / 1000));
	return 0;
}

static int show_ready_by(struct seq *s, void *ctx)
{
	struct rng_account all[RNG_SOURCES];
	struct rng_readiness ready;

	(void)ctx;
	rng_accounts(all, &ready);
	seq_printf(s, "%s\n",
		   !ready.at_ns			 ? "none"
		   : ready.bits < RNG_READY_BITS ? "time"
						 : rng_source_names[ready.by]);
	return 0;
}

static int show_stream(struct seq *s, void *ctx)
{
	(void)ctx;
	seq_printf(s, "%s\n", chacha_wide ? chacha_wide->name : "scalar");
	return 0;
}

SYSFS_FILE("kernel/random/sources", 0444, show_sources, NULL, NULL);
SYSFS_FILE("kernel/random/ready_us", 0444, show_ready_us, NULL, NULL);
SYSFS_FILE("kernel/random/ready_by", 0444, show_ready_by, NULL, NULL);
SYSFS_FILE("kernel/random/stream", 0444, show_stream, NULL, NULL);
