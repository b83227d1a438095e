/* Failing allocations in calls on memory, IPC, tasks, programs and rights. */
#include "failures.h"
#include "proc_help.h"
#include <grp.h>
#include <linux/falloc.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

static char *fill_source;

#define POOL "/proc/sys/vm/nr_hugepages"

static void *map(size_t len, int prot, int flags, int fd)
{
	mapped = mmap(NULL, len, prot, flags, fd, 0);
	mapped_len = len;
	return mapped;
}

/* --- the calls --- */

static int do_memfd(void)
{
	int fd = memfd_create("x", MFD_ALLOW_SEALING);
	char *p;

	TRY(fd);
	TRY(ftruncate(fd, 1 << 20));
	p = map(1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	if (p == MAP_FAILED)
		return -errno;
	for (int i = 0; i < 16; i++)
		p[i << 16] = (char)i;
	for (int i = 0; i < 16; i++)
		if (p[i << 16] != (char)i)
			return -EIO;
	return 0;
}

static int do_droppable(void)
{
	char *p = map(1 << 20, PROT_READ | PROT_WRITE, 8 /* MAP_DROPPABLE */ | MAP_ANONYMOUS, -1);

	if (p == MAP_FAILED)
		return -errno;
	TRY(syscall(SYS_getrandom, p, 16384, 0));
	TRY(munmap(p + 4096, 4096));
	return 0;
}

/* The pool has room, but there is no memory for what goes with a page. */
static int do_hugetlb(void)
{
	long h = 2 << 20;
	int fd = memfd_create("x", MFD_HUGETLB | MFD_ALLOW_SEALING);
	char *p, *q;

	TRY(fd);
	TRY(ftruncate(fd, 2 * h));
	p = map((size_t)(2 * h), PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	if (p == MAP_FAILED)
		return -errno;
	p[0] = p[h] = 1;
	q = mmap(NULL, (size_t)h, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (q == MAP_FAILED)
		return -errno;
	q[0] = 2;
	TRY(munmap(q, (size_t)h));
	if (p[0] != 1)
		return -EIO;
	TRY(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, h));
	TRY(fallocate(fd, 0, 0, h));
	q = mmap(NULL, (size_t)h, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
		 -1, 0);
	if (q == MAP_FAILED)
		return -errno;
	q[0] = 3;
	TRY(munmap(q, (size_t)h));
	return 0;
}

/* userfaultfd(2) on pages of the pool. */
static int do_hugetlb_fill(void)
{
	long h = 2 << 20;
	int u = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffdio_api api = {.api = UFFD_API};
	char *p;

	TRY(u);
	TRY(ioctl(u, UFFDIO_API, &api));
	p = map((size_t)(2 * h), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB,
		-1);
	if (p == MAP_FAILED)
		return -errno;
	struct uffdio_register r = {
		.range = {(unsigned long)p, (unsigned long)(2 * h)},
		.mode = UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP,
	};
	struct uffdio_copy c = {(unsigned long)p, (unsigned long)fill_source, (unsigned long)h, 0,
				0};
	struct uffdio_writeprotect w = {r.range, UFFDIO_WRITEPROTECT_MODE_WP};

	TRY(ioctl(u, UFFDIO_REGISTER, &r));
	TRY(ioctl(u, UFFDIO_COPY, &c));
	TRY(ioctl(u, UFFDIO_WRITEPROTECT, &w));
	TRY(madvise(p, (size_t)h, MADV_DONTNEED));
	return *(volatile char *)p == 'f' ? 0 : -EIO;
}

static int do_map(void)
{
	int fd = open("big", O_RDONLY);
	char *p;

	TRY(fd);
	p = map(1 << 24, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	if (p == MAP_FAILED)
		return -errno;
	memset(p, 1, 16384);
	p[1 << 23] = 1;
	TRY(mprotect(p + 4096, 4096, PROT_READ));
	TRY(madvise(p, 1 << 22, MADV_HUGEPAGE));
	memset(p + (1 << 22), 1, 1 << 16);
	if (mmap(p + 8192, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0) ==
	    MAP_FAILED)
		return -errno;
	p[8192] = 7;
	TRY(munmap(p + 4096, 4096));
	TRY(mlock(p + (1 << 22), 8192));
	TRY(madvise(p, 4096, MADV_DONTNEED));
	TRY(mremap(p + (1 << 20), 65536, 65536, MREMAP_MAYMOVE | MREMAP_FIXED, p + (3 << 20)) ==
			    MAP_FAILED
		    ? -1
		    : 0);
	return p[8192] == 7 ? 0 : -EIO;
}

static int do_shm(void)
{
	shm_id = shmget(IPC_PRIVATE, 1 << 20, IPC_CREAT | 0600);
	TRY(shm_id);
	attached = shmat(shm_id, NULL, 0);
	if (attached == (void *)-1)
		return -errno;
	*(char *)attached = 1;
	return 0;
}

static int do_sem(void)
{
	struct sembuf op = {1, 1, SEM_UNDO};

	sem_id = semget(IPC_PRIVATE, 300, IPC_CREAT | 0600);
	TRY(sem_id);
	TRY(semop(sem_id, &op, 1));
	return 0;
}

static int do_msg(void)
{
	static struct {
		long type;
		char text[6000];
	} m = {1, "x"};

	msg_id = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
	TRY(msg_id);
	TRY(msgsnd(msg_id, &m, sizeof(m.text), 0));
	TRY(msgrcv(msg_id, &m, sizeof(m.text), 0, 0));
	TRY(msgsnd(msg_id, &m, 10, 0));
	return 0;
}

static int do_mqueue(void)
{
	mqd_t q = mq_open("/failures", O_CREAT | O_RDWR, 0600, NULL);

	TRY(q);
	TRY(mq_send(q, "hello", 5, 1));
	TRY(mq_send(q, "hello", 5, 2));
	return 0;
}

static int do_timer(void)
{
	struct sigevent e = {.sigev_notify = SIGEV_NONE};
	timer_t t;

	TRY(timer_create(CLOCK_MONOTONIC, &e, &t));
	timer = t;
	has_timer = 1;
	return 0;
}

static int do_trace(void)
{
	int status;

	TRY(ptrace(PTRACE_SEIZE, tracee, 0, 0));
	TRY(ptrace(PTRACE_INTERRUPT, tracee, 0, 0));
	TRY(waitpid(tracee, &status, __WALL));
	TRY(ptrace(PTRACE_DETACH, tracee, 0, 0));
	return 0;
}

static int do_fork(void)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(0);
	TRY(pid);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != ENOMEM)
			return -errno;
	return status ? -EIO : 0;
}

static int do_vfork(void)
{
	pid_t pid = vfork();

	if (!pid)
		_exit(0);
	TRY(pid);
	while (waitpid(pid, NULL, 0) < 0)
		if (errno != ENOMEM)
			return -errno;
	return 0;
}

static int idle_thread(void *arg)
{
	(void)arg;
	return 0;
}

static int do_thread(void)
{
	static char stack[16384] __attribute__((aligned(16)));
	int pid = clone(idle_thread, stack + sizeof(stack),
			CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | SIGCHLD, NULL);

	TRY(pid);
	while (waitpid(pid, NULL, 0) < 0)
		if (errno != ENOMEM)
			return -errno;
	return 0;
}

static int do_exec(void)
{
	char *argv[] = {program, "--look", NULL}, *envp[] = {"A=1", NULL};

	TRY(execve(program, argv, envp));
	return 0;
}

static int do_script(void)
{
	char *argv[] = {"script", NULL}, *envp[] = {NULL};

	TRY(execve("script", argv, envp));
	return 0;
}

static int do_unshare(void)
{
	TRY(unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_FILES |
		    CLONE_FS));
	TRY(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	return 0;
}

static int do_creds(void)
{
	static gid_t many[500];

	for (unsigned int i = 0; i < 500; i++)
		many[i] = i;
	TRY(setgroups(500, many));
	TRY(setresuid(5, 5, 5));
	return 0;
}

static int do_seccomp(void)
{
	struct sock_filter f[] = {{BPF_RET, 0, 0, SECCOMP_RET_ALLOW}};
	struct sock_fprog p = {1, f};

	TRY(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	TRY(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p));
	return 0;
}

static int do_signals(void)
{
	stack_t ss = {.ss_sp = calloc(1, 32768), .ss_size = 32768};
	union sigval v = {.sival_int = 3};

	if (!ss.ss_sp)
		return -ENOMEM;
	TRY(sigaltstack(&ss, NULL));
	signal(SIGUSR1, SIG_IGN);
	TRY(sigqueue(getpid(), SIGUSR1, v));
	TRY(kill(getpid(), SIGUSR1));
	return 0;
}

TEST(memory)
{
	SWEEP({"memfd", do_memfd, 0, 0}, {"map", do_map, 0, EAGAIN},
	      {"droppable map", do_droppable, 0, 0}, {"shm", do_shm, 0, 0});
}

TEST(huge_pages)
{
	fill_source = malloc(2 << 20);
	REQUIRE(fill_source);
	memset(fill_source, 'f', 2 << 20);
	CHECK(!write_text(POOL, "6"));
	SWEEP({"hugetlb", do_hugetlb, IN_CHILD, 0},
	      {"userfaultfd of huge pages", do_hugetlb_fill, IN_CHILD, 0});
	CHECK(!write_text(POOL, "0"));
	CHECK_EQ(read_number("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"), 0);
}

TEST(ipc)
{
	SWEEP({"sem", do_sem, 0, 0}, {"msg", do_msg, 0, 0}, {"mqueue", do_mqueue, 0, 0});
}

TEST(tasks)
{
	SWEEP({"timer", do_timer, 0, EAGAIN}, {"ptrace", do_trace, 0, 0}, {"fork", do_fork, 0, 0},
	      {"vfork", do_vfork, 0, 0}, {"thread", do_thread, 0, 0},
	      {"signals", do_signals, IN_CHILD, 0});
}

TEST(programs)
{
	SWEEP({"exec", do_exec, IN_CHILD, 0}, {"script", do_script, IN_CHILD, 0});
}

TEST(rights)
{
	if (getuid())
		return;
	SWEEP({"unshare", do_unshare, IN_CHILD, ENOSPC},
	      {"user namespace", do_userns, IN_CHILD, EAGAIN},
	      {"credentials", do_creds, IN_CHILD, EAGAIN}, {"seccomp", do_seccomp, IN_CHILD, 0});
}

int main(int argc, char **argv)
{
	return failures_main(argc, argv);
}
