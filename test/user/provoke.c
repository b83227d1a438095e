/*
 * Faults of the kernel that are provoked on purpose (debug kernel, or one with PROVOKE_CRASH): the
 * task that asks dies, the report is in the log, the machine lives on.
 */
#include <sched.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "proc_help.h"

#define SYS "/tmp/provoke-sys"
#define DEBUG SYS "/kernel/debug"
#define DIRECT DEBUG "/provoke-crash/DIRECT"

static char text[1 << 20];

/* Where the kernel cannot be provoked there is nothing to see. */
static void playground(void)
{
	if (geteuid() || !in_test_machine())
		exit(0);
	REQUIRE(!unshare(CLONE_NEWNS));
	REQUIRE(!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	mkdir(SYS, 0755);
	REQUIRE(!mount("none", SYS, "sysfs", 0, NULL));
	REQUIRE(!mount("none", DEBUG, "debugfs", 0, NULL));
	if (access(DIRECT, F_OK))
		exit(0);
}

static const char *text_of(const char *path)
{
	REQUIRE(read_text(path, text, sizeof(text)) >= 0);
	return text;
}

/* What a process that provokes @name ends with. */
static int status_of(const char *name)
{
	int status;
	pid_t pid = fork();

	REQUIRE(pid >= 0);
	if (!pid) {
		int fd = open(DIRECT, O_WRONLY);

		_exit(fd < 0 || write(fd, name, strlen(name)) != (ssize_t)strlen(name));
	}
	REQUIRE(waitpid(pid, &status, 0) == pid);
	return status;
}

static int logged(const char *what)
{
	static char log[1 << 18];
	int n = klogctl(4, log, sizeof(log) - 1); /* since it was last cleared; clears */

	REQUIRE(n >= 0);
	log[n] = 0;
	if (strstr(log, "FAIL:"))
		return 0;
	return strcasestr(log, what) != NULL;
}

static void expect_death(const char *name, const char *report)
{
	logged("");
	int status = status_of(name);

	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSEGV)
		fprintf(stderr, "# %s: status %#x\n", name, status);
	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), SIGSEGV);
	if (!logged(report)) {
		fprintf(stderr, "# %s: the log does not say \"%s\"\n", name, report);
		CHECK(0);
	}
}

TEST(provoked_faults_kill_who_asks)
{
	static const struct {
		const char *name, *report;
	} faults[] = {
		{"BUG", "kernel BUG at"},
		{"EXCEPTION", "NULL pointer"},
		{"EXHAUST_STACK", "TASK stack guard page was hit"},
		{"STACK_GUARD_PAGE_LEADING", "guard page of a kernel stack"},
		{"STACK_GUARD_PAGE_TRAILING", "guard page of a kernel stack"},
		{"EXEC_DATA", "(NX)"},
		{"EXEC_STACK", "(NX)"},
		{"EXEC_KMALLOC", "(NX)"},
		{"EXEC_VMALLOC", "(NX)"},
		{"EXEC_RODATA", "(NX)"},
		{"EXEC_NULL", "Call Trace:"},
		{"EXEC_USERSPACE", "SMEP"},
		{"ACCESS_NULL", "NULL pointer"},
		{"ACCESS_USERSPACE", "SMAP"},
		{"WRITE_RO", "read-only kernel memory"},
		{"WRITE_RO_AFTER_INIT", "read-only kernel memory"},
		{"WRITE_KERN", "read-only kernel memory"},
		{"WRITE_PMALLOC", "read-only kernel memory"},
		{"USERCOPY_PMALLOC", "usercopy: kernel memory overwrite"},
	};

	playground();
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		expect_death(faults[i].name, faults[i].report);
	/* Tainted: it died (D). */
	CHECK(strtoul(text_of("/proc/sys/kernel/tainted"), NULL, 10) & 1u << 7);
}

/* On all CPUs at once, and again on each: the exception's stack and the task's are used anew. */
TEST(stacks_overflow_again_and_again)
{
	playground();
	for (int round = 0; round < 3; round++) {
		pid_t pids[4];
		int status;

		for (int i = 0; i < 4; i++) {
			pids[i] = fork();
			REQUIRE(pids[i] >= 0);
			if (!pids[i]) {
				int fd = open(DIRECT, O_WRONLY);

				_exit(fd < 0 || write(fd, "EXHAUST_STACK", 13) != 13);
			}
		}
		for (int i = 0; i < 4; i++) {
			CHECK_EQ(waitpid(pids[i], &status, 0), pids[i]);
			CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
		}
	}
}

TEST(what_only_reports_goes_on)
{
	playground();
	logged("");
	CHECK_EQ(status_of("WARNING"), 0);
	CHECK(logged("WARNING:"));
	CHECK_EQ(status_of("WARNING_MESSAGE"), 0);
	CHECK(logged("message trigger"));
	CHECK_EQ(status_of("REPORT_STACK"), 0);
	CHECK(logged("Stack offset"));
	CHECK(strtoul(text_of("/proc/sys/kernel/tainted"), NULL, 10) & 1u << 9);
}

TEST(names_are_listed_and_checked)
{
	playground();
	CHECK(!strncmp(text_of(DIRECT), "Available crash types:\n", 23));
	CHECK(strstr(text, "\nWRITE_RO\n"));
	CHECK(strstr(text, "\nWRITE_PMALLOC\n"));
	int fd = open(DIRECT, O_WRONLY);

	REQUIRE(fd >= 0);
	CHECK_ERR(write(fd, "WHAT", 4), EINVAL);
	CHECK_ERR(write(fd, "", 0), EINVAL);
	close(fd);
}

TEST(pools_are_shown)
{
	playground();
	expect_death("WRITE_PMALLOC", "read-only");
	CHECK(atol(text_of(SYS "/kernel/pmalloc/provoke/size")) >= 4096);
	CHECK(atol(text_of(SYS "/kernel/pmalloc/provoke/chunks")) >= 1);
	CHECK_EQ(atol(text_of(SYS "/kernel/pmalloc/provoke/avail")), 0);
	CHECK(atol(text_of(SYS "/kernel/pmalloc/procfs/size")) >= 4096);
	CHECK(strstr(text_of("/proc/vmallocinfo"), " pmalloc N0="));
}

/* No line of the kernel's page tables may be written and run; protected ranges are there. */
TEST(page_tables_have_no_page_that_is_written_and_run)
{
	char *line, *rest;
	unsigned int lines = 0, code = 0, constants = 0;

	playground();
	text_of(DEBUG "/kernel_page_tables");
	CHECK(strstr(text, "---[ High Kernel Mapping ]---\n"));
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		int run = strstr(line, " x  ") != NULL, written = strstr(line, " RW ") != NULL;

		CHECK(!(run && written));
		lines++;
		code += run;
		constants += !run && strstr(line, " ro ") && strstr(line, " NX ");
	}
	CHECK(lines > 10);
	CHECK(code > 0);
	CHECK(constants > 1); /* of the image, and of the direct map */
}

int main(void)
{
	return test_run();
}
