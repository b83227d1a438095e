/* Terminals over a device of memory. */
#include <kernel/tty/tty_impl.h>

#include <kern/errno.h>
#include <kern/ktest.h>
#include <kernel/slab/slab.h>
#include <kernel/task/task.h>
#include <kernel/uio/uio.h>

#define SPACE 16

struct fake {
	struct tty tty;
	struct tty_file tf;
	struct file file;
	char sent[SPACE + 1];
	size_t used;
	bool held;
};

static struct fake *fake_of(const struct tty *tty)
{
	return (struct fake *)(unsigned long)container_of(tty, const struct fake, tty);
}

static size_t fake_room(const struct tty *tty)
{
	return fake_of(tty)->held ? 0 : SPACE - fake_of(tty)->used;
}

static size_t fake_write(struct tty *tty, const u8 *buf, size_t len)
{
	struct fake *f = fake_of(tty);
	size_t n = len < fake_room(tty) ? len : fake_room(tty);

	memcpy(f->sent + f->used, buf, n);
	f->used += n;
	return n;
}

static void fake_flow(struct tty *tty, bool go)
{
	fake_of(tty)->held = !go;
}

static const struct tty_ops fake_ops = {
	.room = fake_room,
	.write = fake_write,
	.flow = fake_flow,
};

static struct fake *make(void)
{
	struct termios2 t = tty_initial_termios(B9600 | CS8 | CREAD, 9600);
	struct fake *f = ktest_alloc(sizeof(*f));

	if (!f)
		return NULL;
	memset(f, 0, sizeof(*f));
	tty_setup(&f->tty, &fake_ops, &t);
	f->tf.tty = &f->tty;
	list_add(&f->tf.link, &f->tty.files);
	f->file.private_data = &f->tf;
	f->file.flags = O_NONBLOCK;
	return f;
}

static const char *sent(struct fake *f)
{
	f->sent[f->used] = 0;
	f->used = 0;
	return f->sent;
}

static ssize_t put(struct fake *f, const char *s)
{
	struct uio u;

	uio_init_kernel(&u, true, (void *)(unsigned long)s, strlen(s));
	return tty_write(&f->file, &u, NULL);
}

static ssize_t get(struct fake *f, char *buf, size_t len)
{
	struct uio u;

	memset(buf, 0, len);
	uio_init_kernel(&u, false, buf, len - 1);
	return tty_read(&f->file, &u, NULL);
}

KTEST(tty, read_write_and_echo)
{
	struct fake *f = make();
	char buf[16];

	KTEST_REQUIRE(f);
	EXPECT_EQ(get(f, buf, sizeof(buf)), -EAGAIN);
	EXPECT_EQ(tty_receive(&f->tty, (const u8 *)"hi\r", NULL, 3), 3);
	EXPECT_STREQ(sent(f), "hi\r\n");
	EXPECT_EQ(tty_poll(&f->file, NULL), EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM);
	EXPECT_EQ(get(f, buf, sizeof(buf)), 3);
	EXPECT_STREQ(buf, "hi\n");
	EXPECT_EQ(put(f, "a\n"), 2);
	EXPECT_STREQ(sent(f), "a\r\n");
	ktest_free(f);
}

KTEST(tty, output_waits_for_room)
{
	struct fake *f = make();

	KTEST_REQUIRE(f);
	EXPECT_EQ(put(f, "0123456789abcdefXYZ"), SPACE);
	EXPECT_EQ(put(f, "more"), -EAGAIN);
	EXPECT_FALSE(tty_poll(&f->file, NULL) & EPOLLOUT);
	/* Echo that found no room comes before what is written later. */
	(void)tty_receive(&f->tty, (const u8 *)"e", NULL, 1);
	EXPECT_STREQ(sent(f), "0123456789abcdef");
	EXPECT_EQ(put(f, "w"), 1);
	EXPECT_STREQ(sent(f), "ew");
	ktest_free(f);
}

KTEST(tty, stop_and_start)
{
	struct fake *f = make();

	KTEST_REQUIRE(f);
	(void)tty_receive(&f->tty, (const u8 *)"\023", NULL, 1);
	EXPECT_TRUE(f->held);
	EXPECT_EQ(put(f, "x"), -EAGAIN);
	(void)tty_receive(&f->tty, (const u8 *)"\021", NULL, 1);
	EXPECT_FALSE(f->held);
	EXPECT_EQ(put(f, "x"), 1);
	ktest_free(f);
}

KTEST(tty, hangup)
{
	struct fake *f = make();
	char buf[4];

	KTEST_REQUIRE(f);
	(void)tty_receive(&f->tty, (const u8 *)"lost\n", NULL, 5);
	tty_hangup(&f->tty);
	EXPECT_EQ(get(f, buf, sizeof(buf)), 0);
	EXPECT_EQ(put(f, "x"), -EIO);
	EXPECT_TRUE(tty_poll(&f->file, NULL) & EPOLLHUP);
	EXPECT_EQ(tty_ioctl(&f->file, 0x5401 /* TCGETS */, 0), -EIO);
	ktest_free(f);
}
