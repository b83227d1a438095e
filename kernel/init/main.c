/*
 * Start-up, as one list of calls in the order in which each step finds what it needs.
 *
 * kernel_main() runs on the boot CPU with interrupts off and without a scheduler; kernel_init() is
 * process 1, may sleep, and becomes the first user program.
 */
#include <kernel/init/init_impl.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/arch_up.h>
#include <kernel/boot/boot.h>
#include <kernel/cma/cma.h>
#include <kernel/cmdline/cmdline.h>
#include <kernel/cred/cred.h>
#include <kernel/device/device.h>
#include <kernel/exec/exec.h>
#include <kernel/file/file.h>
#include <kernel/frame/frame.h>
#include <kernel/futex/futex.h>
#include <kernel/irq/irq.h>
#include <kernel/kasan/kasan.h>
#include <kernel/mm/mm.h>
#include <kernel/ns/ns.h>
#include <kernel/pagecache/pagecache.h>
#include <kernel/panic/panic.h>
#include <kernel/pipe/pipe.h>
#include <kernel/pmalloc/pmalloc.h>
#include <kernel/poll/poll.h>
#include <kernel/printk/printk.h>
#include <kernel/procfs/procfs.h>
#include <kernel/rcu/rcu.h>
#include <kernel/rng/rng.h>
#include <kernel/sched/sched.h>
#include <kernel/signal/signal.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/time/time.h>
#include <kernel/vfs/vfs.h>
#include <kernel/vmap/vmap.h>
#include <kernel/work/work.h>
#include <asm/init.h>
#include <asm/irqflags.h>
#include <asm/preempt.h>
#include <asm/smp.h>
#include <linux/fcntl.h>

#define INIT_ARGS_MAX 32
#define INIT_ENV_MAX 32

extern void (*const __start_initcall[])(void), (*const __stop_initcall[])(void);

static int kernel_init(void *ctx);

/* Made by process 1 before the other CPUs start. */
static struct task *idle_tasks[NR_CPUS_MAX];

void kernel_main(void)
{
	printk_init();
	report_init();
	pr_notice("Linux version %s (Corbel) %s\n", uts_release, uts_version);
	pr_notice("Command line: %s\n", boot_info.cmdline);

	/* memory */
	frame_boot_map();
	cma_reserve();
	frame_init();
	kasan_init();
	slab_init();
	vmap_init();
	cma_init();
	pmalloc_init();

	/* tasks, interrupts, time: from here on a thread can be made, and later runs */
	task_system_init();
	signal_system_init();
	irq_init();
	if (arch_init_irq())
		panic("No interrupt controller");
	time_init();
	rng_init();
	sched_init();
	/* Code from here on may use the irq locks that turn interrupts on again; nothing switches
	 * yet. */
	preempt_disable();
	irqs_on();
	rcu_init();

	/* what processes are made of */
	pagecache_system_init();
	mm_system_init();
	file_system_init();
	vfs_init();
	nsfs_init();
	pipe_system_init();
	epoll_system_init();
	futex_init();

	if (task_start_init(kernel_init))
		panic("No memory for the first process");
	lock_debug_scheduler_up();
	preempt_enable_no_resched();
	sched_idle_loop();
}

void kernel_main_secondary(unsigned int cpu)
{
	struct task *idle = idle_tasks[cpu];

	idle->stack = smp_idle_stack(cpu);
	this_cpu_write(current_task, idle);
	sched_init_cpu(cpu);
	time_init_cpu();
	irqs_on();
	sched_idle_loop();
}

/* ---- process 1 ---- */

static void start_cpus(void)
{
	unsigned int cpu;

	if (cmdline_has("nosmp"))
		return;
	for_each_possible_cpu(cpu)
	{
		if (cpu && task_create_idle(cpu, &idle_tasks[cpu]))
			panic("No memory for the idle task of CPU %u", cpu);
	}
	smp_boot_all();
}

static void run_initcalls(void)
{
	for (void (*const *f)(void) = __start_initcall; f < __stop_initcall; f++)
		(*f)();
}

/* What every root file system begins with, so that the first program has a console. */
static void make_root_basics(void)
{
	if (vfs_mkdir("/dev", 0755) || vfs_mkdir("/root", 0700) ||
	    vfs_mknod("/dev/console", S_IFCHR | 0600, vfs_makedev(5, 1)))
		pr_warn("Warning: no /dev/console.\n");
}

/* Descriptors 0, 1, 2 of the first program. */
static void open_console(void)
{
	struct file *f;
	int fd;

	if (vfs_open("/dev/console", O_RDWR, 0, &f)) {
		pr_warn("Warning: unable to open an initial console.\n");
		return;
	}
	for (int i = 0; i < 3; i++) {
		if (fd_install_new(file_get(f), 0, &fd)) {
			file_put(f);
			break;
		}
	}
	file_put(f);
}

/* argv and envp of init: words after "--", and NAME=VALUE words that no room of the kernel knows.
 */
static const char *init_argv[INIT_ARGS_MAX + 2];
static const char *init_envp[INIT_ENV_MAX + 3] = {"HOME=/", "TERM=linux", NULL};
static char init_words[BOOT_CMDLINE_MAX];

static void collect_init_words(void)
{
	size_t pos = 0, used = 0;
	unsigned int argc = 1;
	bool for_init;

	while (used < sizeof(init_words) - 1) {
		char *at = init_words + used;

		if (!cmdline_next(&pos, at, sizeof(init_words) - used, &for_init))
			break;
		if (!for_init || argc > INIT_ARGS_MAX)
			continue;
		init_argv[argc++] = at;
		used += strlen(at) + 1;
	}
	init_argv[argc] = NULL;
}

static bool try_init(const char *path)
{
	init_argv[0] = path;
	pr_info("Run %s as init process\n", path);
	int err = exec_kernel(path, init_argv, init_envp);

	if (err && err != -ENOENT)
		pr_err("Failed to execute %s (error %d)\n", path, err);
	return !err;
}

/* The program that the command line names, or the usual ones.  Returns when one is in place. */
static void start_init(void)
{
	static const char *const usual[] = {"/sbin/init", "/etc/init", "/bin/init", "/bin/sh"};
	static char path[256];

	if (!cmdline_value("rdinit", path, sizeof(path)))
		(void)strscpy(path, "/init", sizeof(path));
	if (try_init(path))
		return;
	if (cmdline_value("init", path, sizeof(path))) {
		if (try_init(path))
			return;
		panic("Requested init %s failed.", path);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(usual); i++) {
		if (try_init(usual[i]))
			return;
	}
	panic("No working init found.  Try passing init= option to kernel. "
	      "See Linux Documentation/admin-guide/init.rst for guidance.");
}

static int kernel_init(void *ctx)
{
	(void)ctx;
	work_init_system();
	start_cpus();

	/* names and devices */
	current->files = files_create_init();
	if (!current->files)
		panic("No memory for the first process");
	device_init();
	sysfs_groups_init();
	vfs_mount_root();
	run_initcalls();
	arch_init_late();
	ktest_run_if_asked();

	make_root_basics();
	initramfs_unpack();
	open_console();
	arch_free_init();
	collect_init_words();
	slab_report_begin();
	slab_fail_from_cmdline();
	start_init();
	return 0;
}
