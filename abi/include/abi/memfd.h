/* memfd_create(2) and file seals: what is newer than the UAPI headers of Linux 6.1. */
#pragma once

#include <linux/fcntl.h>
#include <linux/memfd.h>

#ifndef MFD_NOEXEC_SEAL /* Linux 6.3 */
#define MFD_NOEXEC_SEAL 8u
#define MFD_EXEC 16u
#endif
#ifndef F_SEAL_EXEC /* Linux 6.3 */
#define F_SEAL_EXEC 0x20
#endif
