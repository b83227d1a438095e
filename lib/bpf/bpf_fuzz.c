#include <lib/bpf/bpf.h>
#include <kern/string.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* What is accepted runs to its end on any data, and a constant result is the real one. */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct sock_filter prog[256];
	static u16 scratch[256];
	u8 input[64] = {0};
	u32 len, result;

	if (size < sizeof(input) + sizeof(prog[0]))
		return 0;
	memcpy(input, data, sizeof(input));
	len = (u32)((size - sizeof(input)) / sizeof(prog[0]));
	if (len > ARRAY_SIZE(prog))
		len = ARRAY_SIZE(prog);
	memcpy(prog, data + sizeof(input), len * sizeof(prog[0]));
	struct bpf_data packet = {.bytes = input, .len = input[0] & 63, .kind = BPF_KIND_PACKET};
	struct bpf_data call = {.bytes = input, .len = 64, .kind = BPF_KIND_SECCOMP};

	if (!bpf_check(prog, len, BPF_KIND_PACKET, 0, scratch))
		(void)bpf_run(prog, &packet);
	if (bpf_check(prog, len, BPF_KIND_SECCOMP, 64, scratch))
		return 0;
	u32 nr, arch;

	memcpy(&nr, input, 4);
	memcpy(&arch, input + 4, 4);
	if (bpf_const_result(prog, nr, arch, &result) && result != bpf_run(prog, &call))
		__builtin_trap();
	return 0;
}
