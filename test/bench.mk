# make bench: test/bench/kbench.c beside Linux 6.1 in docs/performance.md.
$(O)/test/kbench: test/bench/kbench.c
	@mkdir -p $(@D)
	$(call say,GUESTCC,$@)$(GUESTCC) -O2 -static -s -w -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu -o $@ $<

bench: $(O)/corbel $(O)/test/kbench
	$(Q)$(BOOT_ENV) test/bench/run --raw $(O)/test/bench.txt $(BENCH_ARGS)

# The VMA cache on and off: test/bench/vmacache. VMACACHE_ARGS='--only boot,ebizzy'
$(O)/test/ebizzy: test/bench/ebizzy.c
	@mkdir -p $(@D)
	$(call say,GUESTCC,$@)$(HOSTCC) -O2 -static -s -w -pthread -o $@ $<

$(O)/test/lookups: test/bench/lookups.c
	@mkdir -p $(@D)
	$(call say,GUESTCC,$@)$(GUESTCC) -O2 -static -s -w -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu -o $@ $<

.PHONY: bench-vmacache
bench-vmacache: $(O)/corbel launcher $(O)/test/ebizzy $(O)/test/lookups rootfs
	$(Q)$(BOOT_ENV) test/bench/vmacache $(VMACACHE_ARGS)

# Real time and scaling beside Linux 6.1 in the same machine; on an idle host.
LINUX ?= out/linux/vmlinux
out/linux/vmlinux: tools/linux-image
	$(call say,FETCH,$@)tools/linux-image $@

$(O)/test/scale: test/bench/scale.c
	@mkdir -p $(@D)
	$(call say,GUESTCC,$@)$(GUESTCC) -O2 -static -s -w -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu -o $@ $<

$(O)/test/userfault: test/bench/userfault.c
	@mkdir -p $(@D)
	$(call say,GUESTCC,$@)$(HOSTCC) -O2 -static -s -w -pthread -o $@ $<

.PHONY: bench-wall bench-isolation
bench-wall: $(O)/corbel $(O)/test/kbench $(O)/test/scale $(O)/test/userfault $(LINUX)
	$(Q)$(BOOT_ENV) test/bench/wall --linux $(LINUX) $(WALL_ARGS)
# What page-table isolation costs, in instructions.
bench-isolation: $(O)/corbel $(O)/test/kbench $(LINUX)
	$(Q)$(BOOT_ENV) test/bench/run --isolation $(LINUX) $(BENCH_ARGS)

# What protectable memory costs: a release kernel with its tests prints it.
.PHONY: bench-protected
bench-protected:
	$(Q)$(MAKE) --no-print-directory CONFIG=bench O=out/$(ARCH)-bench out/$(ARCH)-bench/corbel
	$(Q)$(BOOT_ENV) test/bench/protected --kernel out/$(ARCH)-bench/corbel

# A large run of frames out of a region full of page cache.
$(O)/test/contiguous: test/bench/contiguous.c
	@mkdir -p $(@D)
	$(call say,GUESTCC,$@)$(HOSTCC) -O2 -static -s -w -o $@ $<

.PHONY: bench-contiguous
bench-contiguous: $(O)/corbel launcher $(O)/test/contiguous
	$(Q)$(BOOT_ENV) test/bench/contiguous
