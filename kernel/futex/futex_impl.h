/* Shared by the files of kernel/futex. */
#pragma once

#include <kernel/futex/futex.h>
#include <kernel/lock/lock.h>
#include <kernel/mm/mm.h>

int futex_wake_key(u32 __user *uaddr, bool shared, int count, u32 bitset);
