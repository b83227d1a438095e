/* Flags of eventfd2(2), which linux-libc-dev of Debian 12 does not have yet. */
#pragma once

#include <linux/fcntl.h>

#define EFD_SEMAPHORE (1 << 0)
#define EFD_CLOEXEC O_CLOEXEC
#define EFD_NONBLOCK O_NONBLOCK
