/* What the tests of terminals have in common: a pseudo terminal. */
#pragma once

#include "test.h"
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

static int master, slave;

/* Its slave is locked still. */
static inline void open_master(void)
{
	master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	if (master < 0 && (errno == ENOENT || errno == ENODEV)) {
		mkdir("/dev/pts", 0755);
		mount("devpts", "/dev/pts", "devpts", 0, "mode=620,ptmxmode=666");
		master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	}
	REQUIRE(master >= 0);
}

static inline void unlock_slave(void)
{
	int unlock = 0;

	REQUIRE(ioctl(master, TIOCSPTLCK, &unlock) == 0);
}
