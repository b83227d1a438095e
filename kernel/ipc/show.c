/* /proc/sysvipc/{shm,sem,msg}: one line an object, as ipcs(1) reads them. */
#include <kernel/ipc/ipc_impl.h>

#include <kernel/procfs/procfs.h>
#include <kernel/seq/seq.h>

/* Element 0 is the heading; element n is index n - 1 of the table, perhaps a hole. */
static void *at(enum ipc_kind kind, u64 pos)
{
	if (pos > (u64)(READ_ONCE(current_ipc_ns()->ids[kind].max_index) + 1))
		return NULL;
	return (void *)(unsigned long)(pos + 1);
}

static void stop(struct seq *s, void *v)
{
	(void)s;
	(void)v;
}

static int show(struct seq *s, enum ipc_kind kind, void *v, const char *heading,
		void (*line)(struct seq *s, struct ipc_object *o))
{
	unsigned long n = (unsigned long)v;
	struct ipc_object *o;

	if (n == 1)
		seq_puts(s, heading);
	else if (!ipc_lock_index(&current_ipc_ns()->ids[kind], (int)(n - 2), &o)) {
		line(s, o);
		spin_unlock(&o->lock);
	}
	return 0;
}

#define SYSVIPC_FILE(kind, kind_id, heading)                                                     \
	static void *kind##_start(struct seq *s, u64 pos)                                        \
	{                                                                                        \
		(void)s;                                                                         \
		return at(kind_id, pos);                                                         \
	}                                                                                        \
	static void *kind##_next(struct seq *s, void *v, u64 pos)                                \
	{                                                                                        \
		(void)s;                                                                         \
		(void)v;                                                                         \
		return at(kind_id, pos);                                                         \
	}                                                                                        \
	static int kind##_line(struct seq *s, void *v)                                           \
	{                                                                                        \
		return show(s, kind_id, v, heading, kind##_show);                                \
	}                                                                                        \
	static const struct seq_ops kind##_ops = {kind##_start, kind##_next, stop, kind##_line}; \
	PROC_LIST("sysvipc/" #kind, 0444, &kind##_ops)

SYSVIPC_FILE(
	msg, IPC_KIND_MSG,
	"       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid"
	"      stime      rtime      ctime\n");
SYSVIPC_FILE(sem, IPC_KIND_SEM,
	     "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      "
	     "ctime\n");
SYSVIPC_FILE(
	shm, IPC_KIND_SHM,
	"       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid"
	"  cgid      atime      dtime      ctime                   rss                  swap\n");
