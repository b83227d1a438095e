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
