# Long runs, each a target of its own: nothing here belongs to `make test`.
.PHONY: soak-trinity
# SOAK_ARGS='--minutes 30 --cpus 2'
soak-trinity: $(O)/corbel launcher $(ROOTFS)/full.tar
	$(Q)$(MAKE) --no-print-directory CONFIG=debug O=$(DEBUG_O) $(DEBUG_O)/corbel
	$(Q)$(BOOT_ENV) KERNEL=$(abspath $(DEBUG_O)/corbel) test/soak/trinity.py $(SOAK_ARGS)
