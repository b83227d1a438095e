/*
 * Log of a task's system calls. Each call has a string of letters, one an argument, made from the
 * types in abi/syscalls.tbl; this file knows how to print each letter. A line is built on the
 * stack and printed in one piece, so that lines of several CPUs do not mix.
 */
#include <kernel/syscall/syscall.h>

#include <kern/errno.h>
#include <kern/string.h>
#include <asm/regs.h>
#include <kernel/printk/printk.h>
#include <kernel/task/task.h>
#include <kernel/uaccess/uaccess.h>
#include <linux/fcntl.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/sched.h>
#include <linux/time.h>
#include <asm/signal.h>

#define SYSCALL_LOG_EARLY \
	1 /* printed on entry: the call does not come back, or not to the same image */
#define LOG_LINE 320u
#define LOG_STRING 64u /* bytes of a string or buffer that are shown */

struct syscall_info {
	const char *name;
	const char *args; /* one letter each; see log_arg() */
	u8 flags;
};

#define SYSCALL_INFO(nr, name, args, flags) [nr] = {name, args, flags},
static const struct syscall_info syscall_info[NR_SYSCALLS] = {
#include <generated/syscall_info.inc>
};

struct flag_name {
	unsigned long bit;
	const char *name;
};

#define FLAG(prefix, name)                  \
	{                                   \
		prefix##name, #prefix #name \
	}
static const struct flag_name open_flags[] = {
	FLAG(O_, WRONLY), FLAG(O_, RDWR),      FLAG(O_, CREAT),	   FLAG(O_, EXCL),
	FLAG(O_, NOCTTY), FLAG(O_, TRUNC),     FLAG(O_, APPEND),   FLAG(O_, NONBLOCK),
	FLAG(O_, DSYNC),  FLAG(O_, DIRECTORY), FLAG(O_, NOFOLLOW), FLAG(O_, CLOEXEC),
	FLAG(O_, PATH),
};
static const struct flag_name prot_flags[] = {
	FLAG(PROT_, READ),
	FLAG(PROT_, WRITE),
	FLAG(PROT_, EXEC),
};
static const struct flag_name map_flags[] = {
	FLAG(MAP_, SHARED),    FLAG(MAP_, PRIVATE),   FLAG(MAP_, FIXED),
	FLAG(MAP_, ANONYMOUS), FLAG(MAP_, GROWSDOWN), FLAG(MAP_, DENYWRITE),
	FLAG(MAP_, NORESERVE), FLAG(MAP_, POPULATE),  FLAG(MAP_, STACK),
};
static const struct flag_name clone_flags[] = {
	FLAG(CLONE_, VM),
	FLAG(CLONE_, FS),
	FLAG(CLONE_, FILES),
	FLAG(CLONE_, SIGHAND),
	FLAG(CLONE_, VFORK),
	FLAG(CLONE_, THREAD),
	FLAG(CLONE_, SETTLS),
	FLAG(CLONE_, PARENT_SETTID),
	FLAG(CLONE_, CHILD_CLEARTID),
	FLAG(CLONE_, CHILD_SETTID),
};

static const char *const whence_names[] = {"SEEK_SET", "SEEK_CUR", "SEEK_END", "SEEK_DATA",
					   "SEEK_HOLE"};
static const char *const clock_names[] = {"CLOCK_REALTIME",	      "CLOCK_MONOTONIC",
					  "CLOCK_PROCESS_CPUTIME_ID", "CLOCK_THREAD_CPUTIME_ID",
					  "CLOCK_MONOTONIC_RAW",      "CLOCK_REALTIME_COARSE",
					  "CLOCK_MONOTONIC_COARSE",   "CLOCK_BOOTTIME"};
static const char *const fcntl_names[] = {"F_DUPFD", "F_GETFD", "F_SETFD", "F_GETFL",
					  "F_SETFL", "F_GETLK", "F_SETLK", "F_SETLKW"};
static const char *const futex_names[] = {
	"FUTEX_WAIT",	     "FUTEX_WAKE",	  "FUTEX_FD",	      "FUTEX_REQUEUE",
	"FUTEX_CMP_REQUEUE", "FUTEX_WAKE_OP",	  "FUTEX_LOCK_PI",    "FUTEX_UNLOCK_PI",
	"FUTEX_TRYLOCK_PI",  "FUTEX_WAIT_BITSET", "FUTEX_WAKE_BITSET"};
static const char *const signal_names[] = {
	"0",	     "SIGHUP",	"SIGINT",    "SIGQUIT", "SIGILL",   "SIGTRAP", "SIGABRT", "SIGBUS",
	"SIGFPE",    "SIGKILL", "SIGUSR1",   "SIGSEGV", "SIGUSR2",  "SIGPIPE", "SIGALRM", "SIGTERM",
	"SIGSTKFLT", "SIGCHLD", "SIGCONT",   "SIGSTOP", "SIGTSTP",  "SIGTTIN", "SIGTTOU", "SIGURG",
	"SIGXCPU",   "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO",   "SIGPWR",  "SIGSYS",
};

/* clang-format off */
static const char *const errno_names[] = {
	[EPERM] = "EPERM", [ENOENT] = "ENOENT", [ESRCH] = "ESRCH", [EINTR] = "EINTR",
	[EIO] = "EIO", [ENXIO] = "ENXIO", [E2BIG] = "E2BIG", [ENOEXEC] = "ENOEXEC",
	[EBADF] = "EBADF", [ECHILD] = "ECHILD", [EAGAIN] = "EAGAIN", [ENOMEM] = "ENOMEM",
	[EACCES] = "EACCES", [EFAULT] = "EFAULT", [ENOTBLK] = "ENOTBLK", [EBUSY] = "EBUSY",
	[EEXIST] = "EEXIST", [EXDEV] = "EXDEV", [ENODEV] = "ENODEV", [ENOTDIR] = "ENOTDIR",
	[EISDIR] = "EISDIR", [EINVAL] = "EINVAL", [ENFILE] = "ENFILE", [EMFILE] = "EMFILE",
	[ENOTTY] = "ENOTTY", [ETXTBSY] = "ETXTBSY", [EFBIG] = "EFBIG", [ENOSPC] = "ENOSPC",
	[ESPIPE] = "ESPIPE", [EROFS] = "EROFS", [EMLINK] = "EMLINK", [EPIPE] = "EPIPE",
	[EDOM] = "EDOM", [ERANGE] = "ERANGE", [EDEADLK] = "EDEADLK",
	[ENAMETOOLONG] = "ENAMETOOLONG", [ENOLCK] = "ENOLCK", [ENOSYS] = "ENOSYS",
	[ENOTEMPTY] = "ENOTEMPTY", [ELOOP] = "ELOOP", [ENOMSG] = "ENOMSG", [EIDRM] = "EIDRM",
	[ECHRNG] = "ECHRNG", [EL2NSYNC] = "EL2NSYNC", [EL3HLT] = "EL3HLT", [EL3RST] = "EL3RST",
	[ELNRNG] = "ELNRNG", [EUNATCH] = "EUNATCH", [ENOCSI] = "ENOCSI", [EL2HLT] = "EL2HLT",
	[EBADE] = "EBADE", [EBADR] = "EBADR", [EXFULL] = "EXFULL", [ENOANO] = "ENOANO",
	[EBADRQC] = "EBADRQC", [EBADSLT] = "EBADSLT", [EBFONT] = "EBFONT", [ENOSTR] = "ENOSTR",
	[ENODATA] = "ENODATA", [ETIME] = "ETIME", [ENOSR] = "ENOSR", [ENONET] = "ENONET",
	[ENOPKG] = "ENOPKG", [EREMOTE] = "EREMOTE", [ENOLINK] = "ENOLINK", [EADV] = "EADV",
	[ESRMNT] = "ESRMNT", [ECOMM] = "ECOMM", [EPROTO] = "EPROTO", [EMULTIHOP] = "EMULTIHOP",
	[EDOTDOT] = "EDOTDOT", [EBADMSG] = "EBADMSG", [EOVERFLOW] = "EOVERFLOW",
	[ENOTUNIQ] = "ENOTUNIQ", [EBADFD] = "EBADFD", [EREMCHG] = "EREMCHG",
	[ELIBACC] = "ELIBACC", [ELIBBAD] = "ELIBBAD", [ELIBSCN] = "ELIBSCN",
	[ELIBMAX] = "ELIBMAX", [ELIBEXEC] = "ELIBEXEC", [EILSEQ] = "EILSEQ",
	[ERESTART] = "ERESTART", [ESTRPIPE] = "ESTRPIPE", [EUSERS] = "EUSERS",
	[ENOTSOCK] = "ENOTSOCK", [EDESTADDRREQ] = "EDESTADDRREQ", [EMSGSIZE] = "EMSGSIZE",
	[EPROTOTYPE] = "EPROTOTYPE", [ENOPROTOOPT] = "ENOPROTOOPT",
	[EPROTONOSUPPORT] = "EPROTONOSUPPORT", [ESOCKTNOSUPPORT] = "ESOCKTNOSUPPORT",
	[EOPNOTSUPP] = "EOPNOTSUPP", [EPFNOSUPPORT] = "EPFNOSUPPORT",
	[EAFNOSUPPORT] = "EAFNOSUPPORT", [EADDRINUSE] = "EADDRINUSE",
	[EADDRNOTAVAIL] = "EADDRNOTAVAIL", [ENETDOWN] = "ENETDOWN",
	[ENETUNREACH] = "ENETUNREACH", [ENETRESET] = "ENETRESET",
	[ECONNABORTED] = "ECONNABORTED", [ECONNRESET] = "ECONNRESET", [ENOBUFS] = "ENOBUFS",
	[EISCONN] = "EISCONN", [ENOTCONN] = "ENOTCONN", [ESHUTDOWN] = "ESHUTDOWN",
	[ETOOMANYREFS] = "ETOOMANYREFS", [ETIMEDOUT] = "ETIMEDOUT",
	[ECONNREFUSED] = "ECONNREFUSED", [EHOSTDOWN] = "EHOSTDOWN",
	[EHOSTUNREACH] = "EHOSTUNREACH", [EALREADY] = "EALREADY", [EINPROGRESS] = "EINPROGRESS",
	[ESTALE] = "ESTALE", [EUCLEAN] = "EUCLEAN", [ENOTNAM] = "ENOTNAM", [ENAVAIL] = "ENAVAIL",
	[EISNAM] = "EISNAM", [EREMOTEIO] = "EREMOTEIO", [EDQUOT] = "EDQUOT",
	[ENOMEDIUM] = "ENOMEDIUM", [EMEDIUMTYPE] = "EMEDIUMTYPE", [ECANCELED] = "ECANCELED",
	[ENOKEY] = "ENOKEY", [EKEYEXPIRED] = "EKEYEXPIRED", [EKEYREVOKED] = "EKEYREVOKED",
	[EKEYREJECTED] = "EKEYREJECTED", [EOWNERDEAD] = "EOWNERDEAD",
	[ENOTRECOVERABLE] = "ENOTRECOVERABLE", [ERFKILL] = "ERFKILL", [EHWPOISON] = "EHWPOISON",
};
/* clang-format on */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct log_line {
	size_t used;
	char text[LOG_LINE];
};

static void __printf(2, 3) log_add(struct log_line *line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line->used += (size_t)vscnprintf(line->text + line->used, LOG_LINE - line->used, fmt, ap);
	va_end(ap);
}

static void log_flags(struct log_line *line, unsigned long value, const struct flag_name *names,
		      size_t count, const char *zero)
{
	const char *separator = "";

	for (size_t i = 0; i < count; i++) {
		if (!names[i].bit || (value & names[i].bit) != names[i].bit)
			continue;
		log_add(line, "%s%s", separator, names[i].name);
		value &= ~names[i].bit;
		separator = "|";
	}
	if (value)
		log_add(line, "%s0x%lx", separator, value);
	else if (!*separator)
		log_add(line, "%s", zero);
}

static void log_name(struct log_line *line, unsigned long value, const char *const *names,
		     size_t count)
{
	if (value < count)
		log_add(line, "%s", names[value]);
	else
		log_add(line, "%ld", (long)(int)value);
}

static void log_bytes(struct log_line *line, const char *s, size_t len, bool cut)
{
	log_add(line, "\"");
	for (size_t i = 0; i < len; i++) {
		u8 c = (u8)s[i];

		if (c == '\n')
			log_add(line, "\\n");
		else if (c == '"' || c == '\\')
			log_add(line, "\\%c", c);
		else if (c < ' ' || c > '~')
			log_add(line, "\\%o", c);
		else
			log_add(line, "%c", c);
	}
	log_add(line, cut ? "\"..." : "\"");
}

static void log_string(struct log_line *line, unsigned long addr)
{
	char s[LOG_STRING];
	ssize_t len;

	if (!addr) {
		log_add(line, "NULL");
		return;
	}
	len = strncpy_from_user(s, (const char __user *)addr, sizeof(s));
	if (len < 0)
		log_add(line, "0x%lx", addr);
	else
		log_bytes(line, s, min_t(size_t, (size_t)len, sizeof(s)),
			  len >= (ssize_t)sizeof(s));
}

static void log_buffer(struct log_line *line, unsigned long addr, long len)
{
	char s[LOG_STRING];
	size_t shown = len < 0 ? 0 : min_t(size_t, (size_t)len, sizeof(s));

	if (!addr || len < 0 || copy_from_user(s, (const void __user *)addr, shown))
		log_add(line, addr ? "0x%lx" : "NULL", addr);
	else
		log_bytes(line, s, shown, (size_t)len > shown);
}

static void log_int_at(struct log_line *line, unsigned long addr)
{
	int value = 0;

	if (!addr)
		log_add(line, "NULL");
	else if (get_user(value, (const int __user *)addr))
		log_add(line, "0x%lx", addr);
	else
		log_add(line, "[%d]", value);
}

/* Numbers: letters that need nothing but the value. */
static bool log_number(struct log_line *line, char letter, unsigned long v)
{
	switch (letter) {
	case 'd':
		log_add(line, "%d", (int)v);
		return true;
	case 'u':
		log_add(line, "%u", (unsigned int)v);
		return true;
	case 'D':
		log_add(line, "%ld", (long)v);
		return true;
	case 'U':
		log_add(line, "%lu", v);
		return true;
	case 'x':
		log_add(line, "0x%x", (unsigned int)v);
		return true;
	case 'X':
		log_add(line, "0x%lx", v);
		return true;
	case 'o':
		log_add(line, "0%o", (unsigned int)v);
		return true;
	case 'F':
		if ((int)v == AT_FDCWD)
			log_add(line, "AT_FDCWD");
		else
			log_add(line, "%d", (int)v);
		return true;
	case 'p':
	case 'v':
		log_add(line, v ? "0x%lx" : "NULL", v);
		return true;
	default:
		return false;
	}
}

static void log_symbolic(struct log_line *line, char letter, unsigned long v)
{
	switch (letter) {
	case 'O':
		log_flags(line, (unsigned int)v, open_flags, COUNT(open_flags), "O_RDONLY");
		break;
	case 'P':
		log_flags(line, v, prot_flags, COUNT(prot_flags), "PROT_NONE");
		break;
	case 'M':
		log_flags(line, v, map_flags, COUNT(map_flags), "0");
		break;
	case 'L':
		log_flags(line, v & ~0xfful, clone_flags, COUNT(clone_flags), "0");
		if (v & 0xff)
			log_add(line, "|");
		if (v & 0xff)
			log_name(line, v & 0xff, signal_names, COUNT(signal_names));
		break;
	case 'S':
		log_name(line, (unsigned int)v, signal_names, COUNT(signal_names));
		break;
	case 'W':
		log_name(line, (unsigned int)v, whence_names, COUNT(whence_names));
		break;
	case 'C':
		log_name(line, (unsigned int)v, clock_names, COUNT(clock_names));
		break;
	case 'N':
		log_name(line, (unsigned int)v, fcntl_names, COUNT(fcntl_names));
		break;
	case 'T':
		log_name(line, v & 0x7f, futex_names, COUNT(futex_names));
		if (v & FUTEX_PRIVATE_FLAG)
			log_add(line, "_PRIVATE");
		break;
	default:
		log_add(line, "?");
	}
}

static void log_args(struct log_line *line, const struct syscall_info *info,
		     const struct regs *regs, bool done)
{
	for (unsigned int i = 0; i < 6 && info->args[i]; i++) {
		char letter = info->args[i];
		unsigned long v = regs_arg(regs, i);

		if (i > 0)
			log_add(line, ", ");
		if (letter == 's')
			log_string(line, v);
		else if (letter == 'b')
			log_buffer(line, v, i < 5 ? (long)regs_arg(regs, i + 1) : 0);
		else if (letter == 'B' && done)
			log_buffer(line, v, regs_retval(regs));
		else if (letter == 'B')
			log_number(line, 'p', v);
		else if (letter == 'i')
			log_int_at(line, v);
		else if (!log_number(line, letter, v))
			log_symbolic(line, letter, v);
	}
}

static const char *errno_name(long error)
{
	if (error >= ERESTARTSYS)
		return "(interrupted, may be restarted)";
	if ((unsigned long)error < COUNT(errno_names) && errno_names[error])
		return errno_names[error];
	return "(unknown error)";
}

static void log_call(const struct regs *regs, const struct syscall_info *info, bool done)
{
	struct log_line line = {0};
	long ret = regs_retval(regs);

	log_args(&line, info, regs, done);
	if (!done)
		pr_info("syscall: %s[%d] %s(%s)\n", current->comm, current->pid->nr, info->name,
			line.text);
	else if (ret < 0 && ret > -4096)
		pr_info("syscall: %s[%d] %s(%s) = -1 %s\n", current->comm, current->pid->nr,
			info->name, line.text, errno_name(-ret));
	else if (ret > 0xffff || ret < 0)
		pr_info("syscall: %s[%d] %s(%s) = 0x%lx\n", current->comm, current->pid->nr,
			info->name, line.text, (unsigned long)ret);
	else
		pr_info("syscall: %s[%d] %s(%s) = %ld\n", current->comm, current->pid->nr,
			info->name, line.text, ret);
}

static const struct syscall_info *info_of(const struct regs *regs)
{
	unsigned long nr = (unsigned long)regs_syscall_nr(regs);

	return nr < NR_SYSCALLS && syscall_info[nr].name ? &syscall_info[nr] : NULL;
}

void syscall_log_enter(const struct regs *regs)
{
	const struct syscall_info *info = info_of(regs);

	if (info && (info->flags & SYSCALL_LOG_EARLY))
		log_call(regs, info, false);
}

void syscall_log_leave(const struct regs *regs)
{
	const struct syscall_info *info = info_of(regs);

	/* After exec and sigreturn there is no call to return from. */
	if (regs_syscall_nr(regs) < 0)
		return;
	if (!info) {
		pr_info("syscall: %s[%d] syscall_%ld() = %ld\n", current->comm, current->pid->nr,
			regs_syscall_nr(regs), regs_retval(regs));
		return;
	}
	if (!(info->flags & SYSCALL_LOG_EARLY) || regs_retval(regs) < 0)
		log_call(regs, info, true);
}

const char *syscall_name(unsigned int nr)
{
	return nr < NR_SYSCALLS ? syscall_info[nr].name : NULL;
}
