#include <kern/ktest.h>
#include <kern/errno.h>
#include <kern/align.h>
#include <lib/cpio/cpio.h>

static u8 archive[4096] __aligned(64);
static size_t len;

static void add(const char *magic, const char *name, const char *data, u32 mode, u32 check)
{
	size_t n = strlen(data);

	len += (size_t)snprintf((char *)archive + len, sizeof(archive) - len,
				"%s%08x%08x%08x%08x%08x%08x%08x%08X%08x%08x%08x%08x%08x%s", magic,
				7u, mode, 1000u, 100u, 2u, 0x5f5e100u, (u32)n, 8u, 1u, 0xAu, 0xbu,
				(u32)strlen(name) + 1, check, name);
	archive[len++] = 0;
	while (len % 4)
		archive[len++] = 0;
	memcpy(archive + len, data, n);
	len += n;
	while (len % 4)
		archive[len++] = 0;
}

static void begin(void)
{
	memset(archive, 0, sizeof(archive));
	len = 0;
}

KTEST(cpio, entries)
{
	struct cpio c;
	struct cpio_entry e;

	begin();
	add("070701", ".", "", 040755, 0);
	add("070701", "etc/hostname", "corbel\n", 0100644, 0);
	add("070702", "x", "ab", 0100755, 'a' + 'b');
	add("070701", "TRAILER!!!", "", 0, 0);
	cpio_init(&c, archive, len);
	EXPECT_EQ(cpio_next(&c, &e), 0);
	EXPECT_STREQ(e.name, ".");
	EXPECT_EQ(e.mode, 040755);
	EXPECT_EQ(e.data_size, 0);
	KTEST_REQUIRE(cpio_next(&c, &e) == 0);
	EXPECT_STREQ(e.name, "etc/hostname");
	EXPECT_EQ(e.name_len, 12);
	EXPECT_EQ(e.data_size, 7);
	EXPECT_MEMEQ(e.data, "corbel\n", 7);
	EXPECT_EQ(e.data, archive + e.data_offset);
	EXPECT_EQ(e.uid, 1000);
	EXPECT_EQ(e.gid, 100);
	EXPECT_EQ(e.nlink, 2);
	EXPECT_EQ(e.mtime, 100000000);
	EXPECT_EQ(e.dev_major, 8);
	EXPECT_EQ(e.rdev_major, 10);
	EXPECT_EQ(e.rdev_minor, 11);
	EXPECT_EQ(cpio_data_aligned(&e, 4), true);
	EXPECT_TRUE(cpio_checksum_ok(&e));
	EXPECT_EQ(cpio_next(&c, &e), 0);
	EXPECT_TRUE(e.has_checksum);
	EXPECT_TRUE(cpio_checksum_ok(&e));
	e.checksum++;
	EXPECT_FALSE(cpio_checksum_ok(&e));
	EXPECT_EQ(cpio_next(&c, &e), -ENODATA);
	EXPECT_EQ(cpio_next(&c, &e), -ENODATA);
}

KTEST(cpio, several_archives)
{
	struct cpio c;
	struct cpio_entry e;

	begin();
	add("070701", "a", "1", 0100644, 0);
	add("070701", "TRAILER!!!", "", 0, 0);
	len = ALIGN(len, 512);
	add("070701", "b", "2", 0100644, 0);
	add("070701", "TRAILER!!!", "", 0, 0);
	len = ALIGN(len, 512);
	size_t end = len;

	memcpy(archive + len, "\x28\xb5\x2f\xfd....", 8);
	cpio_init(&c, archive, len + 8);
	EXPECT_EQ(cpio_next(&c, &e), 0);
	EXPECT_EQ(e.archive, 0);
	EXPECT_EQ(cpio_next(&c, &e), 0);
	EXPECT_EQ(e.archive, 1);
	EXPECT_STREQ(e.name, "b");
	EXPECT_EQ(cpio_next(&c, &e), -EILSEQ);
	EXPECT_EQ(c.pos, end);
}

KTEST(cpio, damage)
{
	struct cpio c;
	struct cpio_entry e;

	begin();
	add("070701", "abc", "hello", 0100644, 0);
	for (size_t cut = 1; cut < len - 3; cut++) {
		cpio_init(&c, archive, cut);
		int err = cpio_next(&c, &e);

		EXPECT_EQ(err, cut < 6 ? -EILSEQ : -EINVAL);
	}
	cpio_init(&c, archive, len - 3);
	EXPECT_EQ(cpio_next(&c, &e), 0);
	EXPECT_EQ(cpio_next(&c, &e), -EINVAL);
	archive[20] = 'g';
	cpio_init(&c, archive, len);
	EXPECT_EQ(cpio_next(&c, &e), -EINVAL);
	cpio_init(&c, archive, 0);
	EXPECT_EQ(cpio_next(&c, &e), -ENODATA);
}
