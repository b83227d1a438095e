/* What program loading must know of the architecture. */
#pragma once

#include <asm/cpu.h>
#include <asm/page.h>
#include <kern/types.h>

struct regs;

#define ELF_ARCH_MACHINE 183 /* EM_AARCH64 */
#define ELF_ARCH_PLATFORM "aarch64"
#define ELF_ARCH_DYN_BASE ((USER_END_DEFAULT / 3 * 2) & PAGE_MASK)
#define ELF_ARCH_HWCAP ((unsigned long)cpu_ident.hwcap)

#ifndef AT_SYSINFO_EHDR
#define AT_SYSINFO_EHDR 33
#endif
#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

unsigned long elf_arch_hwcap2(void);
unsigned long elf_arch_minsigstksz(void);
void elf_arch_start(struct regs *regs, unsigned long ip, unsigned long sp);
