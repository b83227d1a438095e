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
	struct vdso_data data;
	u8 bytes[PAGE_SIZE];
} data_page __section(".bss.page_aligned") __aligned(4096);

/* Readers run in user mode at any time; writers are serialised by the time room. */
void vdso_update(const struct vdso_data *d)
{
	struct vdso_data *to = &data_page.data;
	u32 seq = to->seq;

	__atomic_store_n(&to->seq, seq + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	memcpy((char *)to + sizeof(to->seq), (const char *)d + sizeof(d->seq),
	       sizeof(*d) - sizeof(d->seq));
	__atomic_store_n(&to->seq, seq + 2, __ATOMIC_RELEASE);
}

unsigned int vdso_data_pages(void)
{
	return 1;
}

unsigned int vdso_text_pages(void)
{
	return IMAGE_PAGES;
}

u64 vdso_page_phys(unsigned int page)
{
	if (page == 0)
		return kernel_sym_to_phys(&data_page);
	if (!text_pages.bytes[0])
		memcpy(text_pages.bytes, image, sizeof(image));
	return kernel_sym_to_phys(&text_pages) + (page - 1) * PAGE_SIZE;
}

unsigned long vdso_sigreturn_offset(void)
{
	return 0;
}
