/*
 * How userfaultfd(2) scales: threads that fault, monitors that resolve (one descriptor), for two
 * seconds; faults a second of all together.  Runs as init in a machine with 4 CPUs, or by hand:
 *
 *	SCALE uffd_1x1 1 12345.6
 *	SCALE uffd_16x64 4 34567.8
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul
#define PAGES 64ul /* of each thread */
#define THREADS 64
#define MONITORS 16
#define RUN_NS 2000000000ll

static int fd;
static char *memory, *source;
static volatile int stop;
static volatile uint64_t done[THREADS];

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void *monitor(void *arg)
{
	struct uffd_msg m[16];
	ssize_t n;

	(void)arg;
	while ((n = read(fd, m, sizeof(m))) > 0) {
		for (ssize_t i = 0; i < n / (ssize_t)sizeof(m[0]); i++) {
			struct uffdio_copy c = {m[i].arg.pagefault.address, (unsigned long)source,
						PAGE, 0, 0};

			ioctl(fd, UFFDIO_COPY, &c);
		}
	}
	return NULL;
}

static void *faulter(void *arg)
{
	long me = (long)arg;
	char *p = memory + (unsigned long)me * PAGES * PAGE;
	uint64_t n = 0;

	while (!stop) {
		for (unsigned long i = 0; i < PAGES && !stop; i++, n++)
			*(volatile char *)(p + i * PAGE) = 1;
		madvise(p, PAGES * PAGE, MADV_DONTNEED);
	}
	done[me] = n;
	return NULL;
}

static double measure(long monitors, long threads)
{
	struct uffdio_api api = {.api = UFFD_API};
	pthread_t m[MONITORS], t[THREADS];
	uint64_t total = 0;

	stop = 0;
	fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	memory = mmap(NULL, THREADS * PAGES * PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(memory, THREADS * PAGES * PAGE, MADV_NOHUGEPAGE);
	struct uffdio_register r = {.range = {(unsigned long)memory, THREADS * PAGES * PAGE},
				    .mode = UFFDIO_REGISTER_MODE_MISSING};

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &r)) {
		perror("userfaultfd");
		exit(1);
	}
	for (long i = 0; i < monitors; i++)
		pthread_create(&m[i], NULL, monitor, NULL);
	int64_t start = now_ns();

	for (long i = 0; i < threads; i++)
		pthread_create(&t[i], NULL, faulter, (void *)i);
	while (now_ns() - start < RUN_NS)
		usleep(10000);
	stop = 1;
	for (long i = 0; i < threads; i++)
		pthread_join(t[i], NULL);
	int64_t ns = now_ns() - start;

	for (long i = 0; i < threads; i++)
		total += done[i];
	for (long i = 0; i < monitors; i++) {
		pthread_cancel(m[i]);
		pthread_join(m[i], NULL);
	}
	close(fd);
	munmap(memory, THREADS * PAGES * PAGE);
	return (double)total * 1e9 / (double)ns;
}

int main(void)
{
	static const struct {
		const char *name;
		long monitors, threads;
	} runs[] = {{"uffd_1x1", 1, 1},
		    {"uffd_1x4", 1, 4},
		    {"uffd_4x16", 4, 16},
		    {"uffd_16x64", 16, 64}};

	source = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	memset(source, 7, PAGE);
	for (unsigned int i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		double best = 0;

		for (int n = 0; n < 2; n++) {
			double rate = measure(runs[i].monitors, runs[i].threads);

			best = rate > best ? rate : best;
		}
		printf("SCALE %s %ld %.1f\n", runs[i].name,
		       runs[i].threads < 4 ? runs[i].threads : 4l, best);
		fflush(stdout);
	}
	printf("SCALE done\n");
	fflush(stdout);
	if (getpid() == 1)
		reboot(RB_POWER_OFF);
	return 0;
}
