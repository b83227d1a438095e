/* The actions by name: /proc/sys/kernel/seccomp, and the log. */
#include <kernel/seccomp/seccomp_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/printk/printk.h>
#include <kernel/procfs/procfs.h>
#include <kernel/task/task.h>
#include <asm/regs.h>

/* From the least permissive to the most. */
static const struct {
	u32 action;
	const char *name;
} actions[] = {
	{SECCOMP_RET_KILL_PROCESS, "kill_process"},
	{SECCOMP_RET_KILL_THREAD, "kill_thread"},
	{SECCOMP_RET_TRAP, "trap"},
	{SECCOMP_RET_ERRNO, "errno"},
	{SECCOMP_RET_USER_NOTIF, "user_notif"},
	{SECCOMP_RET_TRACE, "trace"},
	{SECCOMP_RET_LOG, "log"},
	{SECCOMP_RET_ALLOW, "allow"},
};
#define ACTION_COUNT ARRAY_SIZE(actions)
#define ALLOW_BIT (1u << (ACTION_COUNT - 1))

static u32 logged = ALLOW_BIT - 1; /* bits by index in the table; atomic */

static int action_index(u32 action)
{
	for (unsigned int i = 0; i < ACTION_COUNT; i++) {
		if (actions[i].action == action)
			return (int)i;
	}
	return -1;
}

bool seccomp_action_known(u32 action)
{
	return action_index(action) >= 0;
}

void seccomp_log(long nr, int sig, u32 action, bool requested)
{
	static struct printk_ratelimit limit;
	const struct task *t = current;
	int i = action_index(action);

	if (i < 0)
		i = 0; /* an unknown one kills the process */
	if (!requested || action == SECCOMP_RET_ALLOW || !(READ_ONCE(logged) & 1u << i) ||
	    !printk_ratelimit(&limit))
		return;
	pr_notice("audit: type=1326 auid=4294967295 uid=%u gid=%u ses=4294967295 pid=%d comm=\"%s\""
		  " sig=%d arch=%x syscall=%ld compat=0 ip=0x%lx code=0x%x\n",
		  t->cred->uid, t->cred->gid, task_tid(t), t->comm, sig, SECCOMP_ARCH, nr,
		  regs_ip(task_regs(t)), action);
}

static int names_of(u32 bits, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = 0;
	for (unsigned int i = 0; i < ACTION_COUNT; i++) {
		if (bits & 1u << i)
			used += (size_t)scnprintf(buf + used, size - used, "%s%s", used ? " " : "",
						  actions[i].name);
	}
	return (int)used;
}

static int show_avail(char *buf, size_t size)
{
	return names_of(2 * ALLOW_BIT - 1, buf, size);
}

static int show_logged(char *buf, size_t size)
{
	return names_of(READ_ONCE(logged), buf, size);
}

static u32 bit_by_name(const char *name, size_t len)
{
	for (unsigned int i = 0; i < ACTION_COUNT; i++) {
		if (strlen(actions[i].name) == len && !memcmp(actions[i].name, name, len))
			return 1u << i;
	}
	return 0;
}

static int store_logged(const char *text)
{
	u32 bits = 0;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	while (*text) {
		size_t len = 0;

		while (text[len] && text[len] != ' ')
			len++;
		if (len) {
			u32 bit = bit_by_name(text, len);

			/* Logging all that is allowed would be logging everything. */
			if (!bit || bit == ALLOW_BIT)
				return -EINVAL;
			bits |= bit;
		}
		text += len;
		while (*text == ' ')
			text++;
	}
	WRITE_ONCE(logged, bits);
	return 0;
}

SYSCTL_TEXT("kernel/seccomp/actions_avail", 0444, show_avail, NULL);
SYSCTL_TEXT("kernel/seccomp/actions_logged", 0644, show_logged, store_logged);
