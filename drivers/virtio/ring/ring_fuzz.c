/* A device that writes anything anywhere in the memory it sees, between the calls of a driver. */
#include <drivers/virtio/ring/ring.h>

#include <kern/errno.h>
#include <kern/string.h>

#define SIZE 8u
#define TOKENS 64u

static u64 memory[1024];
static struct vring_slot slots[SIZE];
static u8 out_now[TOKENS]; /* which tokens the driver has lent */

static void took(const struct vring_done *d)
{
	size_t n = (size_t)((u8 *)d->token - out_now);

	if (n >= TOKENS || !out_now[n] || d->len > 3 * 4096)
		__builtin_trap();
	out_now[n] = 0;
}

static void lend(struct vring_split *r, u8 arg)
{
	static struct vring_desc table[4];
	static const struct vring_buf bufs[4] = {{1, 4096}, {2, 4096}, {3, 4096}, {4, 4096}};
	u8 *token = &out_now[arg % TOKENS];
	u32 out = 1, in = arg >> 6;

	if (*token)
		return;
	if (!vring_split_add(r, bufs, out, in, token, (arg & 32) ? table : NULL, 5))
		*token = 1;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct vring_split r;
	struct vring_done done;
	size_t seen = vring_split_bytes(SIZE, 64);

	memset(memory, 0, sizeof(memory));
	memset(out_now, 0, sizeof(out_now));
	vring_split_init(&r, SIZE, memory, 64, slots, size && (data[0] & 1));
	for (size_t i = 1; i + 3 < size; i += 4) {
		switch (data[i] % 6) {
		case 0:
			lend(&r, data[i + 1]);
			break;
		case 1:
			(void)!vring_split_publish(&r);
			break;
		case 2:
			if (vring_split_take(&r, &done) == 1)
				took(&done);
			break;
		case 3:
			(void)vring_split_listen(&r);
			break;
		case 4: /* an honest answer, if the numbers are good */
			r.used->ring[r.used->idx % SIZE] =
				(struct vring_used_elem){data[i + 1] % SIZE, data[i + 2]};
			r.used->idx++;
			break;
		default:
			((u8 *)memory)[(data[i + 1] | data[i + 2] << 8) % seen] = data[i + 3];
			break;
		}
		if (r.free_count > SIZE)
			__builtin_trap();
	}
	while (vring_split_recall(&r, &done))
		took(&done);
	for (unsigned int i = 0; i < TOKENS; i++) {
		if (out_now[i])
			__builtin_trap();
	}
	if (r.free_count != SIZE)
		__builtin_trap();
	return 0;
}
