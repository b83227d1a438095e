/* Failing allocations in calls on files, descriptors, sockets and mounts. */
#include "failures.h"
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/xattr.h>

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

static int do_dma_buffers(void)
{
	struct dma_heap_allocation_data d = {.len = 70000, .fd_flags = O_RDWR};
	struct udmabuf_create u = {.size = 3 * 4096};
	int heap = open("/dev/dma_heap/system", O_RDWR), dev = open("/dev/udmabuf", O_RDWR);
	int file = memfd_create("pages", MFD_ALLOW_SEALING), fd;

	TRY(heap);
	TRY(dev);
	TRY(file);
	TRY(ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &d));
	mapped = mmap(NULL, 70000, PROT_READ | PROT_WRITE, MAP_SHARED, (int)d.fd, 0);
	mapped_len = 70000;
	if (mapped == MAP_FAILED)
		return -errno;
	TRY(ftruncate(file, 3 * 4096));
	TRY(fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK));
	u.memfd = (unsigned int)file;
	fd = ioctl(dev, UDMABUF_CREATE, &u);
	TRY(fd);
	return 0;
}

TEST(files)
{
	SWEEP({"open", do_open, 0, 0}, {"create", do_create, 0, 0}, {"write", do_write, 0, ENOSPC},
	      {"names", do_names, 0, ENOSPC}, {"look", do_look, 0, 0},
	      {"directory", do_directory, 0, 0}, {"xattr", do_xattr, 0, 0},
	      {"locks", do_locks, 0, ENOLCK});
}

TEST(dma_buffers)
{
	if (access("/dev/dma_heap/system", F_OK) || access("/dev/udmabuf", F_OK))
		return;
	SWEEP({"dma buffers", do_dma_buffers, 0, 0});
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

TEST(mounts)
{
	if (getuid())
		return;
	SWEEP({"mount", do_mount, 0, 0}, {"new mount", do_new_mount, 0, ENOSPC});
}

int main(int argc, char **argv)
{
	return failures_main(argc, argv);
}
