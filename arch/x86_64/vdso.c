/* The vDSO's pages and its data. */
#include <asm/vdso.h>

#include <asm/page.h>
#include <kern/compiler.h>
#include <kern/string.h>

static const u8 image[] __aligned(4096) = {
#include <generated/vdso_image.inc>
};

/* Whole pages, so that nothing else of the kernel is mapped with them. */
#define IMAGE_PAGES ((sizeof(image) + PAGE_SIZE - 1) / PAGE_SIZE)
static union {
	u8 bytes[IMAGE_PAGES * PAGE_SIZE];
} text_pages __section(".bss.page_aligned") __aligned(4096);

static union {
	struct vdso_page page;
	u8 bytes[PAGE_SIZE];
} data_page __section(".bss.page_aligned") __aligned(4096);

/* Readers run in user mode at any time; writers are serialised by the time room. */
void vdso_update(const struct vdso_data *d)
{
	struct vdso_data *to = &data_page.page.data;
	u32 seq = to->seq;

	__atomic_store_n(&to->seq, seq + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	memcpy((char *)to + sizeof(to->seq), (const char *)d + sizeof(d->seq),
	       sizeof(*d) - sizeof(d->seq));
	__atomic_store_n(&to->seq, seq + 2, __ATOMIC_RELEASE);
}

void vdso_set_random_generation(u64 generation)
{
	/* After what the caller made the new keys from. */
	__atomic_store_n(&data_page.page.random.generation, generation, __ATOMIC_RELEASE);
}

void vdso_fill_time_ns(void *page, s64 mono_ns, s64 boot_ns)
{
	struct vdso_data *d = page;

	/* A reader finds the count odd, as if the page was being written, and only then looks why:
	 * who is in no time namespace pays nothing. */
	d->seq = 1;
	d->in_time_ns = 1;
	d->ns_mono_ns = mono_ns;
	d->ns_boot_ns = boot_ns;
}

unsigned int vdso_data_pages(void)
{
	return 2;
}

unsigned int vdso_text_pages(void)
{
	return IMAGE_PAGES;
}

u64 vdso_data_phys(void)
{
	return kernel_sym_to_phys(&data_page);
}

u64 vdso_text_phys(unsigned int page)
{
	if (!text_pages.bytes[0])
		memcpy(text_pages.bytes, image, sizeof(image));
	return kernel_sym_to_phys(&text_pages) + page * PAGE_SIZE;
}

unsigned long vdso_sigreturn_offset(void)
{
	return 0;
}
