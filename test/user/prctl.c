/* prctl(2) and arch_prctl(2), option by option. */
#include "test.h"
#include <asm/prctl.h>
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <ucontext.h>

#ifndef SYS_USER_DISPATCH
#define SYS_USER_DISPATCH 2
#endif

static long pr(long option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	return syscall(SYS_prctl, option, a, b, c, d);
}

static int wait_for(pid_t pid)
{
	int st = -1;

	return waitpid(pid, &st, 0) == pid ? st : -1;
}

/* Runs the statements in a child, whose status must be @st. */
#define CHILD(st, ...)                          \
	do {                                    \
		pid_t pid_ = fork();            \
		if (!pid_) {                    \
			__VA_ARGS__;            \
			_exit(test_failures);   \
		}                               \
		CHECK_EQ(wait_for(pid_), (st)); \
	} while (0)

static void be_nobody(void)
{
	REQUIRE(!syscall(SYS_setresgid, 1000, 1000, 1000));
	REQUIRE(!syscall(SYS_setresuid, 1000, 1000, 1000));
}

/* ---- what each option of 6.1 answers to bad arguments ---- */

#define PATTERNS 8
static const unsigned long pattern[PATTERNS][4] = {
	{0, 0, 0, 0}, {~0ul, ~0ul, ~0ul, ~0ul},
	{2, 0, 0, 0}, {0, 1, 0, 0},
	{0, 0, 1, 0}, {0, 0, 0, 1},
	{1, 1, 0, 0}, {8, 0, 0, 0},
};

/* Results of the patterns one after the other in one process; an error is a negative number. */
struct answers {
	int option;
	int result[PATTERNS];
};

static const struct answers to_all[] = {
	{PR_SET_PDEATHSIG, {0, -EINVAL, 0, 0, 0, 0, 0, 0}},
	{PR_GET_PDEATHSIG,
	 {-EFAULT, -EFAULT, -EFAULT, -EFAULT, -EFAULT, -EFAULT, -EFAULT, -EFAULT}},
	{PR_SET_DUMPABLE, {0, -EINVAL, -EINVAL, 0, 0, 0, 0, -EINVAL}},
	{PR_GET_KEEPCAPS, {0, 0, 0, 0, 0, 0, 0, 0}},
	{PR_SET_KEEPCAPS, {0, -EINVAL, -EINVAL, 0, 0, 0, 0, -EINVAL}},
	{PR_GET_TIMING, {0, 0, 0, 0, 0, 0, 0, 0}},
	{PR_SET_TIMING, {0, -EINVAL, -EINVAL, 0, 0, 0, -EINVAL, -EINVAL}},
	{PR_SET_NAME, {-EFAULT, -EFAULT, -EFAULT, -EFAULT, -EFAULT, -EFAULT, -EFAULT, -EFAULT}},
	{PR_GET_NAME, {-EFAULT, -EFAULT, -EFAULT, -EFAULT, -EFAULT, -EFAULT, -EFAULT, -EFAULT}},
	{PR_GET_SECCOMP, {0, 0, 0, 0, 0, 0, 0, 0}},
	{PR_CAPBSET_READ, {1, -EINVAL, 1, 1, 1, 1, 1, 1}},
	{PR_GET_TSC, {-EFAULT, -EFAULT, -EFAULT, -EFAULT, -EFAULT, -EFAULT, -EFAULT, -EFAULT}},
	{PR_SET_TSC, {-EINVAL, -EINVAL, 0, -EINVAL, -EINVAL, -EINVAL, 0, -EINVAL}},
	{PR_GET_SECUREBITS, {0, 0, 0, 0, 0, 0, 0, 0}},
	{PR_SET_TIMERSLACK, {0, 0, 0, 0, 0, 0, 0, 0}},
	{PR_GET_TIMERSLACK, {50000, 50000, 50000, 50000, 50000, 50000, 50000, 50000}},
	{PR_TASK_PERF_EVENTS_DISABLE, {0, 0, 0, 0, 0, 0, 0, 0}},
	{PR_TASK_PERF_EVENTS_ENABLE, {0, 0, 0, 0, 0, 0, 0, 0}},
	{PR_MCE_KILL, {0, -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL, 0, -EINVAL}},
	{PR_MCE_KILL_GET, {2, -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL}},
	{PR_SET_CHILD_SUBREAPER, {0, 0, 0, 0, 0, 0, 0, 0}},
	{PR_GET_CHILD_SUBREAPER,
	 {-EFAULT, -EFAULT, -EFAULT, -EFAULT, -EFAULT, -EFAULT, -EFAULT, -EFAULT}},
	{PR_GET_NO_NEW_PRIVS, {0, -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL}},
	{PR_GET_TID_ADDRESS,
	 {-EFAULT, -EFAULT, -EFAULT, -EFAULT, -EFAULT, -EFAULT, -EFAULT, -EFAULT}},
	{PR_SET_THP_DISABLE, {0, -EINVAL, 0, -EINVAL, -EINVAL, -EINVAL, -EINVAL, 0}},
	{PR_GET_THP_DISABLE, {0, -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL}},
	{PR_CAP_AMBIENT, {-EINVAL, -EINVAL, -EPERM, -EINVAL, -EINVAL, -EINVAL, 0, -EINVAL}},
	{PR_GET_SPECULATION_CTRL, {0, -EINVAL, 8, -EINVAL, -EINVAL, -EINVAL, -EINVAL, -ENODEV}},
	{PR_SET_SPECULATION_CTRL,
	 {-ENXIO, -EINVAL, -EPERM, -ENXIO, -EINVAL, -EINVAL, -ERANGE, -ENODEV}},
	{PR_SET_SYSCALL_USER_DISPATCH,
	 {0, -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL}},
};
static const struct answers to_root[] = {
	{PR_GET_DUMPABLE, {1, 1, 1, 1, 1, 1, 1, 1}},
	{PR_CAPBSET_DROP, {0, -EINVAL, 0, 0, 0, 0, 0, 0}},
	{PR_SET_SECUREBITS, {0, -EPERM, 0, -EPERM, -EPERM, -EPERM, -EPERM, -EPERM}},
	{PR_SET_IO_FLUSHER, {0, -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL}},
	{PR_GET_IO_FLUSHER, {0, -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL}},
};
static const struct answers to_others[] = {
	{PR_GET_DUMPABLE, {0, 0, 0, 0, 0, 0, 0, 0}},
	{PR_CAPBSET_DROP, {-EPERM, -EPERM, -EPERM, -EPERM, -EPERM, -EPERM, -EPERM, -EPERM}},
	{PR_SET_SECUREBITS, {-EPERM, -EPERM, -EPERM, -EPERM, -EPERM, -EPERM, -EPERM, -EPERM}},
	{PR_SET_MM, {-EPERM, -EINVAL, -EPERM, -EPERM, -EINVAL, -EINVAL, -EPERM, -EPERM}},
	{PR_SET_IO_FLUSHER, {-EPERM, -EPERM, -EPERM, -EPERM, -EPERM, -EPERM, -EPERM, -EPERM}},
	{PR_GET_IO_FLUSHER, {-EPERM, -EPERM, -EPERM, -EPERM, -EPERM, -EPERM, -EPERM, -EPERM}},
};

/* Of other architectures, gone, not there yet, or never right with such arguments. */
static const int invalid[] = {
	0,
	PR_GET_UNALIGN,
	PR_SET_UNALIGN,
	PR_GET_FPEMU,
	PR_SET_FPEMU,
	PR_GET_FPEXC,
	PR_SET_FPEXC,
	17,
	18,
	PR_GET_ENDIAN,
	PR_SET_ENDIAN,
	PR_SET_MM,
	PR_SET_NO_NEW_PRIVS,
	PR_MPX_ENABLE_MANAGEMENT,
	PR_MPX_DISABLE_MANAGEMENT,
	PR_SET_FP_MODE,
	PR_GET_FP_MODE,
	48,
	49,
	50,
	51,
	PR_PAC_RESET_KEYS,
	PR_SET_TAGGED_ADDR_CTRL,
	PR_GET_TAGGED_ADDR_CTRL,
	PR_PAC_SET_ENABLED_KEYS,
	PR_PAC_GET_ENABLED_KEYS,
	PR_SCHED_CORE,
	63,
	64,
	65,
	66,
	67,
	68,
	69,
	PR_SET_VMA,
	-1,
};

static void check_row(const struct answers *a, const char *who)
{
	int got[PATTERNS];
	int same = 1;

	for (int i = 0; i < PATTERNS; i++) {
		errno = 0;
		got[i] = (int)pr(a->option, pattern[i][0], pattern[i][1], pattern[i][2],
				 pattern[i][3]);
		if (got[i] == -1)
			got[i] = -errno;
		same &= got[i] == a->result[i];
	}
	if (same)
		return;
	printf("# %s {%d, {", who, a->option);
	for (int i = 0; i < PATTERNS; i++)
		printf("%s%d", i ? ", " : "", got[i]);
	printf("}},\n");
	test_failures++;
}

#define CHECK_ROWS(rows, who)                                         \
	for (size_t i = 0; i < sizeof(rows) / sizeof((rows)[0]); i++) \
	CHILD(0, check_row(&(rows)[i], who))

TEST(answers_to_root)
{
	CHECK_ROWS(to_all, "root");
	CHECK_ROWS(to_root, "root");
}

TEST(answers_to_others)
{
	be_nobody();
	CHECK_ROWS(to_all, "user");
	CHECK_ROWS(to_others, "user");
}

TEST(unknown_options)
{
	struct answers none;

	for (int i = 0; i < PATTERNS; i++)
		none.result[i] = -EINVAL;
	for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
		none.option = invalid[i];
		check_row(&none, "root");
	}
}

/* ---- the time-stamp counter ---- */

static int tsc_mode(void)
{
	int mode = -1;

	CHECK_EQ(pr(PR_GET_TSC, (unsigned long)&mode, 0, 0, 0), 0);
	return mode;
}

static void rdtsc(void)
{
	unsigned int lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi));
}

static volatile sig_atomic_t faults;

static void skip_rdtsc(int sig, siginfo_t *si, void *ctx)
{
	(void)sig;
	faults++;
	CHECK_EQ(si->si_code, SI_KERNEL);
	((ucontext_t *)ctx)->uc_mcontext.gregs[REG_RIP] += 2;
}

static void *reads_tsc(void *arg)
{
	(void)arg;
	rdtsc();
	return NULL;
}

static void *reads_tsc_freely(void *arg)
{
	pr(PR_SET_TSC, PR_TSC_ENABLE, 0, 0, 0);
	for (int i = 0; i < 200; i++) {
		rdtsc();
		sched_yield();
	}
	return arg;
}

TEST(tsc)
{
	struct sigaction sa = {.sa_sigaction = skip_rdtsc, .sa_flags = SA_SIGINFO};
	pthread_t other;

	CHECK_EQ(tsc_mode(), PR_TSC_ENABLE);
	CHECK_ERR(pr(PR_SET_TSC, 0, 0, 0, 0), EINVAL);
	CHECK_ERR(pr(PR_SET_TSC, 3, 0, 0, 0), EINVAL);
	CHECK_ERR(pr(PR_GET_TSC, 8, 0, 0, 0), EFAULT);
	CHILD(SIGSEGV | 0, pr(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0); rdtsc());
	sigaction(SIGSEGV, &sa, NULL);
	CHECK_EQ(pr(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0), 0);
	CHECK_EQ(tsc_mode(), PR_TSC_SIGSEGV);
	rdtsc();
	CHECK_EQ(faults, 1);
	/* A thread and a child inherit it, and change it for themselves alone. */
	REQUIRE(!pthread_create(&other, NULL, reads_tsc, NULL) && !pthread_join(other, NULL));
	CHECK_EQ(faults, 2);
	CHILD(0, CHECK_EQ(tsc_mode(), PR_TSC_SIGSEGV));
	REQUIRE(!pthread_create(&other, NULL, reads_tsc_freely, NULL));
	for (int i = 0; i < 200; i++) {
		rdtsc();
		sched_yield();
	}
	CHECK_EQ(faults, 202);
	pthread_join(other, NULL);
	CHECK_EQ(faults, 202);
	CHECK_EQ(pr(PR_SET_TSC, PR_TSC_ENABLE, 0, 0, 0), 0);
	rdtsc();
	CHECK_EQ(faults, 202);
}

/* ---- what memory says of itself ---- */

static struct prctl_mm_map current_map(void)
{
	struct prctl_mm_map m = {.exe_fd = (unsigned int)-1};
	unsigned long v[60];
	char text[4096], *p;
	int fd = open("/proc/self/stat", O_RDONLY), n = (int)read(fd, text, sizeof(text) - 1);

	close(fd);
	REQUIRE(n > 0);
	text[n] = 0;
	p = strrchr(text, ')') + 4;
	for (int i = 4; i < 52; i++)
		v[i] = strtoul(p, &p, 10);
	m.start_code = v[26];
	m.end_code = v[27];
	m.start_stack = v[28];
	m.start_data = v[45];
	m.end_data = v[46];
	m.start_brk = v[47];
	m.brk = (unsigned long)sbrk(0);
	m.arg_start = v[48];
	m.arg_end = v[49];
	m.env_start = v[50];
	m.env_end = v[51];
	return m;
}

static void set_map(struct prctl_mm_map *m, int err)
{
	long r = pr(PR_SET_MM, PR_SET_MM_MAP, (unsigned long)m, sizeof(*m), 0);

	CHECK_EQ(r ? errno : 0, err);
}

TEST(mm_map)
{
	struct prctl_mm_map m = current_map(), bad, now;
	unsigned int size = 0;
	char *args, text[64] = "";

	CHECK_EQ(pr(PR_SET_MM, PR_SET_MM_MAP_SIZE, (unsigned long)&size, 0, 0), 0);
	CHECK_EQ(size, sizeof(m));
	CHECK_ERR(pr(PR_SET_MM, PR_SET_MM_MAP_SIZE, 8, 0, 0), EFAULT);
	CHECK_ERR(pr(PR_SET_MM, PR_SET_MM_MAP, (unsigned long)&m, sizeof(m) - 1, 0), EINVAL);
	CHECK_ERR(pr(PR_SET_MM, PR_SET_MM_MAP, 8, sizeof(m), 0), EFAULT);
	CHECK_ERR(pr(PR_SET_MM, PR_SET_MM_MAP, (unsigned long)&m, sizeof(m), 1), EINVAL);
	set_map(&m, 0);
#define BAD(field, value, err)        \
	do {                          \
		bad = m;              \
		bad.field = (value);  \
		set_map(&bad, (err)); \
	} while (0)
	BAD(start_code, m.end_code, EINVAL);
	BAD(start_data, m.end_data + 1, EINVAL);
	BAD(brk, m.start_brk - 1, EINVAL);
	BAD(arg_end, m.arg_start - 1, EINVAL);
	BAD(env_end, m.env_start - 1, EINVAL);
	BAD(env_end, 1ul << 56, EINVAL);
	BAD(start_stack, 0, EINVAL);
	BAD(start_stack, 4096, EINVAL);
	BAD(auxv_size, 8, EINVAL);
	BAD(exe_fd, 99, EBADF);
	bad = m;
	bad.auxv = (void *)8;
	bad.auxv_size = 16;
	set_map(&bad, EFAULT);
	bad.auxv_size = 1 << 20;
	set_map(&bad, EINVAL);
	now = current_map();
	CHECK(!memcmp(&m, &now, sizeof(m)));
	/* Arguments that lie elsewhere are shown. */
	args = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	strcpy(args, "other arguments");
	m.arg_start = (unsigned long)args;
	m.arg_end = (unsigned long)args + 16;
	set_map(&m, 0);
	int fd = open("/proc/self/cmdline", O_RDONLY);

	CHECK_EQ(read(fd, text, sizeof(text)), 16);
	CHECK(!strcmp(text, "other arguments"));
	close(fd);
}

TEST(mm_map_without_rights)
{
	struct prctl_mm_map m = current_map();

	be_nobody();
	prctl(PR_SET_DUMPABLE, 1);
	set_map(&m, 0);
	m.exe_fd = (unsigned int)open("/", O_RDONLY);
	set_map(&m, EPERM);
	CHECK_ERR(pr(PR_SET_MM, PR_SET_MM_BRK, m.brk, 0, 0), EPERM);
	CHECK_ERR(pr(PR_SET_MM, PR_SET_MM_AUXV, 0, 0, 0), EPERM);
	CHECK_ERR(pr(PR_SET_MM, PR_SET_MM_BRK, m.brk, 1, 0), EINVAL);
}

TEST(mm_fields)
{
	struct prctl_mm_map m = current_map(), now;

	CHECK_EQ(pr(PR_SET_MM, PR_SET_MM_START_CODE, m.start_code + 1, 0, 0), 0);
	CHECK_EQ(pr(PR_SET_MM, PR_SET_MM_END_CODE, m.end_code + 1, 0, 0), 0);
	CHECK_EQ(pr(PR_SET_MM, PR_SET_MM_START_DATA, m.start_data + 1, 0, 0), 0);
	CHECK_EQ(pr(PR_SET_MM, PR_SET_MM_END_DATA, m.end_data + 1, 0, 0), 0);
	CHECK_EQ(pr(PR_SET_MM, PR_SET_MM_START_STACK, m.start_stack + 1, 0, 0), 0);
	CHECK_EQ(pr(PR_SET_MM, PR_SET_MM_ARG_START, m.arg_start + 1, 0, 0), 0);
	CHECK_EQ(pr(PR_SET_MM, PR_SET_MM_ARG_END, m.arg_end - 1, 0, 0), 0);
	CHECK_EQ(pr(PR_SET_MM, PR_SET_MM_ENV_START, m.env_start + 1, 0, 0), 0);
	CHECK_EQ(pr(PR_SET_MM, PR_SET_MM_ENV_END, m.env_end - 1, 0, 0), 0);
	now = current_map();
	CHECK_EQ(now.start_code, m.start_code + 1);
	CHECK_EQ(now.end_code, m.end_code + 1);
	CHECK_EQ(now.start_data, m.start_data + 1);
	CHECK_EQ(now.end_data, m.end_data + 1);
	CHECK_EQ(now.start_stack, m.start_stack + 1);
	CHECK_EQ(now.arg_start, m.arg_start + 1);
	CHECK_EQ(now.arg_end, m.arg_end - 1);
	CHECK_EQ(now.env_start, m.env_start + 1);
	CHECK_EQ(now.env_end, m.env_end - 1);
	CHECK_ERR(pr(PR_SET_MM, PR_SET_MM_START_CODE, m.end_code + 1, 0, 0), EINVAL);
	CHECK_ERR(pr(PR_SET_MM, PR_SET_MM_START_STACK, 1ul << 56, 0, 0), EINVAL);
	CHECK_ERR(pr(PR_SET_MM, PR_SET_MM_START_STACK, (1ul << 47) - 8192, 0, 0), EFAULT);
	CHECK_ERR(pr(PR_SET_MM, 0, m.end_code, 0, 0), EINVAL);
	CHECK_ERR(pr(PR_SET_MM, 16, m.end_code, 0, 0), EINVAL);
	CHECK_EQ(pr(PR_SET_MM, PR_SET_MM_BRK, m.brk, 0, 0), 0);
	CHECK_EQ(pr(PR_SET_MM, PR_SET_MM_START_BRK, m.start_brk, 0, 0), 0);
}

TEST(mm_auxv)
{
	unsigned long v[] = {AT_UID, 4711, AT_NULL, 0}, got[128];

	CHECK_EQ(pr(PR_SET_MM, PR_SET_MM_AUXV, (unsigned long)v, sizeof(v), 0), 0);
	int fd = open("/proc/self/auxv", O_RDONLY);

	CHECK_EQ(read(fd, got, sizeof(got)), sizeof(v));
	CHECK(!memcmp(got, v, sizeof(v)));
	close(fd);
	CHECK_ERR(pr(PR_SET_MM, PR_SET_MM_AUXV, (unsigned long)v, 1024, 0), EINVAL);
	CHECK_ERR(pr(PR_SET_MM, PR_SET_MM_AUXV, 8, sizeof(v), 0), EFAULT);
}

TEST(mm_exe_file)
{
	int fd = open("/tmp/prctl-exe", O_RDWR | O_CREAT | O_TRUNC, 0700);

	REQUIRE(fd >= 0);
	CHECK_ERR(pr(PR_SET_MM, PR_SET_MM_EXE_FILE, 99, 0, 0), EBADF);
	/* The program is mapped as long as it runs. */
	int ro = open("/tmp/prctl-exe", O_RDONLY), dir = open("/tmp", O_RDONLY);

	CHECK_ERR(pr(PR_SET_MM, PR_SET_MM_EXE_FILE, (unsigned long)dir, 0, 0), EACCES);
	close(fd);
	CHECK_ERR(pr(PR_SET_MM, PR_SET_MM_EXE_FILE, (unsigned long)ro, 0, 0), EBUSY);
	unlink("/tmp/prctl-exe");
}

/* ---- small settings ---- */

TEST(timer_slack)
{
	CHECK_EQ(pr(PR_GET_TIMERSLACK, 0, 0, 0, 0), 50000);
	CHECK_EQ(pr(PR_SET_TIMERSLACK, 1234, 0, 0, 0), 0);
	CHECK_EQ(pr(PR_GET_TIMERSLACK, 0, 0, 0, 0), 1234);
	/* What was inherited is the default. */
	CHILD(0, CHECK_EQ(pr(PR_GET_TIMERSLACK, 0, 0, 0, 0), 1234);
	      pr(PR_SET_TIMERSLACK, 5, 0, 0, 0); pr(PR_SET_TIMERSLACK, 0, 0, 0, 0);
	      CHECK_EQ(pr(PR_GET_TIMERSLACK, 0, 0, 0, 0), 1234));
	CHECK_EQ(pr(PR_SET_TIMERSLACK, 0, 0, 0, 0), 0);
	CHECK_EQ(pr(PR_GET_TIMERSLACK, 0, 0, 0, 0), 50000);
}

TEST(machine_checks)
{
	CHECK_EQ(pr(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0), 0);
	CHECK_EQ(pr(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_EARLY);
	CHILD(0, CHECK_EQ(pr(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_EARLY));
	CHECK_EQ(pr(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_LATE, 0, 0), 0);
	CHECK_EQ(pr(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_LATE);
	CHECK_EQ(pr(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0, 0, 0), 0);
	CHECK_EQ(pr(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_DEFAULT);
	CHECK_ERR(pr(PR_MCE_KILL, PR_MCE_KILL_SET, 3, 0, 0), EINVAL);
}

TEST(io_flusher)
{
	CHECK_EQ(pr(PR_GET_IO_FLUSHER, 0, 0, 0, 0), 0);
	CHECK_EQ(pr(PR_SET_IO_FLUSHER, 1, 0, 0, 0), 0);
	CHECK_EQ(pr(PR_GET_IO_FLUSHER, 0, 0, 0, 0), 1);
	CHILD(0, CHECK_EQ(pr(PR_GET_IO_FLUSHER, 0, 0, 0, 0), 1));
	CHECK_EQ(pr(PR_SET_IO_FLUSHER, 0, 0, 0, 0), 0);
	CHECK_EQ(pr(PR_GET_IO_FLUSHER, 0, 0, 0, 0), 0);
}

/* ---- system calls that come back ---- */

static volatile char selector;
static volatile sig_atomic_t caught;
static siginfo_t caught_info;
static unsigned long caught_ax;

static void on_sigsys(int sig, siginfo_t *si, void *ctx)
{
	(void)sig;
	selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	caught++;
	caught_info = *si;
	caught_ax = (unsigned long)((ucontext_t *)ctx)->uc_mcontext.gregs[REG_RAX];
}

static void dispatch_on(void)
{
	struct sigaction sa = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO};

	sigaction(SIGSYS, &sa, NULL);
	selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	CHECK_EQ(pr(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0,
		    (unsigned long)&selector),
		 0);
}

TEST(dispatch_by_the_selector)
{
	pid_t me = getpid();

	dispatch_on();
	CHECK_EQ(syscall(SYS_getpid), me);
	selector = SYSCALL_DISPATCH_FILTER_BLOCK;
	/* The registers are as they were: the number is the result. */
	long r = syscall(SYS_getppid);

	CHECK_EQ(caught, 1);
	CHECK_EQ(r, SYS_getppid);
	CHECK_EQ(caught_ax, SYS_getppid);
	CHECK_EQ(caught_info.si_signo, SIGSYS);
	CHECK_EQ(caught_info.si_code, SYS_USER_DISPATCH);
	CHECK_EQ(caught_info.si_errno, 0);
	CHECK_EQ(caught_info.si_syscall, SYS_getppid);
	CHECK_EQ(caught_info.si_arch, 0xc000003eu);
	CHECK(caught_info.si_call_addr != NULL);
	/* Calls that do not exist are caught as well. */
	selector = SYSCALL_DISPATCH_FILTER_BLOCK;
	r = syscall(0xbad);
	CHECK_EQ(caught, 2);
	CHECK_EQ(r, 0xbad);
	CHECK_EQ(pr(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0), 0);
	selector = SYSCALL_DISPATCH_FILTER_BLOCK;
	CHECK_EQ(syscall(SYS_getpid), me);
	CHECK_EQ(caught, 2);
}

TEST(dispatch_by_the_range)
{
	/* All code is in the range. */
	dispatch_on();
	CHECK_EQ(pr(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 1, ~0ul - 1,
		    (unsigned long)&selector),
		 0);
	selector = SYSCALL_DISPATCH_FILTER_BLOCK;
	CHECK_EQ(syscall(SYS_getpid), getpid());
	CHECK_EQ(caught, 0);
}

static void *no_dispatch(void *arg)
{
	syscall(SYS_getpid);
	return arg;
}

TEST(dispatch_is_not_inherited)
{
	pthread_t other;

	dispatch_on();
	CHILD(0, selector = SYSCALL_DISPATCH_FILTER_BLOCK; syscall(SYS_getppid);
	      CHECK_EQ(caught, 0));
	REQUIRE(!pthread_create(&other, NULL, no_dispatch, NULL));
	pthread_join(other, NULL);
	CHECK_EQ(caught, 0);
}

TEST(dispatch_goes_wrong)
{
	CHILD(SIGSYS, dispatch_on(); selector = 7; syscall(SYS_getpid));
	CHILD(SIGSEGV, char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	      signal(SIGSEGV, SIG_IGN);
	      pr(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, (unsigned long)page);
	      munmap(page, 4096); syscall(SYS_getpid));
	CHECK_ERR(pr(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 1, 0, 0), EINVAL);
	CHECK_ERR(pr(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 1, 0), EINVAL);
	CHECK_ERR(pr(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 1), EINVAL);
	CHECK_ERR(pr(PR_SET_SYSCALL_USER_DISPATCH, 2, 0, 0, 0), EINVAL);
	CHECK_ERR(pr(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 1, 0, 0), EINVAL);
	CHECK_ERR(pr(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 2, ~0ul, 0), EINVAL);
	CHECK_ERR(pr(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, ~0ul), EFAULT);
}

/* ---- arch_prctl ---- */

TEST(arch)
{
	unsigned long v = 0, w = 0;

	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_GET_CPUID, 0), 1);
	CHECK_ERR(syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0), ENODEV);
	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_GET_XCOMP_SUPP, &v), 0);
	CHECK_EQ(v & 3, 3);
	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_GET_XCOMP_PERM, &w), 0);
	CHECK_EQ(w & ~v, 0);
	CHECK_EQ(w & 3, 3);
	CHECK_ERR(syscall(SYS_arch_prctl, ARCH_GET_XCOMP_SUPP, 8), EFAULT);
	CHECK_ERR(syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, 2), EOPNOTSUPP);
	CHECK_ERR(syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, 64), EINVAL);
	CHECK_ERR(syscall(SYS_arch_prctl, 0x3001, 0), EINVAL);
	CHECK_ERR(syscall(SYS_arch_prctl, 0x5001, 0), EINVAL);
}

static void find_vdso(unsigned long *from, unsigned long *to)
{
	char line[256], first[32];
	unsigned long a, b;
	FILE *f = fopen("/proc/self/maps", "r");

	*from = *to = 0;
	while (f && fgets(line, sizeof(line), f)) {
		if (!strstr(line, "[vdso]") && !strstr(line, "[vvar]"))
			continue;
		REQUIRE(sscanf(line, "%lx-%lx %31s", &a, &b, first) == 3);
		if (!*from)
			*from = a;
		*to = b;
	}
	if (f)
		fclose(f);
}

TEST(arch_vdso)
{
	unsigned long from, to;

	find_vdso(&from, &to);
	REQUIRE(from);
	CHECK_ERR(syscall(SYS_arch_prctl, ARCH_MAP_VDSO_64, from), EEXIST);
	/* Whoever calls the vDSO now is lost. */
	REQUIRE(!munmap((void *)from, to - from));
	unsigned long gone, at, end;

	find_vdso(&gone, &end);
	CHECK_EQ(gone, 0);
	long size = syscall(SYS_arch_prctl, ARCH_MAP_VDSO_64, 0x10000000);

	CHECK(size > 0 && size % 4096 == 0);
	find_vdso(&at, &end);
	CHECK_EQ(at, 0x10000000);
	CHECK(!memcmp((void *)(end - (unsigned long)size), "\177ELF", 4));
}

int main(void)
{
	return test_run();
}
