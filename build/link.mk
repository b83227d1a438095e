# SPDX-License-Identifier: BSD-2-Clause
#
# The image: link, read the symbols, link them in, and again until no address moves.

LDS := arch/$(ARCH)/kernel.lds.S
LDFLAGS := $(ARCH_LDFLAGS) -static --build-id=none -z noexecstack --no-warn-rwx-segments \
	$(if $(CONFIG_GC_SECTIONS),--gc-sections) 

$(O)/kernel.lds: $(LDS) $(O)/.flags | $(PREPARE)
	$(call say,LDS,$@)$(CC) -E -P -undef -D__LDS__ $(filter-out -D__ASSEMBLY__,$(KAFLAGS)) -D__ASSEMBLY__ \
		-MMD -MP -MF $(O)/kernel.lds.d -MT $@ -x c -o $@ $<
-include $(wildcard $(O)/kernel.lds.d)

$(O)/corbel.debug: $(O)/kernel.lds $(KERNEL_OBJS) $(THIRDPARTY_OBJS) $(O)/.objs tools/gen-symbols.py tools/link-kernel
	$(call say,LINK,$@)CC='$(CC)' LD='$(LD)' NM='$(NM)' PYTHON='$(PYTHON)' AFLAGS='$(ARCH_FLAGS)' \
		tools/link-kernel $(O) $(O)/kernel.lds $@ '$(LDFLAGS)' $(O)/.objs $(THIRDPARTY_OBJS)

$(O)/corbel: $(O)/corbel.debug
	$(call say,STRIP,$@)$(OBJCOPY) --strip-all $< $@
	$(Q)$(SIZE) $@ | tail -n 1 | awk '{ printf "  %-7s text %d KiB, data %d KiB, bss %d KiB\n", "SIZE", $$1/1024, $$2/1024, $$3/1024 }'

# What the objects use and none of them defines, with the first user: for work on a tree that does not link yet.
.PHONY: undefined
undefined:
	$(Q)$(NM) -A $(wildcard $(KERNEL_OBJS) $(THIRDPARTY_OBJS)) 2>/dev/null | awk \
		'$$(NF-1) ~ /^[TDBRWVACtdbr]$$/ { def[$$NF] = 1 } $$(NF-1) == "U" && !($$NF in use) { split($$1, f, ":"); use[$$NF] = f[1] } \
		END { for (s in use) if (!(s in def)) printf "%-40s %s\n", s, use[s] }' | sed 's#$(OBJ)/##' | sort

# A machine stopped at its first instruction, with symbols and commands; GDB_TARGET=:1234 joins a running one.
GDB ?= gdb
.PHONY: gdb
gdb: $(O)/corbel.debug launcher out/rootfs/busybox.tar
	$(Q)command -v $(GDB) > /dev/null || tools/setup gdb
	$(Q)GDB_TARGET='$(GDB_TARGET)' tools/gdb-session $(O) $(GDB)
