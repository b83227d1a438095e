/* System V IPC: shmget, shmat, shmdt, shmctl, limits of all three kinds, and what /proc says. */
#include "sysv.h"
#include <limits.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>

#define PAGE 4096ul
#ifndef SHM_STAT_ANY
#define SHM_STAT_ANY 15
#endif

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

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "exit0"))
		return 0;
	return test_run();
}
