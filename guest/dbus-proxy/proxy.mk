# The bridge from D-Bus sockets to the kernel's message bus: for a Debian root, which has GLib and
# expat. `dbus-proxy-local` has a bus of its own instead of the kernel's, and is for tests.
DBUS_PROXY := $(GUEST)/corbel-dbus-proxy
DBUS_PROXY_SOURCES := $(filter-out %/local.c,$(sort $(wildcard guest/dbus-proxy/*.c)))
DBUS_PROXY_FLAGS := -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wold-style-definition -Wwrite-strings -I.
DBUS_PROXY_LIBS := gio-unix-2.0 expat

.PHONY: dbus-proxy dbus-proxy-local
dbus-proxy: $(DBUS_PROXY)
dbus-proxy-local: $(DBUS_PROXY)-local

define link-dbus-proxy
	$(Q)tools/setup dbus
	@mkdir -p $(@D)
	$(call say,CC,$@)gcc $(DBUS_PROXY_FLAGS) $(1) $$(pkg-config --cflags $(DBUS_PROXY_LIBS)) -o $@ $(filter %.c,$^) \
		$$(pkg-config --libs $(DBUS_PROXY_LIBS))
endef

$(DBUS_PROXY): $(DBUS_PROXY_SOURCES) $(wildcard guest/dbus-proxy/*.h) abi/kdbus.h guest/dbus-proxy/proxy.mk
	$(call link-dbus-proxy,)

$(DBUS_PROXY)-local: $(filter-out %/kernel.c %/kernel_message.c,$(DBUS_PROXY_SOURCES)) guest/dbus-proxy/local.c \
		$(wildcard guest/dbus-proxy/*.h) guest/dbus-proxy/proxy.mk
	$(call link-dbus-proxy,-fsanitize=address$(comma)undefined)
