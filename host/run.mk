# make run, make rootfs, make gdb.
ROOTFS := out/rootfs
RUN_CMD ?= /bin/bash -l

.PHONY: rootfs
rootfs: $(ROOTFS)/debian.tar $(ROOTFS)/busybox.tar

# Cached, as each takes minutes: delete out/rootfs for newer packages or another list of them. full.tar is for
# the tests of whole programs alone.
$(ROOTFS)/%.tar: | tools/mkrootfs
	@mkdir -p $(@D)
	$(call say,ROOTFS,$@)tools/mkrootfs $* $@

run:
	$(Q)tools/setup run
	$(Q)$(MAKE) --no-print-directory $(O)/corbel launcher $(ROOTFS)/debian.tar
	$(Q)$(HOST)/corbel run $(RUN_ARGS) --rootfs $(ROOTFS)/debian.tar -- $(RUN_CMD)
