/*
 * How the machine ends, and what the launcher is told: one line on the report channel.
 */
#include <kernel/init/init_impl.h>

#include <kern/string.h>
#include <kernel/panic/panic.h>
#include <kernel/printk/printk.h>
#include <asm/power.h>
#include <asm/smp.h>

void report_line(const char *line)
{
	arch_report(line);
	arch_report("\n");
}

static void report_panic(struct panic_notifier *n, const char *message)
{
	char first[200];

	(void)n;
	(void)strscpy(first, message, sizeof(first));
	*strchrnul(first, '\n') = 0;
	arch_report("corbel-panic ");
	report_line(first);
}

static struct panic_notifier panic_notifier = {.fn = report_panic};

void report_init(void)
{
	panic_register_notifier(&panic_notifier);
}

void machine_exit(u8 status)
{
	char line[32];

	smp_stop_others();
	snprintf(line, sizeof(line), "corbel-exit %u", status);
	report_line(line);
	arch_debug_exit(status);
	arch_poweroff();
}

void machine_poweroff(void)
{
	pr_emerg("reboot: Power down\n");
	report_line("corbel-poweroff");
	arch_poweroff();
}

void machine_restart(void)
{
	pr_emerg("reboot: Restarting system\n");
	report_line("corbel-restart");
	arch_reboot();
}

void machine_halt(void)
{
	pr_emerg("reboot: System halted\n");
	report_line("corbel-poweroff");
	arch_halt();
}
