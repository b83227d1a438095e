/* What program loading must know of the architecture. */
#pragma once

#include <asm/cpu.h>
#include <asm/page.h>
#include <kern/types.h>

struct regs;
struct mm;

#define ELF_ARCH_MACHINE 62 /* EM_X86_64 */
#define ELF_ARCH_PLATFORM "x86_64"
/* Position-independent programs load at 2/3 of the address space, as Linux does. */
#define ELF_ARCH_DYN_BASE ((USER_END_DEFAULT / 3 * 2) & PAGE_MASK)
#define ELF_ARCH_HWCAP ((unsigned long)cpu_ident.leaf1_edx)

#ifndef AT_SYSINFO_EHDR
#define AT_SYSINFO_EHDR 33
#endif
#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

/* AT_HWCAP2: bit 1 says that user mode may write fs and gs bases. */
unsigned long elf_arch_hwcap2(void);
/* AT_MINSIGSTKSZ: bytes of the largest signal frame. */
unsigned long elf_arch_minsigstksz(void);

/* All registers of a fresh program: zero but @ip and @sp; also the FPU, fs and gs bases. */
void elf_arch_start(struct regs *regs, unsigned long ip, unsigned long sp);
