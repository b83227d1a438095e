/*
 * Classic BPF: checks programs and runs them.
 *
 * A program is an array of struct sock_filter from a stranger. Once bpf_check() has accepted it,
 * bpf_run() ends after at most as many steps as it has instructions (all jumps go forward), reads
 * no memory word that was not written and touches nothing but the data it was given.
 */
#pragma once

#include <kern/compiler.h>
#include <kern/types.h>
#include <linux/filter.h>

/* What a program may load. */
enum bpf_kind {
	BPF_KIND_PACKET,  /* bytes in network order, any width, relative loads, SKF_AD_* */
	BPF_KIND_SECCOMP, /* aligned words of the machine's order from struct seccomp_data */
};

/*
 * 0 or -EINVAL. @scratch has @len words of the caller's. @data_len: size of the data for
 * BPF_KIND_SECCOMP, of which every load must be a word.
 */
int bpf_check(const struct sock_filter *prog, u32 len, enum bpf_kind kind, u32 data_len,
	      u16 *scratch) __must_check;

/* Where bpf_run() loads from. */
struct bpf_data {
	const u8 *bytes;
	u32 len;
	enum bpf_kind kind;
	/* SKF_AD_* and SKF_NET_OFF, SKF_LL_OFF of packets: false ends the program with 0. */
	bool (*ancillary)(const struct bpf_data *d, u32 offset, u32 width, u32 a, u32 x, u32 *out);
};

/* Runs a program that bpf_check() accepted for this kind; a load beyond the data ends it with 0. */
u32 bpf_run(const struct sock_filter *prog, const struct bpf_data *data);

/*
 * For a program of BPF_KIND_SECCOMP: what it returns whenever the first word is @nr and the second
 * @arch, if that is certain without knowing the other words. False: it depends on them, or takes
 * more than tests and masks to tell.
 */
bool bpf_const_result(const struct sock_filter *prog, u32 nr, u32 arch, u32 *out);
