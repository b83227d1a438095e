/*
 * iopl(2) and ioperm(2): the I/O ports that a thread may use in user mode.
 *
 * The CPU looks for a port in a bit map behind the task-state segment. A thread that has ports has
 * a segment of its own, which its CPU uses while it runs; all others have the CPU's, which has no
 * map, so they pay neither memory nor time. (Where the kernel is isolated from user mode, pti.c,
 * there is one segment for each CPU, into which the map of the thread is copied.) The privilege
 * level in the flags is always 0, for with it user mode could turn interrupts off: level 3 is a map
 * in which all ports are open, and CLI and STI do nothing then, as in Linux since 5.5.
 */
#include <asm/context.h>
#include <asm/current.h>
#include <asm/irqflags.h>
#include <kern/errno.h>
#include <kern/string.h>
#include <kernel/cred/cred.h>
#include <kernel/printk/printk.h>
#include <kernel/slab/slab.h>
#include <kernel/syscall/syscall.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <lib/bitmap/bitmap.h>
#include <linux/capability.h>

#include "x86_impl.h"

#define PORTS 65536u
#define LEVEL_ALL 3u
#define INSN_CLI 0xfau
#define INSN_STI 0xfbu

struct port_map {
	unsigned long shut[PORTS / BITS_PER_LONG]; /* a set bit refuses the port */
	unsigned long end;			   /* all ones: the CPU reads a byte beyond */
};

/* Only its thread changes it, and only while it runs. */
struct port_tss {
	struct x86_tss tss; /* .iomap says which of the maps counts */
	struct port_map asked, open;
};
static_assert(sizeof(struct port_map) == PORT_MAP_SIZE + sizeof(long), "what debuggers see");
static_assert(sizeof(struct port_tss) < 65536, "the map begins within 64 KiB");

/* What is the same in all segments of this CPU, and what is of the thread. Interrupts off. */
static void tss_load(struct task *t)
{
	struct port_tss *p = t->arch.ports;

	if (cpu_has(CPU_PTI)) {
		pti_load_ports(&p->tss);
		return;
	}
	memcpy(p->tss.ist, this_cpu_ptr(cpu_tss)->ist, sizeof(p->tss.ist));
	p->tss.rsp[0] = (u64)(unsigned long)t->stack + THREAD_SIZE;
	desc_load_tss(&p->tss, sizeof(*p));
}

static void tss_unload(void)
{
	if (cpu_has(CPU_PTI)) {
		pti_load_ports(NULL);
		return;
	}
	desc_load_tss(this_cpu_ptr(cpu_tss), sizeof(struct x86_tss));
}

void ports_switch(struct task *next)
{
	if (next->arch.special & THREAD_PORTS)
		tss_load(next);
	else
		tss_unload();
}

/* Consumes @p. */
static void attach(struct port_tss *p)
{
	unsigned long flags = irqs_save();

	current->arch.ports = p;
	current->arch.special |= THREAD_PORTS;
	tss_load(current);
	irqs_restore(flags);
}

void ports_free(struct task *t)
{
	struct port_tss *p = t->arch.ports;

	if (!p)
		return;
	unsigned long flags = irqs_save();

	t->arch.ports = NULL;
	t->arch.special &= ~THREAD_PORTS;
	if (t == current)
		tss_unload();
	irqs_restore(flags);
	kfree(p);
}

int ports_fork(struct task *child)
{
	struct port_tss *p;

	child->arch.port_level = current->arch.port_level;
	if (likely(!current->arch.ports))
		return 0;
	p = kmemdup(current->arch.ports, sizeof(*p));
	if (!p)
		return -ENOMEM;
	child->arch.ports = p;
	child->arch.special |= THREAD_PORTS;
	return 0;
}

int ports_get(struct task *t, void *buf)
{
	const struct port_tss *p = t->arch.ports;

	if (!p || bitmap_all_set(p->asked.shut, 0, PORTS))
		return -ENXIO;
	memcpy(buf, p->asked.shut, PORT_MAP_SIZE);
	return 0;
}

/* Gives current a segment with nothing open, if it has none. */
static int need_ports(void)
{
	struct port_tss *p;

	if (current->arch.ports)
		return 0;
	p = kzalloc(sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->tss.iomap = offsetof(struct port_tss, asked);
	bitmap_set(p->asked.shut, 0, PORTS);
	p->asked.end = p->open.end = ~0ul;
	attach(p);
	return 0;
}

/* After a change: which map counts, and whether there is still need of one. */
static void settle(void)
{
	struct port_tss *p = current->arch.ports;

	if (current->arch.port_level == LEVEL_ALL)
		p->tss.iomap = offsetof(struct port_tss, open);
	else if (bitmap_all_set(p->asked.shut, 0, PORTS))
		ports_free(current);
	else
		p->tss.iomap = offsetof(struct port_tss, asked);
	if (!cpu_has(CPU_PTI) || !current->arch.ports)
		return;
	unsigned long flags = irqs_save();

	tss_load(current); /* the CPU uses a copy */
	irqs_restore(flags);
}

long sys_ioperm(unsigned long from, unsigned long num, int on)
{
	int err;

	if (from + num <= from || from + num > PORTS)
		return -EINVAL;
	if (on && !capable(CAP_SYS_RAWIO))
		return -EPERM;
	if (!on && !current->arch.ports)
		return 0;
	err = need_ports();
	if (err)
		return err;
	if (on)
		bitmap_clear(current->arch.ports->asked.shut, from, num);
	else
		bitmap_set(current->arch.ports->asked.shut, from, num);
	settle();
	return 0;
}

long sys_iopl(unsigned int level)
{
	unsigned int old = current->arch.port_level;
	int err;

	if (level > LEVEL_ALL)
		return -EINVAL;
	if (level == old)
		return 0;
	if (level > old && !capable(CAP_SYS_RAWIO))
		return -EPERM;
	err = level == LEVEL_ALL ? need_ports() : 0;
	if (err)
		return err;
	current->arch.port_level = (u8)level;
	if (current->arch.ports)
		settle();
	return 0;
}

bool ports_skip_insn(struct regs *regs)
{
	struct task *t = current;
	u8 insn;

	if (t->arch.port_level != LEVEL_ALL || get_user(insn, (u8 __user *)regs->ip) ||
	    (insn != INSN_CLI && insn != INSN_STI))
		return false;
	if (!t->arch.port_warned)
		printk(KERN_ERR "%s[%d]: CLI or STI in user mode does nothing, ip %llx\n", t->comm,
		       task_tid(t), regs->ip);
	t->arch.port_warned = true;
	regs->ip++;
	return true;
}
