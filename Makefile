# SPDX-License-Identifier: BSD-2-Clause
#
# Corbel's build: one non-recursive make.
#
#   make                 the kernel image out/x86_64/corbel
#   make CONFIG=debug    the debug kernel out/x86_64-debug/corbel (KASAN, UBSan, lock checks)
#   make run|test|check|fuzz|bench|docs|gdb|menuconfig
#   make quickcheck ROOM=kernel/foo   compile one room's objects only
#   make -k objs         compile every object, do not link
#
# V=1 shows commands, O=DIR builds elsewhere, ARCH=aarch64 builds the other architecture.
# Every folder with a room.mk is part of the kernel; build/README.md explains the fragment's syntax.

MAKEFLAGS += --no-builtin-rules --no-builtin-variables
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
SHELL := /bin/bash
export LC_ALL := C

ARCH ?= x86_64
CONFIG ?= release
O ?= out/$(ARCH)$(if $(filter-out release,$(CONFIG)),-$(CONFIG))
PYTHON ?= /usr/bin/python3

ifneq ($(V),1)
Q := @
say = @printf '  %-7s %s\n' '$1' '$(patsubst $(O)/%,%,$2)';
else
Q :=
say :=
endif

.PHONY: all objs run test check fuzz bench docs gdb menuconfig clean distclean setup FORCE
all: $(O)/corbel

NO_BUILD_GOALS := clean distclean setup help
ifeq ($(MAKECMDGOALS),)
NEED_CONFIG := y
else ifneq ($(filter-out $(NO_BUILD_GOALS),$(MAKECMDGOALS)),)
NEED_CONFIG := y
endif

# Configuration first: make reads it, writes it when it is missing or old, and starts again.
ifeq ($(NEED_CONFIG),y)
-include $(O)/include/generated/auto.mk
endif

include build/config.mk
include build/flags.mk
include build/generated.mk
include build/thirdparty.mk
include build/rooms.mk
include build/link.mk
include build/hosttest.mk
include build/check.mk

# The launcher, the guest's own programs and the test tiers bring their own plain fragments.
include $(sort $(wildcard host/*.mk guest/*.mk test/*.mk))
include build/test.mk

clean:
	$(call say,CLEAN,$(O))rm -rf $(O)

distclean:
	$(call say,CLEAN,out)rm -rf out compile_commands.json

setup:
	$(Q)tools/setup all

help:
	@sed -n 's/^#   make/  make/p' Makefile
