/* Shared by the files of kernel/coredump. */
#pragma once

#include <kernel/coredump/coredump.h>
#include <kernel/file/file.h>
#include <kernel/mm/mm.h>
#include <kernel/task/task.h>

/* process->coredump, on the dumping thread's stack. */
struct coredump {
	u32 to_stop;		   /* threads that are not held yet; LK_SIGHAND */
	u32 inside;		   /* threads that may still use this; LK_SIGHAND */
	bool done;		   /* the held ones may go */
	struct wait_queue stopped; /* the dumping thread, for either to be 0 */
	struct wait_queue held;
};

/* Where the image goes. */
struct core_out {
	struct file *file;
	u64 pos;	/* of the next byte */
	u64 limit;	/* RLIMIT_CORE; U64_MAX for a pipe */
	u64 written;	/* bytes given to the file, holes not counted */
	bool pipe;	/* cannot leave holes */
	bool tail_hole; /* the last thing was one */
};

/* output.c; false: over the limit, killed, or the file refused. */
bool core_emit(struct core_out *o, const void *data, size_t len) __must_check;
bool core_skip(struct core_out *o, u64 len) __must_check;
bool core_align(struct core_out *o, u64 to) __must_check;
/* A hole at the end gets its last byte, so that the size is right. */
void core_finish(struct core_out *o);

/* name.c */
#define CORE_PATTERN_MAX 128
#define CORE_NAME_MAX 4096
#define CORE_ARGS_MAX 64
struct core_name {
	bool pipe;
	int argc;
	char *argv[CORE_ARGS_MAX +
		   1]; /* pipe: the program and its arguments; else argv[0] is the path */
	char *text;    /* storage */
};
int core_name_make(const struct siginfo *info, struct core_name *n) __must_check;
void core_name_free(struct core_name *n);
extern int core_pipe_limit;

/* helper.c */
/* Starts the program with the read end of a pipe as its input; *out is the write end. */
int core_helper_start(struct core_name *n, struct file **out, struct task **helper) __must_check;
/* A root and working directory as init has them, for current alone. */
int core_use_init_root(void) __must_check;

/* map.c */
struct core_area {
	u64 start, end, flags;
	u64 dumped;	   /* bytes from the start that are written */
	struct file *file; /* +1 or NULL */
	u64 pgoff;
};
struct core_map {
	struct core_area *area;
	u32 count, room;
	bool failed;
};
int core_map_take(struct mm *mm, struct core_map *m) __must_check;
void core_map_free(struct core_map *m);

/* notes.c: everything of PT_NOTE as one block of memory. */
int core_notes(const struct siginfo *info, const struct core_map *m, void **out, size_t *size)
	__must_check;

/* elf.c */
bool core_write_elf(struct core_out *o, const struct siginfo *info);
