/*
 * Classic BPF, as the original paper (McCanne, Jacobson 1993) and Linux's filter.txt define it:
 * accumulator A, index X, sixteen words of memory, forward jumps.
 *
 * The checker makes three things certain so that the interpreter need not look: every code is
 * known, every jump lands inside the program and its last instruction returns, and every memory
 * word is written on all ways to its reader. For the last it carries, from each instruction to its
 * successors, the set of words that may still be unwritten; jumps only go forward, so one pass
 * does.
 */
#include <lib/bpf/bpf.h>

#include <kern/errno.h>
#include <kern/string.h>

#define BOTH_ALU(op) [BPF_ALU | (op) | BPF_K] = 1, [BPF_ALU | (op) | BPF_X] = 1
#define BOTH_JMP(op) [BPF_JMP | (op) | BPF_K] = 1, [BPF_JMP | (op) | BPF_X] = 1

/* Codes that both kinds have: 1; packets only: 2. */
static const u8 codes[256] = {
	BOTH_ALU(BPF_ADD),
	BOTH_ALU(BPF_SUB),
	BOTH_ALU(BPF_MUL),
	BOTH_ALU(BPF_DIV),
	BOTH_ALU(BPF_AND),
	BOTH_ALU(BPF_OR),
	BOTH_ALU(BPF_XOR),
	BOTH_ALU(BPF_LSH),
	BOTH_ALU(BPF_RSH),
	[BPF_ALU | BPF_NEG] = 1,
	[BPF_ALU | BPF_MOD | BPF_K] = 2,
	[BPF_ALU | BPF_MOD | BPF_X] = 2,
	[BPF_LD | BPF_W | BPF_ABS] = 1,
	[BPF_LD | BPF_H | BPF_ABS] = 2,
	[BPF_LD | BPF_B | BPF_ABS] = 2,
	[BPF_LD | BPF_W | BPF_IND] = 2,
	[BPF_LD | BPF_H | BPF_IND] = 2,
	[BPF_LD | BPF_B | BPF_IND] = 2,
	[BPF_LD | BPF_W | BPF_LEN] = 1,
	[BPF_LDX | BPF_W | BPF_LEN] = 1,
	[BPF_LDX | BPF_B | BPF_MSH] = 2,
	[BPF_LD | BPF_IMM] = 1,
	[BPF_LDX | BPF_IMM] = 1,
	[BPF_LD | BPF_MEM] = 1,
	[BPF_LDX | BPF_MEM] = 1,
	[BPF_ST] = 1,
	[BPF_STX] = 1,
	[BPF_MISC | BPF_TAX] = 1,
	[BPF_MISC | BPF_TXA] = 1,
	[BPF_RET | BPF_K] = 1,
	[BPF_RET | BPF_A] = 1,
	[BPF_JMP | BPF_JA] = 1,
	BOTH_JMP(BPF_JEQ),
	BOTH_JMP(BPF_JGT),
	BOTH_JMP(BPF_JGE),
	BOTH_JMP(BPF_JSET),
};

static bool is_branch(u16 code)
{
	return BPF_CLASS(code) == BPF_JMP && BPF_OP(code) != BPF_JA;
}

static bool known(u16 code, enum bpf_kind kind)
{
	return code < ARRAY_SIZE(codes) &&
	       (codes[code] == 1 || (codes[code] == 2 && kind == BPF_KIND_PACKET));
}

/* An absolute load. Packets: what lies at SKF_AD_OFF and above are numbers, of which 16 words. */
static bool load_ok(const struct sock_filter *i, enum bpf_kind kind, u32 data_len)
{
	if (kind == BPF_KIND_SECCOMP)
		return !(i->k & 3) && data_len >= 4 && i->k <= data_len - 4;
	return i->k < (u32)SKF_AD_OFF || i->k - (u32)SKF_AD_OFF < SKF_AD_MAX;
}

static bool insn_ok(const struct sock_filter *i, u32 left, enum bpf_kind kind, u32 data_len)
{
	switch (i->code) {
	case BPF_ALU | BPF_DIV | BPF_K:
	case BPF_ALU | BPF_MOD | BPF_K:
		return i->k != 0;
	case BPF_ALU | BPF_LSH | BPF_K:
	case BPF_ALU | BPF_RSH | BPF_K:
		return i->k < 32;
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
	case BPF_ST:
	case BPF_STX:
		return i->k < BPF_MEMWORDS;
	case BPF_JMP | BPF_JA:
		return i->k < left;
	case BPF_LD | BPF_W | BPF_ABS:
	case BPF_LD | BPF_H | BPF_ABS:
	case BPF_LD | BPF_B | BPF_ABS:
		return load_ok(i, kind, data_len);
	}
	return !is_branch(i->code) || (i->jt < left && i->jf < left);
}

/* @unwritten[n]: words that some way to instruction n has not written. */
static bool memory_ok(const struct sock_filter *prog, u32 len, u16 *unwritten)
{
	u16 here = 0xffff;

	memset(unwritten, 0, len * sizeof(*unwritten));
	for (u32 pc = 0; pc < len; pc++) {
		const struct sock_filter *i = &prog[pc];

		here |= unwritten[pc];
		switch (i->code) {
		case BPF_ST:
		case BPF_STX:
			here &= (u16) ~(1u << i->k);
			break;
		case BPF_LD | BPF_MEM:
		case BPF_LDX | BPF_MEM:
			if (here & 1u << i->k)
				return false;
			break;
		case BPF_JMP | BPF_JA:
			unwritten[pc + 1 + i->k] |= here;
			here = 0;
			break;
		case BPF_RET | BPF_K:
		case BPF_RET | BPF_A:
			here = 0;
			break;
		default:
			if (!is_branch(i->code))
				break;
			unwritten[pc + 1 + i->jt] |= here;
			unwritten[pc + 1 + i->jf] |= here;
			here = 0;
		}
	}
	return true;
}

int bpf_check(const struct sock_filter *prog, u32 len, enum bpf_kind kind, u32 data_len,
	      u16 *scratch)
{
	if (!len || len > BPF_MAXINSNS)
		return -EINVAL;
	for (u32 pc = 0; pc < len; pc++) {
		if (!known(prog[pc].code, kind) ||
		    !insn_ok(&prog[pc], len - pc - 1, kind, data_len))
			return -EINVAL;
	}
	if (BPF_CLASS(prog[len - 1].code) != BPF_RET)
		return -EINVAL;
	return memory_ok(prog, len, scratch) ? 0 : -EINVAL;
}

/* --- running --- */

static u32 width_of(u16 code)
{
	return BPF_SIZE(code) == BPF_W ? 4 : BPF_SIZE(code) == BPF_H ? 2 : 1;
}

static bool load(const struct bpf_data *d, u32 at, u32 width, u32 a, u32 x, u32 *out)
{
	u32 v = 0;

	if ((s32)at < 0 && d->kind == BPF_KIND_PACKET)
		return d->ancillary && d->ancillary(d, at, width, a, x, out);
	if (at > d->len || width > d->len - at)
		return false;
	if (d->kind == BPF_KIND_SECCOMP) {
		memcpy(out, d->bytes + at, sizeof(*out));
		return true;
	}
	for (u32 n = 0; n < width; n++)
		v = v << 8 | d->bytes[at + n];
	*out = v;
	return true;
}

static u32 alu(u16 op, u32 a, u32 b)
{
	switch (op) {
	case BPF_ADD:
		return a + b;
	case BPF_SUB:
		return a - b;
	case BPF_MUL:
		return a * b;
	case BPF_DIV:
		return a / b;
	case BPF_MOD:
		return a % b;
	case BPF_AND:
		return a & b;
	case BPF_OR:
		return a | b;
	case BPF_XOR:
		return a ^ b;
	case BPF_LSH:
		return a << (b & 31);
	case BPF_RSH:
		return a >> (b & 31);
	}
	return -a; /* BPF_NEG */
}

static bool test(u16 op, u32 a, u32 b)
{
	switch (op) {
	case BPF_JEQ:
		return a == b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	}
	return a & b; /* BPF_JSET */
}

u32 bpf_run(const struct sock_filter *prog, const struct bpf_data *d)
{
	u32 a = 0, x = 0, v, mem[BPF_MEMWORDS] = {0};

	for (const struct sock_filter *i = prog;; i++) {
		u32 operand = BPF_SRC(i->code) == BPF_X ? x : i->k;

		switch (i->code) {
		case BPF_RET | BPF_K:
			return i->k;
		case BPF_RET | BPF_A:
			return a;
		case BPF_LD | BPF_W | BPF_ABS:
		case BPF_LD | BPF_H | BPF_ABS:
		case BPF_LD | BPF_B | BPF_ABS:
			if (!load(d, i->k, width_of(i->code), a, x, &a))
				return 0;
			break;
		case BPF_LD | BPF_W | BPF_IND:
		case BPF_LD | BPF_H | BPF_IND:
		case BPF_LD | BPF_B | BPF_IND:
			if (!load(d, x + i->k, width_of(i->code), a, x, &a))
				return 0;
			break;
		case BPF_LDX | BPF_B | BPF_MSH:
			if (!load(d, i->k, 1, a, x, &v))
				return 0;
			x = (v & 15) << 2;
			break;
		case BPF_LD | BPF_W | BPF_LEN:
			a = d->len;
			break;
		case BPF_LDX | BPF_W | BPF_LEN:
			x = d->len;
			break;
		case BPF_LD | BPF_IMM:
			a = i->k;
			break;
		case BPF_LDX | BPF_IMM:
			x = i->k;
			break;
		case BPF_LD | BPF_MEM:
			a = mem[i->k];
			break;
		case BPF_LDX | BPF_MEM:
			x = mem[i->k];
			break;
		case BPF_ST:
			mem[i->k] = a;
			break;
		case BPF_STX:
			mem[i->k] = x;
			break;
		case BPF_MISC | BPF_TAX:
			x = a;
			break;
		case BPF_MISC | BPF_TXA:
			a = x;
			break;
		case BPF_JMP | BPF_JA:
			i += i->k;
			break;
		case BPF_ALU | BPF_DIV | BPF_X:
		case BPF_ALU | BPF_MOD | BPF_X:
			if (!x)
				return 0;
			a = alu(BPF_OP(i->code), a, x);
			break;
		default:
			if (BPF_CLASS(i->code) == BPF_JMP)
				i += test(BPF_OP(i->code), a, operand) ? i->jt : i->jf;
			else
				a = alu(BPF_OP(i->code), a, operand);
		}
	}
}

bool bpf_const_result(const struct sock_filter *prog, u32 nr, u32 arch, u32 *out)
{
	u32 a = 0;

	for (const struct sock_filter *i = prog;; i++) {
		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (i->k != 0 && i->k != 4)
				return false;
			a = i->k ? arch : nr;
			break;
		case BPF_RET | BPF_K:
			*out = i->k;
			return true;
		case BPF_JMP | BPF_JA:
			i += i->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
		case BPF_JMP | BPF_JGE | BPF_K:
		case BPF_JMP | BPF_JGT | BPF_K:
		case BPF_JMP | BPF_JSET | BPF_K:
			i += test(BPF_OP(i->code), a, i->k) ? i->jt : i->jf;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			break;
		default:
			return false;
		}
	}
}
