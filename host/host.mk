# The launcher: $(O)/host/corbel, one file with corbel-init inside.
HOST := $(O)/host
HOST_SRCS := $(wildcard host/*.c)
HOST_OBJS := $(HOST_SRCS:host/%.c=$(HOST)/%.o) $(HOST)/init_blob.o
HOST_CFLAGS = $(HOSTCFLAGS) -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I$(O)/include

.PHONY: launcher
launcher: $(HOST)/corbel
all: launcher

$(HOST)/%.o: host/%.c host/host.mk | $(GEN)/version.h
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)$(HOSTCC) $(HOST_CFLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(HOST)/init_blob.o: host/init_blob.S $(O)/guest/corbel-init
	@mkdir -p $(@D)
	$(call say,HOSTAS,$@)$(HOSTCC) -DINIT_PATH='"$(O)/guest/corbel-init"' -c -o $@ $<

$(HOST)/corbel: $(HOST_OBJS)
	$(call say,HOSTLD,$@)$(HOSTCC) -o $@ $(HOST_OBJS) -larchive

$(HOST)/main.o: $(GEN)/version.h
-include $(wildcard $(HOST)/*.d)
