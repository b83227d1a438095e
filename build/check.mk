# SPDX-License-Identifier: BSD-2-Clause
.PHONY: check
check:
	$(Q)tools/setup check
