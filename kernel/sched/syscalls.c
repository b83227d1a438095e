/* System calls about scheduling. */
#include <kernel/sched/sched_impl.h>
#include <kernel/cred/cred.h>
#include <kernel/uaccess/uaccess.h>
#include <kern/string.h>
#include <generated/syscalls.h>
#include <linux/resource.h>
#include <linux/sched/types.h>

#define ATTR_SIZE_VER0 48u
#define ATTR_FLAGS_ALL                                                                 \
	(SCHED_FLAG_RESET_ON_FORK | SCHED_FLAG_RECLAIM | SCHED_FLAG_DL_OVERRUN |       \
	 SCHED_FLAG_KEEP_POLICY | SCHED_FLAG_KEEP_PARAMS | SCHED_FLAG_UTIL_CLAMP_MIN | \
	 SCHED_FLAG_UTIL_CLAMP_MAX)

/* The value of sched_get_priority_max for a policy; -EINVAL: there is no such policy. */
static int policy_priority(int policy, bool highest)
{
	switch (policy) {
	case SCHED_FIFO:
	case SCHED_RR:
		return highest ? 99 : 1;
	case SCHED_NORMAL:
	case SCHED_BATCH:
	case SCHED_IDLE:
	case SCHED_DEADLINE:
		return 0;
	default:
		return -EINVAL;
	}
}

static int sched_find(int pid, struct task **out)
{
	if (pid < 0)
		return -EINVAL;
	*out = pid ? task_find(pid) : task_get(current);
	return *out ? 0 : -ESRCH;
}

static bool sched_same_user(struct task *t)
{
	const struct cred *c = cred_of(t);
	bool same = current_cred()->euid == c->euid || current_cred()->euid == c->uid;

	cred_put(c);
	return same;
}

static u64 sched_limit(struct task *t, unsigned int what)
{
	return READ_ONCE(t->process->rlim[what].rlim_cur);
}

/* May current give @t these parameters? sched(7), "Privileges and resource limits". */
static int sched_permit(struct task *t, int policy, int nice, int rt_priority, bool reset_on_fork)
{
	const struct sched_entity *se = &t->se;

	if (capable(CAP_SYS_NICE))
		return 0;
	if (policy == SCHED_FIFO || policy == SCHED_RR) {
		u64 limit = sched_limit(t, RLIMIT_RTPRIO);

		if (policy != se->policy && !limit)
			return -EPERM;
		if (rt_priority > se->rt_priority && (u64)rt_priority > limit)
			return -EPERM;
	} else if (nice < se->nice && (u64)(20 - nice) > sched_limit(t, RLIMIT_NICE)) {
		return -EPERM;
	}
	if (se->policy == SCHED_IDLE && policy != SCHED_IDLE &&
	    (u64)(20 - se->nice) > sched_limit(t, RLIMIT_NICE))
		return -EPERM;
	if (!sched_same_user(t) || (se->reset_on_fork && !reset_on_fork))
		return -EPERM;
	return 0;
}

/* @nice NICE_KEEP: as it is. */
#define NICE_KEEP 127

static int sched_change(struct task *t, int policy, int nice, int rt_priority, bool reset_on_fork)
{
	int err;

	if (policy_priority(policy, true) < 0 || policy == SCHED_DEADLINE)
		return -EINVAL;
	if (rt_priority < 0 || rt_priority > 99 ||
	    (policy == SCHED_FIFO || policy == SCHED_RR) != (rt_priority != 0))
		return -EINVAL;
	if (nice == NICE_KEEP)
		nice = t->se.nice;
	err = sched_permit(t, policy, nice, rt_priority, reset_on_fork);
	if (err)
		return err;
	err = sched_set_policy(t, policy, nice, rt_priority);
	if (!err)
		t->se.reset_on_fork = reset_on_fork;
	return err;
}

long sys_sched_yield(void)
{
	sched_yield();
	return 0;
}

long sys_sched_get_priority_max(int policy)
{
	return policy_priority(policy, true);
}

long sys_sched_get_priority_min(int policy)
{
	return policy_priority(policy, false);
}

static long sched_set_by_param(int pid, int policy, bool keep_policy,
			       const struct sched_param __user *uparam)
{
	struct sched_param param;
	struct task *t;
	bool reset;
	long err;

	if (!uparam || pid < 0 || (!keep_policy && policy < 0))
		return -EINVAL;
	if (copy_from_user(&param, uparam, sizeof(param)))
		return -EFAULT;
	err = sched_find(pid, &t);
	if (err)
		return err;
	reset = keep_policy ? t->se.reset_on_fork : policy & SCHED_RESET_ON_FORK;
	if (keep_policy)
		policy = t->se.policy;
	err = sched_change(t, policy & ~SCHED_RESET_ON_FORK, NICE_KEEP, param.sched_priority,
			   reset);
	task_put(t);
	return err;
}

long sys_sched_setscheduler(int pid, int policy, const struct sched_param __user *param)
{
	return sched_set_by_param(pid, policy, false, param);
}

long sys_sched_setparam(int pid, const struct sched_param __user *param)
{
	return sched_set_by_param(pid, 0, true, param);
}

long sys_sched_getscheduler(int pid)
{
	struct task *t;
	long ret = sched_find(pid, &t);

	if (ret)
		return ret;
	ret = t->se.policy | (t->se.reset_on_fork ? SCHED_RESET_ON_FORK : 0);
	task_put(t);
	return ret;
}

long sys_sched_getparam(int pid, struct sched_param __user *uparam)
{
	struct sched_param param;
	struct task *t;
	int err;

	if (!uparam)
		return -EINVAL;
	err = sched_find(pid, &t);
	if (err)
		return err;
	param.sched_priority = t->se.rt_priority;
	task_put(t);
	return copy_to_user(uparam, &param, sizeof(param)) ? -EFAULT : 0;
}

/* Size-versioned struct; on -E2BIG the kernel's size is written back. */
static int sched_copy_attr(struct sched_attr *attr, const struct sched_attr __user *uattr)
{
	u32 size;
	int err;

	if (get_user(size, &uattr->size))
		return -EFAULT;
	if (!size)
		size = ATTR_SIZE_VER0;
	if (size < ATTR_SIZE_VER0 || size > 4096) {
		err = -E2BIG;
	} else {
		err = copy_struct_from_user(attr, sizeof(*attr), uattr, size);
		if (!err &&
		    (attr->sched_flags & (SCHED_FLAG_UTIL_CLAMP_MIN | SCHED_FLAG_UTIL_CLAMP_MAX)) &&
		    size < sizeof(*attr))
			return -EINVAL;
	}
	if (err == -E2BIG &&
	    put_user((u32)sizeof(*attr), (u32 __user *)(unsigned long)&uattr->size))
		return -EFAULT;
	return err;
}

long sys_sched_setattr(int pid, const struct sched_attr __user *uattr, unsigned int flags)
{
	struct sched_attr attr = {0};
	struct task *t;
	int err, policy, nice;

	if (!uattr || pid < 0 || flags)
		return -EINVAL;
	err = sched_copy_attr(&attr, uattr);
	if (err)
		return err;
	if ((int)attr.sched_policy < 0)
		return -EINVAL;
	if (attr.sched_flags & ~(u64)ATTR_FLAGS_ALL)
		return -EINVAL;
	if (attr.sched_flags & (SCHED_FLAG_UTIL_CLAMP_MIN | SCHED_FLAG_UTIL_CLAMP_MAX))
		return -EOPNOTSUPP;
	err = sched_find(pid, &t);
	if (err)
		return err;
	policy = attr.sched_flags & SCHED_FLAG_KEEP_POLICY ? t->se.policy : (int)attr.sched_policy;
	nice = clamp(attr.sched_nice, -20, 19);
	if (attr.sched_flags & SCHED_FLAG_KEEP_PARAMS) {
		nice = NICE_KEEP;
		attr.sched_priority = t->se.rt_priority;
	} else if (policy == SCHED_FIFO || policy == SCHED_RR) {
		nice = NICE_KEEP;
	}
	err = sched_change(t, policy, nice, (int)min(attr.sched_priority, 1000u),
			   attr.sched_flags & SCHED_FLAG_RESET_ON_FORK);
	task_put(t);
	return err;
}

long sys_sched_getattr(int pid, struct sched_attr __user *uattr, unsigned int usize,
		       unsigned int flags)
{
	struct sched_attr attr = {0};
	struct task *t;
	int err;

	if (!uattr || pid < 0 || usize > 4096 || usize < ATTR_SIZE_VER0 || flags)
		return -EINVAL;
	err = sched_find(pid, &t);
	if (err)
		return err;
	attr.size = min_t(u32, usize, sizeof(attr));
	attr.sched_policy = t->se.policy;
	attr.sched_flags = t->se.reset_on_fork ? SCHED_FLAG_RESET_ON_FORK : 0;
	attr.sched_priority = t->se.rt_priority;
	if (!policy_is_rt(t->se.policy))
		attr.sched_nice = t->se.nice;
	attr.sched_util_max = 1024;
	task_put(t);
	return copy_to_user(uattr, &attr, attr.size) ? -EFAULT : 0;
}

long sys_sched_rr_get_interval(int pid, struct __kernel_timespec __user *interval)
{
	struct task *t;
	u64 ns;
	int err = sched_find(pid, &t);

	if (err)
		return err;
	ns = t->se.policy == SCHED_RR	  ? rt_slice_ns()
	     : t->se.policy == SCHED_FIFO ? 0
					  : FAIR_SLICE_NS;
	task_put(t);
	return timespec_to_user(ns, interval);
}

/* --- affinity --- */

long sys_sched_setaffinity(int pid, unsigned int len, const unsigned long __user *umask)
{
	struct cpumask mask = CPUMASK_NONE;
	struct task *t;
	int err;

	if (copy_from_user(&mask.bits, umask, min_t(size_t, len, sizeof(mask.bits))))
		return -EFAULT;
	err = sched_find(pid, &t);
	if (err)
		return pid < 0 ? -ESRCH : err;
	if (!capable(CAP_SYS_NICE) && !sched_same_user(t))
		err = -EPERM;
	else if (t->flags & TF_KTHREAD && t->se.allowed.bits != CPUMASK_ALL.bits)
		err = -EINVAL; /* bound to its CPU */
	else
		err = sched_set_affinity(t, &mask);
	task_put(t);
	return err;
}

long sys_sched_getaffinity(int pid, unsigned int len, unsigned long __user *umask)
{
	struct cpumask mask;
	struct task *t;
	int err;

	if (len * 8ull < smp_possible_count() || len & (sizeof(long) - 1))
		return -EINVAL;
	err = sched_find(pid, &t);
	if (err)
		return pid < 0 ? -ESRCH : err;
	mask = cpumask_and(t->se.allowed, cpumask_read(&cpu_online_mask));
	task_put(t);
	if (copy_to_user(umask, &mask.bits, sizeof(mask.bits)))
		return -EFAULT;
	return sizeof(mask.bits);
}

long sys_getcpu(unsigned int __user *cpu, unsigned int __user *node, unsigned long cache)
{
	(void)cache; /* unused since Linux 2.6.24 */
	if (cpu && put_user(cpu_id(), cpu))
		return -EFAULT;
	if (node && put_user(0u, node))
		return -EFAULT;
	return 0;
}
