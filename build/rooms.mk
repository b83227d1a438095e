# SPDX-License-Identifier: BSD-2-Clause
#
# Reads every room.mk and makes rules for its objects. The syntax of a fragment is in
# build/README.md; a fragment only sets the variables listed in ROOM_VARS.

ROOM_TOPS := lib kernel fs net drivers arch/$(ARCH)
ROOM_FILES := $(sort $(wildcard $(foreach t,$(ROOM_TOPS),$t/room.mk $t/*/room.mk $t/*/*/room.mk $t/*/*/*/room.mk)))
ROOMS :=
KOBJS :=
KTEST_OBJS :=
PURE_OBJS :=
HOST_TESTS :=
FUZZERS :=
ALL_FLAG_FILES :=

ROOM_VARS := room deps headers objs objs-y tests pure pure-objs pure-tests fuzz cflags sanitize
OBJ := $(O)/obj

# $(call sourceless,ROOM,OBJS): those without a source. A missing test is left out with a warning.
sourceless = $(strip $(foreach o,$2,$(if $(wildcard $1/$(o:.o=.c) $1/$(o:.o=.S)),,$o)))

define room_load
$(foreach v,$(ROOM_VARS),$(eval $v :=))
include $1
$$(if $$(call sourceless,$(patsubst %/room.mk,%,$1),$$(objs) $$(objs-y)),$$(error $1: no source for $$(call sourceless,$(patsubst %/room.mk,%,$1),$$(objs) $$(objs-y))))
$$(if $$(call sourceless,$(patsubst %/room.mk,%,$1),$$(tests)),$$(warning $1: no source for $$(call sourceless,$(patsubst %/room.mk,%,$1),$$(tests))))
$$(eval tests := $$(filter-out $$(call sourceless,$(patsubst %/room.mk,%,$1),$$(tests)),$$(tests)))
$$(eval $$(call room_rules,$(patsubst %/room.mk,%,$1)))
endef

# The variables of a fragment are copied under the room's name before the next is read.
define room_rules
ifneq ($(room),$1)
$$(error $1/room.mk: says room := $(room))
endif
ROOMS += $1
DEPS_$1 := $(deps)
OBJS_$1 := $(addprefix $(OBJ)/$1/,$(objs) $(objs-y))
TESTS_$1 := $(addprefix $(OBJ)/$1/,$(tests))
KOBJS += $(addprefix $(OBJ)/$1/,$(objs) $(objs-y))
KTEST_OBJS += $(addprefix $(OBJ)/$1/,$(tests))
PURE_OBJS += $(addprefix $1/,$(if $(filter y,$(pure)),$(filter-out %.S,$(objs) $(objs-y)),$(pure-objs)))
HOST_TESTS += $(addprefix $1/,$(if $(filter y,$(pure)),$(tests),$(pure-tests)))
FUZZERS += $(addprefix $1/,$(fuzz))
$(foreach o,$(objs) $(objs-y) $(tests),$(call obj_flags,$1,$o))
FLAGS_OF_$1 := $(cflags) $(sanitize) $(foreach o,$(objs) $(objs-y) $(tests),$(cflags-$o) $(sanitize-$o))
ALL_FLAG_FILES += $(OBJ)/$1/.flags
$(foreach o,$(objs) $(objs-y) $(tests),$(eval $(OBJ)/$1/$o: $(OBJ)/$1/.flags))
$(foreach o,$(objs) $(objs-y) $(tests),$(eval cflags-$o :=)$(eval sanitize-$o :=))
endef

# Per-object flags; `sanitize := n` (room) or `sanitize-x.o := n` leaves out KASAN and UBSan.
define obj_flags
OF_$(OBJ)/$1/$2 := $(cflags) $(cflags-$2) $(if $(filter n,$(sanitize) $(sanitize-$2)),,$(KSANITIZE))

endef

ifeq ($(NEED_CONFIG),y)
$(foreach f,$(ROOM_FILES),$(eval $(call room_load,$f)))

KERNEL_OBJS := $(KOBJS) $(if $(CONFIG_KTEST),$(KTEST_OBJS))

# A change of flags rebuilds what is compiled with them.
$(shell mkdir -p $(sort $(dir $(KOBJS) $(KTEST_OBJS) $(ALL_FLAG_FILES))))
$(foreach r,$(ROOMS),$(call content,$(OBJ)/$r/.flags,$(KCFLAGS) $(KSANITIZE) $(KAFLAGS) $(FLAGS_OF_$r)))
$(call content,$(O)/.flags,$(KCFLAGS))
$(call content,$(O)/.objs,$(KERNEL_OBJS))
endif
$(O)/.flags $(O)/.objs: ;
$(OBJ)/%/.flags: ;

$(OBJ)/%.o: %.c | $(PREPARE)
	$(call say,CC,$@)$(CC) $(KCFLAGS) $(OF_$@) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(OBJ)/%.o: %.S | $(PREPARE)
	$(call say,AS,$@)$(CC) $(KAFLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(OBJ)/%.o: $(O)/gen/%.c | $(PREPARE)
	$(call say,CC,$@)$(CC) $(KCFLAGS) $(OF_$@) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

-include $(wildcard $(patsubst %.o,%.d,$(KOBJS) $(KTEST_OBJS)))

# Some rooms are one folder deeper than their objects' folders: `objs := sub/x.o` works as well.
objs: $(KOBJS) $(KTEST_OBJS) $(THIRDPARTY_OBJS)

quickcheck: $(if $(ROOM),$(OBJS_$(ROOM)) $(TESTS_$(ROOM)),$(O)/corbel)
	@$(if $(ROOM),$(if $(filter $(ROOM),$(ROOMS)),true,echo "no room $(ROOM)"; exit 1),true)
.PHONY: quickcheck

# For editors and clang tools.
compile_commands.json: $(PREPARE) FORCE
	$(file >$(O)/compdb.list,$(foreach o,$(filter-out %.S,$(KOBJS) $(KTEST_OBJS)),$o|$(OF_$o)|;))
	$(Q)$(PYTHON) tools/gen-compdb.py '$(CC)' $(OBJ) $(O)/compdb.list $@ $(KCFLAGS)
