# SPDX-License-Identifier: BSD-2-Clause
#
# Kconfig: $(O)/.config starts as configs/$(CONFIG) and is edited by `make menuconfig`;
# tools/kconfig.py turns it into a header for C and a fragment for make.

GEN := $(O)/include/generated
KCONFIG_FILES := Kconfig $(wildcard */Kconfig */*/Kconfig */*/*/Kconfig)

$(GEN)/auto.mk: configs/$(CONFIG) $(KCONFIG_FILES) $(wildcard $(O)/.config) tools/kconfig.py
	$(Q)$(PYTHON) -c 'import kconfiglib' 2>/dev/null || tools/setup build
	$(Q)mkdir -p $(GEN)
	$(call say,CONF,$@)ARCH=$(ARCH) $(PYTHON) tools/kconfig.py configs/$(CONFIG) $(O)/.config $(GEN)/config.h $@

menuconfig: $(GEN)/auto.mk
	$(Q)ARCH=$(ARCH) KCONFIG_CONFIG=$(O)/.config $(PYTHON) -m menuconfig Kconfig

# $(call content,FILE,TEXT): at parse time, make FILE contain TEXT, touching it only on change.
content = $(if $(call differ,$(file <$1),$2),$(file >$1,$2))
differ = $(if $(subst x$(strip $1),,x$(strip $2))$(subst x$(strip $2),,x$(strip $1)),y)

ifeq ($(NEED_CONFIG),y)
$(shell mkdir -p $(GEN))
endif
