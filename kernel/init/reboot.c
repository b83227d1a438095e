/* reboot(2). */
#include <kernel/init/init_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <lib/parse/parse.h>
#include <kernel/ns/user.h>
#include <kernel/printk/printk.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <linux/reboot.h>

/* What ctrl-alt-del would do; no keyboard sends it. */
static bool cad_reboots = true;

static bool magic_ok(int magic1, int magic2)
{
	return (u32)magic1 == LINUX_REBOOT_MAGIC1 &&
	       (magic2 == LINUX_REBOOT_MAGIC2 || magic2 == LINUX_REBOOT_MAGIC2A ||
		magic2 == LINUX_REBOOT_MAGIC2B || magic2 == LINUX_REBOOT_MAGIC2C);
}

/* "exit=N", N a decimal number of one to three digits up to 255. */
static bool parse_exit(const char *cmd, u8 *status)
{
	u64 n;

	if (!str_has_prefix(cmd, "exit="))
		return false;
	cmd += strlen("exit=");
	const char *end = cmd;

	if (strlen(cmd) > 3 || !parse_digits(&end, 10, &n) || *end || n > 255)
		return false;
	*status = (u8)n;
	return true;
}

static long restart_with(const void __user *arg)
{
	char cmd[256];
	ssize_t n = strncpy_from_user(cmd, arg, sizeof(cmd) - 1);
	u8 status;

	if (n < 0)
		return -EFAULT;
	cmd[sizeof(cmd) - 1] = 0;
	if (parse_exit(cmd, &status))
		machine_exit(status);
	pr_emerg("reboot: Restarting system with command '%s'\n", cmd);
	machine_restart();
}

/* In a pid namespace it is the end of that one's init, whose parent learns how. */
static long reboot_pid_ns(struct pid_ns *ns, unsigned int cmd)
{
	switch (cmd) {
	case LINUX_REBOOT_CMD_RESTART:
	case LINUX_REBOOT_CMD_RESTART2:
		pid_ns_end(ns, SIGHUP);
		break;
	case LINUX_REBOOT_CMD_HALT:
	case LINUX_REBOOT_CMD_POWER_OFF:
		pid_ns_end(ns, SIGINT);
		break;
	default:
		return -EINVAL;
	}
	task_exit(0);
}

long sys_reboot(int magic1, int magic2, unsigned int cmd, const void __user *arg)
{
	struct pid_ns *ns = task_pid_ns(current);

	if (!ns_capable(ns->ns.owner, CAP_SYS_BOOT))
		return -EPERM;
	if (!magic_ok(magic1, magic2))
		return -EINVAL;
	if (ns != &pid_ns_init)
		return reboot_pid_ns(ns, cmd);
	switch (cmd) {
	case LINUX_REBOOT_CMD_RESTART:
		machine_restart();
	case LINUX_REBOOT_CMD_CAD_ON:
		cad_reboots = true;
		return 0;
	case LINUX_REBOOT_CMD_CAD_OFF:
		cad_reboots = false;
		return 0;
	case LINUX_REBOOT_CMD_HALT:
		machine_halt();
	case LINUX_REBOOT_CMD_POWER_OFF:
		slab_report_leaks();
		machine_poweroff();
	case LINUX_REBOOT_CMD_RESTART2:
		return restart_with(arg);
	}
	return -EINVAL;
}
