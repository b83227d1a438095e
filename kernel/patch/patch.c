/*
 * The code-patching engine.
 *
 * No text is mapped writable, not even in the direct map, once constants are final: bytes are
 * written through an alias that one CPU has for a moment (<asm/protect.h>).
 * While other CPUs run, a site is changed in three steps, with every CPU serialised after each: a
 * breakpoint over the first byte, the tail, the first byte. A CPU that runs into the breakpoint
 * goes on as if the new instruction were complete (patch_int3 in arch code reads patch_current).
 */
#include <kernel/patch/patch.h>

#include <asm/patch_poke.h>
#include <asm/protect.h>
#include <asm/smp.h>
#include <kern/bug.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/lock/lock.h>

extern const struct patch_alt __start_patch_alt[], __stop_patch_alt[];
extern const struct patch_jump __start_patch_jump[], __stop_patch_jump[];

struct patch_site patch_current;
static struct mutex patch_lock;
static bool patch_lock_ready;

static void write_text(void *at, const void *text, size_t len)
{
	WARN_ON(arch_poke(at, text, len));
}

void patch_apply_alternatives(void)
{
	u8 buf[PATCH_ALT_MAX];

	for (const struct patch_alt *a = __start_patch_alt; a < __stop_patch_alt; a++) {
		char *site = (char *)(unsigned long)&a->site + a->site;
		const char *from = (const char *)&a->replacement + a->replacement;

		if (a->site_len > sizeof(buf) || a->replacement_len > a->site_len)
			continue;
		if (cpu_has((enum cpu_feature)a->feature)) {
			memcpy(buf, from, a->replacement_len);
			patch_move_jump(buf, a->replacement_len, from, site);
			patch_fill_nops(buf + a->replacement_len, a->site_len - a->replacement_len);
			write_text(site, buf, a->site_len);
		}
	}
	patch_sync_cpu();
}

static void sync_cpu(void *arg)
{
	(void)arg;
	patch_sync_cpu();
}

static void sync_all(void)
{
	smp_call(CPUMASK_ALL, sync_cpu, NULL, true);
}

static struct mutex *lock(void)
{
	if (!__atomic_exchange_n(&patch_lock_ready, true, __ATOMIC_ACQ_REL))
		mutex_init(&patch_lock, LK_SLEEP_LEAF);
	return &patch_lock;
}

static void poke_locked(void *at, const void *text, size_t len)
{
	u8 breakpoint = PATCH_BREAKPOINT;

	memcpy(patch_current.text, text, len);
	patch_current.len = len;
	__atomic_store_n(&patch_current.at, (unsigned long)at, __ATOMIC_RELEASE);
	write_text(at, &breakpoint, 1);
	sync_all();
	if (len > 1) {
		write_text((char *)at + 1, (const char *)text + 1, len - 1);
		sync_all();
	}
	write_text(at, text, 1);
	sync_all();
	__atomic_store_n(&patch_current.at, 0, __ATOMIC_RELEASE);
}

int patch_text(void *at, const void *text, size_t len)
{
	if (!len || len > sizeof(patch_current.text) || !patch_is_text((unsigned long)at))
		return -EINVAL;
	mutex_lock(lock());
	poke_locked(at, text, len);
	mutex_unlock(&patch_lock);
	return 0;
}

static void key_turn(struct static_key *key, bool on,
		     void (*poke)(void *at, const void *text, size_t len))
{
	for (const struct patch_jump *j = __start_patch_jump; j < __stop_patch_jump; j++) {
		u8 text[PATCH_JUMP_LEN];
		char *site = (char *)(unsigned long)&j->site + j->site;
		unsigned long target = (unsigned long)&j->target + (long)j->target;

		if ((const char *)&j->key + (long)j->key != (const char *)key ||
		    !patch_is_text((unsigned long)site)) /* .init, which is freed */
			continue;
		if (on)
			patch_make_jump(text, (unsigned long)site, target);
		else
			patch_fill_nops(text, sizeof(text));
		poke(site, text, sizeof(text));
	}
}

void static_key_enable_boot(struct static_key *key)
{
	key->enabled = 1;
	key_turn(key, true, write_text); /* one CPU, which runs none of the sites */
	patch_sync_cpu();
}

void static_key_enable(struct static_key *key)
{
	mutex_lock(lock());
	if (__atomic_add_fetch(&key->enabled, 1, __ATOMIC_RELAXED) == 1)
		key_turn(key, true, poke_locked);
	mutex_unlock(&patch_lock);
}

void static_key_disable(struct static_key *key)
{
	mutex_lock(lock());
	if (__atomic_sub_fetch(&key->enabled, 1, __ATOMIC_RELAXED) == 0)
		key_turn(key, false, poke_locked);
	mutex_unlock(&patch_lock);
}
