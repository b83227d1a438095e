# SPDX-License-Identifier: BSD-2-Clause
#
# `make check`: format, static analysis, rooms, headers, the ABI table, generated documents.
# Each check-X can be run alone. All run even when one fails.

CHECKS := format style rooms headers abi docs man proc codespell threads user cppcheck shell aarch64
CHECK_DIRS := $(wildcard lib kernel fs net drivers arch include host guest test)
C_FILES = $(shell git ls-files -- '*.c' '*.h' | grep -v '^build/thirdparty/')

.PHONY: check docs $(addprefix check-,$(CHECKS)) format
check:
	$(Q)tools/setup check
	$(Q)mkdir -p $(O)/check; rc=0; for c in $(CHECKS); do \
		if $(MAKE) --no-print-directory check-$$c > $(O)/check/$$c.log 2>&1; then echo "ok check-$$c"; \
		else echo "not ok check-$$c"; grep -v '^make' $(O)/check/$$c.log | head -n 60; rc=1; fi; done; exit $$rc

# clang-format 14 is the one that bookworm installs as clang-format.
CLANG_FORMAT ?= clang-format-14
check-format:
	$(Q)printf '%s\n' $(C_FILES) | xargs -P 2 -I{} sh -c \
		'$(CLANG_FORMAT) --dry-run -Werror {} > /dev/null 2>&1 || echo "{}: not formatted (make format)"' | { ! grep . ; }
format:
	$(Q)printf '%s\n' $(C_FILES) | xargs -P 2 -n 20 $(CLANG_FORMAT) -i

check-style:
	$(Q)$(PYTHON) tools/check-style.py $(C_FILES)

check-rooms:
	$(Q)$(PYTHON) tools/check-rooms.py

# Every public header compiles alone. (-include, so that #pragma once does not warn in a main file.)
ROOM_HEADERS = $(foreach r,$(ROOMS),$(wildcard $r/$(notdir $r).h))
HEADERS = $(ROOM_HEADERS) $(wildcard include/kern/*.h arch/$(ARCH)/include/asm/*.h arch/include/asm/*.h kernel/arch_up.h)
check-headers: $(PREPARE)
	$(Q)printf '%s\n' $(HEADERS) | xargs -P 2 -I{} sh -c \
		'$(CC) $(subst ','\'',$(KCFLAGS)) -fsyntax-only -include {} -x c /dev/null || { echo "{}: does not compile alone"; exit 1; }'

check-proc:
	$(Q)$(PYTHON) tools/check-proc.py

check-abi:
	$(Q)$(PYTHON) tools/gen-syscalls.py check abi/syscalls.tbl test/user

DOCS := docs/syscalls.md docs/locks.md
# Written anew around the text between its marks.
BUS_DOC = $(PYTHON) tools/gen-bus-doc.py abi/kdbus.h guest/bus/example/first.c docs/bus.md
check-docs:
	$(Q)mkdir -p $(O)/check; rc=0; \
	$(PYTHON) tools/gen-syscalls.py docs abi/syscalls.tbl > $(O)/check/doc; cmp -s $(O)/check/doc docs/syscalls.md || { echo "docs/syscalls.md is stale: make docs"; rc=1; }; \
	$(PYTHON) tools/gen-locks.py < kernel/lock/order.def > $(O)/check/doc; cmp -s $(O)/check/doc docs/locks.md || { echo "docs/locks.md is stale: make docs"; rc=1; }; \
	$(BUS_DOC) > $(O)/check/doc; cmp -s $(O)/check/doc docs/bus.md || { echo "docs/bus.md is stale: make docs"; rc=1; }; exit $$rc
docs:
	$(Q)$(PYTHON) tools/gen-syscalls.py docs abi/syscalls.tbl > docs/syscalls.md
	$(Q)$(PYTHON) tools/gen-locks.py < kernel/lock/order.def > docs/locks.md
	$(Q)mkdir -p $(O)/check; $(BUS_DOC) > $(O)/check/doc && cp $(O)/check/doc docs/bus.md

# The pages of libcorbelbus beside its header.
check-man:
	$(Q)$(PYTHON) tools/check-man.py guest/bus/corbelbus.h docs/man

check-codespell:
	$(Q)git ls-files | grep -vE '^(test/corpus/|LICENSE)' | xargs codespell -q 3 -I build/codespell-words

# A syntax pass with clang 19: it knows __guarded_by in C structs, and (CHECK_USER) that a __user
# pointer is of another address space.
CLANG_FLAGS = $(filter-out -Wlogical-op -Wduplicated-% -Wimplicit-fallthrough=5 -Werror -fno-allow-store-data-races \
	-fno-tree-loop-distribute-patterns -Wframe-larger-than=% 	-mpreferred-stack-boundary=3 -mskip-rax-setup -fpatchable-function-entry=% -isystem $(CC_INCLUDE),$(KCFLAGS)) \
	-isystem $(shell $(CLANG) -print-resource-dir 2>/dev/null)/include -isystem abi/include -isystem $(O)/uapi \
	-fsyntax-only -Wno-everything
KSOURCES = $(wildcard $(patsubst $(OBJ)/%.o,%.c,$(KOBJS) $(KTEST_OBJS)))
check-threads: $(PREPARE)
	$(Q)printf '%s\n' $(KSOURCES) | xargs -P 2 -n 8 $(CLANG) $(CLANG_FLAGS) -Wthread-safety -Werror=thread-safety
check-user: $(PREPARE)
	$(Q)printf '%s\n' $(KSOURCES) | xargs -P 2 -n 8 $(CLANG) $(CLANG_FLAGS) -DCHECK_USER -include build/check-user.h -Wnoderef -Werror=noderef -Werror=incompatible-pointer-types

check-cppcheck:
	$(Q)cppcheck --quiet -j 2 --max-configs=1 --enable=warning,portability --inline-suppr --error-exitcode=1 \
		--suppressions-list=build/cppcheck-suppress --template='{file}:{line}: {id}: {message}' \
		-I. -Iinclude -Iarch/$(ARCH)/include -Iarch/include -D__x86_64__ -D__GNUC__=12 $(wildcard lib kernel fs net drivers)

check-shell:
	$(Q)for f in tools/* .ci/run $(wildcard test/*/*.sh); do \
		if head -n 1 $$f | grep -q 'sh$$'; then bash -n $$f || exit 1; fi; done

# The other architecture: as far as its own room goes.
check-aarch64:
	$(Q)[ ! -f arch/aarch64/room.mk ] || $(MAKE) --no-print-directory ARCH=aarch64 quickcheck ROOM=arch/aarch64

# Two builds in two places give the same image, byte for byte. Not part of `make check`: it builds twice.
check-repro:
	$(Q)rm -rf $(O)/repro && mkdir -p $(O)/repro/src && git archive HEAD | tar -x -C $(O)/repro/src
	$(Q)[ ! -d $(TP) ] || mkdir -p $(O)/repro/src/out && cp -a $(TP) $(O)/repro/src/out/
	$(Q)$(MAKE) -C $(O)/repro/src -s O=out/a SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH)
	$(Q)mv $(O)/repro/src $(O)/repro/moved
	$(Q)$(MAKE) -C $(O)/repro/moved -s O=out/b SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH)
	$(Q)cmp $(O)/repro/moved/out/a/corbel $(O)/repro/moved/out/b/corbel && echo "ok check-repro"

# Slow: gcc's analyzer over every source. Not part of `make check`.
check-analyzer: $(PREPARE)
	$(Q)printf '%s\n' $(KSOURCES) | xargs -P 2 -I{} $(CC) $(filter-out -Werror,$(KCFLAGS)) -fanalyzer -c -o /dev/null {}
.PHONY: check-analyzer check-repro
