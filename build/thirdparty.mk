# SPDX-License-Identifier: BSD-2-Clause
#
# Decompressors from Debian source packages: fetched by tools/apt-source with a pinned SHA-256,
# unpacked outside git, compiled with the kernel's flags. Rooms include <thirdparty/zstd.h>
# (ZSTD_STATIC_LINKING_ONLY is set there: use a static workspace, malloc is refused) and
# <thirdparty/zlib.h> (Z_SOLO: the caller gives zalloc and zfree; Z_PREFIX: inflate() is z_inflate() for the linker).

TP := $(if $(filter out/%,$(O)),out/thirdparty,$(O)/thirdparty)
TPOBJ := $(O)/obj/thirdparty
TPINC := $(O)/include/thirdparty

ZSTD_PACKAGE := libzstd libzstd_1.5.4+dfsg2.orig.tar.xz \
	8cf4bbb65e77ec348d052c8d6230eba66d435bddf64c8b5be2fcb16880c19953
ZLIB_PACKAGE := zlib zlib_1.2.13.dfsg.orig.tar.bz2 \
	71feb7947e3c00ef125f83b79a4e529bde31171e5babe48b391f06758d1ab0a1

ZSTD_SRCS := $(addprefix decompress/,zstd_decompress zstd_decompress_block zstd_ddict huf_decompress) \
	$(addprefix common/,entropy_common error_private fse_decompress zstd_common xxhash)
ZLIB_SRCS := inflate inffast inftrees adler32 crc32 zutil

# Other people's code: our language rules do not apply, our machine rules do. What they call of
# the C library is declared by build/thirdparty/ and lives in lib.
TPFLAGS = $(filter-out -W% -I% -include %.h,$(KCFLAGS)) $(if $(CONFIG_KASAN),$(KASAN_FLAGS)) -w -Ibuild/thirdparty
ZSTD_FLAGS := -DZSTD_DISABLE_ASM=1 -DDYNAMIC_BMI2=0 -DZSTD_LEGACY_SUPPORT=0 -DXXH_NAMESPACE=ZSTD_ \
	-DZSTD_STRIP_ERROR_STRINGS=1 -DZSTD_NO_TRACE=1 -DZSTD_NO_INTRINSICS=1 -DXXH_VECTOR=0
# Z_PREFIX: names such as crc32 are ours.
ZLIB_FLAGS := -DZ_SOLO -DZ_PREFIX -DHAVE_MEMCPY

THIRDPARTY_OBJS := $(if $(CONFIG_ZSTD),$(ZSTD_SRCS:%=$(TPOBJ)/zstd/lib/%.o)) \
	$(if $(CONFIG_ZLIB),$(ZLIB_SRCS:%=$(TPOBJ)/zlib/%.o))
THIRDPARTY_HEADERS := $(if $(CONFIG_ZSTD),$(TPINC)/zstd.h) $(if $(CONFIG_ZLIB),$(TPINC)/zlib.h)
PREPARE += $(THIRDPARTY_HEADERS)

$(TP)/zstd/.unpacked: build/thirdparty.mk tools/apt-source
	$(call say,SOURCE,zstd)flock -o $(shell mkdir -p $(TP); echo $(TP))/.lock tools/apt-source $(ZSTD_PACKAGE) $(TP)/zstd && touch $@
$(TP)/zlib/.unpacked: build/thirdparty.mk tools/apt-source
	$(call say,SOURCE,zlib)flock -o $(shell mkdir -p $(TP); echo $(TP))/.lock tools/apt-source $(ZLIB_PACKAGE) $(TP)/zlib && touch $@

$(TPINC)/zstd.h: $(TP)/zstd/.unpacked
	@mkdir -p $(TPINC)
	$(Q)cp $(TP)/zstd/lib/zstd_errors.h $(TPINC)/
	$(Q){ echo '#define ZSTD_STATIC_LINKING_ONLY'; cat $(TP)/zstd/lib/zstd.h; } > $@
$(TPINC)/zlib.h: $(TP)/zlib/.unpacked
	@mkdir -p $(TPINC)
	$(Q){ printf '#define Z_SOLO\n#define Z_PREFIX\n'; cat $(TP)/zlib/zconf.h; } > $(TPINC)/zconf.h
	$(Q)cp $(TP)/zlib/zlib.h $@

$(O)/.tpflags: ;
ifeq ($(NEED_CONFIG),y)
$(call content,$(O)/.tpflags,$(TPFLAGS) $(ZSTD_FLAGS) $(ZLIB_FLAGS))
endif

define thirdparty_rule
$(TPOBJ)/$1/$2.o: $(TP)/$1/.unpacked $(O)/.tpflags | $(GEN)/config.h
	@mkdir -p $$(@D)
	$$(call say,CC,$$@)$$(CC) $$(TPFLAGS) $3 -c -o $$@ $(TP)/$1/$2.c
endef
$(foreach s,$(ZSTD_SRCS),$(eval $(call thirdparty_rule,zstd,lib/$s,$(ZSTD_FLAGS))))
$(foreach s,$(ZLIB_SRCS),$(eval $(call thirdparty_rule,zlib,$s,$(ZLIB_FLAGS))))
