# Long runs, each a target of its own: nothing here belongs to `make test`.
.PHONY: soak-trinity soak-stress soak-failures test-selfbuild test-python
# SOAK_ARGS='--minutes 30 --cpus 2'
soak-trinity: $(O)/corbel launcher $(ROOTFS)/load.tar
	$(Q)$(MAKE) --no-print-directory CONFIG=debug O=$(DEBUG_O) $(DEBUG_O)/corbel
	$(Q)$(BOOT_ENV) KERNEL=$(abspath $(DEBUG_O)/corbel) test/soak/trinity.py $(SOAK_ARGS)

# stress-ng, class by class, on the release kernel at 1, 2 and 4 CPUs and on the debug kernel. STRESS_ARGS='--seconds 10'
soak-stress: $(O)/corbel launcher $(ROOTFS)/load.tar
	$(Q)$(MAKE) --no-print-directory CONFIG=debug O=$(DEBUG_O) $(DEBUG_O)/corbel
	$(Q)for c in 1 2 4; do $(BOOT_ENV) test/soak/stress.py --cpus $$c $(STRESS_ARGS) || exit 1; done
	$(Q)$(BOOT_ENV) KERNEL=$(abspath $(DEBUG_O)/corbel) test/soak/stress.py --cpus 2 $(STRESS_ARGS)

# Corbel builds Corbel inside Corbel; needs what `make` has downloaded (out/thirdparty). SELFBUILD_ARGS='--cpus 2 --jobs 2'
test-selfbuild: $(O)/corbel launcher $(ROOTFS)/full.tar
	@mkdir -p $(O)/test
	$(Q)$(BOOT_ENV) test/soak/selfbuild.py $(SELFBUILD_ARGS) > $(O)/test/selfbuild.log 2>&1; \
		tools/count-tap selfbuild $$? $(O)/test
# Python's own tests, case by case beside Linux 6.1. PYTHON_ARGS='test_os test_posix'
test-python: $(O)/corbel launcher $(ROOTFS)/full.tar $(LINUX)
	@mkdir -p $(O)/test
	$(Q)$(BOOT_ENV) test/soak/python.py --linux $(abspath $(LINUX)) $(PYTHON_ARGS) > $(O)/test/python.log 2>&1; \
		tools/count-tap python $$? $(O)/test

# Each allocation of a program fails once. FAILURES_ARGS='memfd_seals userfault:copy /path/of/a/static/program'
$(GUEST)/fail-each: test/soak/fail-each.c guest/guest.mk
	@mkdir -p $(@D)
	$(call say,GUESTCC,$@)$(GUESTCC) $(GUEST_CFLAGS) -o $@ $<

soak-failures: user-tests $(GUEST)/fail-each $(GUEST)/corbel-init
	$(Q)$(MAKE) --no-print-directory CONFIG=debug O=$(DEBUG_O) $(DEBUG_O)/corbel
	$(Q)$(BOOT_ENV) KERNEL=$(abspath $(DEBUG_O)/corbel) test/soak/failures.py $(FAILURES_ARGS)
