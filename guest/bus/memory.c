// SPDX-License-Identifier: BSD-2-Clause
/*
 * Sealed memory files, made cheaply.
 *
 * The obvious way (memfd_create, ftruncate, mmap, fill, munmap, seal) has the kernel fault every
 * page in and zero it, so that the program can overwrite it. Here the program fills memory of its
 * own, which is faulted in once and used for one payload after the other, and one write(2) moves
 * all of it into the new file: the kernel takes pages for it that the write covers whole, and
 * zeroes none.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "bus_impl.h"

#define GRAIN (64ul << 10)

struct cbus_memory {
	void *buffer;
	size_t size;
};

int cbus_memory_create(struct cbus_memory **out)
{
	struct cbus_memory *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	*out = m;
	return 0;
}

void cbus_memory_destroy(struct cbus_memory *m)
{
	if (!m)
		return;
	if (m->buffer)
		munmap(m->buffer, m->size);
	free(m);
}

int cbus_memory_buffer(struct cbus_memory *m, size_t size, void **buffer)
{
	if (size > SIZE_MAX / 2)
		return -ENOMEM;
	if (size > m->size || !m->buffer) {
		size_t want = (size + GRAIN) / GRAIN * GRAIN;
		void *p = m->buffer ? mremap(m->buffer, m->size, want, MREMAP_MAYMOVE)
				    : mmap(NULL, want, PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			return -errno;
		m->buffer = p;
		m->size = want;
	}
	*buffer = m->buffer;
	return 0;
}

static int write_all(int fd, const uint8_t *p, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pwrite(fd, p + done, size - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	return 0;
}

int memory_file(const void *data, size_t size, int *fd)
{
	int file = memfd_create("corbelbus", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (file < 0)
		return -errno;
	int r = 0;

	if (data)
		r = write_all(file, data, size);
	else if (ftruncate(file, (off_t)size))
		r = -errno;
	if (r == 0 &&
	    fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		r = -errno;
	if (r < 0) {
		close(file);
		return r;
	}
	*fd = file;
	return 0;
}

int cbus_memory_seal(struct cbus_memory *m, size_t size, int *fd)
{
	if (size == 0 || size > m->size)
		return -EINVAL;
	return memory_file(m->buffer, size, fd);
}
