# make bench: test/bench/kbench.c beside Linux 6.1 in docs/performance.md.
$(O)/test/kbench: test/bench/kbench.c
	@mkdir -p $(@D)
	$(call say,GUESTCC,$@)$(GUESTCC) -O2 -static -s -w -o $@ $<

bench: $(O)/corbel $(O)/test/kbench
	$(Q)$(BOOT_ENV) test/bench/run --raw $(O)/test/bench.txt $(BENCH_ARGS)
