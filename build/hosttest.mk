# SPDX-License-Identifier: BSD-2-Clause
#
# Tier A: pure objects and their tests, compiled for the build machine under ASan and UBSan.
# No -fwrapv here: it would silence the signed-overflow check.

HT := $(O)/host-test
HTCC ?= gcc
HTFLAGS := -std=gnu11 -O1 -g -DCORBEL_HOST -D_GNU_SOURCE -I. -Iinclude -I$(O)/include -include $(GEN)/config.h \
	$(WARN) -Wno-duplicated-branches -fno-strict-aliasing -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=undefined
HT_MAIN := $(wildcard test/host/*.c)
HT_SRCS := $(PURE_OBJS) $(HOST_TESTS) $(HT_MAIN:.c=.o)
HT_OBJS := $(addprefix $(HT)/,$(HT_SRCS))

$(HT)/%.o: %.c $(HT)/.flags | $(GEN)/config.h
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)$(HTCC) $(HTFLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<
-include $(wildcard $(HT_OBJS:.o=.d))

ifeq ($(NEED_CONFIG),y)
$(shell mkdir -p $(HT) $(O)/fuzz)
$(call content,$(HT)/.flags,$(HTCC) $(HTFLAGS))
$(call content,$(HT)/.objs,$(HT_OBJS))
endif
$(HT)/.flags $(HT)/.objs: ;

$(HT)/run: $(HT_OBJS) $(HT)/.objs
	$(call say,HOSTLD,$@)$(HTCC) -fsanitize=address,undefined -o $@ $(HT_OBJS)

.PHONY: test-host
ifneq ($(HT_MAIN),)
test-host: $(HT)/run
	@mkdir -p $(O)/test
	$(Q)ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 $(HT)/run > $(O)/test/host.log 2>&1; \
		tools/count-tap host $$? $(O)/test
else
test-host:
	@echo "no host test runner (test/host)"
endif

# Fuzzers: every ROOM/x_fuzz.c with the pure objects, under libFuzzer.
FZ := $(O)/fuzz
FUZZ_CC ?= clang-19
FUZZ_SECONDS ?= 10
FZFLAGS := -std=gnu11 -O1 -g -DCORBEL_HOST -D_GNU_SOURCE -I. -Iinclude -I$(O)/include -include $(GEN)/config.h \
	-fno-strict-aliasing -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
FZ_NAMES := $(foreach f,$(FUZZERS),$(subst /,-,$(patsubst %_fuzz.o,%,$f)))
FZ_HOSTLIB := $(filter-out test/host/main.o,$(HT_MAIN:.c=.o))

# A phony order-only prerequisite: runs once, rebuilds nothing.
.PHONY: fuzz-tools
fuzz-tools:
	$(Q)command -v $(FUZZ_CC) > /dev/null || tools/setup test
$(FZ)/obj/%.o: %.c | $(GEN)/config.h fuzz-tools
	@mkdir -p $(@D)
	$(call say,FUZZCC,$@)$(FUZZ_CC) $(FZFLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<
-include $(wildcard $(patsubst %.o,$(FZ)/obj/%.d,$(PURE_OBJS) $(FUZZERS)))

define fuzz_rules
$(FZ)/$(subst /,-,$(patsubst %_fuzz.o,%,$1)): $(FZ)/obj/$1 $(addprefix $(FZ)/obj/,$(PURE_OBJS) $(FZ_HOSTLIB))
	$$(call say,FUZZLD,$$@)$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $$@ $$^
endef
$(foreach f,$(FUZZERS),$(eval $(call fuzz_rules,$f)))

.PHONY: fuzz
fuzz: $(addprefix $(FZ)/,$(FZ_NAMES))
	@rc=0; for f in $(FZ_NAMES); do mkdir -p $(FZ)/work/$$f; \
		corpus=test/corpus/$$f; [ -d $$corpus ] || corpus=; \
		if $(FZ)/$$f -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=1024 -print_final_stats=0 \
			-artifact_prefix=$(FZ)/ $(FZ)/work/$$f $$corpus > $(FZ)/$$f.log 2>&1; \
		then echo "ok fuzz $$f"; else echo "not ok fuzz $$f ($(FZ)/$$f.log)"; tail -n 20 $(FZ)/$$f.log; rc=1; fi; \
	done; exit $$rc
