# The message bus for programs: libcorbelbus (a static library for programs of Debian) and corbel-bus.
BUS := $(O)/guest/bus
BUS_LIB_SRCS := $(wildcard guest/bus/*.c)
BUS_TOOL_SRCS := $(wildcard guest/bus/tool/*.c)
BUS_HEADERS := $(wildcard guest/bus/*.h guest/bus/tool/*.h) abi/kdbus.h
BUS_CFLAGS := -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wcast-qual -Wwrite-strings -Iabi

.PHONY: bus-user
bus-user: $(BUS)/libcorbelbus.a $(O)/guest/corbel-bus $(BUS)/first

$(BUS)/%.o: guest/bus/%.c $(BUS_HEADERS) guest/bus.mk
	@mkdir -p $(@D)
	$(call say,USERCC,$@)$(HOSTCC) $(BUS_CFLAGS) -fPIC -c -o $@ $<

$(BUS)/libcorbelbus.a: $(BUS_LIB_SRCS:guest/bus/%.c=$(BUS)/%.o)
	$(call say,AR,$@)rm -f $@ && ar rcsD $@ $^

$(O)/guest/corbel-bus: $(BUS_LIB_SRCS) $(BUS_TOOL_SRCS) $(BUS_HEADERS) guest/bus.mk
	@mkdir -p $(@D)
	$(call say,GUESTCC,$@)$(GUESTCC) $(filter-out -Os,$(GUEST_CFLAGS)) -O2 -Iabi -o $@ $(BUS_LIB_SRCS) $(BUS_TOOL_SRCS)

# The program of docs/bus.md, against the library as a user would.
$(BUS)/first: guest/bus/example/first.c $(BUS)/libcorbelbus.a
	$(call say,USERCC,$@)$(HOSTCC) $(BUS_CFLAGS) -static -Iguest/bus -o $@ $^

# Of test/programs/bus.py.
BUS_TEST_PROGRAMS := $(O)/test/programs/bustest
$(O)/test/programs/bustest: test/programs/bus/bustest.c $(BUS)/libcorbelbus.a
	@mkdir -p $(@D)
	$(call say,USERCC,$@)$(HOSTCC) $(BUS_CFLAGS) -static -pthread -Iguest/bus -o $@ $^
