/*
 * fsopen(2), fspick(2), fsconfig(2), fsmount(2): a mount in steps.
 *
 * A context gathers options, judging each against the type's table, then makes or changes a super.
 * What was wrong is told in words: each read(2) of the descriptor gives one message.
 */
#include <kernel/file/file_impl.h>
#include <kernel/syscall/syscall.h>
#include <kernel/uio/uio.h>
#include <kernel/vfs/fs_type.h>
#include <kernel/vfs/mount_impl.h>
#include <lib/parse/parse.h>

#define MESSAGES 8
#define VALUE_MAX 256
#define OPTIONS_MAX 4096

enum phase {
	PHASE_CREATE_PARAMS,
	PHASE_AWAITING_MOUNT,
	PHASE_AWAITING_RECONF,
	PHASE_RECONF_PARAMS,
	PHASE_FAILED,
};

struct fs_context {
	struct mutex lock; /* LK_FS_CONTEXT: all below */
	const struct fs_type *type;
	enum phase phase;
	u32 flags, mask; /* MS_* that were said */
	char *source;
	char *options; /* "a,b=c", OPTIONS_MAX, or NULL */
	size_t options_len;
	struct super *super; /* +1 once made, or picked */
	char *messages[MESSAGES];
	u32 head, tail;
};

/* ---- messages ---- */

/* Always @err, for the caller to return. */
static __printf(3, 4) int complain(struct fs_context *fc, int err, const char *fmt, ...)
{
	char *text = kmalloc(VALUE_MAX + 64);
	va_list ap;
	size_t n;

	if (!text)
		return err;
	va_start(ap, fmt);
	n = (size_t)vsnprintf(text, VALUE_MAX + 63, fmt, ap);
	va_end(ap);
	n = min(n, (size_t)VALUE_MAX + 62);
	text[n] = '\n';
	text[n + 1] = 0;
	if (fc->head - fc->tail == MESSAGES)
		kfree(fc->messages[fc->tail++ % MESSAGES]);
	fc->messages[fc->head++ % MESSAGES] = text;
	return err;
}

static ssize_t context_read(struct file *f, struct uio *u, loff_t *pos)
{
	struct fs_context *fc = f->private_data;
	ssize_t ret = -ENODATA;
	char *text = NULL;
	size_t len;

	(void)pos;
	mutex_lock(&fc->lock);
	if (fc->head != fc->tail) {
		text = fc->messages[fc->tail % MESSAGES];
		len = strlen(text);
		ret = len > u->left ? -EMSGSIZE : (ssize_t)len;
		if (ret > 0)
			fc->tail++;
		else
			text = NULL;
	}
	mutex_unlock(&fc->lock);
	if (ret > 0 && uio_copy_to(u, text, (size_t)ret) < (size_t)ret)
		ret = -EFAULT;
	kfree(text);
	return ret;
}

/* ---- life ---- */

static void context_free(struct fs_context *fc)
{
	while (fc->head != fc->tail)
		kfree(fc->messages[fc->tail++ % MESSAGES]);
	super_put(fc->super);
	kfree(fc->source);
	kfree(fc->options);
	kfree(fc);
}

static void context_release(struct file *f)
{
	context_free(f->private_data);
}

static const struct file_ops context_file_ops = {
	.read = context_read,
	.lseek = no_lseek,
	.release = context_release,
};

/* Consumes @super, on failure too. */
static long context_fd(const struct fs_type *type, struct super *super, enum phase phase,
		       u32 o_cloexec)
{
	struct fs_context *fc = kzalloc(sizeof(*fc));
	struct file *f;
	int fd, err;

	if (!fc) {
		super_put(super);
		return -ENOMEM;
	}
	mutex_init(&fc->lock, LK_FS_CONTEXT);
	fc->type = type;
	fc->super = super;
	fc->phase = phase;
	err = file_create_anon("anon_inode:[fscontext]", &context_file_ops, fc, O_RDWR, &f);
	if (err) {
		context_free(fc);
		return err;
	}
	err = fd_install_new(f, o_cloexec, &fd);
	if (err)
		file_put_now(f);
	return err ? err : fd;
}

long sys_fsopen(const char __user *uname, unsigned int flags)
{
	const struct fs_type *t;
	char *name;
	int err;

	if (!mount_may())
		return -EPERM;
	if (flags & ~(u32)FSOPEN_CLOEXEC)
		return -EINVAL;
	err = vfs_getname(uname, &name);
	if (err)
		return err == -ENAMETOOLONG ? -EINVAL : err;
	err = fs_type_find(name, strlen(name), &t);
	vfs_putname(name);
	if (err)
		return err;
	return context_fd(t, NULL, PHASE_CREATE_PARAMS, flags & FSOPEN_CLOEXEC ? O_CLOEXEC : 0);
}

long sys_fspick(int dfd, const char __user *path, unsigned int flags)
{
	u32 lookup = LOOKUP_FOLLOW;
	struct super *sb = NULL;
	struct path p;
	int err;

	if (!mount_may())
		return -EPERM;
	if (flags & ~(u32)(FSPICK_CLOEXEC | FSPICK_SYMLINK_NOFOLLOW | FSPICK_NO_AUTOMOUNT |
			   FSPICK_EMPTY_PATH))
		return -EINVAL;
	if (flags & FSPICK_SYMLINK_NOFOLLOW)
		lookup = 0;
	if (flags & FSPICK_EMPTY_PATH)
		lookup |= LOOKUP_EMPTY;
	err = path_lookup_user(dfd, path, lookup, &p);
	if (err)
		return err;
	if (mount_is_root_of(&p)) {
		sb = p.mnt->super;
		__atomic_fetch_add(&sb->refs, 1, __ATOMIC_RELAXED);
	}
	path_put(&p);
	if (!sb)
		return -EINVAL;
	return context_fd(sb->type, sb, PHASE_RECONF_PARAMS,
			  flags & FSPICK_CLOEXEC ? O_CLOEXEC : 0);
}

/* ---- options ---- */

/* Those that every file system has: true if @key is one. */
static bool common_flag(const char *key, u32 *set, u32 *clear)
{
	static const struct {
		const char *key;
		u32 set, clear;
	} flags[] = {
		{"dirsync", MS_DIRSYNC, 0},	{"lazytime", MS_LAZYTIME, 0},
		{"mand", MS_MANDLOCK, 0},	{"ro", MS_RDONLY, 0},
		{"sync", MS_SYNCHRONOUS, 0},	{"async", 0, MS_SYNCHRONOUS},
		{"nolazytime", 0, MS_LAZYTIME}, {"nomand", 0, MS_MANDLOCK},
		{"rw", 0, MS_RDONLY},
	};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		if (!strcmp(key, flags[i].key)) {
			*set = flags[i].set;
			*clear = flags[i].clear;
			return true;
		}
	}
	return false;
}

static bool value_fits(enum fs_param_kind kind, const char *value)
{
	const char *p = value;
	u64 n;

	if (kind == FS_PARAM_FLAG)
		return !value;
	if (!value)
		return false;
	switch (kind) {
	case FS_PARAM_NUMBER:
		return !parse_u64(value, 0, &n) && n <= U32_MAX;
	case FS_PARAM_OCTAL:
		return !parse_u64(value, 8, &n) && n <= U32_MAX;
	case FS_PARAM_SIZE:
		if (parse_digits(&p, 10, &n) && *p == '%' && !p[1])
			return true;
		p = value;
		return !parse_size(&p, &n) && !*p;
	default:
		return *value;
	}
}

static const struct fs_param *find_param(const struct fs_type *t, const char *key)
{
	for (const struct fs_param *p = t->params; p && p->name; p++) {
		if (!strcmp(p->name, key))
			return p;
	}
	return NULL;
}

int fs_options_parse(const char *options, int (*set)(const char *key, const char *value, void *ctx),
		     void *ctx)
{
	char *copy, *rest, *key, *value;
	int err = 0;

	if (!options || !*options)
		return 0;
	copy = rest = kstrdup(options);
	if (!copy)
		return -ENOMEM;
	while (!err && parse_option(&rest, &key, &value))
		err = set(key, value, ctx);
	kfree(copy);
	return err;
}

static int judge(const char *key, const char *value, void *ctx)
{
	const struct fs_param *p = find_param(*(const struct fs_type **)ctx, key);
	u32 set, clear;

	return (p ? value_fits(p->kind, value) : common_flag(key, &set, &clear)) ? 0 : -EINVAL;
}

int fs_options_judge(const struct fs_type *t, const char *options)
{
	const struct fs_type *type = t;

	return fs_options_parse(options, judge, &type);
}

static int append_option(struct fs_context *fc, const char *key, const char *value)
{
	int n;

	if (!fc->options) {
		fc->options = kzalloc(OPTIONS_MAX);
		if (!fc->options)
			return -ENOMEM;
	}
	n = snprintf(fc->options + fc->options_len, OPTIONS_MAX - fc->options_len, "%s%s%s%s",
		     fc->options_len ? "," : "", key, value ? "=" : "", value ? value : "");
	if (n < 0 || fc->options_len + (size_t)n >= OPTIONS_MAX) {
		fc->options[fc->options_len] = 0;
		return complain(fc, -EINVAL, "e %s: Too many options", fc->type->name);
	}
	fc->options_len += (size_t)n;
	return 0;
}

static int set_source(struct fs_context *fc, const char *value)
{
	if (!value)
		return complain(fc, -EINVAL, "e Non-string source");
	if (fc->source)
		return complain(fc, -EINVAL, "e Multiple sources");
	fc->source = kstrdup(value);
	return fc->source ? 0 : -ENOMEM;
}

static int set_option(struct fs_context *fc, const char *key, const char *value)
{
	const struct fs_param *p;
	u32 set, clear;

	if (!*key)
		return complain(fc, -EINVAL, "e Unnamed parameter");
	if (common_flag(key, &set, &clear)) {
		fc->flags = (fc->flags & ~clear) | set;
		fc->mask |= set | clear;
		return 0;
	}
	p = find_param(fc->type, key);
	if (!p && !strcmp(key, "source"))
		return set_source(fc, value);
	if (!p)
		return complain(fc, -EINVAL, "e %s: Unknown parameter '%s'", fc->type->name, key);
	if (!value_fits(p->kind, value))
		return complain(fc, -EINVAL, "e %s: Bad value for '%s'", fc->type->name, key);
	if (value && strchr(value, ','))
		return complain(fc, -EINVAL, "e %s: Option '%s' contained comma", fc->type->name,
				key);
	return append_option(fc, key, value);
}

/* ---- acts ---- */

static void forget_options(struct fs_context *fc)
{
	kfree(fc->options);
	fc->options = NULL;
	fc->options_len = 0;
	fc->flags = fc->mask = 0;
}

static int act_create(struct fs_context *fc)
{
	int err;

	if (fc->phase != PHASE_CREATE_PARAMS)
		return -EBUSY;
	if (!fs_type_may_mount(fc->type))
		return -EPERM;
	err = fc->type->mount(fc->type, fc->flags, fc->source, fc->options, &fc->super);
	fc->phase = err ? PHASE_FAILED : PHASE_AWAITING_MOUNT;
	return err;
}

static int act_reconfigure(struct fs_context *fc)
{
	int err = -EPERM;

	if (fc->phase != PHASE_RECONF_PARAMS)
		return -EBUSY;
	if (ns_capable(fc->super->owner, CAP_SYS_ADMIN))
		err = super_reconfigure(fc->super, fc->flags, fc->mask, fc->options);
	if (err)
		fc->phase = PHASE_FAILED;
	else
		forget_options(fc);
	return err;
}

static int configure(struct fs_context *fc, unsigned int cmd, const char *key, const char *value)
{
	if (fc->phase == PHASE_AWAITING_RECONF)
		fc->phase = PHASE_RECONF_PARAMS;
	if (cmd == FSCONFIG_CMD_CREATE)
		return act_create(fc);
	if (cmd == FSCONFIG_CMD_RECONFIGURE)
		return act_reconfigure(fc);
	if (fc->phase != PHASE_CREATE_PARAMS && fc->phase != PHASE_RECONF_PARAMS)
		return -EBUSY;
	return set_option(fc, key, value);
}

/* ---- fsconfig ---- */

static int judge_args(unsigned int cmd, bool key, bool value, int aux)
{
	bool ok;

	switch (cmd) {
	case FSCONFIG_SET_FLAG:
		ok = key && !value && !aux;
		break;
	case FSCONFIG_SET_STRING:
		ok = key && value && !aux;
		break;
	case FSCONFIG_SET_BINARY:
		ok = key && value && aux > 0 && aux <= 1024 * 1024;
		break;
	case FSCONFIG_SET_PATH:
	case FSCONFIG_SET_PATH_EMPTY:
		ok = key && value && (aux == AT_FDCWD || aux >= 0);
		break;
	case FSCONFIG_SET_FD:
		ok = key && !value && aux >= 0;
		break;
	case FSCONFIG_CMD_CREATE:
	case FSCONFIG_CMD_RECONFIGURE:
		ok = !key && !value && !aux;
		break;
	default:
		return -EOPNOTSUPP;
	}
	return ok ? 0 : -EINVAL;
}

/* strndup_user(): what does not fit is -EINVAL. */
static int get_text(const char __user *u, char **out)
{
	char *text;
	ssize_t n;

	*out = NULL;
	if (!u)
		return 0;
	text = kmalloc(VALUE_MAX);
	if (!text)
		return -ENOMEM;
	n = strncpy_from_user(text, u, VALUE_MAX);
	if (n < 0 || n >= VALUE_MAX) {
		kfree(text);
		return n < 0 ? (int)n : -EINVAL;
	}
	*out = text;
	return 0;
}

/* No file system here takes a blob, a path or a descriptor: unknown, or of the wrong kind. */
static int refuse_kind(struct fs_context *fc, const char *key)
{
	if (fc->phase != PHASE_CREATE_PARAMS && fc->phase != PHASE_RECONF_PARAMS)
		return -EBUSY;
	if (!find_param(fc->type, key))
		return complain(fc, -EINVAL, "e %s: Unknown parameter '%s'", fc->type->name, key);
	return complain(fc, -EINVAL, "e %s: Bad value for '%s'", fc->type->name, key);
}

static int config_file(struct file *f, unsigned int cmd, const char __user *ukey,
		       const void __user *uvalue)
{
	struct fs_context *fc = f->private_data;
	bool text = cmd == FSCONFIG_SET_STRING;
	char *key, *value = NULL;
	int err;

	if (f->ops != &context_file_ops)
		return -EINVAL;
	err = get_text(ukey, &key);
	if (err)
		return err;
	if (text)
		err = get_text(uvalue, &value);
	if (!err) {
		mutex_lock(&fc->lock);
		if (cmd == FSCONFIG_SET_FLAG || text || cmd >= FSCONFIG_CMD_CREATE)
			err = configure(fc, cmd, key, value);
		else
			err = refuse_kind(fc, key);
		mutex_unlock(&fc->lock);
	}
	kfree(value);
	kfree(key);
	return err;
}

long sys_fsconfig(int fd, unsigned int cmd, const char __user *ukey, const void __user *uvalue,
		  int aux)
{
	struct fd_ref r;
	int err;

	if (fd < 0)
		return -EINVAL;
	err = judge_args(cmd, ukey, uvalue, aux);
	if (err)
		return err;
	r = fd_get((unsigned int)fd);
	if (!r.file)
		return -EBADF;
	err = config_file(r.file, cmd, ukey, uvalue);
	fd_put(r);
	return err;
}

/* ---- fsmount ---- */

static int mount_context(struct fs_context *fc, u32 flags, struct path *out)
{
	struct super *sb = fc->super;
	int err;

	if (!sb)
		return -EINVAL;
	if (mount_too_revealing(sb, &flags))
		return -EPERM;
	if (fc->phase != PHASE_AWAITING_MOUNT)
		return -EBUSY;
	__atomic_fetch_add(&sb->refs, 1, __ATOMIC_RELAXED);
	err = mount_new_detached(sb, fc->source, flags, out);
	if (err)
		return err;
	forget_options(fc);
	fc->phase = PHASE_AWAITING_RECONF;
	return 0;
}

long sys_fsmount(int fs_fd, unsigned int flags, unsigned int attr)
{
	const u32 valid = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
			  MOUNT_ATTR_NOEXEC | MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME |
			  MOUNT_ATTR_NOSYMFOLLOW;
	u32 mnt_flags = mount_flags_of_attr(attr);
	struct fs_context *fc;
	struct fd_ref r;
	struct path p;
	int err;

	if (!mount_may())
		return -EPERM;
	if ((flags & ~(u32)FSMOUNT_CLOEXEC) || (attr & ~valid))
		return -EINVAL;
	err = mount_atime_of_attr(attr, &mnt_flags);
	if (err)
		return err;
	r = fd_get((unsigned int)fs_fd);
	if (!r.file)
		return -EBADF;
	err = -EINVAL;
	if (r.file->ops == &context_file_ops) {
		fc = r.file->private_data;
		mutex_lock(&fc->lock);
		err = mount_context(fc, mnt_flags, &p);
		mutex_unlock(&fc->lock);
	}
	fd_put(r);
	return err ? err : mount_tree_fd(&p, flags & FSMOUNT_CLOEXEC ? O_CLOEXEC : 0);
}
