/* Memory policies, page placement and protection keys on a machine with one node and no keys. */
#include "test.h"
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define P 4096ul
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#ifndef SYS_set_mempolicy_home_node
#define SYS_set_mempolicy_home_node 450
#endif

static char *anon(size_t pages)
{
	char *p = mmap(NULL, pages * P, RW, ANON, -1, 0);

	REQUIRE(p != MAP_FAILED);
	return p;
}

static int mode_of(void *p)
{
	int mode = -1;

	CHECK_EQ(syscall(SYS_get_mempolicy, &mode, NULL, 0, p, MPOL_F_ADDR), 0);
	return mode;
}

TEST(policy_of_a_task)
{
	unsigned long n0 = 1, n01 = 3, n1 = 2, none = 0, got[2];
	int mode;

	CHECK_EQ(syscall(SYS_get_mempolicy, &mode, NULL, 0, 0, 0), 0);
	CHECK_EQ(mode, MPOL_DEFAULT);
	CHECK_EQ(syscall(SYS_set_mempolicy, MPOL_BIND, &n01, 64), 0);
	CHECK_EQ(syscall(SYS_get_mempolicy, &mode, got, 128, 0, 0), 0);
	CHECK_EQ(mode, MPOL_BIND);
	CHECK_EQ(got[0], 1);
	CHECK_EQ(got[1], 0);
	CHECK_ERR(syscall(SYS_set_mempolicy, MPOL_BIND, &n1, 64), EINVAL);
	CHECK_ERR(syscall(SYS_set_mempolicy, MPOL_BIND, &none, 64), EINVAL);
	CHECK_ERR(syscall(SYS_set_mempolicy, MPOL_BIND, &n0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_set_mempolicy, 99, &n0, 64), EINVAL);
	CHECK_ERR(syscall(SYS_set_mempolicy, MPOL_BIND, (void *)8, 64), EFAULT);
	CHECK_ERR(syscall(SYS_set_mempolicy,
			  MPOL_BIND | MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES, &n0, 64),
		  EINVAL);
	CHECK_EQ(syscall(SYS_set_mempolicy, MPOL_INTERLEAVE, &n0, 64), 0);
	CHECK_EQ(syscall(SYS_get_mempolicy, &mode, NULL, 0, 0, MPOL_F_NODE), 0);
	CHECK_EQ(mode, 0);
	CHECK_EQ(syscall(SYS_set_mempolicy, MPOL_PREFERRED, NULL, 0), 0);
	CHECK_EQ(syscall(SYS_get_mempolicy, &mode, got, 64, 0, 0), 0);
	CHECK_EQ(mode, MPOL_LOCAL);
	CHECK_EQ(got[0], 0);
	CHECK_EQ(syscall(SYS_set_mempolicy, MPOL_BIND | MPOL_F_RELATIVE_NODES, &n1, 64), 0);
	CHECK_EQ(syscall(SYS_get_mempolicy, &mode, NULL, 0, 0, 0), 0);
	CHECK_EQ(mode, MPOL_BIND | MPOL_F_RELATIVE_NODES);
	CHECK_ERR(syscall(SYS_get_mempolicy, &mode, NULL, 0, 0, MPOL_F_NODE), EINVAL);
	CHECK_EQ(syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0), 0);
	CHECK_EQ(syscall(SYS_get_mempolicy, NULL, got, 64, 0, MPOL_F_MEMS_ALLOWED), 0);
	CHECK_EQ(got[0], 1);
	CHECK_ERR(syscall(SYS_get_mempolicy, NULL, got, 64, 0, MPOL_F_MEMS_ALLOWED | MPOL_F_NODE),
		  EINVAL);
	CHECK_ERR(syscall(SYS_get_mempolicy, &mode, NULL, 0, got, 0), EINVAL);
	CHECK_ERR(syscall(SYS_get_mempolicy, &mode, NULL, 0, 0, 64), EINVAL);
}

TEST(policy_of_a_range)
{
	unsigned long n0 = 1;
	char *p = anon(8);
	int mode;

	CHECK_EQ(mode_of(p), MPOL_DEFAULT);
	CHECK_EQ(syscall(SYS_mbind, p + 2 * P, 2 * P, MPOL_BIND, &n0, 64, 0), 0);
	CHECK_EQ(mode_of(p), MPOL_DEFAULT);
	CHECK_EQ(mode_of(p + 2 * P), MPOL_BIND);
	CHECK_EQ(mode_of(p + 3 * P), MPOL_BIND);
	CHECK_EQ(mode_of(p + 4 * P), MPOL_DEFAULT);
	CHECK_ERR(syscall(SYS_set_mempolicy_home_node, p, P, 0, 0), ENOENT);
	CHECK_EQ(syscall(SYS_set_mempolicy_home_node, p, 8 * P, 0, 0), 0);
	CHECK_ERR(syscall(SYS_set_mempolicy_home_node, p, 8 * P, 1, 0), EINVAL);
	CHECK_ERR(syscall(SYS_set_mempolicy_home_node, p, 8 * P, 0, 1), EINVAL);
	CHECK_ERR(syscall(SYS_set_mempolicy_home_node, p + 1, P, 0, 0), EINVAL);
	CHECK_EQ(syscall(SYS_mbind, p, P, MPOL_PREFERRED, &n0, 64, 0), 0);
	CHECK_ERR(syscall(SYS_set_mempolicy_home_node, p, P, 0, 0), EOPNOTSUPP);
	CHECK_EQ(syscall(SYS_mbind, p, 8 * P, MPOL_DEFAULT, NULL, 0, 0), 0);
	CHECK_EQ(mode_of(p + 2 * P), MPOL_DEFAULT);
	CHECK_EQ(syscall(SYS_get_mempolicy, &mode, NULL, 0, p, MPOL_F_ADDR | MPOL_F_NODE), 0);
	CHECK_EQ(mode, 0);
	CHECK_ERR(syscall(SYS_mbind, p + 1, P, MPOL_DEFAULT, NULL, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_mbind, p, P, MPOL_DEFAULT, NULL, 0, 0x1000), EINVAL);
	CHECK_ERR(syscall(SYS_mbind, p, P, MPOL_DEFAULT, &n0, 64, 0), EINVAL);
	CHECK_EQ(munmap(p + 4 * P, P), 0);
	CHECK_ERR(syscall(SYS_mbind, p, 8 * P, MPOL_BIND, &n0, 64, 0), EFAULT);
	CHECK_ERR(syscall(SYS_get_mempolicy, &mode, NULL, 0, p + 4 * P, MPOL_F_ADDR), EFAULT);
}

TEST(pages_have_a_node)
{
	char *p = anon(4);
	void *pages[4] = {p, p + P, p + 2 * P, (void *)P};
	int nodes[4] = {0, 0, 0, 0}, status[4] = {9, 9, 9, 9};
	unsigned long n0 = 1, n1 = 2;

	p[0] = 1;
	(void)*(volatile char *)(p + 2 * P);
	CHECK_EQ(syscall(SYS_move_pages, 0, 4, pages, NULL, status, 0), 0);
	CHECK_EQ(status[0], 0);
	CHECK_EQ(status[1], -EFAULT); /* nothing has been there yet */
	CHECK_EQ(status[2], -EFAULT);
	CHECK_EQ(status[3], -EFAULT);
	CHECK_EQ(syscall(SYS_move_pages, getpid(), 1, pages, nodes, status, MPOL_MF_MOVE), 0);
	CHECK_EQ(status[0], 0);
	nodes[0] = 1;
	CHECK_ERR(syscall(SYS_move_pages, 0, 1, pages, nodes, status, MPOL_MF_MOVE), ENODEV);
	CHECK_ERR(syscall(SYS_move_pages, 0, 1, pages, nodes, status, 99), EINVAL);
	CHECK_ERR(syscall(SYS_move_pages, 0x7fffffff, 1, pages, nodes, status, 0), ESRCH);
	CHECK_ERR(syscall(SYS_move_pages, 0, 1, (void *)8, NULL, status, 0), EFAULT);
	CHECK_EQ(syscall(SYS_migrate_pages, 0, 64, &n0, &n0), 0);
	CHECK_ERR(syscall(SYS_migrate_pages, 0x7fffffff, 64, &n0, &n0), ESRCH);
	CHECK_ERR(syscall(SYS_migrate_pages, 0, 64, &n0, &n1), EINVAL);
	CHECK_ERR(syscall(SYS_migrate_pages, 0, 64, (void *)8, &n0), EFAULT);
}

/* Only what is the same with and without keys in the processor. */
TEST(protection_keys)
{
	char *p = anon(1);

	CHECK_ERR(syscall(SYS_pkey_alloc, 1, 0), EINVAL);
	CHECK_ERR(syscall(SYS_pkey_alloc, 0, 0x1000), EINVAL);
	CHECK_ERR(syscall(SYS_pkey_free, 77), EINVAL);
	CHECK_EQ(syscall(SYS_pkey_mprotect, p, P, PROT_READ, -1), 0);
	CHECK_ERR(syscall(SYS_pkey_mprotect, p, P, PROT_READ, 77), EINVAL);
	CHECK_ERR(syscall(SYS_pkey_mprotect, p + 1, P, PROT_READ, -1), EINVAL);
	CHECK_EQ(syscall(SYS_pkey_mprotect, p, P, RW, -1), 0);
	p[0] = 1;
	long key = syscall(SYS_pkey_alloc, 0, 0);

	if (key < 0) {
		CHECK(errno == ENOSPC || errno == EINVAL);
		printf("# errno of pkey_alloc: %d\n", errno);
	}
}

TEST(memory_does_not_take_the_policy_of_its_task)
{
	unsigned long n0 = 1;
	char *p = anon(1);

	CHECK_EQ(syscall(SYS_set_mempolicy, MPOL_PREFERRED, &n0, 64), 0);
	CHECK_EQ(mode_of(p), MPOL_DEFAULT);
	CHECK_EQ(syscall(SYS_mbind, p, P, MPOL_PREFERRED, &n0, 64, 0), 0);
	CHECK_EQ(mode_of(p), MPOL_PREFERRED);
	CHECK_EQ(syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0), 0);
}

int main(void)
{
	return test_run();
}
