/* Directories: making, renaming, reading, names under stress. */
#include "file_help.h"
#include <dirent.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>

TEST(directories)
{
	struct stat st;
	char cwd[PATH_MAX], buf[256];

	enter();
	CHECK(!mkdir("d", 0777));
	CHECK(!stat("d", &st));
	CHECK_EQ(st.st_mode, S_IFDIR | 0755);
	CHECK_EQ(st.st_nlink, 2);
	CHECK_ERR(mkdir("d", 0777), EEXIST);
	CHECK_ERR(mkdir("none/x", 0777), ENOENT);
	CHECK_ERR(mkdir("/", 0777), EEXIST);
	CHECK(!mkdir("d/e/", 0777));
	CHECK(!stat("d", &st));
	CHECK_EQ(st.st_nlink, 3);
	CHECK_ERR(rmdir("d"), ENOTEMPTY);
	CHECK_ERR(unlink("d"), EISDIR);
	CHECK_ERR(rmdir("d/."), EINVAL);
	CHECK_ERR(rmdir("d/e/.."), ENOTEMPTY);
	CHECK(!chdir("d/e"));
	CHECK(getcwd(cwd, sizeof(cwd)) && !strncmp(cwd, base, strlen(base)) &&
	      !strcmp(cwd + strlen(base), "/d/e"));
	CHECK_ERR(syscall(SYS_getcwd, cwd, 3), ERANGE);
	CHECK(!rmdir("../e"));
	CHECK_ERR(syscall(SYS_getcwd, cwd, sizeof(cwd)), ENOENT);
	CHECK_ERR(open("x", O_CREAT | O_WRONLY, 0644), ENOENT);
	CHECK(!chdir(".."));
	CHECK(!chdir(base));
	CHECK(!make("f", ""));
	CHECK_ERR(rmdir("f"), ENOTDIR);
	CHECK_ERR(chdir("f"), ENOTDIR);
	CHECK(!symlink("somewhere/else", "l"));
	CHECK_EQ(readlink("l", buf, sizeof(buf)), 14);
	CHECK_EQ(readlink("l", buf, 4), 4);
	CHECK_ERR(readlink("f", buf, 10), EINVAL);
	CHECK_ERR(readlink("l", buf, 0), EINVAL);
	CHECK_ERR(symlink("", "m"), ENOENT);
	CHECK_ERR(unlink("l/"), ENOTDIR);
	CHECK(!unlink("l"));
	CHECK_ERR(unlink("f/"), ENOTDIR);
	CHECK_ERR(unlinkat(AT_FDCWD, "f", 4), EINVAL);
}

TEST(renames)
{
	struct stat a, b;

	enter();
	CHECK(!make("a", "A") && !make("b", "B"));
	CHECK(!rename("a", "b"));
	CHECK(content_is("b", "A"));
	CHECK_ERR(rename("a", "b"), ENOENT);
	CHECK(!mkdir("d", 0755) && !mkdir("e", 0755) && !mkdir("d/sub", 0755));
	CHECK_ERR(rename("b", "d"), EISDIR);
	CHECK_ERR(rename("d", "b"), ENOTDIR);
	CHECK_ERR(rename("d", "d/sub/x"), EINVAL);
	CHECK_ERR(rename("d/sub", "d"), ENOTEMPTY);
	CHECK(!rename("d", "e"));
	CHECK_ERR(stat("d", &a), ENOENT);
	CHECK(!stat("e", &a));
	CHECK_EQ(a.st_nlink, 3);
	CHECK(!mkdir("g", 0755));
	CHECK_ERR(rename("g", "e"), ENOTEMPTY);
	CHECK(!rename("b", "g/a-name-that-is-longer-than-thirty-one-characters"));
	CHECK(!rename("g/a-name-that-is-longer-than-thirty-one-characters", "c"));
	CHECK(content_is("c", "A"));
	CHECK(!make("x", "X"));
	CHECK_ERR(syscall(SYS_renameat2, AT_FDCWD, "c", AT_FDCWD, "x", 1), EEXIST);
	CHECK(!syscall(SYS_renameat2, AT_FDCWD, "c", AT_FDCWD, "x", 2));
	CHECK(content_is("c", "X") && content_is("x", "A"));
	CHECK(!syscall(SYS_renameat2, AT_FDCWD, "c", AT_FDCWD, "e/sub", 2));
	CHECK(!stat("c", &a) && S_ISDIR(a.st_mode));
	CHECK(!stat(".", &a) && !stat("c/..", &b));
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK(content_is("e/sub", "X"));
	CHECK_ERR(syscall(SYS_renameat2, AT_FDCWD, "c", AT_FDCWD, "none", 2), ENOENT);
	CHECK_ERR(syscall(SYS_renameat2, AT_FDCWD, "c", AT_FDCWD, "x", 3), EINVAL);
	CHECK(!link("x", "y"));
	CHECK(!rename("x", "y"));
	CHECK(!stat("x", &a) && !stat("y", &b));
	CHECK_ERR(rename(".", "z"), EBUSY);
}

static int count_entries(const char *dir, int *dots)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	*dots = 0;
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			++*dots;
		else
			n++;
	}
	closedir(d);
	return n;
}

TEST(reading_directories)
{
	char name[64];
	int dots;

	enter();
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "file-number-%d", i);
		REQUIRE(!make(name, ""));
	}
	CHECK_EQ(count_entries(".", &dots), 500);
	CHECK_EQ(dots, 2);
	/* Removing while reading loses nothing, and seekdir goes back to a place. */
	DIR *d = opendir(".");
	struct dirent *e;
	int removed = 0;
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		CHECK(!unlink(e->d_name));
		removed++;
	}
	CHECK_EQ(removed, 500);
	closedir(d);
	CHECK_EQ(count_entries(".", &dots), 0);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		REQUIRE(!make(name, ""));
	}
	d = opendir(".");
	for (int i = 0; i < 10; i++)
		e = readdir(d);
	long where = telldir(d);
	e = readdir(d);
	memcpy(name, e->d_name, strlen(e->d_name) + 1);
	while (readdir(d))
		;
	seekdir(d, where);
	e = readdir(d);
	CHECK(e && !strcmp(e->d_name, name));
	closedir(d);
	int fd = open(".", O_RDONLY);
	char small[8];
	CHECK_ERR(syscall(SYS_getdents64, fd, small, sizeof(small)), EINVAL);
	close(fd);
	fd = open("n1", O_RDONLY);
	CHECK_ERR(syscall(SYS_getdents64, fd, name, sizeof(name)), ENOTDIR);
	close(fd);
}

/* Entries that end where memory does are delivered; the others come with the next call. */
TEST(entries_before_bad_memory)
{
	char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char name[16];
	int fd, got = 0;

	enter();
	REQUIRE(map != MAP_FAILED && !munmap(map + 4096, 4096));
	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "entry%02d", i);
		REQUIRE(!make(name, ""));
	}
	fd = open(".", O_RDONLY);
	for (int calls = 0; calls < 200; calls++) {
		/* Two records of 32 bytes fit, or one more of 24: "." and "..". */
		long n = syscall(SYS_getdents64, fd, map + 4096 - 64, 4096);

		if (n <= 0) {
			CHECK_EQ(n, 0);
			break;
		}
		for (char *p = map + 4096 - 64; p < map + 4096 - 64 + n;
		     p += *(unsigned short *)(p + 16))
			got++;
	}
	CHECK_EQ(got, 62);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_ERR(syscall(SYS_getdents64, fd, map + 4096 - 8, 4096), EFAULT);
	CHECK_ERR(syscall(SYS_getdents64, fd, map + 4096, 4096), EFAULT);
	CHECK_EQ(syscall(SYS_getdents64, fd, map + 4096 - 48, 4096), 48);
	close(fd);
}

/* seekdir to what telldir said gives the next entry, in /proc as well. */
TEST(places_in_directories_of_proc)
{
	static const char *const places[] = {"/proc/self", "/proc/self/fd", "/proc/sys/kernel"};

	for (size_t i = 0; i < 3; i++) {
		DIR *d = opendir(places[i]);
		char next[256];
		struct dirent *e;
		long at;

		REQUIRE(d);
		REQUIRE(readdir(d) && readdir(d) && readdir(d));
		at = telldir(d);
		e = readdir(d);
		REQUIRE(e);
		strcpy(next, e->d_name);
		while (readdir(d))
			;
		seekdir(d, at);
		e = readdir(d);
		CHECK(e && !strcmp(e->d_name, next));
		closedir(d);
	}
}

/* Two threads rename, two look up: a name is always one of the two. */
static volatile int stop;
static void *renamer(void *arg)
{
	(void)arg;
	for (int i = 0; i < 3000; i++) {
		rename("d1/moving", "d2/moving");
		rename("d2/moving", "d1/moving");
	}
	stop = 1;
	return NULL;
}

static void *looker(void *arg)
{
	long found = 0;
	struct stat st;

	(void)arg;
	while (!stop) {
		found += !stat("d1/moving/file", &st);
		found += !stat("d2/moving/file", &st);
		if (stat("d1/fixed", &st))
			return (void *)-1;
	}
	return (void *)found;
}

static void *churner(void *arg)
{
	char name[32];

	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "d%d/c%d", i % 2 + 1, i % 7);
		int fd = open(name, O_CREAT | O_RDWR, 0644);

		if (fd >= 0)
			close(fd);
		unlink(name);
	}
	return arg;
}

TEST(names_under_stress)
{
	pthread_t t[6];
	void *r;

	enter();
	CHECK(!mkdir("d1", 0755) && !mkdir("d2", 0755) && !mkdir("d1/moving", 0755) &&
	      !make("d1/moving/file", "") && !make("d1/fixed", ""));
	pthread_create(&t[0], NULL, renamer, NULL);
	pthread_create(&t[1], NULL, looker, NULL);
	pthread_create(&t[2], NULL, looker, NULL);
	pthread_create(&t[3], NULL, churner, NULL);
	pthread_create(&t[4], NULL, churner, NULL);
	for (int i = 0; i < 5; i++) {
		pthread_join(t[i], &r);
		CHECK((long)r >= 0);
	}
}

int main(void)
{
	return test_run();
}
