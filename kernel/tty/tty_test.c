/* Terminals over a device of memory. */
#include <kernel/tty/tty_impl.h>

#include <kern/errno.h>
#include <kern/ktest.h>
