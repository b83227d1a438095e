/* System V IPC: shmget, shmat, shmdt, shmctl, semget, semop, semtimedop, semctl, msgget, msgsnd,
 * msgrcv, msgctl, and what /proc says about them. */
#include "test.h"
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <time.h>

#define PAGE 4096ul
#ifndef MSG_COPY
#define MSG_COPY 040000
#endif
#ifndef SHM_STAT_ANY
#define SHM_STAT_ANY 15
#endif
#define KEY 0x5eed0001

union semun {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
	struct seminfo *info;
};

static void reap(pid_t pid)
{
	int status = -1;

	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

static void drop_privileges(void)
{
	REQUIRE(setgid(1234) == 0 && setuid(1234) == 0);
}

static int file_line(const char *path, const char *needle, char *out, size_t size)
{
	FILE *f = fopen(path, "r");
	int found = 0;

	if (!f)
		return 0;
	while (!found && fgets(out, (int)size, f))
		found = strstr(out, needle) != NULL;
	fclose(f);
	return found;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* ---- shared memory ---- */

static unsigned long attached(int id)
{
	struct shmid_ds ds;

	return shmctl(id, IPC_STAT, &ds) ? ULONG_MAX : ds.shm_nattch;
}

TEST(shm_basics)
{
	int id = shmget(IPC_PRIVATE, 2 * PAGE + 1, IPC_CREAT | 0640);
	struct shmid_ds ds;
	char *p, *q;

	REQUIRE(id >= 0);
	CHECK_EQ(shmctl(id, IPC_STAT, &ds), 0);
	CHECK_EQ(ds.shm_segsz, 2 * PAGE + 1);
	CHECK_EQ(ds.shm_perm.mode, 0640);
	CHECK_EQ(ds.shm_cpid, getpid());
	CHECK_EQ(ds.shm_lpid, 0);
	CHECK_EQ(ds.shm_nattch, 0);
	CHECK_EQ(ds.shm_atime, 0);
	CHECK(ds.shm_ctime > 0);
	p = shmat(id, NULL, 0);
	q = shmat(id, NULL, SHM_RDONLY);
	REQUIRE(p != (void *)-1 && q != (void *)-1);
	p[0] = 'a';
	p[2 * PAGE + 9] = 'z';
	CHECK_EQ(q[0], 'a');
	CHECK_EQ(q[2 * PAGE + 9], 'z');
	CHECK_ERR(mprotect(q, PAGE, PROT_READ | PROT_WRITE), EACCES);
	CHECK_EQ(attached(id), 2);
	CHECK_EQ(shmctl(id, IPC_STAT, &ds), 0);
	CHECK_EQ(ds.shm_lpid, getpid());
	CHECK(ds.shm_atime > 0);
	CHECK_ERR(shmdt(p + 1), EINVAL);
	CHECK_ERR(shmdt(p + PAGE), EINVAL);
	CHECK_EQ(shmdt(p), 0);
	CHECK_ERR(shmdt(p), EINVAL);
	CHECK_EQ(attached(id), 1);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
	CHECK_EQ(attached(id), 1);
	CHECK_EQ(q[0], 'a');
	CHECK_EQ(shmctl(id, IPC_STAT, &ds), 0);
	CHECK_EQ(ds.shm_perm.mode, 0640 | 01000);
	/* It can still be attached, by its id. */
	p = shmat(id, NULL, 0);
	CHECK(p != (void *)-1);
	CHECK_EQ(shmdt(p), 0);
	CHECK_EQ(shmdt(q), 0);
	CHECK_ERR(shmctl(id, IPC_STAT, &ds), EINVAL);
	CHECK_ERR(shmat(id, NULL, 0), EINVAL);
}

TEST(shm_get_rules)
{
	int id = shmget(KEY, PAGE, IPC_CREAT | 0600), other;

	REQUIRE(id >= 0);
	CHECK_EQ(shmget(KEY, PAGE, 0), id);
	CHECK_EQ(shmget(KEY, 0, 0), id);
	CHECK_EQ(shmget(KEY, 1, IPC_CREAT), id);
	CHECK_ERR(shmget(KEY, PAGE + 1, 0), EINVAL);
	CHECK_ERR(shmget(KEY, PAGE, IPC_CREAT | IPC_EXCL), EEXIST);
	CHECK_ERR(shmget(KEY + 1, PAGE, 0), ENOENT);
	CHECK_ERR(shmget(KEY + 1, 0, IPC_CREAT | 0600), EINVAL);
	CHECK_ERR(shmget(KEY + 1, ~0ul, IPC_CREAT | 0600), EINVAL);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
	CHECK_ERR(shmget(KEY, PAGE, 0), ENOENT);
	CHECK_ERR(shmctl(id, IPC_RMID, NULL), EINVAL);
	/* An index that comes back has another id. */
	other = shmget(KEY, PAGE, IPC_CREAT | 0600);
	CHECK(other != id);
	CHECK_EQ(shmctl(other, IPC_RMID, NULL), 0);
	CHECK_ERR(shmctl(-1, IPC_RMID, NULL), EINVAL);
	CHECK_ERR(shmctl(other, 99, NULL), EINVAL);
	/* No huge pages are set aside. */
	CHECK_ERR(shmget(IPC_PRIVATE, 2ul << 20, IPC_CREAT | SHM_HUGETLB | 0600), ENOMEM);
	CHECK_ERR(shmget(IPC_PRIVATE, 2ul << 20, IPC_CREAT | SHM_HUGETLB | 13 << 26 | 0600),
		  EINVAL);
	id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | SHM_NORESERVE | 0600);
	CHECK(id >= 0);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
}

/* remap_file_pages(2) unmaps first: the last attachment of a removed segment takes it away. */
TEST(shm_remapped_after_removal)
{
	int id = shmget(IPC_PRIVATE, 4 * PAGE, 0600);
	char *a = shmat(id, NULL, 0), *b = shmat(id, NULL, 0);

	REQUIRE(a != (char *)-1 && b != (char *)-1);
	a[PAGE] = 7;
	CHECK_EQ(remap_file_pages(a, PAGE, 0, 1, 0), 0);
	CHECK_EQ(a[0], 7);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
	CHECK_EQ(remap_file_pages(a, PAGE, 0, 1, 0), 0); /* there is another */
	CHECK_EQ(shmdt(b), 0);
	CHECK_EQ(remap_file_pages(a, PAGE, 0, 1, 0), 0); /* the other three pages */
	CHECK_EQ(munmap(a + PAGE, 3 * PAGE), 0);
	CHECK_ERR(remap_file_pages(a, PAGE, 0, 1, 0), EINVAL);
	CHECK_ERR(remap_file_pages(a, PAGE, 0, 1, 0), EINVAL); /* nor is it mapped any more */
	CHECK_ERR(shmat(id, NULL, 0), EINVAL);
}

TEST(shm_addresses)
{
	int id = shmget(IPC_PRIVATE, 4 * PAGE, 0600);
	char *room = mmap(NULL, 16 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	REQUIRE(id >= 0 && room != MAP_FAILED);
	CHECK_ERR(shmat(id, room, 0), EINVAL);
	CHECK_ERR(shmat(id, room + 5, 0), EINVAL);
	CHECK_ERR(shmat(id, NULL, SHM_REMAP), EINVAL);
	CHECK_EQ(munmap(room + PAGE, 12 * PAGE), 0);
	CHECK(shmat(id, room + PAGE + 77, SHM_RND) == room + PAGE);
	CHECK(shmat(id, room, SHM_REMAP) == room);
	room[0] = 1;
	CHECK_EQ(attached(id), 2);
	CHECK_ERR(shmat(id, room + 6 * PAGE + 1, SHM_REMAP), EINVAL);
	CHECK(shmat(id, room + 6 * PAGE, SHM_EXEC) == room + 6 * PAGE);
	CHECK_EQ(attached(id), 3);
	/* What is left after a hole still goes with one shmdt. */
	CHECK_EQ(munmap(room + 7 * PAGE, PAGE), 0);
	CHECK_EQ(attached(id), 4);
	CHECK_EQ(shmdt(room + 6 * PAGE), 0);
	CHECK_EQ(attached(id), 2);
	CHECK_EQ(shmdt(room), 0);
	CHECK_EQ(attached(id), 1);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
	CHECK_EQ(munmap(room + 4 * PAGE, PAGE), 0);
	CHECK_ERR(shmctl(id, IPC_RMID, NULL), EINVAL);
}

TEST(shm_counts_through_fork_and_exit)
{
	int id = shmget(IPC_PRIVATE, 2 * PAGE, 0600), go[2];
	volatile char *p = shmat(id, NULL, 0);
	struct shmid_ds ds;
	pid_t pid;
	char c;

	REQUIRE(id >= 0 && p != (void *)-1 && pipe(go) == 0);
	pid = fork();
	if (!pid) {
		p[1] = 7;
		_exit(read(go[0], &c, 1) != 1);
	}
	CHECK_EQ(attached(id), 2);
	CHECK_EQ(write(go[1], "x", 1), 1);
	reap(pid);
	CHECK_EQ(attached(id), 1);
	CHECK_EQ(p[1], 7);
	CHECK_EQ(shmctl(id, IPC_STAT, &ds), 0);
	CHECK_EQ(ds.shm_lpid, pid);
	CHECK(ds.shm_dtime > 0);
	char *moved = mremap((void *)p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			     (char *)p - (64 << 20));
	CHECK(moved != MAP_FAILED);
	CHECK_EQ(moved[1], 7);
	CHECK_EQ(attached(id), 1);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
	/* The last detach is an exec. */
	pid = fork();
	if (!pid) {
		munmap(moved, 2 * PAGE);
		execl("/proc/self/exe", "sysv", "exit0", NULL);
		_exit(1);
	}
	reap(pid);
	CHECK_EQ(attached(id), 1);
	CHECK_EQ(munmap(moved, 2 * PAGE), 0);
	CHECK_ERR(shmctl(id, IPC_RMID, NULL), EINVAL);
}

TEST(shm_permissions)
{
	int id = shmget(KEY + 2, PAGE, IPC_CREAT | 0644), none = shmget(IPC_PRIVATE, PAGE, 0);
	struct shmid_ds ds;
	pid_t pid;

	REQUIRE(id >= 0 && none >= 0);
	pid = fork();
	if (!pid) {
		drop_privileges();
		CHECK_ERR(shmat(id, NULL, 0), EACCES);
		CHECK(shmat(id, NULL, SHM_RDONLY) != (void *)-1);
		CHECK_ERR(shmat(none, NULL, SHM_RDONLY), EACCES);
		CHECK_ERR(shmget(KEY + 2, PAGE, 0666), EACCES);
		CHECK_EQ(shmget(KEY + 2, PAGE, 0444), id);
		CHECK_ERR(shmctl(id, IPC_RMID, NULL), EPERM);
		CHECK_EQ(shmctl(id, IPC_STAT, &ds), 0);
		CHECK_ERR(shmctl(none, IPC_STAT, &ds), EACCES);
		CHECK_ERR(shmctl(id, IPC_SET, &ds), EPERM);
		CHECK_ERR(shmctl(id, SHM_LOCK, NULL), EPERM);
		_exit(test_failures != 0);
	}
	reap(pid);
	CHECK_EQ(shmctl(id, IPC_STAT, &ds), 0);
	ds.shm_perm.uid = 1234;
	ds.shm_perm.mode = 01600;
	CHECK_EQ(shmctl(id, IPC_SET, &ds), 0);
	CHECK_EQ(shmctl(id, SHM_LOCK, NULL), 0);
	CHECK_EQ(shmctl(id, IPC_STAT, &ds), 0);
	CHECK_EQ(ds.shm_perm.mode, 02600);
	CHECK_EQ(shmctl(id, SHM_UNLOCK, NULL), 0);
	CHECK_EQ(ds.shm_perm.uid, 1234);
	CHECK_EQ(ds.shm_perm.cuid, 0);
	ds.shm_perm.uid = (uid_t)-1;
	CHECK_ERR(shmctl(id, IPC_SET, &ds), EINVAL);
	pid = fork();
	if (!pid) {
		struct rlimit none_locked = {0, 0};
		CHECK_EQ(setrlimit(RLIMIT_MEMLOCK, &none_locked), 0);
		drop_privileges();
		CHECK(shmat(id, NULL, 0) != (void *)-1);
		CHECK_ERR(shmctl(id, SHM_LOCK, NULL), EPERM);
		CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
		_exit(test_failures != 0);
	}
	reap(pid);
	CHECK_ERR(shmctl(id, IPC_STAT, &ds), EINVAL);
	CHECK_EQ(shmctl(none, IPC_RMID, NULL), 0);
}

TEST(shm_figures)
{
	int id = shmget(IPC_PRIVATE, 3 * PAGE, 0600), index, last;
	char *p = shmat(id, NULL, 0), line[512], want[128];
	struct shmid_ds ds;
	struct shminfo info;
	struct shm_info now;

	REQUIRE(id >= 0 && p != (void *)-1);
	memset(p, 1, 2 * PAGE);
	last = shmctl(0, IPC_INFO, (void *)&info);
	CHECK(last >= 0);
	CHECK_EQ(info.shmmin, 1);
	CHECK_EQ(info.shmmni, 4096);
	CHECK_EQ(info.shmmax, ULONG_MAX - (1ul << 24));
	CHECK_EQ(shmctl(0, SHM_INFO, (void *)&now), last);
	CHECK(now.used_ids >= 1);
	CHECK(now.shm_tot >= 3);
	CHECK(now.shm_rss >= 2);
	for (index = 0; index <= last; index++)
		if (shmctl(index, SHM_STAT, &ds) == id)
			break;
	CHECK(index <= last);
	CHECK_EQ(shmctl(index, SHM_STAT_ANY, &ds), id);
	CHECK_EQ(ds.shm_segsz, 3 * PAGE);
	snprintf(want, sizeof(want), "%10d %10d  %4o %21lu %5u %5u  %5lu", 0, id, 0600, 3 * PAGE,
		 getpid(), getpid(), 1ul);
	REQUIRE(file_line("/proc/sysvipc/shm", want, line, sizeof(line)));
	CHECK(strstr(line, "                  8192                     0\n") != NULL);
	REQUIRE(file_line("/proc/sysvipc/shm", "key", line, sizeof(line)));
	CHECK(!strcmp(line,
		      "       key      shmid perms                  size  cpid  lpid nattch   "
		      "uid   gid  cuid  cgid      atime      dtime      ctime                 "
		      "  rss                  swap\n"));
	REQUIRE(file_line("/proc/self/maps", "SYSV", line, sizeof(line)));
	CHECK(strstr(line, " rw-s 00000000 ") != NULL);
	CHECK(strstr(line, " /SYSV00000000 (deleted)\n") != NULL);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
}

TEST(limits_are_files)
{
	char line[128];

	CHECK(file_line("/proc/sys/kernel/shmmax", "18446744073692774399\n", line, 128));
	CHECK(file_line("/proc/sys/kernel/shmall", "18446744073692774399\n", line, 128));
	CHECK(file_line("/proc/sys/kernel/shmmni", "4096\n", line, 128));
	CHECK(file_line("/proc/sys/kernel/sem", "32000\t1024000000\t500\t32000\n", line, 128));
	CHECK(file_line("/proc/sys/kernel/msgmax", "8192\n", line, 128));
	CHECK(file_line("/proc/sys/kernel/msgmnb", "16384\n", line, 128));
	CHECK(file_line("/proc/sys/kernel/msgmni", "32000\n", line, 128));
	CHECK(file_line("/proc/sys/kernel/auto_msgmni", "0\n", line, 128));
	write_file("/proc/sys/kernel/shmmax", "8192\n");
	CHECK_ERR(shmget(IPC_PRIVATE, 8193, 0600), EINVAL);
	write_file("/proc/sys/kernel/shmmax", "18446744073692774399");
	write_file("/proc/sys/kernel/shmmni", "0");
	CHECK_ERR(shmget(IPC_PRIVATE, 8193, 0600), ENOSPC);
	write_file("/proc/sys/kernel/shmmni", "4096");
	write_file("/proc/sys/kernel/sem", "32000 1024000000 2");
	struct sembuf ops[3] = {{0, 1, 0}, {0, 1, 0}, {0, 1, 0}};
	int id = semget(IPC_PRIVATE, 1, 0600);
	CHECK_ERR(semop(id, ops, 3), E2BIG);
	CHECK_EQ(semop(id, ops, 2), 0);
	semctl(id, 0, IPC_RMID);
	write_file("/proc/sys/kernel/sem", "32000 1024000000 500 32000");
}

TEST(shm_rmid_forced)
{
	int id, status, out[2];
	pid_t pid;

	REQUIRE(pipe(out) == 0);
	write_file("/proc/sys/kernel/shm_rmid_forced", "1");
	pid = fork();
	if (!pid) {
		id = shmget(IPC_PRIVATE, PAGE, 0600);
		_exit(write(out[1], &id, sizeof(id)) != sizeof(id));
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	write_file("/proc/sys/kernel/shm_rmid_forced", "0");
	CHECK_EQ(read(out[0], &id, sizeof(id)), sizeof(id));
	CHECK_ERR(shmctl(id, IPC_RMID, NULL), EINVAL);
}

TEST(next_id)
{
	char line[64];
	int id;

	if (access("/proc/sys/kernel/shm_next_id", W_OK))
		return; /* a kernel without checkpoint and restore */
	write_file("/proc/sys/kernel/shm_next_id", "65543");
	id = shmget(IPC_PRIVATE, PAGE, 0600);
	CHECK_EQ(id, 65543);
	CHECK(file_line("/proc/sys/kernel/shm_next_id", "-1\n", line, sizeof(line)));
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
}

/* ---- semaphores ---- */

static int value(int id, int n)
{
	return semctl(id, n, GETVAL);
}

TEST(sem_basics)
{
	struct sembuf two[2] = {{0, 2, 0}, {1, 3, 0}}, op;
	union semun arg;
	struct semid_ds ds;
	unsigned short all[3];
	int id = semget(IPC_PRIVATE, 3, 0600);

	REQUIRE(id >= 0);
	CHECK_EQ(semop(id, two, 2), 0);
	CHECK_EQ(value(id, 0), 2);
	CHECK_EQ(value(id, 1), 3);
	CHECK_EQ(semctl(id, 1, GETPID), getpid());
	CHECK_EQ(semctl(id, 2, GETPID), 0);
	/* All or nothing. */
	two[0].sem_op = -1;
	two[1] = (struct sembuf){1, -4, IPC_NOWAIT};
	CHECK_ERR(semop(id, two, 2), EAGAIN);
	CHECK_EQ(value(id, 0), 2);
	/* One semaphore twice. */
	two[1] = (struct sembuf){0, -1, IPC_NOWAIT};
	CHECK_EQ(semop(id, two, 2), 0);
	CHECK_EQ(value(id, 0), 0);
	op = (struct sembuf){0, 0, IPC_NOWAIT};
	CHECK_EQ(semop(id, &op, 1), 0);
	op.sem_num = 1;
	CHECK_ERR(semop(id, &op, 1), EAGAIN);
	op.sem_num = 3;
	CHECK_ERR(semop(id, &op, 1), EFBIG);
	CHECK_ERR(semop(id, &op, 0), EINVAL);
	CHECK_ERR(semop(id, &op, 501), E2BIG);
	CHECK_ERR(semop(id, (void *)8, 1), EFAULT);
	CHECK_ERR(semop(id + 1, &op, 1), EINVAL);
	op = (struct sembuf){0, 32767, 0};
	CHECK_EQ(semop(id, &op, 1), 0);
	op.sem_op = 1;
	CHECK_ERR(semop(id, &op, 1), ERANGE);
	arg.val = 32768;
	CHECK_ERR(semctl(id, 0, SETVAL, arg), ERANGE);
	arg.val = 5;
	CHECK_ERR(semctl(id, 3, SETVAL, arg), EINVAL);
	CHECK_EQ(semctl(id, 2, SETVAL, arg), 0);
	arg.array = all;
	CHECK_EQ(semctl(id, 0, GETALL, arg), 0);
	CHECK_EQ(all[0], 32767);
	CHECK_EQ(all[2], 5);
	all[1] = 40000;
	CHECK_ERR(semctl(id, 0, SETALL, arg), ERANGE);
	all[1] = 9;
	CHECK_EQ(semctl(id, 0, SETALL, arg), 0);
	CHECK_EQ(value(id, 1), 9);
	arg.buf = &ds;
	CHECK_EQ(semctl(id, 0, IPC_STAT, arg), 0);
	CHECK_EQ(ds.sem_nsems, 3);
	CHECK(ds.sem_otime > 0);
	CHECK_ERR(semctl(id, 0, 77, arg), EINVAL);
	CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
	CHECK_ERR(semctl(id, 0, GETVAL), EINVAL);
	CHECK_ERR(semget(IPC_PRIVATE, 0, 0600), EINVAL);
	CHECK_ERR(semget(IPC_PRIVATE, 32001, 0600), EINVAL);
	CHECK_ERR(semget(IPC_PRIVATE, -1, 0600), EINVAL);
}

TEST(sem_figures)
{
	int id = semget(KEY + 3, 7, IPC_CREAT | 0604), last;
	char line[256], want[128];
	struct seminfo info;
	union semun arg = {.info = &info};

	REQUIRE(id >= 0);
	CHECK_ERR(semget(KEY + 3, 8, 0), EINVAL);
	CHECK_EQ(semget(KEY + 3, 0, 0), id);
	last = semctl(0, 0, IPC_INFO, arg);
	CHECK(last >= 0);
	CHECK_EQ(info.semmni, 32000);
	CHECK_EQ(info.semvmx, 32767);
	CHECK_EQ(info.semusz, 20);
	CHECK_EQ(semctl(0, 0, SEM_INFO, arg), last);
	CHECK(info.semusz >= 1);
	CHECK(info.semaem >= 7);
	snprintf(want, sizeof(want), "%10d %10d  %4o %10u %5u", KEY + 3, id, 0604, 7, 0);
	CHECK(file_line("/proc/sysvipc/sem", want, line, sizeof(line)));
	CHECK(file_line("/proc/sysvipc/sem", "key", line, sizeof(line)));
	CHECK(!strcmp(line,
		      "       key      semid perms      nsems   uid   gid  cuid  cgid      otime "
		      "     ctime\n"));
	pid_t pid = fork();
	if (!pid) {
		drop_privileges();
		struct sembuf op = {0, 1, 0};
		CHECK_ERR(semop(id, &op, 1), EACCES);
		op.sem_op = 0;
		CHECK_EQ(semop(id, &op, 1), 0);
		CHECK_EQ(value(id, 0), 0);
		arg.val = 1;
		CHECK_ERR(semctl(id, 0, SETVAL, arg), EACCES);
		CHECK_ERR(semctl(id, 0, IPC_RMID), EPERM);
		_exit(test_failures != 0);
	}
	reap(pid);
	CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
}

static int waits(int id, int n, int cmd, int count)
{
	for (int i = 0; i < 2000; i++) {
		if (semctl(id, n, cmd) == count)
			return 1;
		usleep(1000);
	}
	return 0;
}

static void on_signal(int sig)
{
	(void)sig;
}

TEST(sem_sleepers)
{
	int id = semget(IPC_PRIVATE, 2, 0600);
	struct sembuf down = {0, -2, 0}, up = {0, 1, 0}, zero = {0, 0, 0};
	pid_t a = fork(), b;

	if (!a)
		_exit(semop(id, &down, 1) != 0);
	CHECK(waits(id, 0, GETNCNT, 1));
	CHECK_EQ(semop(id, &up, 1), 0);
	CHECK_EQ(semctl(id, 0, GETNCNT), 1);
	b = fork();
	if (!b)
		_exit(semop(id, &zero, 1) != 0);
	CHECK(waits(id, 0, GETZCNT, 1));
	CHECK_EQ(semop(id, &up, 1), 0);
	reap(a);
	reap(b);
	CHECK_EQ(value(id, 0), 0);
	/* A complex call and a simple one behind it. */
	a = fork();
	if (!a) {
		struct sembuf both[2] = {{0, -1, 0}, {1, -1, 0}};
		_exit(semop(id, both, 2) != 0);
	}
	CHECK(waits(id, 0, GETNCNT, 1));
	CHECK_EQ(semctl(id, 1, GETNCNT), 0);
	b = fork();
	if (!b) {
		down.sem_op = -1;
		_exit(semop(id, &down, 1) != 0);
	}
	CHECK(waits(id, 0, GETNCNT, 2));
	CHECK_EQ(semop(id, &up, 1), 0);
	reap(b); /* the complex one cannot use it */
	up.sem_num = 1;
	CHECK_EQ(semop(id, &up, 1), 0);
	up.sem_num = 0;
	CHECK_EQ(semop(id, &up, 1), 0);
	reap(a);
	CHECK_EQ(value(id, 0) + value(id, 1), 0);
	/* Removal. */
	a = fork();
	if (!a)
		_exit(!(semop(id, &down, 1) == -1 && errno == EIDRM));
	CHECK(waits(id, 0, GETNCNT, 1));
	CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
	reap(a);
}

TEST(sem_timeouts_and_signals)
{
	int id = semget(IPC_PRIVATE, 1, 0600);
	struct sembuf down = {0, -1, 0};
	struct timespec ts = {0, 30000000}, bad = {0, 1000000000}, t0, t1;
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	clock_gettime(CLOCK_MONOTONIC, &t0);
	CHECK_ERR(semtimedop(id, &down, 1, &ts), EAGAIN);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	CHECK((t1.tv_sec - t0.tv_sec) * 1000000000l + t1.tv_nsec - t0.tv_nsec >= 30000000);
	CHECK_ERR(semtimedop(id, &down, 1, &bad), EINVAL);
	sigaction(SIGALRM, &sa, NULL);
	ualarm(20000, 0);
	CHECK_ERR(semop(id, &down, 1), EINTR);
	CHECK_EQ(semctl(id, 0, GETNCNT), 0);
	semctl(id, 0, IPC_RMID);
}

TEST(sem_undo)
{
	int id = semget(IPC_PRIVATE, 2, 0600);
	union semun arg = {.val = 10};
	pid_t pid;

	CHECK_EQ(semctl(id, 0, SETVAL, arg), 0);
	pid = fork();
	if (!pid) {
		struct sembuf ops[2] = {{0, -3, SEM_UNDO}, {1, 4, SEM_UNDO}};
		CHECK_EQ(semop(id, ops, 2), 0);
		CHECK_EQ(value(id, 0), 7);
		ops[0] = (struct sembuf){0, 1, SEM_UNDO};
		CHECK_EQ(semop(id, ops, 1), 0);
		ops[0] = (struct sembuf){1, 1, 0};
		CHECK_EQ(semop(id, ops, 1), 0);
		_exit(test_failures != 0);
	}
	reap(pid);
	CHECK_EQ(value(id, 0), 10);
	CHECK_EQ(value(id, 1), 1);
	CHECK_EQ(semctl(id, 0, GETPID), pid);
	/* SETVAL forgets what is to be undone. */
	pid = fork();
	if (!pid) {
		struct sembuf op = {0, -3, SEM_UNDO};
		CHECK_EQ(semop(id, &op, 1), 0);
		CHECK_EQ(semctl(id, 0, SETVAL, arg), 0);
		_exit(test_failures != 0);
	}
	reap(pid);
	CHECK_EQ(value(id, 0), 10);
	/* An adjustment wakes who waits. */
	arg.val = 1;
	CHECK_EQ(semctl(id, 0, SETVAL, arg), 0);
	pid = fork();
	if (!pid) {
		struct sembuf op = {0, -1, SEM_UNDO};
		CHECK_EQ(semop(id, &op, 1), 0);
		CHECK(waits(id, 0, GETNCNT, 1));
		_exit(test_failures != 0);
	}
	struct sembuf op = {0, -1, 0};
	for (int i = 0; i < 2000 && value(id, 0); i++)
		usleep(1000);
	CHECK_EQ(semop(id, &op, 1), 0);
	reap(pid);
	/* unshare(CLONE_SYSVSEM) undoes at once; removal of a set with adjustments. */
	pid = fork();
	if (!pid) {
		struct sembuf up = {1, 5, SEM_UNDO};
		CHECK_EQ(semop(id, &up, 1), 0);
		CHECK_EQ(value(id, 1), 6);
		CHECK_EQ(unshare(CLONE_SYSVSEM), 0);
		CHECK_EQ(value(id, 1), 1);
		CHECK_EQ(semop(id, &up, 1), 0);
		CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
		_exit(test_failures != 0);
	}
	reap(pid);
}

static int undo_set;

static void *undo_thread(void *arg)
{
	struct sembuf op = {0, 2, SEM_UNDO};

	CHECK_EQ(semop(undo_set, &op, 1), 0);
	return arg;
}

TEST(sem_undo_is_shared_by_threads)
{
	pid_t pid;

	undo_set = semget(IPC_PRIVATE, 1, 0600);
	pid = fork();
	if (!pid) {
		pthread_t t;
		CHECK_EQ(pthread_create(&t, NULL, undo_thread, NULL), 0);
		CHECK_EQ(pthread_join(t, NULL), 0);
		/* The thread is gone, the process is not. */
		CHECK_EQ(value(undo_set, 0), 2);
		_exit(test_failures != 0);
	}
	reap(pid);
	CHECK_EQ(value(undo_set, 0), 0);
	semctl(undo_set, 0, IPC_RMID);
}

#define WORKERS 4
#define ROUNDS 2000

/* Philosophers, half of them asking for both forks at once: nothing is lost and all come through.
 */
TEST(sem_stress)
{
	int id = semget(IPC_PRIVATE, WORKERS + 1, 0600);
	unsigned short one[WORKERS + 1] = {1, 1, 1, 1, 0};
	union semun arg = {.array = one};
	pid_t pid[WORKERS];

	CHECK_EQ(semctl(id, 0, SETALL, arg), 0);
	for (int w = 0; w < WORKERS; w++) {
		pid[w] = fork();
		if (pid[w])
			continue;
		for (int i = 0; i < ROUNDS; i++) {
			short left = (short)(w < (w + 1) % WORKERS ? w : (w + 1) % WORKERS);
			short right = (short)(w < (w + 1) % WORKERS ? (w + 1) % WORKERS : w);
			struct sembuf take[3] = {
				{left, -1, SEM_UNDO}, {right, -1, SEM_UNDO}, {WORKERS, 1, 0}};
			struct sembuf give[2] = {{left, 1, SEM_UNDO}, {right, 1, SEM_UNDO}};
			if (w & 1 ? semop(id, take, 3)
				  : semop(id, take, 1) || semop(id, take + 1, 1) ||
					    semop(id, take + 2, 1))
				_exit(1);
			if (semop(id, give, 1) || semop(id, give + 1, 1))
				_exit(1);
		}
		/* The last holds both when it ends. */
		struct sembuf keep[2] = {{(short)w, -1, SEM_UNDO}, {(short)w, 0, 0}};
		_exit(semop(id, keep, 2) != 0);
	}
	for (int w = 0; w < WORKERS; w++)
		reap(pid[w]);
	for (int w = 0; w < WORKERS; w++)
		CHECK_EQ(value(id, w), 1);
	CHECK_EQ(value(id, WORKERS), WORKERS * ROUNDS);
	semctl(id, 0, IPC_RMID);
}

/* ---- messages ---- */

struct note {
	long type;
	char text[64];
};

static int put(int q, long type, const char *text, int flags)
{
	struct note n = {type, ""};

	strcpy(n.text, text);
	return msgsnd(q, &n, strlen(text), flags);
}

TEST(msg_basics)
{
	struct note n;
	struct msqid_ds ds;
	int q = msgget(IPC_PRIVATE, 0600);

	REQUIRE(q >= 0);
	CHECK_EQ(put(q, 3, "three", 0), 0);
	CHECK_EQ(put(q, 1, "one", 0), 0);
	CHECK_EQ(put(q, 2, "two", 0), 0);
	CHECK_EQ(put(q, 3, "drei", 0), 0);
	CHECK_EQ(msgctl(q, IPC_STAT, &ds), 0);
	CHECK_EQ(ds.msg_qnum, 4);
	CHECK_EQ(ds.__msg_cbytes, 15);
	CHECK_EQ(ds.msg_qbytes, 16384);
	CHECK_EQ(ds.msg_lspid, getpid());
	CHECK_EQ(ds.msg_lrpid, 0);
	CHECK_EQ(msgrcv(q, &n, 64, 2, 0), 3);
	CHECK(n.type == 2 && !memcmp(n.text, "two", 3));
	CHECK_EQ(msgrcv(q, &n, 64, -2, 0), 3);
	CHECK_EQ(n.type, 1);
	CHECK_EQ(msgrcv(q, &n, 64, 3, MSG_EXCEPT | IPC_NOWAIT), -1);
	CHECK_EQ(errno, ENOMSG);
	CHECK_EQ(msgrcv(q, &n, 64, 1, MSG_EXCEPT), 5);
	CHECK_ERR(msgrcv(q, &n, 3, 0, 0), E2BIG);
	CHECK_EQ(msgrcv(q, &n, 3, 0, MSG_NOERROR), 3);
	CHECK(!memcmp(n.text, "dre", 3));
	CHECK_ERR(msgrcv(q, &n, 64, 0, IPC_NOWAIT), ENOMSG);
	CHECK_ERR(put(q, 0, "x", 0), EINVAL);
	CHECK_ERR(put(q, -1, "x", 0), EINVAL);
	CHECK_ERR(msgsnd(q, &n, 8193, 0), EINVAL);
	CHECK_ERR(msgsnd(q, (void *)8, 1, 0), EFAULT);
	CHECK_ERR(msgrcv(q, &n, (size_t)-1, 0, 0), EINVAL);
	CHECK_EQ(put(q, 1, "", 0), 0);
	CHECK_EQ(msgrcv(q, &n, 0, LONG_MIN, 0), 0);
	CHECK_EQ(put(q, 1, "lost", 0), 0);
	CHECK_ERR(msgrcv(q, (void *)8, 64, 0, 0), EFAULT);
	CHECK_ERR(msgrcv(q, &n, 64, 0, IPC_NOWAIT), ENOMSG);
	CHECK_EQ(msgctl(q, IPC_RMID, NULL), 0);
	CHECK_ERR(put(q, 1, "x", 0), EINVAL);
}

TEST(msg_copy)
{
	struct note n;
	int q = msgget(IPC_PRIVATE, 0600);

	CHECK_EQ(put(q, 5, "first", 0), 0);
	CHECK_EQ(put(q, 6, "second", 0), 0);
	if (msgrcv(q, &n, 64, 1, MSG_COPY | IPC_NOWAIT) < 0 && errno == ENOSYS)
		goto out; /* a kernel without checkpoint and restore */
	CHECK_EQ(msgrcv(q, &n, 64, 1, MSG_COPY | IPC_NOWAIT), 6);
	CHECK_EQ(n.type, 6);
	CHECK_EQ(msgrcv(q, &n, 64, 0, MSG_COPY | IPC_NOWAIT), 5);
	CHECK_ERR(msgrcv(q, &n, 64, 2, MSG_COPY | IPC_NOWAIT), ENOMSG);
	CHECK_ERR(msgrcv(q, &n, 64, 0, MSG_COPY), EINVAL);
	CHECK_ERR(msgrcv(q, &n, 64, 0, MSG_COPY | MSG_EXCEPT | IPC_NOWAIT), EINVAL);
	CHECK_ERR(msgrcv(q, &n, 4, 0, MSG_COPY | IPC_NOWAIT), E2BIG);
	CHECK_EQ(msgrcv(q, &n, 64, 0, 0), 5);
out:
	msgctl(q, IPC_RMID, NULL);
}

TEST(msg_limits_and_sleepers)
{
	int q = msgget(KEY + 4, IPC_CREAT | 0622), q2;
	struct msqid_ds ds;
	struct note n;
	char line[256], want[128];
	pid_t pid;

	REQUIRE(q >= 0);
	CHECK_ERR(msgget(KEY + 4, IPC_CREAT | IPC_EXCL), EEXIST);
	CHECK_EQ(msgctl(q, IPC_STAT, &ds), 0);
	ds.msg_qbytes = 10;
	CHECK_EQ(msgctl(q, IPC_SET, &ds), 0);
	CHECK_EQ(put(q, 1, "12345678", 0), 0);
	CHECK_ERR(put(q, 1, "abc", IPC_NOWAIT), EAGAIN);
	snprintf(want, sizeof(want), "%10d %10d  %4o  %10lu %10lu %5u", KEY + 4, q, 0622, 8ul, 1ul,
		 getpid());
	CHECK(file_line("/proc/sysvipc/msg", want, line, sizeof(line)));
	pid = fork();
	if (!pid)
		_exit(put(q, 2, "abc", 0) != 0);
	usleep(20000);
	CHECK_EQ(msgrcv(q, &n, 64, 0, 0), 8);
	CHECK_EQ(msgrcv(q, &n, 64, 2, 0), 3);
	reap(pid);
	/* A receiver by type does not take the other. */
	pid = fork();
	if (!pid)
		_exit(!(msgrcv(q, &n, 64, 7, 0) == 2 && n.type == 7));
	usleep(20000);
	CHECK_EQ(put(q, 6, "no", 0), 0);
	CHECK_EQ(put(q, 7, "me", 0), 0);
	reap(pid);
	CHECK_EQ(msgrcv(q, &n, 64, 0, IPC_NOWAIT), 2);
	CHECK_EQ(n.type, 6);
	/* Too long for who waits: the message stays, the waiter is told. */
	pid = fork();
	if (!pid)
		_exit(!(msgrcv(q, &n, 1, 0, 0) == -1 && errno == E2BIG));
	usleep(20000);
	CHECK_EQ(put(q, 6, "no", 0), 0);
	reap(pid);
	CHECK_EQ(msgrcv(q, &n, 64, 0, IPC_NOWAIT), 2);
	/* Signals and removal. */
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	sigaction(SIGALRM, &sa, NULL);
	ualarm(20000, 0);
	CHECK_ERR(msgrcv(q, &n, 64, 0, 0), EINTR);
	pid = fork();
	if (!pid)
		_exit(!(msgrcv(q, &n, 1, 0, 0) == -1 && errno == EIDRM));
	usleep(20000);
	if (!(q2 = fork())) {
		drop_privileges();
		CHECK_ERR(msgrcv(q, &n, 64, 0, IPC_NOWAIT), EACCES);
		CHECK_ERR(msgctl(q, IPC_STAT, &ds), EACCES);
		_exit(test_failures != 0);
	}
	reap(q2);
	CHECK_EQ(msgctl(q, IPC_RMID, NULL), 0);
	reap(pid);
}

TEST(msg_figures)
{
	int q = msgget(IPC_PRIVATE, 0600), last;
	struct msginfo info;

	CHECK_EQ(put(q, 1, "12345", 0), 0);
	last = msgctl(0, IPC_INFO, (void *)&info);
	CHECK(last >= 0);
	CHECK_EQ(info.msgmax, 8192);
	CHECK_EQ(info.msgmni, 32000);
	CHECK_EQ(info.msgpool, 32000 * 16384l / 1024);
	CHECK_EQ(msgctl(0, MSG_INFO, (void *)&info), last);
	CHECK(info.msgpool >= 1);
	CHECK(info.msgmap >= 1);
	CHECK(info.msgtql >= 5);
	msgctl(q, IPC_RMID, NULL);
}

/* Many writers and readers of one small queue: every number arrives once. */
TEST(msg_stress)
{
	int q = msgget(IPC_PRIVATE, 0600), back = msgget(IPC_PRIVATE, 0600);
	struct msqid_ds ds;
	struct {
		long type;
		long v;
	} m;
	long sum = 0;
	pid_t pid[2 * WORKERS];

	CHECK_EQ(msgctl(q, IPC_STAT, &ds), 0);
	ds.msg_qbytes = 24;
	CHECK_EQ(msgctl(q, IPC_SET, &ds), 0);
	for (int w = 0; w < 2 * WORKERS; w++) {
		pid[w] = fork();
		if (pid[w])
			continue;
		if (w < WORKERS) {
			for (long i = 1; i <= ROUNDS; i++) {
				m.type = 1 + i % 3;
				m.v = i;
				if (msgsnd(q, &m, sizeof(m.v), 0))
					_exit(1);
			}
			_exit(0);
		}
		for (long i = 0; i < ROUNDS; i++) {
			if (msgrcv(q, &m, sizeof(m.v), i & 1 ? -3 : 0, 0) != sizeof(m.v))
				_exit(1);
			sum += m.v;
		}
		m.type = 1;
		m.v = sum;
		_exit(msgsnd(back, &m, sizeof(m.v), 0) != 0);
	}
	for (int w = 0; w < 2 * WORKERS; w++)
		reap(pid[w]);
	for (int w = 0; w < WORKERS; w++) {
		CHECK_EQ(msgrcv(back, &m, sizeof(m.v), 0, IPC_NOWAIT), sizeof(m.v));
		sum += m.v;
	}
	CHECK_EQ(sum, (long)WORKERS * ROUNDS * (ROUNDS + 1) / 2);
	msgctl(q, IPC_RMID, NULL);
	msgctl(back, IPC_RMID, NULL);
}

/* Segments made, attached, removed and looked at from all sides at once. */
TEST(shm_stress)
{
	pid_t pid[WORKERS];

	for (int w = 0; w < WORKERS; w++) {
		pid[w] = fork();
		if (pid[w])
			continue;
		for (int i = 0; i < 200; i++) {
			int id = shmget(KEY + 16 + i % 3, 4 * PAGE, IPC_CREAT | 0600);
			struct shmid_ds ds;
			char *p;

			if (id < 0 && errno == EEXIST)
				continue;
			if (id < 0)
				_exit(1);
			p = shmat(id, NULL, 0);
			if (p == (void *)-1) {
				if (errno != EINVAL && errno != EIDRM)
					_exit(2);
				continue;
			}
			p[i % 4 * PAGE] = 1;
			if (i % 5 == 0 && !fork())
				_exit(0);
			shmctl(i, SHM_STAT, &ds);
			if (shmctl(id, IPC_RMID, NULL) && errno != EINVAL && errno != EIDRM)
				_exit(3);
			if (shmdt(p))
				_exit(4);
			while (waitpid(-1, NULL, WNOHANG) > 0)
				;
		}
		while (wait(NULL) > 0)
			;
		_exit(0);
	}
	for (int w = 0; w < WORKERS; w++)
		reap(pid[w]);
	for (int i = 0; i < 3; i++)
		CHECK_ERR(shmget(KEY + 16 + i, PAGE, 0), ENOENT);
}

/* A namespace of its own: other ids and keys; segments live on through their attachments. */
TEST(namespaces)
{
	int id = shmget(KEY + 20, PAGE, IPC_CREAT | 0600), sem, q;
	char *p = shmat(id, NULL, 0);
	pid_t pid;

	REQUIRE(id >= 0 && p != (void *)-1);
	pid = fork();
	if (!pid) {
		struct sembuf up = {0, 1, SEM_UNDO};

		sem = semget(IPC_PRIVATE, 1, 0600);
		CHECK_EQ(semop(sem, &up, 1), 0);
		if (unshare(CLONE_NEWIPC))
			_exit(errno != EINVAL); /* a kernel without */
		CHECK_ERR(shmget(KEY + 20, PAGE, 0), ENOENT);
		CHECK_ERR(semctl(sem, 0, GETVAL), EINVAL);
		id = shmget(KEY + 20, PAGE, IPC_CREAT | 0600);
		CHECK(id >= 0);
		p[1] = 2;
		p = shmat(id, NULL, 0);
		CHECK(p != (void *)-1);
		q = msgget(KEY + 20, IPC_CREAT | 0600);
		CHECK_EQ(put(q, 1, "stays", 0), 0);
		CHECK(semget(KEY + 20, 5, IPC_CREAT | 0600) >= 0);
		p[0] = 1;
		_exit(test_failures != 0);
	}
	reap(pid);
	CHECK_EQ(p[1], 2);
	CHECK_ERR(msgget(KEY + 20, 0), ENOENT);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "exit0"))
		return 0;
	return test_run();
}
