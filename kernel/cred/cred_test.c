/* Rules of capabilities(7) at set*id and exec, on private copies. */
#include <kern/ktest.h>
#include <kernel/cred/cred_impl.h>
#include <kernel/cred/filecaps.h>
#include <kernel/task/task.h>
#include <linux/securebits.h>
#include <linux/stat.h>

KTEST(cred, setuid_drops_capabilities)
{
	struct cred old = cred_init, c = cred_init;

	c.uid = c.euid = c.suid = 1000;
	cred_caps_fix_setuid(&c, &old);
	EXPECT_EQ(c.cap_permitted, 0);
	EXPECT_EQ(c.cap_effective, 0);

	c = cred_init;
	c.securebits = SECBIT_KEEP_CAPS;
	c.uid = c.euid = c.suid = 1000;
	cred_caps_fix_setuid(&c, &old);
	EXPECT_EQ(c.cap_permitted, CAP_FULL_SET);
	EXPECT_EQ(c.cap_effective, 0);
}

KTEST(cred, exec_of_setuid_root)
{
	const struct program_file f = {.mode = 0755 | S_ISUID, .may_suid = true};
	struct cred c = cred_init;
	bool secure;

	c.uid = c.euid = c.suid = c.fsuid = 1000;
	c.cap_permitted = c.cap_effective = 0;
	cred_exec(&c, &f, &secure);
	EXPECT_EQ(c.euid, 0);
	EXPECT_EQ(c.cap_effective, CAP_FULL_SET);
	EXPECT_TRUE(secure);

	c.uid = c.euid = c.suid = c.fsuid = 1000;
	current->no_new_privs = true;
	cred_exec(&c, &f, &secure);
	current->no_new_privs = false;
	EXPECT_EQ(c.euid, 1000);
	EXPECT_EQ(c.cap_permitted, 0);
}
