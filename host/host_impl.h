#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <termios.h>

/* Exit statuses of the launcher itself; documented in docs/corbel.1. */
enum host_status {
	HOST_NO_REPORT = 121,
	HOST_NO_VMM = 122,
	HOST_PANIC = 123,
	HOST_TIMEOUT = 124,
	HOST_ERROR = 125,
};

/* What the user asked for. Strings belong to argv. */
struct host_options {
	const char *memory; /* NULL: chosen from the size of the archive */
	unsigned int cpus;
	const char *rootfs;
	const char *binary;
	const char *workdir;
	const char *append;
	const char *machine;
	const char *accel;
	const char *kernel;
	unsigned int timeout_s; /* 0: none */
	bool verbose;
	char **env; /* NULL-terminated "K=V" */
	size_t env_count;
	char **vmm_args;
	size_t vmm_arg_count;
	char **command; /* NULL-terminated; may be empty */
	size_t command_count;
};

/* Prints "corbel: ..." on standard error. */
void host_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* --- pack.c: newc archives whose file data is page-aligned --- */

struct pack;

/* Starts an archive on @fd (seekable, empty). NULL when memory is short. */
struct pack *pack_create(int fd);
void pack_free(struct pack *p);

/* Metadata of one entry; @name has no leading slash. */
struct pack_meta {
	const char *name;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	uint32_t mtime;
	unsigned int rdev_major;
	unsigned int rdev_minor;
	uint64_t size;
};

/* Writes the entry's head; exactly @m->size bytes of pack_data() must follow. 0 or -1 (said why).
 */
int pack_entry(struct pack *p, const struct pack_meta *m) __attribute__((warn_unused_result));
int pack_data(struct pack *p, const void *data, size_t len) __attribute__((warn_unused_result));
/* An entry whose content is at hand, such as a symbolic link. */
int pack_bytes(struct pack *p, const struct pack_meta *m, const void *data)
	__attribute__((warn_unused_result));
/* Another name for the regular file that was packed as @target. */
int pack_link(struct pack *p, const struct pack_meta *m, const char *target)
	__attribute__((warn_unused_result));
/* Writes the trailer and what is buffered. */
int pack_finish(struct pack *p) __attribute__((warn_unused_result));

/* --- root.c: the root file system as an archive --- */

/*
 * An open, seekable descriptor of the archive for this run, with corbel-init and the run file in
 * it, and its size. 0 or -1 (said why).
 */
int root_build(const struct host_options *opt, int *fd, uint64_t *size)
	__attribute__((warn_unused_result));

/* --- source.c: packing a directory, a tar file, a single program --- */

int source_pack_dir(struct pack *p, const char *dir) __attribute__((warn_unused_result));
int source_pack_tar(struct pack *p, const char *tar) __attribute__((warn_unused_result));
int source_pack_binary(struct pack *p, const char *file) __attribute__((warn_unused_result));
/* Two runs with the same key would pack the same archive. */
int source_key(const char *path, uint64_t key[2]) __attribute__((warn_unused_result));

/* --- term.c --- */

/* Puts standard input in raw mode; restored by term_restore, at exit and on fatal signals. */
void term_raw(void);
void term_restore(void);
bool term_size(int *rows, int *cols);

/* --- vmm.c --- */

/* Descriptors of the launcher's ends of the channels. */
struct vmm {
	pid_t pid;
	int input;  /* to the console */
	int output; /* from the console */
	int control;
	int report;
};

/* Starts QEMU with the archive @initrd_fd of @initrd_size bytes. 0, or a host_status. */
int vmm_start(const struct host_options *opt, const char *kernel, int initrd_fd,
	      uint64_t initrd_size, struct vmm *vm) __attribute__((warn_unused_result));

/* --- session.c --- */

/* Carries bytes until the machine ends; returns the launcher's exit status. */
int session_run(const struct host_options *opt, struct vmm *vm);
