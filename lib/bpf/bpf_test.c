#include <kern/errno.h>
#include <kern/ktest.h>
#include <lib/bpf/bpf.h>

static u16 scratch[BPF_MAXINSNS];

#define CHECK_PACKET(p) bpf_check(p, ARRAY_SIZE(p), BPF_KIND_PACKET, 0, scratch)
#define CHECK_CALL(p) bpf_check(p, ARRAY_SIZE(p), BPF_KIND_SECCOMP, 64, scratch)

static const u8 frame[] = {0x45, 0, 0x12, 0x34, 1, 2, 3, 4, 0xff, 0xfe, 0xfd, 0xfc};
static const struct bpf_data packet = {
	.bytes = frame, .len = sizeof(frame), .kind = BPF_KIND_PACKET};

KTEST(bpf, arithmetic)
{
	static const struct {
		u16 op;
		u32 a, b, want;
	} rows[] = {
		{BPF_ADD, 0xffffffff, 2, 1}, {BPF_SUB, 1, 2, 0xffffffff},
		{BPF_MUL, 7, 6, 42},	     {BPF_DIV, 42, 5, 8},
		{BPF_MOD, 42, 5, 2},	     {BPF_AND, 12, 10, 8},
		{BPF_OR, 12, 10, 14},	     {BPF_XOR, 12, 10, 6},
		{BPF_LSH, 3, 31, 1u << 31},  {BPF_RSH, 1u << 31, 31, 1},
	};

	for (unsigned int n = 0; n < ARRAY_SIZE(rows); n++) {
		struct sock_filter k[] = {
			BPF_STMT(BPF_LD | BPF_IMM, rows[n].a),
			BPF_STMT((u16)(BPF_ALU | rows[n].op | BPF_K), rows[n].b),
			BPF_STMT(BPF_RET | BPF_A, 0),
		};
		struct sock_filter x[] = {
			BPF_STMT(BPF_LD | BPF_IMM, rows[n].a),
			BPF_STMT(BPF_LDX | BPF_IMM, rows[n].b),
			BPF_STMT((u16)(BPF_ALU | rows[n].op | BPF_X), 0),
			BPF_STMT(BPF_RET | BPF_A, 0),
		};

		EXPECT_EQ(CHECK_PACKET(k), 0);
		EXPECT_EQ(bpf_run(k, &packet), rows[n].want);
		EXPECT_EQ(CHECK_PACKET(x), 0);
		EXPECT_EQ(bpf_run(x, &packet), rows[n].want);
	}
}

KTEST(bpf, loads)
{
	static const struct {
		struct sock_filter insn;
		u32 want;
	} rows[] = {
		{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 8), 0xfffefdfc},
		{BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 2), 0x1234},
		{BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 11), 0xfc},
		{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 9), 0}, /* beyond the end */
		{BPF_STMT(BPF_LD | BPF_B | BPF_IND, 1), 2}, /* X is 4 */
		{BPF_STMT(BPF_LD | BPF_B | BPF_IND, 0xfffffffc), 0x45},
		{BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), 12},
		{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (u32)SKF_AD_OFF), 0}, /* nobody answers */
	};

	for (unsigned int n = 0; n < ARRAY_SIZE(rows); n++) {
		struct sock_filter p[] = {
			BPF_STMT(BPF_LDX | BPF_IMM, 4),
			rows[n].insn,
			BPF_STMT(BPF_RET | BPF_A, 0),
		};

		EXPECT_EQ(CHECK_PACKET(p), 0);
		EXPECT_EQ(bpf_run(p, &packet), rows[n].want);
	}
	struct sock_filter msh[] = {
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
		BPF_STMT(BPF_MISC | BPF_TXA, 0),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};

	EXPECT_EQ(CHECK_PACKET(msh), 0);
	EXPECT_EQ(bpf_run(msh, &packet), 20);
}

KTEST(bpf, refuses)
{
	struct sock_filter p[] = {BPF_STMT(BPF_LD | BPF_IMM, 1), BPF_STMT(BPF_RET | BPF_A, 0)};
	static const struct sock_filter bad[] = {
		BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0),
		BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 0),
		BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32),
		BPF_STMT(BPF_LD | BPF_MEM, 0), /* not written */
		BPF_STMT(BPF_LD | BPF_MEM, 16),
		BPF_STMT(BPF_ST, 16),
		BPF_STMT(BPF_JMP | BPF_JA, 1),
		BPF_STMT(BPF_JMP | BPF_JA, 0xffffffff),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0xfffff000u + SKF_AD_MAX),
		BPF_STMT(0xffff, 0),
		BPF_STMT(0x100 | BPF_RET, 0),
	};

	EXPECT_EQ(CHECK_PACKET(p), 0);
	for (unsigned int n = 0; n < ARRAY_SIZE(bad); n++) {
		p[0] = bad[n];
		EXPECT_EQ(CHECK_PACKET(p), -EINVAL);
	}
	EXPECT_EQ(bpf_check(p, 0, BPF_KIND_PACKET, 0, scratch), -EINVAL);
	EXPECT_EQ(bpf_check(p, BPF_MAXINSNS + 1, BPF_KIND_PACKET, 0, scratch), -EINVAL);
	p[1] = p[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_IMM, 1);
	EXPECT_EQ(CHECK_PACKET(p), -EINVAL);
}

KTEST(bpf, memory_written_on_all_ways)
{
	struct sock_filter p[] = {
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
		BPF_STMT(BPF_ST, 3),
		BPF_STMT(BPF_LD | BPF_MEM, 3),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};

	EXPECT_EQ(CHECK_PACKET(p), -EINVAL);
	p[0].jt = 0;
	EXPECT_EQ(CHECK_PACKET(p), 0);
}

KTEST(bpf, calls_have_fewer_codes)
{
	struct sock_filter p[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 60),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	static const struct sock_filter bad[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2),	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0),	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0),	BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
		BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 3),
	};

	EXPECT_EQ(CHECK_CALL(p), 0);
	for (unsigned int n = 0; n < ARRAY_SIZE(bad); n++) {
		p[0] = bad[n];
		EXPECT_EQ(CHECK_CALL(p), -EINVAL);
	}
}

KTEST(bpf, constant_results)
{
	struct sock_filter p[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xc000003e, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 1),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 10, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16),
		BPF_STMT(BPF_RET | BPF_K, 3),
	};
	u32 result = 0;

	EXPECT_EQ(CHECK_CALL(p), 0);
	EXPECT_TRUE(bpf_const_result(p, 5, 0xc000003e, &result));
	EXPECT_EQ(result, 2);
	EXPECT_TRUE(bpf_const_result(p, 5, 0, &result));
	EXPECT_EQ(result, 1);
	EXPECT_FALSE(bpf_const_result(p, 10, 0xc000003e, &result));
}
