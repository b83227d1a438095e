/* The vsyscall page: three calls at fixed addresses, for programs older than the vDSO. */
#include "proc_help.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#define PAGE_AT 0xffffffffff600000ul

static sigjmp_buf back;
static siginfo_t fault;

static void on_fault(int sig, siginfo_t *info, void *uc)
{
	(void)uc;
	fault = *info;
	siglongjmp(back, sig);
}

static void catch (void)
{
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};

	sigaction(SIGSEGV, &sa, NULL);
}

/* "xonly", "emulate", "none": as the kernel was told; Debian's Linux has none if it was not. */
static const char *mode(void)
{
	static char text[4096];
	char *word;

	if (read_text("/proc/version", text, sizeof(text)) <= 0)
		return "none";
	const char *usual = strstr(text, "(Corbel)") ? "xonly" : "none";

	if (read_text("/proc/cmdline", text, sizeof(text)) <= 0 ||
	    !(word = strstr(text, "vsyscall=")))
		return usual;
	word += strlen("vsyscall=");
	word[strcspn(word, " \n")] = 0;
	return word;
}

/* The call at that place of the page; *sig if it was a signal instead. */
static long call(unsigned long at, const void *a, const void *b, int *sig)
{
	long (*fn)(const void *, const void *) =
		(long (*)(const void *, const void *))(PAGE_AT + at);

	catch ();
	*sig = sigsetjmp(back, 1);
	return *sig ? -1 : fn(a, b);
}

static int absent(void)
{
	return !strcmp(mode(), "none");
}

TEST(calls)
{
	struct timeval tv = {0}, now;
	struct timezone tz = {.tz_minuteswest = 77};
	unsigned int cpu = 99, node = 99;
	time_t t = 0;
	int sig;

	if (absent()) {
		call(0, &tv, NULL, &sig);
		CHECK_EQ(sig, SIGSEGV);
		CHECK(fault.si_addr == (void *)PAGE_AT);
		return;
	}
	CHECK_EQ(call(0, &tv, &tz, &sig), 0);
	CHECK_EQ(sig, 0);
	gettimeofday(&now, NULL);
	CHECK(now.tv_sec - tv.tv_sec <= 5 && tv.tv_sec > 0 && now.tv_sec >= tv.tv_sec);
	CHECK_EQ(tz.tz_minuteswest, 0);
	CHECK_EQ(call(0, NULL, NULL, &sig), 0);
	time_t said = call(0x400, &t, NULL, &sig);

	CHECK_EQ(said, t);
	CHECK(time(NULL) - t <= 5);
	CHECK(call(0x400, NULL, NULL, &sig) >= said);
	CHECK_EQ(call(0x800, &cpu, &node, &sig), 0);
	CHECK(cpu < 64);
	CHECK_EQ(node, 0);
}

TEST(wrong_calls_are_signals)
{
	struct timeval tv;
	int sig;

	if (absent())
		return;
	call(0xc00, &tv, NULL, &sig);
	CHECK_EQ(sig, SIGSEGV);
	call(0x408, NULL, NULL, &sig);
	CHECK_EQ(sig, SIGSEGV);
	call(1, NULL, NULL, &sig);
	CHECK_EQ(sig, SIGSEGV);
	call(0, (void *)16, NULL, &sig);
	CHECK_EQ(sig, SIGSEGV);
	call(0, (void *)0xffffffff80000000ul, NULL, &sig);
	CHECK_EQ(sig, SIGSEGV);
	CHECK(fault.si_addr == (void *)0xffffffff80000000ul);
	call(0x400, (void *)0x8000000000000000ul, NULL, &sig);
	CHECK_EQ(sig, SIGSEGV);
}

TEST(reading_the_page)
{
	static const unsigned char stub[] = {0x48, 0xc7, 0xc0, 0x60, 0, 0, 0, 0x0f, 0x05, 0xc3};
	int sig, pipes[2];
	char buf[sizeof(stub)];

	catch ();
	sig = sigsetjmp(back, 1);
	if (!sig)
		memcpy(buf, (void *)PAGE_AT, sizeof(buf));
	if (!strcmp(mode(), "emulate")) {
		CHECK_EQ(sig, 0);
		CHECK(!memcmp(buf, stub, sizeof(stub)));
	} else {
		CHECK_EQ(sig, SIGSEGV);
		CHECK(fault.si_addr == (void *)PAGE_AT);
	}
	/* Nobody writes to it, and to the kernel it is no user address. */
	sig = sigsetjmp(back, 1);
	if (!sig)
		*(volatile char *)PAGE_AT = 1;
	CHECK_EQ(sig, SIGSEGV);
	REQUIRE(!pipe(pipes));
	CHECK_ERR(write(pipes[1], (void *)PAGE_AT, 8), EFAULT);
}

TEST(the_list_of_mappings)
{
	static char text[65536];
	static const char *const lists[] = {"/proc/self/maps", "/proc/self/smaps"};

	for (size_t i = 0; i < 2; i++) {
		int fd = open(lists[i], O_RDONLY);
		size_t len = 0;
		ssize_t n;

		/* In pieces: the end is found from any place. */
		while ((n = read(fd, text + len, 700)) > 0)
			len += (size_t)n;
		close(fd);
		text[len] = 0;
		char *line = strstr(text, "ffffffffff600000-");

		CHECK_EQ(!line, absent());
		if (!line)
			continue;
		CHECK(!strncmp(line,
			       !strcmp(mode(), "emulate")
				       ? "ffffffffff600000-ffffffffff601000 r-xp "
					 "00000000 00:00 0                  [vsyscall]\n"
				       : "ffffffffff600000-ffffffffff601000 --xp "
					 "00000000 00:00 0                  [vsyscall]\n",
			       82));
		CHECK(i || !strchr(line, '\n')[1]);
	}
}

/* Filters see the calls by their numbers, with the page as the place. */
static int filtered(unsigned int action)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_time, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, instruction_pointer)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(PAGE_AT + 0x400), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	struct sock_fprog p = {sizeof(f) / sizeof(f[0]), f};
	int status, sig;
	pid_t pid = fork();

	if (!pid) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, 2, &p))
			_exit(99);
		long r = call(0x400, NULL, NULL, &sig);

		_exit(sig ? 98 : r == -EPERM ? 1 : r > 1000 ? 2 : 97);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

TEST(filters)
{
	if (absent())
		return;
	CHECK_EQ(filtered(SECCOMP_RET_ALLOW), 2 << 8);
	CHECK_EQ(filtered(SECCOMP_RET_ERRNO | EPERM), 1 << 8);
	CHECK_EQ(filtered(SECCOMP_RET_KILL_PROCESS) & 0x7f, SIGSYS);
}

int main(void)
{
	return test_run();
}
