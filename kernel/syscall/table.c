/*
 * The dispatch table. Its type says that a handler takes six registers; each takes fewer and
 * narrower ones (see syscall.h), hence the cast by way of a function without prototype.
 */
#include <kernel/syscall/syscall.h>

#include <kern/errno.h>
#include <kernel/arch_up.h>

#define SYSCALL_ENTRY(nr, handler) [nr] = (syscall_fn)(void (*)(void))(handler),

const syscall_fn syscall_table[NR_SYSCALLS] = {
#include <generated/syscall_table.inc>
};
const unsigned int syscall_table_size = NR_SYSCALLS;

long sys_enosys(void)
{
	return -ENOSYS;
}
