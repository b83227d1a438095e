/*
 * Every allocation can fail: each call of a table is made again and again, with the first, the
 * second, the third ... allocation failing, until it is not reached any more.  It says ENOMEM (or
 * what else the call says then) or does its work, and nothing stays behind.
 *
 * Needs /proc/self/fail-nth: a debug kernel.
 */
#include "test.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <mqueue.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <time.h>

#define MOST 400 /* allocations of one call */
#define IN_CHILD 1u
#define TRY(call)                      \
	do {                           \
		if ((call) < 0)        \
			return -errno; \
	} while (0)

static int nth_fd, first_fd;
static int *said; /* by a child: the errno */
static char *const program = "/proc/self/exe";

/* What a call leaves when it is cut short. */
static int shm_id = -1, sem_id = -1, msg_id = -1;
static void *mapped = MAP_FAILED, *attached = (void *)-1;
static size_t mapped_len;
static pid_t tracee;
static timer_t timer;
static int has_timer;

static void arm(int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", n);

	if (pwrite(nth_fd, text, (size_t)len, 0) != len)
		_exit(99);
}

/* Was the allocation that was to fail reached? */
static int disarm(void)
{
	char text[16] = "";
	ssize_t n;

	lseek(nth_fd, 0, SEEK_SET);
	n = read(nth_fd, text, sizeof(text) - 1);
	/* If it is reached now only, the reading itself fails. */
	int reached = n > 0 && !atoi(text);

	arm(0);
	return reached;
}

static void *map(size_t len, int prot, int flags, int fd)
{
	mapped = mmap(NULL, len, prot, flags, fd, 0);
	mapped_len = len;
	return mapped;
}

static void undo(void)
{
	if (mapped != MAP_FAILED)
		munmap(mapped, mapped_len);
	if (attached != (void *)-1)
		shmdt(attached);
	if (shm_id >= 0)
		shmctl(shm_id, IPC_RMID, NULL);
	if (sem_id >= 0)
		semctl(sem_id, 0, IPC_RMID);
	if (msg_id >= 0)
		msgctl(msg_id, IPC_RMID, NULL);
	if (has_timer)
		timer_delete(timer);
	mapped = MAP_FAILED;
	attached = (void *)-1;
	shm_id = sem_id = msg_id = -1;
	has_timer = 0;
	close_range((unsigned int)first_fd, ~0u, 0);
	if (umount2("d.m", MNT_DETACH) && errno != EINVAL && errno != ENOENT)
		CHECK(!"umount");
	unlink("new");
	unlink("new2");
	unlink("sock");
	rmdir("dir");
	mq_unlink("/failures");
}

/* --- the calls --- */

static int do_open(void)
{
	TRY(open("file", O_RDWR));
	return 0;
}

static int do_create(void)
{
	TRY(open("new", O_CREAT | O_RDWR, 0600));
	TRY(unlink("new"));
	return 0;
}

static int do_write(void)
{
	static char block[70000];
	int fd = open("new", O_CREAT | O_RDWR, 0600);

	TRY(fd);
	TRY(write(fd, block, sizeof(block)));
	TRY(pwrite(fd, block, 100, 1 << 30));
	TRY(ftruncate(fd, 10));
	TRY(fallocate(fd, 0, 0, 100000));
	return 0;
}

static int do_names(void)
{
	TRY(mkdir("dir", 0700));
	TRY(symlink("a-long-name-that-needs-memory-of-its-own-because-it-is-so-long", "new"));
	TRY(rename("new", "new2"));
	TRY(link("file", "new"));
	TRY(rename("new", "dir/x"));
	TRY(unlink("dir/x"));
	TRY(mknod("new", S_IFIFO | 0600, 0));
	TRY(rmdir("dir"));
	return 0;
}

static int do_look(void)
{
	char buf[4096];
	struct stat st;
	struct statfs sf;

	TRY(stat("file", &st));
	TRY(lstat("/proc/self/status", &st));
	if (stat("no-such-file", &st) != -1)
		return -EEXIST;
	if (errno != ENOENT)
		return -errno;
	TRY(readlink("/proc/self/exe", buf, sizeof(buf)));
	TRY(syscall(SYS_getcwd, buf, sizeof(buf)));
	TRY(statfs(".", &sf));
	TRY(access("file", R_OK));
	TRY(chdir("."));
	return 0;
}

static int do_directory(void)
{
	char buf[4096];
	int fd = open(".", O_RDONLY | O_DIRECTORY);

	TRY(fd);
	TRY(syscall(SYS_getdents64, fd, buf, sizeof(buf)));
	return 0;
}

static int do_proc(void)
{
	static const char *const files[] = {
		"/proc/self/maps",  "/proc/self/smaps", "/proc/meminfo",  "/proc/self/status",
		"/proc/stat",	    "/proc/mounts",	"/proc/slabinfo", "/proc/self/environ",
		"/proc/interrupts", "/proc/vmstat",	"/proc/self/stat"};
	char buf[1024];

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		int fd = open(files[i], O_RDONLY);
		ssize_t n;

		TRY(fd);
		do
			n = read(fd, buf, sizeof(buf));
		while (n > 0);
		TRY(n);
		close(fd);
	}
	return 0;
}

static int do_xattr(void)
{
	char value[300] = "x";

	TRY(setxattr("file", "trusted.name", value, sizeof(value), 0));
	TRY(getxattr("file", "trusted.name", value, sizeof(value)));
	TRY(listxattr("file", value, sizeof(value)));
	TRY(removexattr("file", "trusted.name"));
	return 0;
}

static int do_locks(void)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 20};
	int fd = open("file", O_RDWR);

	TRY(fd);
	TRY(fcntl(fd, F_SETLK, &l));
	l.l_start = 15;
	l.l_len = 1;
	l.l_type = F_UNLCK;
	TRY(fcntl(fd, F_SETLK, &l));
	TRY(flock(fd, LOCK_EX));
	return 0;
}

static int do_descriptors(void)
{
	int fd = open("file", O_RDWR);

	TRY(fd);
	TRY(fcntl(fd, F_DUPFD, 700));
	TRY(dup2(fd, 300));
	return 0;
}

static int do_pipe(void)
{
	static char block[20000];
	int p[2], q[2];

	TRY(pipe2(p, O_NONBLOCK));
	TRY(pipe2(q, O_NONBLOCK));
	TRY(write(p[1], block, sizeof(block)));
	TRY(tee(p[0], q[1], 5000, 0));
	TRY(splice(p[0], NULL, q[1], NULL, 10000, 0));
	TRY(fcntl(p[1], F_SETPIPE_SZ, 1 << 17));
	TRY(read(q[0], block, sizeof(block)));
	return 0;
}

static int do_splice(void)
{
	static char block[8192];
	struct iovec v = {block, sizeof(block)};
	int p[2], fd = open("big", O_RDONLY), out = open("new", O_CREAT | O_RDWR, 0600);

	TRY(fd);
	TRY(out);
	TRY(pipe(p));
	TRY(splice(fd, NULL, p[1], NULL, 8192, 0));
	TRY(splice(p[0], NULL, out, NULL, 8192, 0));
	TRY(vmsplice(p[1], &v, 1, 0));
	TRY(sendfile(out, fd, NULL, 10000));
	TRY(lseek(fd, 0, SEEK_SET));
	TRY(copy_file_range(fd, NULL, out, NULL, 10000, 0));
	return 0;
}

static int do_vectors(void)
{
	static char c[600];
	static struct iovec v[600], w[600];
	struct pollfd p[200];
	int fd = open("new", O_CREAT | O_RDWR, 0600);

	TRY(fd);
	for (int i = 0; i < 600; i++) {
		v[i] = (struct iovec){&c[i], 1};
		w[i] = v[i];
	}
	TRY(writev(fd, v, 600));
	TRY(preadv(fd, v, 600, 0));
	TRY(process_vm_readv(getpid(), v, 600, w, 600, 0));
	for (int i = 0; i < 200; i++)
		p[i] = (struct pollfd){fd, POLLIN, 0};
	TRY(poll(p, 200, 0));
	return 0;
}

static int do_sockets(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "sock"};
	int l = socket(AF_UNIX, SOCK_STREAM, 0), c;

	TRY(l);
	TRY(bind(l, (void *)&a, sizeof(a)));
	TRY(listen(l, 5));
	c = socket(AF_UNIX, SOCK_STREAM, 0);
	TRY(c);
	TRY(connect(c, (void *)&a, sizeof(a)));
	l = accept(l, NULL, NULL);
	TRY(l);
	TRY(write(c, "hello", 5));
	return 0;
}

static int send_fd(int s, int fd)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} u = {.h = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct iovec v = {"x", 1};
	struct msghdr m = {.msg_iov = &v,
			   .msg_iovlen = 1,
			   .msg_control = &u,
			   .msg_controllen = CMSG_SPACE(sizeof(int))};

	memcpy(CMSG_DATA(&u.h), &fd, sizeof(fd));
	TRY(sendmsg(s, &m, 0));
	return 0;
}

static int do_passing(int type)
{
	char c, room[100];
	struct iovec v = {&c, 1};
	struct msghdr m = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = room, .msg_controllen = 100};
	int s[2], err;

	TRY(socketpair(AF_UNIX, type, 0, s));
	err = send_fd(s[0], s[0]);
	if (err)
		return err;
	TRY(recvmsg(s[1], &m, 0));
	/* What is not received goes with the socket. */
	return send_fd(s[0], s[0]);
}

static int do_stream_pass(void)
{
	return do_passing(SOCK_STREAM);
}

static int do_datagram_pass(void)
{
	return do_passing(SOCK_DGRAM);
}

static int do_packet_pass(void)
{
	return do_passing(SOCK_SEQPACKET);
}

static int do_epoll(void)
{
	struct epoll_event e = {.events = EPOLLIN};
	int ep = epoll_create1(0), fd, outer;

	TRY(ep);
	fd = eventfd(1, 0);
	TRY(fd);
	TRY(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e));
	outer = epoll_create1(0);
	TRY(outer);
	TRY(epoll_ctl(outer, EPOLL_CTL_ADD, ep, &e));
	TRY(epoll_wait(outer, &e, 1, 0));
	return 0;
}

static int do_special_fds(void)
{
	sigset_t set;
	int fd = inotify_init1(0);

	TRY(fd);
	TRY(inotify_add_watch(fd, ".", IN_ALL_EVENTS));
	TRY(open("file", O_RDONLY));
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	TRY(signalfd(-1, &set, 0));
	TRY(timerfd_create(CLOCK_MONOTONIC, 0));
	TRY(syscall(SYS_pidfd_open, getpid(), 0));
	return 0;
}

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

static int do_mount(void)
{
	TRY(mount("x", "d.m", "tmpfs", 0, "size=1m"));
	TRY(mount("d.m", "d.m", NULL, MS_BIND, NULL));
	TRY(umount("d.m"));
	TRY(umount("d.m"));
	return 0;
}

static int do_new_mount(void)
{
	int fs = (int)syscall(SYS_fsopen, "tmpfs", 0), m;

	TRY(fs);
	TRY(syscall(SYS_fsconfig, fs, 1, "size", "1m", 0));
	TRY(syscall(SYS_fsconfig, fs, 6, NULL, NULL, 0));
	m = (int)syscall(SYS_fsmount, fs, 0, 0);
	TRY(m);
	TRY(syscall(SYS_open_tree, AT_FDCWD, ".", 1));
	TRY(syscall(SYS_move_mount, m, "", AT_FDCWD, "d.m", 4));
	return 0;
}

static int do_pty(void)
{
	char name[64];
	int m = posix_openpt(O_RDWR | O_NOCTTY);

	TRY(m);
	TRY(grantpt(m));
	TRY(unlockpt(m));
	if (ptsname_r(m, name, sizeof(name)))
		return -ENOTTY;
	TRY(open(name, O_RDWR | O_NOCTTY));
	TRY(write(m, "x\n", 2));
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

static int do_userns(void)
{
	int fd;

	TRY(unshare(CLONE_NEWUSER));
	fd = open("/proc/self/uid_map", O_WRONLY);
	TRY(fd);
	TRY(write(fd, "0 0 1", 5));
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

struct row {
	const char *name;
	int (*call)(void);
	unsigned int flags;
	int also; /* what Linux says too: without a counter or an entry of a table, say */
};

static int explained(const struct row *r, int err)
{
	return err == -ENOMEM ||
	       (err && (err == -r->also || (r->call == do_userns && err == -ENOSPC)));
}

/* The call with the @n-th allocation failing.  *reached: did it fail? */
static int once(const struct row *r, int n, int *reached)
{
	int err;

	arm(n);
	err = r->call();
	*reached = disarm();
	undo();
	return err;
}

/* The same in a process that ends with what happened. */
static int once_in_child(const struct row *r, int n, int *reached)
{
	int status, err;
	pid_t pid = fork();

	if (!pid) {
		int got;

		close(nth_fd);
		nth_fd = open("/proc/thread-self/fail-nth", O_RDWR);
		arm(n);
		err = r->call();
		got = disarm();
		*said = -err;
		_exit(explained(r, err) ? 2 + got : err ? 9 : got);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	undo();
	/* Too late for an error, exec ends the process. */
	if (WIFSIGNALED(status)) {
		*reached = 1;
		return WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGSEGV ? 0 : -EIO;
	}
	*reached = WEXITSTATUS(status) & 1;
	return WEXITSTATUS(status) == 9 ? -*said : WEXITSTATUS(status) >= 2 ? -ENOMEM : 0;
}

static void sweep(const struct row *r)
{
	int reached = 1, failed = 0, n;

	for (n = 0; n < 2; n++)
		(void)once_in_child(r, 0, &reached); /* so that stocks are filled */
	for (n = 1, reached = 1; reached && n < MOST; n++) {
		int err =
			r->flags & IN_CHILD ? once_in_child(r, n, &reached) : once(r, n, &reached);

		failed += err != 0;
		if (err && !explained(r, err)) {
			printf("# %s: allocation %d: errno %d\n", r->name, n, -err);
			test_failures++;
		}
		if (err && !reached) {
			printf("# %s: errno %d without a failure\n", r->name, -err);
			test_failures++;
		}
	}
	if (getenv("VERBOSE"))
		printf("# %s: %d allocations, %d errors\n", r->name, n - 2, failed);
	CHECK(n > 1 && n < MOST);
}

static void prepare(void)
{
	int fd;

	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR);
	REQUIRE(nth_fd >= 0);
	said = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(said != MAP_FAILED);
	mkdir("/tmp/failures", 0755);
	REQUIRE(!chdir("/tmp/failures"));
	mkdir("d.m", 0700);
	fd = open("file", O_CREAT | O_RDWR, 0666);
	CHECK(fd >= 0 && write(fd, "x", 1) == 1);
	close(fd);
	fd = open("big", O_CREAT | O_RDWR, 0666);
	CHECK(fd >= 0 && !ftruncate(fd, 1 << 16) && pwrite(fd, "x", 1, 4096) == 1);
	close(fd);
	fd = open("script", O_CREAT | O_RDWR, 0755);
	CHECK(fd >= 0 && write(fd, "#!/proc/self/exe --look\n", 24) == 24);
	close(fd);
	first_fd = nth_fd + 1;
	tracee = fork();
	if (!tracee)
		for (;;)
			pause();
}

static void finish(void)
{
	kill(tracee, SIGKILL);
	waitpid(tracee, NULL, 0);
	unlink("file");
	unlink("big");
	unlink("script");
	rmdir("d.m");
	CHECK(!chdir("/") && !rmdir("/tmp/failures"));
}

static void sweep_all(const struct row *rows, size_t n)
{
	alarm(0);
	prepare();
	for (size_t i = 0; i < n; i++)
		sweep(&rows[i]);
	finish();
}
#define SWEEP(...)                                                \
	do {                                                      \
		static const struct row rows_[] = {__VA_ARGS__};  \
		sweep_all(rows_, sizeof(rows_) / sizeof(*rows_)); \
	} while (0)

TEST(files)
{
	SWEEP({"open", do_open, 0, 0}, {"create", do_create, 0, 0}, {"write", do_write, 0, ENOSPC},
	      {"names", do_names, 0, ENOSPC}, {"look", do_look, 0, 0},
	      {"directory", do_directory, 0, 0}, {"xattr", do_xattr, 0, 0},
	      {"locks", do_locks, 0, ENOLCK});
}

TEST(proc)
{
	SWEEP({"proc", do_proc, 0, 0});
}

TEST(descriptors)
{
	SWEEP({"descriptors", do_descriptors, IN_CHILD, 0}, {"pipe", do_pipe, 0, 0},
	      {"splice", do_splice, 0, 0}, {"vectors", do_vectors, 0, 0}, {"epoll", do_epoll, 0, 0},
	      {"special", do_special_fds, 0, 0}, {"pty", do_pty, 0, 0});
}

TEST(sockets)
{
	SWEEP({"sockets", do_sockets, 0, 0}, {"stream", do_stream_pass, 0, 0},
	      {"datagram", do_datagram_pass, 0, 0}, {"packet", do_packet_pass, 0, 0});
}

TEST(memory)
{
	SWEEP({"memfd", do_memfd, 0, 0}, {"map", do_map, 0, EAGAIN}, {"shm", do_shm, 0, 0});
}

TEST(ipc)
{
	SWEEP({"sem", do_sem, 0, 0}, {"msg", do_msg, 0, 0}, {"mqueue", do_mqueue, 0, 0});
}

TEST(mounts)
{
	if (getuid())
		return;
	SWEEP({"mount", do_mount, 0, 0}, {"new mount", do_new_mount, 0, ENOSPC});
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

/* After exec: was an allocation refused on the way here? */
static int look(void)
{
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR);
	/* Not before, if the opening fails. */
	return nth_fd < 0 ? 0 : disarm();
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--look"))
		return look();
	if (access("/proc/thread-self/fail-nth", F_OK)) {
		printf("no /proc/self/fail-nth: not a debug kernel\n");
		return 77;
	}
	return test_run();
}
