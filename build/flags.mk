# SPDX-License-Identifier: BSD-2-Clause
#
# Compilers and flags. Kernel flags (KCFLAGS), host-tool flags (HOSTCFLAGS) and flags of pure
# code compiled for host tests (build/hosttest.mk) never mix.

comma := ,
include build/$(ARCH).mk

CC := $(CROSS)gcc
LD := $(CROSS)ld
NM := $(CROSS)nm
OBJCOPY := $(CROSS)objcopy
SIZE := $(CROSS)size
HOSTCC ?= gcc
CLANG ?= clang-19
HOSTCFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes

# The warnings of docs/conventions.md: gcc 12 knows all of them.
WARN := -Wall -Wextra -Werror -Wshadow -Wvla -Wundef -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wcast-qual -Wimplicit-fallthrough=5 -Wwrite-strings \
	-Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wno-missing-field-initializers
# Instrumented code confuses the range analysis behind these warnings; the release build has them.
WARN_KERNEL := $(WARN) -Wframe-larger-than=$(if $(CONFIG_KASAN),4096,2048) \
	$(if $(CONFIG_KASAN)$(CONFIG_UBSAN),-Wno-array-bounds -Wno-stringop-overflow -Wno-maybe-uninitialized)

CC_INCLUDE := $(shell $(CC) -print-file-name=include)
FORCED := $(addprefix -include ,$(GEN)/config.h $(wildcard include/kern/banned.h))
KINCLUDE := -nostdinc -I. -Iinclude -Iarch/$(ARCH)/include -Iarch/include -I$(O)/include \
	-isystem $(CC_INCLUDE) -isystem abi/include -isystem $(O)/uapi $(FORCED)

# Globals are left to UBSan's bounds check: red zones around them would need constructors at boot and
# break per-CPU sections.
KASAN_FLAGS := -fsanitize=kernel-address -fasan-shadow-offset=$(CONFIG_KASAN_SHADOW_OFFSET) \
	--param asan-instrumentation-with-call-threshold=0 --param asan-stack=1 --param asan-globals=0
# Neither alignment nor null: both look at user pointers, which a program may choose as it likes.
UBSAN_FLAGS := -fsanitize=bounds-strict,shift,integer-divide-by-zero,bool,enum,unreachable,vla-bound,object-size

OPT := -O2
KCOMMON := -g -ffile-prefix-map=$(CURDIR)/= $(ARCH_FLAGS)
KCFLAGS := -std=gnu11 $(OPT) -ffreestanding $(KINCLUDE) $(KCOMMON) $(WARN_KERNEL) $(ARCH_CFLAGS) \
	-fwrapv -fno-strict-aliasing -fno-delete-null-pointer-checks -fno-common -fno-pie \
	-ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables -fno-unwind-tables \
	-fno-tree-loop-distribute-patterns -fno-allow-store-data-races \
	$(if $(CONFIG_FRAME_POINTER),-fno-omit-frame-pointer -fno-optimize-sibling-calls,-fomit-frame-pointer) \
	$(if $(CONFIG_AUTO_VAR_INIT),-ftrivial-auto-var-init=zero) \
	$(if $(CONFIG_PATCHABLE_ENTRY),-fpatchable-function-entry=5$(comma)0) \
	$(if $(CONFIG_STACK_CANARY),-fstack-protector-strong $(ARCH_CANARY),-fno-stack-protector)
KSANITIZE := $(if $(CONFIG_KASAN),$(KASAN_FLAGS)) $(if $(CONFIG_UBSAN),$(UBSAN_FLAGS))
KAFLAGS := -D__ASSEMBLY__ $(KINCLUDE) $(KCOMMON) -Wa,--fatal-warnings
