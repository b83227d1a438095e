/* Rules of capabilities(7) at set*id and exec, on private copies. */
#include <kern/ktest.h>
#include <kernel/cred/cred_impl.h>
#include <kernel/cred/filecaps.h>
#include <kernel/pmalloc/pmalloc.h>
#include <kernel/rcu/rcu.h>
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

KTEST(cred, published_ones_are_protected)
{
	const struct cred *before = cred_get(current_cred()), *c;
	struct cred *draft;

	EXPECT_TRUE(pmalloc_is_protected(&cred_init, sizeof(cred_init)));
	KTEST_REQUIRE(!cred_prepare(&draft));
	EXPECT_FALSE(pmalloc_is_protected(draft, sizeof(*draft)));
	draft->fsgid = 4711;
	cred_commit(draft);
	c = current_cred();
	EXPECT_NE(c, before);
	EXPECT_EQ(c->fsgid, 4711);
	EXPECT_TRUE(pmalloc_is_protected(c, sizeof(*c)));
	EXPECT_FALSE(pmalloc_is_protected(c->head, sizeof(*c->head)));

	/* Nothing changes: the same ones stay. */
	KTEST_REQUIRE(!cred_prepare(&draft));
	cred_commit(draft);
	EXPECT_EQ(current_cred(), c);

	KTEST_REQUIRE(!cred_prepare(&draft));
	draft->fsgid = before->fsgid;
	cred_commit(draft);
	cred_put(before);
	/* A place is used again, and not before its readers are gone. */
	EXPECT_NE(current_cred(), c);
	rcu_synchronize();
}

KTEST(cred, places_are_used_again)
{
	static const struct cred *seen[4];
	struct cred *draft;
	bool again = false;

	for (unsigned int i = 0; i < 200 && !again; i++) {
		KTEST_REQUIRE(!cred_prepare(&draft));
		draft->fsgid = i + 1;
		cred_commit(draft);
		again = i >= 4 && seen[0] == current_cred();
		if (i < 4)
			seen[i] = current_cred();
		rcu_barrier();
	}
	EXPECT_TRUE(again);
	KTEST_REQUIRE(!cred_prepare(&draft));
	draft->fsgid = 0;
	cred_commit(draft);
}
