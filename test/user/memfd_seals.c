/* memfd_create(2) and file seals: who may still write, grow, shrink, run. */
#include "proc_help.h"

#include <linux/falloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#define MFD_EXEC 16u
#endif
#define P 4096l
#define NOEXEC "/proc/sys/vm/memfd_noexec"

static int mfd(unsigned int flags)
{
	return (int)syscall(SYS_memfd_create, "m", flags);
}

/* Of @pages pages of zeroes, sealable. */
static int mfd_pages(long pages)
{
	int fd = mfd(MFD_ALLOW_SEALING);

	REQUIRE(fd >= 0 && !ftruncate(fd, pages * P));
	return fd;
}

static int seal(int fd, int seals)
{
	return fcntl(fd, F_ADD_SEALS, seals);
}

static mode_t mode_of(int fd)
{
	struct stat st;

	REQUIRE(!fstat(fd, &st));
	return st.st_mode;
}

static int run(int fd)
{
	char *argv[] = {"x", NULL}, *envp[] = {NULL};

	return (int)syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH);
}

/* Linux 6.3 and later, Corbel. */
static int has_exec_seals(void)
{
	int fd = mfd(MFD_NOEXEC_SEAL);

	if (fd >= 0)
		close(fd);
	else
		printf("# no MFD_NOEXEC_SEAL here\n");
	return fd >= 0;
}

TEST(names_and_flags)
{
	char name[300], link[64], text[300] = "";
	struct stat st;

	memset(name, 'a', sizeof(name));
	name[249] = 0;
	CHECK(syscall(SYS_memfd_create, name, 0) >= 0);
	name[249] = 'a';
	name[250] = 0;
	CHECK_ERR(syscall(SYS_memfd_create, name, 0), EINVAL);
	CHECK_ERR(syscall(SYS_memfd_create, NULL, 0), EFAULT);
	CHECK(syscall(SYS_memfd_create, "", 0) >= 0);
	CHECK_ERR(mfd(0x20), EINVAL);
	CHECK_ERR(mfd(0x80000000u), EINVAL);
	CHECK_ERR(mfd(21u << 26), EINVAL); /* a size of huge pages, without MFD_HUGETLB */
	int fd = mfd(0);

	REQUIRE(!fstat(fd, &st));
	CHECK_EQ(st.st_mode, S_IFREG | 0777);
	CHECK_EQ(st.st_nlink, 0);
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	CHECK_EQ(fcntl(mfd(MFD_CLOEXEC), F_GETFD), FD_CLOEXEC);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	CHECK(readlink(link, text, sizeof(text) - 1) > 0);
	CHECK(!strcmp(text, "/memfd:m (deleted)"));
	CHECK_ERR(run(fd), ENOEXEC);
}

TEST(who_may_seal)
{
	char link[64];
	int fd = mfd(0), ro, p[2];

	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL);
	CHECK_ERR(seal(fd, F_SEAL_WRITE), EPERM);
	fd = mfd(MFD_ALLOW_SEALING);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), 0);
	CHECK_ERR(seal(fd, 0x40), EINVAL);
	CHECK_EQ(seal(fd, 0), 0);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ro = open(link, O_RDONLY);
	REQUIRE(ro >= 0);
	CHECK_ERR(seal(ro, F_SEAL_SHRINK), EPERM);
	CHECK_EQ(seal(fd, F_SEAL_SHRINK), 0);
	CHECK_EQ(fcntl(ro, F_GET_SEALS), F_SEAL_SHRINK);
	CHECK_EQ(seal(fd, F_SEAL_SEAL), 0);
	CHECK_ERR(seal(fd, F_SEAL_SHRINK), EPERM);
	CHECK_EQ(fcntl(dup(fd), F_GET_SEALS), F_SEAL_SEAL | F_SEAL_SHRINK);
	REQUIRE(!pipe(p));
	CHECK_ERR(fcntl(p[0], F_GET_SEALS), EINVAL);
	CHECK_ERR(seal(p[1], F_SEAL_WRITE), EINVAL);
	fd = open("/proc/self/status", O_RDONLY);
	CHECK_ERR(fcntl(fd, F_GET_SEALS), EINVAL);
}

TEST(shrink_and_grow)
{
	char buf[2 * P];
	int fd = mfd_pages(2);

	memset(buf, 1, sizeof(buf));
	CHECK_EQ(seal(fd, F_SEAL_SHRINK), 0);
	CHECK_ERR(ftruncate(fd, P), EPERM);
	CHECK_EQ(ftruncate(fd, 2 * P), 0);
	CHECK_EQ(ftruncate(fd, 3 * P), 0);
	CHECK_EQ(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, P), 0);
	CHECK_ERR(open("/proc/self/fd/999", O_RDWR | O_TRUNC), ENOENT);
	snprintf(buf, 64, "/proc/self/fd/%d", fd);
	CHECK_ERR(open(buf, O_RDWR | O_TRUNC), EPERM);
	memset(buf, 1, sizeof(buf));

	fd = mfd_pages(1);
	CHECK_EQ(seal(fd, F_SEAL_GROW), 0);
	CHECK_ERR(ftruncate(fd, 2 * P), EPERM);
	CHECK_ERR(fallocate(fd, 0, 0, 2 * P), EPERM);
	CHECK_EQ(pwrite(fd, buf, 2 * P, 0), P); /* up to the page in which it would grow */
	CHECK_ERR(pwrite(fd, buf, 1, P), EPERM);
	CHECK_EQ(pwrite(fd, buf, 10, P - 5), 5);
	CHECK_EQ(ftruncate(fd, 100), 0);
	CHECK_ERR(pwrite(fd, buf, 1, 100), EPERM);
	CHECK_EQ(pwrite(fd, buf, 100, 0), 100);
	CHECK_ERR(fallocate(fd, 0, 0, 101), EPERM);
	fd = mfd(MFD_ALLOW_SEALING);
	CHECK_EQ(seal(fd, F_SEAL_GROW), 0);
	CHECK_ERR(write(fd, buf, 3), EPERM);
}

TEST(no_writes)
{
	int fd = mfd_pages(2), p[2];
	char c = 'x';
	struct iovec v = {&c, 1};

	CHECK_EQ(pwrite(fd, "data", 4, 0), 4);
	CHECK_EQ(seal(fd, F_SEAL_WRITE), 0);
	CHECK_ERR(write(fd, &c, 1), EPERM);
	CHECK_ERR(pwritev(fd, &v, 1, 0), EPERM);
	CHECK_ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, P), EPERM);
	CHECK_EQ(fallocate(fd, 0, 0, 4 * P), 0);
	CHECK_EQ(ftruncate(fd, 5 * P), 0);
	CHECK_EQ(ftruncate(fd, P), 0);
	CHECK_EQ(pread(fd, &c, 1, 0), 1);
	CHECK_EQ(c, 'd');
	/* Into it from a pipe and from another file. */
	REQUIRE(!pipe(p) && write(p[1], "pipe", 4) == 4);
	CHECK_ERR(splice(p[0], NULL, fd, NULL, 4, 0), EPERM);
	int from = mfd_pages(1);
	off_t at = 0;

	CHECK_ERR(sendfile(fd, from, &at, 4), EPERM);
	CHECK_ERR(copy_file_range(from, NULL, fd, NULL, 4, 0), EPERM);
	/* Out of it. */
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(splice(fd, NULL, p[1], NULL, 4, 0), 4);
	char got[9] = "";

	CHECK_EQ(read(p[0], got, 8), 8);
	CHECK(!strcmp(got, "pipedata"));
	/* Private copies are nobody's business. */
	char *m = mmap(NULL, P, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

	REQUIRE(m != MAP_FAILED);
	m[0] = 'X';
	CHECK_EQ(pread(fd, &c, 1, 0), 1);
	CHECK_EQ(c, 'd');
}

TEST(mapping_a_sealed_file)
{
	int fd = mfd_pages(1);

	CHECK_EQ(seal(fd, F_SEAL_WRITE), 0);
	CHECK_ERR(mmap(NULL, P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), EPERM);
	CHECK_ERR(mmap(NULL, P, PROT_WRITE, MAP_SHARED, fd, 0), EPERM);
	/* Before 6.7 Linux refused to map it shared at all. */
	char *m = mmap(NULL, P, PROT_READ, MAP_SHARED, fd, 0);

	if (m == MAP_FAILED) {
		CHECK_EQ(errno, EPERM);
		return;
	}
	CHECK_EQ(m[0], 0);
	CHECK_ERR(mprotect(m, P, PROT_READ | PROT_WRITE), EACCES);
	CHECK_ERR(madvise(m, P, MADV_REMOVE), EACCES);
}

TEST(no_new_writers)
{
	int fd = mfd_pages(4);
	char *m = mmap(NULL, 4 * P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *r = mmap(NULL, P, PROT_READ, MAP_SHARED, fd, 0);

	REQUIRE(m != MAP_FAILED && r != MAP_FAILED);
	CHECK_ERR(seal(fd, F_SEAL_WRITE), EBUSY);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), 0);
	CHECK_EQ(seal(fd, F_SEAL_FUTURE_WRITE), 0);
	m[0] = 'w';
	CHECK_EQ(r[0], 'w');
	CHECK_ERR(write(fd, "a", 1), EPERM);
	CHECK_ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, P), EPERM);
	/* The same through the mapping. */
	CHECK_ERR(madvise(m, P, MADV_REMOVE), EPERM);
	CHECK_EQ(m[0], 'w');
	CHECK_EQ(mprotect(r, P, PROT_READ | PROT_WRITE), 0); /* was mapped before */
	CHECK_ERR(mmap(NULL, P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), EPERM);
	char *n = mmap(NULL, P, PROT_READ, MAP_SHARED, fd, 0);

	REQUIRE(n != MAP_FAILED);
	CHECK_ERR(mprotect(n, P, PROT_READ | PROT_WRITE), EACCES);
	CHECK_EQ(mprotect(m, P, PROT_READ), 0);
	CHECK_EQ(mprotect(m, P, PROT_READ | PROT_WRITE), 0);
	CHECK_EQ(ftruncate(fd, 8 * P), 0);
	CHECK_EQ(ftruncate(fd, P), 0);
	CHECK(mmap(NULL, P, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) != MAP_FAILED);
	/* With the writers gone it can be sealed altogether. */
	munmap(m, 4 * P);
	CHECK_ERR(seal(fd, F_SEAL_WRITE), EBUSY);
	munmap(r, P);
	CHECK_EQ(seal(fd, F_SEAL_WRITE), 0);
}

TEST(writers_are_counted)
{
	int fd = mfd_pages(4);
	char link[64];
	char *m = mmap(NULL, 4 * P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	REQUIRE(m != MAP_FAILED);
	/* Read-only is not enough: it could become writable again. */
	CHECK_EQ(mprotect(m, 4 * P, PROT_READ), 0);
	CHECK_ERR(seal(fd, F_SEAL_WRITE), EBUSY);
	/* In parts, and moved. */
	CHECK_EQ(mprotect(m + P, P, PROT_NONE), 0);
	CHECK_EQ(munmap(m, P), 0);
	CHECK_ERR(seal(fd, F_SEAL_WRITE), EBUSY);
	CHECK_EQ(munmap(m + 2 * P, 2 * P), 0);
	CHECK_ERR(seal(fd, F_SEAL_WRITE), EBUSY);
	m = mremap(m + P, P, 2 * P, MREMAP_MAYMOVE);
	REQUIRE(m != MAP_FAILED);
	CHECK_ERR(seal(fd, F_SEAL_WRITE), EBUSY);
	CHECK_EQ(munmap(m, 2 * P), 0);
	/* Of a child. */
	int p[2], q[2];
	char c;

	m = mmap(NULL, P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	REQUIRE(m != MAP_FAILED && !pipe(p) && !pipe(q));
	pid_t pid = fork();

	if (!pid) {
		close(q[1]);
		_exit(read(q[0], &c, 1) != 0);
	}
	CHECK_EQ(munmap(m, P), 0);
	CHECK_ERR(seal(fd, F_SEAL_WRITE), EBUSY);
	close(q[1]);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	/* Through a descriptor that cannot write, nobody writes. */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	int ro = open(link, O_RDONLY);

	REQUIRE(ro >= 0 && mmap(NULL, P, PROT_READ, MAP_SHARED, ro, 0) != MAP_FAILED);
	CHECK(mmap(NULL, P, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) != MAP_FAILED);
	CHECK_EQ(seal(fd, F_SEAL_WRITE), 0);
	/* What was refused has not been counted. */
	CHECK_ERR(mmap(NULL, P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), EPERM);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_WRITE);
}

TEST(every_writer_that_ends)
{
	int fd = mfd_pages(1);

	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();
		int status;

		if (!pid) {
			char *m = mmap(NULL, P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

			if (m == MAP_FAILED)
				_exit(1);
			m[i] = (char)i;
			if (i == 1)
				raise(SIGKILL);
			_exit(0);
		}
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(status, i == 1 ? SIGKILL : 0);
	}
	CHECK_EQ(seal(fd, F_SEAL_WRITE), 0);
}

/* ---- seals against writers at the same moment ---- */

struct race {
	int fd, stop;
	char *volatile map;
};

static void *process_writer(void *v)
{
	struct race *r = v;
	char c = 1;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		struct iovec local = {&c, 1}, remote = {r->map, 1};

		(void)!process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
		c++;
	}
	return NULL;
}

static void *store_writer(void *v)
{
	struct race *r = v;
	int null = open("/dev/zero", O_RDONLY);

	/* The kernel writes: where there is no mapping it says EFAULT. */
	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED))
		(void)!read(null, r->map, 64);
	return NULL;
}

static void *file_writer(void *v)
{
	struct race *r = v;
	char buf[3 * P];

	for (int i = 0; !__atomic_load_n(&r->stop, __ATOMIC_RELAXED); i++) {
		memset(buf, i, sizeof(buf));
		(void)!pwrite(r->fd, buf, sizeof(buf), 0);
	}
	return NULL;
}

/* Nothing changes any more once F_SEAL_WRITE has succeeded. */
static void race(void *(*writer)(void *))
{
	for (int round = 0; round < 15; round++) {
		struct race r = {.fd = mfd_pages(3)};
		char before[3 * P], after[3 * P];
		pthread_t t;

		r.map = mmap(NULL, 3 * P, PROT_READ | PROT_WRITE, MAP_SHARED, r.fd, 0);
		REQUIRE(r.map != MAP_FAILED);
		REQUIRE(!pthread_create(&t, NULL, writer, &r));
		for (int i = 0; i < round % 7; i++)
			sched_yield();
		munmap(r.map, 3 * P);
		while (seal(r.fd, F_SEAL_WRITE)) {
			CHECK_EQ(errno, EBUSY);
			if (errno != EBUSY)
				break;
		}
		CHECK_EQ(pread(r.fd, before, sizeof(before), 0), sizeof(before));
		for (int i = 0; i < 3; i++)
			sched_yield();
		CHECK_EQ(pread(r.fd, after, sizeof(after), 0), sizeof(after));
		CHECK(!memcmp(before, after, sizeof(before)));
		__atomic_store_n(&r.stop, 1, __ATOMIC_RELAXED);
		pthread_join(t, NULL);
		close(r.fd);
	}
}

TEST(seal_against_process_vm_writev)
{
	race(process_writer);
}

TEST(seal_against_reads_into_the_mapping)
{
	race(store_writer);
}

TEST(seal_against_write)
{
	race(file_writer);
}

TEST(pages_in_a_pipe)
{
	int fd = mfd_pages(1), p[2];
	char *m = mmap(NULL, P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), got[8] = "";

	REQUIRE(m != MAP_FAILED && !pipe(p));
	strcpy(m, "abc");
	struct iovec v = {m, 4};

	CHECK_EQ(vmsplice(p[1], &v, 1, 0), 4);
	munmap(m, P);
	CHECK_EQ(write(p[1], "xyz", 4), 4); /* not into the page */
	CHECK_EQ(read(p[0], got, 4), 4);
	CHECK(!strcmp(got, "abc"));
	CHECK_EQ(read(p[0], got, 4), 4);
	/* Who can only read it is no writer. (Linux waits a while for it, too.) */
	CHECK_EQ(seal(fd, F_SEAL_WRITE), 0);
	CHECK_EQ(pread(fd, got, 8, 0), 8);
	CHECK(!memcmp(got, "abc\0\0\0\0", 8));
}

TEST(seals_travel_with_the_file)
{
	int s[2], fd = mfd_pages(1), got;
	char buf[CMSG_SPACE(sizeof(int))] = "", c = 'c';
	struct iovec v = {&c, 1};
	struct msghdr h = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = buf, .msg_controllen = sizeof(buf)};
	struct cmsghdr *cm = CMSG_FIRSTHDR(&h);

	CHECK_EQ(seal(fd, F_SEAL_WRITE | F_SEAL_SHRINK), 0);
	REQUIRE(!socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cm), &fd, sizeof(int));
	CHECK_EQ(sendmsg(s[0], &h, 0), 1);
	close(fd);
	CHECK_EQ(recvmsg(s[1], &h, 0), 1);
	memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&h)), sizeof(int));
	CHECK_EQ(fcntl(got, F_GET_SEALS), F_SEAL_WRITE | F_SEAL_SHRINK);
	CHECK_ERR(write(got, "a", 1), EPERM);
	CHECK_ERR(linkat(AT_FDCWD, "/proc/self/fd/999", AT_FDCWD, "/tmp/l", AT_SYMLINK_FOLLOW),
		  ENOENT);
	snprintf(buf, sizeof(buf), "/proc/self/fd/%d", got);
	CHECK_ERR(linkat(AT_FDCWD, buf, AT_FDCWD, "/tmp/l", AT_SYMLINK_FOLLOW), EXDEV);
}

/* ---- execution ---- */

TEST(not_executable)
{
	if (!has_exec_seals())
		return;
	int fd = mfd(MFD_NOEXEC_SEAL);

	CHECK_ERR(mfd(MFD_NOEXEC_SEAL | MFD_EXEC), EINVAL);
	CHECK_EQ(mode_of(fd), S_IFREG | 0666);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_EXEC);
	CHECK_ERR(fchmod(fd, 0777), EPERM);
	CHECK_ERR(fchmod(fd, 0611), EPERM);
	CHECK_EQ(fchmod(fd, 0600), 0);
	CHECK_EQ(fchmod(fd, 0666), 0);
	CHECK_ERR(run(fd), EACCES);
	CHECK_EQ(seal(fd, F_SEAL_GROW), 0); /* may be sealed, without being asked for */
	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_EXEC | F_SEAL_GROW);
}

TEST(executable_for_good)
{
	if (!has_exec_seals())
		return;
	int fd = mfd(MFD_EXEC | MFD_ALLOW_SEALING);

	CHECK_EQ(mode_of(fd), S_IFREG | 0777);
	REQUIRE(!ftruncate(fd, P));
	char *m = mmap(NULL, P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	REQUIRE(m != MAP_FAILED);
	CHECK_ERR(seal(fd, F_SEAL_EXEC), EBUSY); /* is F_SEAL_WRITE for a program */
	munmap(m, P);
	CHECK_EQ(seal(fd, F_SEAL_EXEC), 0);
	CHECK_EQ(fcntl(fd, F_GET_SEALS),
		 F_SEAL_EXEC | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
	CHECK_ERR(fchmod(fd, 0666), EPERM);
	CHECK_EQ(fchmod(fd, 0733), 0);
	CHECK_EQ(fcntl(mfd(MFD_EXEC), F_GET_SEALS), F_SEAL_SEAL);
	/* One that cannot be run is not closed to writes by that. */
	fd = mfd(MFD_EXEC | MFD_ALLOW_SEALING);
	CHECK_EQ(fchmod(fd, 0666), 0);
	CHECK_EQ(seal(fd, F_SEAL_EXEC), 0);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_EXEC);
	CHECK_ERR(fchmod(fd, 0777), EPERM);
}

static void in_a_grandchild(void)
{
	CHECK_EQ(read_number(NOEXEC), 1);
	CHECK_ERR(write_text(NOEXEC, "0"), EINVAL);
	CHECK_EQ(write_text(NOEXEC, "2"), 0);
	CHECK_EQ(mode_of(mfd(0)), S_IFREG | 0666);
	CHECK_EQ(fcntl(mfd(0), F_GET_SEALS), F_SEAL_EXEC);
	CHECK_ERR(mfd(MFD_EXEC), EACCES);
	CHECK(mfd(MFD_NOEXEC_SEAL) >= 0);
}

static int in_pid_ns(void (*fn)(void))
{
	int status = -1;

	if (unshare(CLONE_NEWPID))
		return -1;
	pid_t pid = fork();

	if (!pid) {
		fn();
		fflush(stdout);
		_exit(test_failures != 0);
	}
	waitpid(pid, &status, 0);
	return status;
}

static void in_a_child(void)
{
	CHECK_EQ(read_number(NOEXEC), 0);
	CHECK_ERR(write_text(NOEXEC, "3"), EINVAL);
	CHECK_ERR(write_text(NOEXEC, "-1"), EINVAL);
	CHECK_EQ(write_text(NOEXEC, "1"), 0);
	CHECK_EQ(mode_of(mfd(0)), S_IFREG | 0666);
	CHECK_EQ(fcntl(mfd(MFD_ALLOW_SEALING), F_GET_SEALS), F_SEAL_EXEC);
	CHECK_EQ(mode_of(mfd(MFD_EXEC)), S_IFREG | 0777);
	CHECK_EQ(in_pid_ns(in_a_grandchild), 0);
	CHECK_EQ(read_number(NOEXEC), 1);
	CHECK_EQ(write_text(NOEXEC, "0"), 0);
	CHECK_EQ(mode_of(mfd(0)), S_IFREG | 0777);
}

TEST(noexec_of_a_pid_namespace)
{
	if (access(NOEXEC, W_OK) || geteuid()) {
		printf("# no vm.memfd_noexec to write here\n");
		return;
	}
	CHECK_EQ(in_pid_ns(in_a_child), 0);
	CHECK_EQ(mode_of(mfd(0)), S_IFREG | 0777);
}

int main(void)
{
	return test_run();
}
