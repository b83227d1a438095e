/*
 * Counts of interrupts: /proc/interrupts, /proc/stat, /sys/kernel/irq agree, are wide enough, and
 * never go back; /proc/irq says where lines go and moves them.
 */
#include "proc_help.h"
#include <dirent.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define CPUS_MAX 64
#define TEXT_MAX 131072

static char text[TEXT_MAX];

static char *text_of(const char *path)
{
	(void)read_text(path, text, sizeof(text));
	return text;
}

static void mounts(void)
{
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	if (access("/proc/stat", R_OK))
		CHECK(!mount("proc", "/proc", "proc", 0, NULL));
	if (access("/sys/kernel", R_OK))
		CHECK(!mount("sysfs", "/sys", "sysfs", 0, NULL));
}

struct row {
	char name[16];
	unsigned int count; /* of numbers */
	uint64_t cell[CPUS_MAX];
	char rest[128];
};

static struct row rows[300];
static unsigned int row_count, cpu_count;

/* As procps, irqbalance and mpstat read it: words between blanks. */
static void read_interrupts(void)
{
	char *line, *save, *p = text_of("/proc/interrupts");

	row_count = cpu_count = 0;
	line = strtok_r(p, "\n", &save);
	REQUIRE(line);
	for (char *w = line; (w = strstr(w, "CPU")); w++)
		cpu_count++;
	while ((line = strtok_r(NULL, "\n", &save)) && row_count < 300) {
		struct row *r = &rows[row_count];
		char *colon = strchr(line, ':'), *at;

		REQUIRE(colon);
		*colon = 0;
		while (*line == ' ')
			line++;
		snprintf(r->name, sizeof(r->name), "%s", line);
		at = colon + 1;
		for (r->count = 0; r->count < cpu_count; r->count++) {
			char *end;

			while (*at == ' ')
				at++;
			if (*at < '0' || *at > '9')
				break;
			r->cell[r->count] = strtoull(at, &end, 10);
			at = end;
		}
		while (*at == ' ')
			at++;
		snprintf(r->rest, sizeof(r->rest), "%s", at);
		row_count++;
	}
}

static struct row *row_of(const char *name)
{
	for (unsigned int i = 0; i < row_count; i++)
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	return NULL;
}

static uint64_t sum_of(const struct row *r)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < r->count; i++)
		sum += r->cell[i];
	return sum;
}

static bool is_number(const char *s)
{
	return *s && strspn(s, "0123456789") == strlen(s);
}

static uint64_t start(void)
{
	char *p = strstr(text_of("/proc/cmdline"), "irq_count_start=");

	return p ? strtoull(p + strlen("irq_count_start="), NULL, 0) : 0;
}

TEST(rows_have_a_number_for_each_cpu)
{
	mounts();
	read_interrupts();
	CHECK(cpu_count == (unsigned int)sysconf(_SC_NPROCESSORS_ONLN));
	for (unsigned int i = 0; i < row_count; i++) {
		if (!strcmp(rows[i].name, "ERR") || !strcmp(rows[i].name, "MIS"))
			CHECK(rows[i].count == 1);
		else
			CHECK(rows[i].count == cpu_count && rows[i].rest[0]);
	}
	REQUIRE(row_of("LOC") && row_of("NMI") && row_of("SPU") && row_of("RES") && row_of("CAL") &&
		row_of("TLB") && row_of("ERR"));
	CHECK(sum_of(row_of("LOC")) > 0);
	CHECK(!strcmp(row_of("LOC")->rest, "Local timer interrupts"));
}

struct stat_intr {
	uint64_t total, cells;
};

static struct stat_intr read_stat(void)
{
	struct stat_intr r = {0, 0};
	char *p = strstr(text_of("/proc/stat"), "\nintr "), *end;

	REQUIRE(p);
	p += strlen("\nintr ");
	r.total = strtoull(p, &p, 10);
	while (*p == ' ') {
		r.cells += strtoull(p, &end, 10);
		p = end;
	}
	CHECK(*p == '\n');
	return r;
}

/* What is in the total and in no line: interrupts of the CPUs themselves. */
static uint64_t others(void)
{
	uint64_t sum = 0;

	read_interrupts();
	for (unsigned int i = 0; i < row_count; i++)
		if (!is_number(rows[i].name))
			sum += sum_of(&rows[i]);
	return sum;
}

TEST(the_total_is_the_sum)
{
	mounts();
	for (int i = 0; i < 50; i++) {
		uint64_t before = others();
		struct stat_intr s = read_stat();
		uint64_t after = others();

		CHECK(s.total >= s.cells);
		/* Linux counts some of the rows twice, or in no total. */
		if (strstr(text_of("/proc/version"), "(Corbel)")) {
			CHECK(s.total >= s.cells + before);
			CHECK(s.total <= s.cells + after);
		}
	}
}

TEST(nothing_goes_back)
{
	static struct row last[300];
	unsigned int lasts = 0;
	uint64_t total = 0;

	mounts();
	for (int i = 0; i < 100; i++) {
		struct stat_intr s = read_stat();

		CHECK(s.total >= total);
		total = s.total;
		read_interrupts();
		for (unsigned int n = 0; n < lasts; n++) {
			struct row *r = row_of(last[n].name);

			for (unsigned int c = 0; r && c < r->count; c++)
				CHECK(r->cell[c] >= last[n].cell[c]);
		}
		memcpy(last, rows, sizeof(rows));
		lasts = row_count;
		usleep(1000);
	}
}

/* With irq_count_start= a little below 2^32 on the command line: on, not round. */
TEST(counts_go_past_four_thousand_million)
{
	uint64_t from = start();
	struct row *r;

	mounts();
	if (!from) {
		printf("# no irq_count_start= on the command line\n");
		return;
	}
	for (int i = 0; i < 2000; i++) {
		read_interrupts();
		r = row_of("LOC");
		REQUIRE(r);
		for (unsigned int c = 0; c < r->count; c++)
			CHECK(r->cell[c] >= from);
		if (sum_of(r) > (uint64_t)r->count << 32)
			break;
		usleep(5000);
	}
	CHECK(sum_of(r) > (uint64_t)r->count << 32);
	CHECK(read_stat().total > 4 * from);
}

/* The first line that is in use, or -1. */
static int some_line(void)
{
	read_interrupts();
	for (unsigned int i = 0; i < row_count; i++)
		if (is_number(rows[i].name))
			return atoi(rows[i].name);
	return -1;
}

TEST(sys_says_the_same)
{
	int irq;
	char path[64], want[64];
	struct row *r;
	uint64_t n[CPUS_MAX] = {0};
	char *p;

	mounts();
	if (access("/sys/kernel/irq", R_OK)) {
		printf("# no /sys/kernel/irq\n");
		return;
	}
	irq = some_line();
	REQUIRE(irq >= 0);
	snprintf(path, sizeof(path), "/sys/kernel/irq/%d/per_cpu_count", irq);
	p = text_of(path);
	for (unsigned int c = 0; c < cpu_count; c++) {
		n[c] = strtoull(p, &p, 10);
		CHECK(*p == (c + 1 < cpu_count ? ',' : '\n'));
		p++;
	}
	read_interrupts();
	snprintf(want, sizeof(want), "%d", irq);
	r = row_of(want);
	REQUIRE(r);
	for (unsigned int c = 0; c < cpu_count; c++)
		CHECK(r->cell[c] >= n[c] && r->cell[c] - n[c] < 100000);
	snprintf(path, sizeof(path), "/sys/kernel/irq/%d/chip_name", irq);
	snprintf(want, sizeof(want), "%.*s", (int)strcspn(text_of(path), "\n"), text);
	CHECK(want[0] && strstr(r->rest, want));
	snprintf(path, sizeof(path), "/sys/kernel/irq/%d/type", irq);
	text_of(path);
	CHECK(!strcmp(text, "edge\n") || !strcmp(text, "level\n"));
	snprintf(path, sizeof(path), "/sys/kernel/irq/%d/wakeup", irq);
	CHECK(!strcmp(text_of(path), "disabled\n"));
	snprintf(path, sizeof(path), "/sys/kernel/irq/%d/actions", irq);
	CHECK(text_of(path)[0]);
	text[strcspn(text, "\n,")] = 0;
	CHECK(strstr(r->rest, text));
	snprintf(path, sizeof(path), "/proc/irq/%d/%.20s", irq, text);
	CHECK(!access(path, X_OK) || !irq); /* Linux: not of the timer */
}

TEST(lines_are_moved)
{
	char dir[32], path[64], all[32];
	struct stat st;
	int irq;
	unsigned int last;

	mounts();
	irq = some_line();
	REQUIRE(irq >= 0);
	last = cpu_count - 1;
	snprintf(dir, sizeof(dir), "/proc/irq/%d", irq);
#define FILE_OF(name) (snprintf(path, sizeof(path), "%s/%s", dir, name), path)
	snprintf(all, sizeof(all), "%.31s", text_of(FILE_OF("smp_affinity")));
	CHECK(all[0]);
	char list[16], map[32];

	snprintf(list, sizeof(list), "%u\n", last);
	snprintf(map, sizeof(map), "%x\n", 1u << last);
	if (write_text(FILE_OF("smp_affinity_list"), list)) {
		CHECK(errno == EIO); /* the timer's, on Linux */
	} else {
		CHECK(!strcmp(text_of(FILE_OF("smp_affinity_list")), list));
		CHECK(strtoul(text_of(FILE_OF("smp_affinity")), NULL, 16) == 1u << last);
		CHECK(!write_text(FILE_OF("smp_affinity"), "1\n"));
		CHECK(!strcmp(text_of(FILE_OF("smp_affinity_list")), "0\n"));
		CHECK(!write_text(FILE_OF("smp_affinity"), map));
		CHECK(!strcmp(text_of(FILE_OF("smp_affinity_list")), list));
		/* No CPU that is there; no number; too many. */
		CHECK_ERR(write_text(FILE_OF("smp_affinity"), "0\n"), EINVAL);
		CHECK_ERR(write_text(FILE_OF("smp_affinity"), "x\n"), EINVAL);
		CHECK_ERR(write_text(FILE_OF("smp_affinity"), "1ffffffff,ffffffff\n"), EOVERFLOW);
		CHECK_ERR(write_text(FILE_OF("smp_affinity_list"), "1-\n"), EINVAL);
		CHECK_ERR(write_text(FILE_OF("smp_affinity_list"), "9999\n"), ERANGE);
		CHECK(!write_text(FILE_OF("smp_affinity"), all));
	}
	text_of(FILE_OF("spurious"));
	CHECK(!strncmp(text, "count ", 6) && strstr(text, "\nunhandled ") &&
	      strstr(text, "\nlast_unhandled ") && strstr(text, " ms\n"));
	CHECK(!strcmp(text_of(FILE_OF("node")), "0\n") || !strcmp(text, "-1\n"));
	CHECK(strtoul(text_of(FILE_OF("affinity_hint")), NULL, 16) == 0);
	CHECK(text_of(FILE_OF("effective_affinity"))[0]);
	CHECK(text_of(FILE_OF("effective_affinity_list"))[0]);
	CHECK(!stat(FILE_OF("node"), &st));
	CHECK_EQ(st.st_mode, S_IFREG | 0444);
	CHECK_ERR(access(FILE_OF("nothing"), F_OK), ENOENT);
}

/* Where the console's interrupts are counted follows where they are sent. */
TEST(a_moved_line_counts_elsewhere)
{
	char name[16], path[64], all[32];
	struct row *r = NULL, before;

	mounts();
	read_interrupts();
	for (unsigned int i = 0; i < row_count; i++)
		if (strstr(rows[i].rest, "ttyS0") || strstr(rows[i].rest, "serial"))
			r = &rows[i];
	if (!r || cpu_count < 2) {
		printf("# no serial line in use, or one CPU\n");
		return;
	}
	snprintf(name, sizeof(name), "%s", r->name);
	snprintf(path, sizeof(path), "/proc/irq/%s/smp_affinity", name);
	snprintf(all, sizeof(all), "%.31s", text_of(path));
	for (unsigned int to = 0; to < 2; to++) {
		CHECK(!write_text(path, to ? "2\n" : "1\n"));
		/* What was on its way is through. */
		usleep(20000);
		read_interrupts();
		before = *row_of(name);
		for (int i = 0; i < 50; i++) {
			printf("# a line of text for the console to send, so that it interrupts\n");
			usleep(1000);
		}
		read_interrupts();
		r = row_of(name);
		CHECK_EQ(r->cell[1 - to], before.cell[1 - to]);
	}
	CHECK(!write_text(path, all));
}

TEST(default_of_lines_to_come)
{
	const char *path = "/proc/irq/default_smp_affinity";
	char was[32];

	mounts();
	snprintf(was, sizeof(was), "%.31s", text_of(path));
	CHECK(strtoul(was, NULL, 16) & 1);
	CHECK(!write_text(path, "1\n"));
	CHECK(strtoul(text_of(path), NULL, 16) == 1);
	CHECK_ERR(write_text(path, "0\n"), EINVAL);
	CHECK(!write_text(path, was));
	CHECK(!strcmp(text_of(path), was));
}

TEST(directories_list_what_is_there)
{
	DIR *d;
	struct dirent *e;
	int numbers = 0, others = 0, found = 0;
	char line[32];

	mounts();
	snprintf(line, sizeof(line), "%d", some_line());
	d = opendir("/proc/irq");
	REQUIRE(d);
	while ((e = readdir(d))) {
		if (is_number(e->d_name))
			numbers++;
		else if (e->d_name[0] != '.')
			others += !strcmp(e->d_name, "default_smp_affinity");
		found += !strcmp(e->d_name, line);
	}
	closedir(d);
	CHECK(numbers >= 16 && others == 1 && found == 1);
}

int main(void)
{
	return test_run();
}
