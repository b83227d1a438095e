/* The "flags" line of /proc/cpuinfo: feature bits by the names that Linux gives them. */
#include <asm/cpu.h>
#include <kern/string.h>

/* Each name with its bit; words separated by spaces, "-" for a bit without a name. */
static const char leaf1_edx[] = "fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov "
				"pat pse36 pn clflush - dts "
				"acpi mmx fxsr sse sse2 ss ht tm ia64 pbe";
static const char ext1_edx[] = "- - - - - - - - - - - syscall - - - - - - - mp nx - mmxext - - "
			       "fxsr_opt pdpe1gb rdtscp - lm "
			       "3dnowext 3dnow";
static const char leaf1_ecx[] =
	"pni pclmulqdq dtes64 monitor ds_cpl vmx smx est tm2 ssse3 cid sdbg fma cx16 xtpr pdcm - "
	"pcid "
	"dca sse4_1 sse4_2 x2apic movbe popcnt tsc_deadline_timer aes xsave - avx f16c rdrand "
	"hypervisor";
static const char ext1_ecx[] =
	"lahf_lm cmp_legacy svm extapic cr8_legacy abm sse4a misalignsse 3dnowprefetch osvw ibs "
	"xop "
	"skinit wdt - lwp fma4 tce - nodeid_msr - tbm topoext perfctr_core perfctr_nb - bpext ptsc "
	"perfctr_llc mwaitx - -";
static const char leaf7_ebx[] =
	"fsgsbase tsc_adjust sgx bmi1 hle avx2 - smep bmi2 erms invpcid rtm cqm - mpx rdt_a "
	"avx512f "
	"avx512dq rdseed adx smap avx512ifma - clflushopt clwb intel_pt avx512pf avx512er avx512cd "
	"sha_ni avx512bw avx512vl";
static const char leafd1_eax[] = "xsaveopt xsavec xgetbv1 xsaves";
static const char leaf7_ecx[] = "- avx512vbmi umip - - waitpkg avx512_vbmi2 - gfni vaes "
				"vpclmulqdq avx512_vnni avx512_bitalg "
				"tme avx512_vpopcntdq - la57 - - - - - rdpid - bus_lock_detect "
				"cldemote - movdiri movdir64b "
				"enqcmd sgx_lc -";
static const char leaf7_edx[] =
	"- - avx512_4vnniw avx512_4fmaps fsrm - - - avx512_vp2intersect - md_clear - - - serialize "
	"- "
	"tsxldtrk pconfig arch_lbr ibt - - amx_bf16 avx512_fp16 amx_tile amx_int8 - - flush_l1d "
	"arch_capabilities - -";

static size_t append(char *buf, size_t size, size_t at, u32 word, const char *names)
{
	for (; *names; word >>= 1) {
		size_t n = 0;

		while (names[n] && names[n] != ' ')
			n++;
		if ((word & 1) && *names != '-' && at + n + 2 <= size) {
			if (at)
				buf[at++] = ' ';
			memcpy(buf + at, names, n);
			at += n;
		}
		names += n;
		while (*names == ' ')
			names++;
	}
	return at;
}

size_t cpu_flags_text(char *buf, size_t size)
{
	const struct cpu_ident *c = &cpu_ident;
	size_t at = 0;

	if (!size)
		return 0;
	at = append(buf, size, at, c->leaf1_edx, leaf1_edx);
	at = append(buf, size, at, c->ext1_edx, ext1_edx);
	/* Linux's own words come here; one of them is of interest to programs. */
	if (cpu_has(CPU_TSC_INVARIANT))
		at = append(buf, size, at, 3, "constant_tsc nonstop_tsc");
	if (cpu_has(CPU_PTI))
		at = append(buf, size, at, 1, "pti");
	at = append(buf, size, at, c->leaf1_ecx, leaf1_ecx);
	at = append(buf, size, at, c->ext1_ecx, ext1_ecx);
	at = append(buf, size, at, c->leaf7_ebx, leaf7_ebx);
	at = append(buf, size, at, c->leafd1_eax, leafd1_eax);
	at = append(buf, size, at, c->leaf7_ecx, leaf7_ecx);
	at = append(buf, size, at, c->leaf7_edx, leaf7_edx);
	buf[at] = 0;
	return at;
}
