# SPDX-License-Identifier: BSD-2-Clause
#
# Generated headers. Each generator writes a temporary file and replaces the header only when
# its contents changed, so a rebuild touches no more than it must.

# $(call replace,TMP,FILE): move TMP over FILE if they differ.
replace = if cmp -s $1 $2; then rm -f $1; else mv -f $1 $2; fi

UAPI_STAMP := $(O)/uapi/.stamp
$(UAPI_STAMP): build/generated.mk build/$(ARCH).mk
	$(call say,UAPI,$(O)/uapi)rm -rf $(O)/uapi && mkdir -p $(O)/uapi
	$(Q)for d in $(UAPI_ROOT)/linux $(UAPI_ROOT)/asm-generic $(UAPI_ASM); do \
		[ -d $$d ] || { echo "missing $$d: run tools/setup build" >&2; exit 1; }; done
	$(Q)ln -sfn $(UAPI_ROOT)/linux $(O)/uapi/linux
	$(Q)ln -sfn $(UAPI_ROOT)/asm-generic $(O)/uapi/asm-generic
	$(Q)ln -sfn $(UAPI_ASM) $(O)/uapi/asm
	$(Q)touch $@

$(GEN)/config.h: $(GEN)/auto.mk ;

# The date of the last commit, never the clock: the same tree gives the same image.
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
$(GEN)/version.h: FORCE
	$(Q)mkdir -p $(GEN)
	$(Q)tools/gen-version > $@.tmp && $(call replace,$@.tmp,$@)

SYSCALL_GEN := $(if $(wildcard tools/gen-syscalls.py),$(GEN)/syscalls.h)
$(GEN)/syscalls.h $(GEN)/syscall_table.inc $(GEN)/syscall_info.inc: $(O)/.syscalls ;
$(O)/.syscalls: abi/syscalls.tbl tools/gen-syscalls.py
	$(Q)mkdir -p $(GEN)
	$(call say,GEN,$(GEN)/syscalls.h)$(PYTHON) tools/gen-syscalls.py gen $(ARCH) abi/syscalls.tbl $(GEN) && touch $@

# arch/$(ARCH)/offsets.c prints structure offsets for assembly as "->NAME value" lines in its .s.
OFFSETS := $(if $(wildcard arch/$(ARCH)/offsets.c),$(GEN)/offsets.h)
GEN_HEADERS := $(GEN)/config.h $(GEN)/version.h $(SYSCALL_GEN) $(UAPI_STAMP)

$(O)/offsets.s: arch/$(ARCH)/offsets.c $(O)/.flags | $(GEN_HEADERS)
	$(call say,OFFSETS,$@)$(CC) $(filter-out -g,$(KCFLAGS)) -MMD -MP -MF $(O)/offsets.d -MT $@ -S -o $@ $<
$(GEN)/offsets.h: $(O)/.offsets ;
$(O)/.offsets: $(O)/offsets.s
	$(Q){ echo '#pragma once'; sed -n 's/^[^-]*"*->\([A-Z0-9_a-z]*\) [$$#]*\(-*[0-9]*\).*/#define \1 \2/p' $<; } > $(GEN)/offsets.h.tmp
	$(Q)$(call replace,$(GEN)/offsets.h.tmp,$(GEN)/offsets.h); touch $@
-include $(wildcard $(O)/offsets.d)

PREPARE := $(GEN_HEADERS) $(OFFSETS)
