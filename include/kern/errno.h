/* Error numbers: the UAPI's, and those that never reach user space. */
#pragma once

#include <asm/errno.h>

/* Results of an interrupted system call, turned into a restart or EINTR by signal delivery. */
#define ERESTARTSYS 512		  /* restart if the handler has SA_RESTART, or if there is none */
#define ERESTARTNOINTR 513	  /* always restart */
#define ERESTARTNOHAND 514	  /* restart if there is no handler */
#define ENOIOCTLCMD 515		  /* this layer does not know the ioctl: ENOTTY in the end */
#define ERESTART_RESTARTBLOCK 516 /* restart through restart_syscall(2) */
#define EPROBE_DEFER 517	  /* a driver needs something that is not there yet */
#define EOPENSTALE 518
#define ENOPARAM 519 /* the mount option is not known to the file system */
#define ENOTSUPP 524
#define MAX_ERRNO 4095
