#include "pci_impl.h"

#include <kern/ktest.h>
#include <linux/pci_regs.h>

/* A function whose registers are bytes, with masks that say which bits can be written. */
static u8 regs[256], writable[256];
static u32 decoding_while_sized; /* a size was asked while the function decoded */

static u32 fake_read(const struct pci_config *c, u32 reg, u32 bytes)
{
	u32 v = 0;

	(void)c;
	for (u32 i = 0; i < bytes; i++)
		v |= (u32)regs[(reg + i) & 0xff] << 8 * i;
	return v;
}

static void fake_write(const struct pci_config *c, u32 reg, u32 bytes, u32 v)
{
	(void)c;
	if (reg >= PCI_BASE_ADDRESS_0 && reg < PCI_CARDBUS_CIS)
		decoding_while_sized |= regs[PCI_COMMAND] & 3;
	for (u32 i = 0; i < bytes; i++) {
		u8 *r = &regs[(reg + i) & 0xff], m = writable[(reg + i) & 0xff];

		*r = (u8)((*r & ~m) | ((v >> 8 * i) & m));
	}
}

static const struct pci_config fake = {fake_read, fake_write};

static void put(u32 at, u32 v)
{
	memcpy(regs + at, &v, 4);
}

static void can_write(u32 at, u32 mask)
{
	memcpy(writable + at, &mask, 4);
}

/* A network card of virtio: I/O ports, 32-bit memory, 64-bit memory; MSI-X in the second. */
static void build(void)
{
	memset(regs, 0, sizeof(regs));
	memset(writable, 0, sizeof(writable));
	decoding_while_sized = 0;
	put(PCI_VENDOR_ID, 0x10001af4);
	put(PCI_COMMAND, PCI_STATUS_CAP_LIST << 16 | 7);
	can_write(PCI_COMMAND, 7);
	put(PCI_CLASS_REVISION, 0x02000001);
	put(PCI_SUBSYSTEM_VENDOR_ID, 0x00011af4);
	put(PCI_BASE_ADDRESS_0, 0xc001);
	can_write(PCI_BASE_ADDRESS_0, 0xffe0);
	put(PCI_BASE_ADDRESS_1, 0xfebd1000);
	can_write(PCI_BASE_ADDRESS_1, 0xfffff000);
	put(PCI_BASE_ADDRESS_4, 0xfe00000c);
	put(PCI_BASE_ADDRESS_5, 0x1);
	can_write(PCI_BASE_ADDRESS_4, 0xffffc000);
	can_write(PCI_BASE_ADDRESS_5, 0xffffffff);
	regs[PCI_CAPABILITY_LIST] = 0x40;
	put(0x40, 0x00005009);			 /* vendor's own, next 0x50 */
	put(0x50, PCI_CAP_ID_MSIX | 0x00020000); /* three entries */
	put(0x54, 1);				 /* base address 1, offset 0 */
}

KTEST(pci, reads_a_function)
{
	struct pci_device d = {0};
	struct pci_msix_place at;

	build();
	KTEST_REQUIRE(pci_read_identity(&fake, &d));
	EXPECT_EQ(d.vendor, 0x1af4);
	EXPECT_EQ(d.device, 0x1000);
	EXPECT_EQ(d.class, 0x020000);
	EXPECT_EQ(d.subdevice, 1);
	EXPECT_EQ(d.cap_msix, 0x50);
	pci_read_bars(&fake, &d);
	EXPECT_EQ(d.bar[0].size, 32);
	EXPECT_EQ(d.bar[0].start, 0xc000);
	EXPECT_EQ(d.bar[1].size, 4096);
	EXPECT_EQ(d.bar[1].start, 0xfebd1000);
	EXPECT_EQ(d.bar[4].size, 16384);
	EXPECT_EQ(d.bar[4].start, 0x1fe000000ull);
	EXPECT_EQ(d.bar[5].size, 0);
	KTEST_REQUIRE(pci_read_msix(&fake, &d, &at));
	EXPECT_EQ(at.bar, 1);
	EXPECT_EQ(at.count, 3);
}

KTEST(pci, sizing_leaves_the_function_as_it_was_but_for_its_mastering)
{
	struct pci_device d = {0};

	build();
	KTEST_REQUIRE(pci_read_identity(&fake, &d));
	pci_read_bars(&fake, &d);
	EXPECT_EQ(decoding_while_sized, 0);
	EXPECT_EQ(fake_read(&fake, PCI_BASE_ADDRESS_4, 4), 0xfe00000c);
	EXPECT_EQ(regs[PCI_COMMAND], 3);
}

KTEST(pci, capabilities_that_go_round_end)
{
	build();
	regs[0x51] = 0x40;
	EXPECT_EQ(pci_find_capability(&fake, PCI_CAP_ID_EXP, 0), 0);
	EXPECT_EQ(pci_find_capability(&fake, PCI_CAP_ID_MSIX, 0), 0x50);
	regs[0x51] = 0x10; /* into the header */
	EXPECT_EQ(pci_find_capability(&fake, PCI_CAP_ID_EXP, 0), 0);
}

KTEST(pci, a_table_outside_its_memory_is_none)
{
	struct pci_device d = {0};
	struct pci_msix_place at;

	build();
	KTEST_REQUIRE(pci_read_identity(&fake, &d));
	pci_read_bars(&fake, &d);
	put(0x54, 0xfe0 | 1); /* two entries fit, there are three */
	EXPECT_FALSE(pci_read_msix(&fake, &d, &at));
	put(0x54, 0); /* in I/O ports */
	EXPECT_FALSE(pci_read_msix(&fake, &d, &at));
	put(0x54, 7); /* in no base address */
	EXPECT_FALSE(pci_read_msix(&fake, &d, &at));
}

KTEST(pci, a_size_with_holes_is_none)
{
	struct pci_device d = {0};

	build();
	can_write(PCI_BASE_ADDRESS_1, 0xfff0f000);
	KTEST_REQUIRE(pci_read_identity(&fake, &d));
	pci_read_bars(&fake, &d);
	EXPECT_EQ(d.bar[1].size, 0);
	EXPECT_EQ(d.bar[4].size, 16384);
}
