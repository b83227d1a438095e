# SPDX-License-Identifier: BSD-2-Clause
#
# `make test`: the four tiers. A tier is a target test-NAME that writes "PASSED FAILED" to
# $(O)/test/NAME.count and may fail; a fragment test/*.mk adds its own with `TIERS += NAME`.
# All tiers run even when one fails; the sum is the last line.

TIERS := host $(filter-out host,$(TIERS))

.PHONY: test
test:
	$(Q)tools/setup test
	@mkdir -p $(O)/test; rm -f $(O)/test/*.count
	@for t in $(TIERS); do echo "== tier $$t"; \
		$(MAKE) --no-print-directory test-$$t || [ -f $(O)/test/$$t.count ] || echo "0 1" > $(O)/test/$$t.count; \
		[ -f $(O)/test/$$t.count ] || echo "0 0" > $(O)/test/$$t.count; done
	@cat $(O)/test/*.count | awk '{ p += $$1; f += $$2 } END { printf "%d passed, %d failed\n", p, f; exit f != 0 }'
