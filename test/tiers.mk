# Tiers B, C and D of `make test`, and the longer runs beside them.
TIERS += kernel user programs
BOOT_ENV = O=$(abspath $(O))
DEBUG_O := out/$(ARCH)-debug

# Tier B: the kernel's own tests on the debug kernel, and those of tier C that need what only it has.
DEBUG_USER_TESTS := failures failures_tasks failures_memory failures_seals failures_bus provoke
.PHONY: test-kernel
test-kernel: user-tests $(GUEST)/corbel-init $(GUEST)/test-runner
	$(Q)$(MAKE) --no-print-directory CONFIG=debug O=$(DEBUG_O) $(DEBUG_O)/corbel
	@mkdir -p $(O)/test
	$(Q)$(BOOT_ENV) KERNEL=$(abspath $(DEBUG_O)/corbel) test/boot/kernel-tests $(KTEST_ARGS) > $(O)/test/kernel.log 2>&1; rc=$$?; \
		$(BOOT_ENV) KERNEL=$(abspath $(DEBUG_O)/corbel) test/boot/kernel-tests --cpus 2 --only pti \
		--append pti=on >> $(O)/test/kernel.log 2>&1 || rc=1; \
		$(BOOT_ENV) KERNEL=$(abspath $(DEBUG_O)/corbel) test/boot/user-tests --cpus 2 \
		$(DEBUG_USER_TESTS) >> $(O)/test/kernel.log 2>&1 || rc=1; \
		tools/count-tap kernel $$rc $(O)/test

# On tables of user mode without the kernel; and with counts of interrupts that begin near 2^32.
ISOLATED_USER_TESTS := isolation process signals threads ptrace_steps ports memory mapping_races interrupts
ISOLATED_ARGS := --cpus 2 --append "pti=on irq_count_start=0xffffff00"

# Tier C: system-call tests, first on the kernel of this machine, which is the oracle.
USER_TESTS := $(patsubst test/user/%.c,$(O)/test/user/%,$(wildcard test/user/*.c))
USER_CFLAGS := -std=gnu11 -D_GNU_SOURCE -O2 -g -static -pthread -Wall -Wextra -Werror -Iabi -Itest/user

$(O)/test/user/%: test/user/%.c $(wildcard test/user/*.h)
	@mkdir -p $(@D)
	$(call say,USERCC,$@)$(HOSTCC) $(USER_CFLAGS) -o $@ $< -lrt

.PHONY: user-tests test-user-native test-user
user-tests: $(USER_TESTS)
test-user-native: user-tests
	@mkdir -p $(O)/test
	$(Q)$(BOOT_ENV) test/boot/user-tests --native $(USER_ARGS) > $(O)/test/user-native.log 2>&1; \
		tools/count-tap user-native $$? $(O)/test
test-user: user-tests $(O)/corbel $(GUEST)/corbel-init $(GUEST)/test-runner
	@mkdir -p $(O)/test
	$(Q)$(BOOT_ENV) test/boot/user-tests $(USER_ARGS) > $(O)/test/user.log 2>&1; rc=$$?; \
		$(BOOT_ENV) test/boot/user-tests $(ISOLATED_ARGS) $(ISOLATED_USER_TESTS) \
		>> $(O)/test/user.log 2>&1 || rc=1; \
		tools/count-tap user $$rc $(O)/test

# Tier D: unmodified programs, driven through the launcher.
PROGRAM_TESTS := $(sort $(wildcard test/programs/*.py))
.PHONY: test-programs stress-boot
test-programs: $(O)/corbel launcher bus-user $(BUS_TEST_PROGRAMS) $(GUEST)/test-runner rootfs $(ROOTFS)/full.tar $(ROOTFS)/guests.tar \
		$(ROOTFS)/dbus.tar dbus-proxy
	@mkdir -p $(O)/test/programs; rm -f $(O)/test/programs/*.log
	$(Q)printf '%s\n' $(PROGRAM_TESTS) | $(BOOT_ENV) xargs -P 2 -I{} sh -c \
		'$(PYTHON) {} > $(O)/test/programs/$$(basename {} .py).log 2>&1'; rc=$$?; \
		cat $(O)/test/programs/*.log > $(O)/test/programs.log; tools/count-tap programs $$rc $(O)/test

# 30 boots in a row with four CPUs; none may hang.
stress-boot: $(O)/corbel $(GUEST)/corbel-init $(GUEST)/test-runner
	$(Q)$(BOOT_ENV) tools/boot-stress $(STRESS_ARGS)

# 100 boots of a machine without any source of randomness; each must get its random numbers.
.PHONY: stress-boot-random
stress-boot-random: $(O)/corbel rootfs
	$(Q)$(BOOT_ENV) $(PYTHON) test/programs/no_source.py --boots 100 $(STRESS_ARGS)
