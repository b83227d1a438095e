# The bridge from D-Bus sockets to the kernel's message bus: for a Debian root, which has GLib and
# expat. `dbus-proxy-local` has a bus of its own instead of the kernel's, and is for tests.
DBUS_PROXY := $(GUEST)/corbel-dbus-proxy
DBUS_PROXY_FILES := $(basename $(notdir $(wildcard guest/dbus-proxy/*.c)))
DBUS_PROXY_LIBS := gio-unix-2.0 expat
DBUS_PROXY_CFLAGS = -std=gnu11 -D_GNU_SOURCE -O2 -g -MMD -MP -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wold-style-definition -Wwrite-strings -I. $$(pkg-config --cflags $(DBUS_PROXY_LIBS))
DBUS_PROXY_SANITIZE := -fsanitize=address,undefined

.PHONY: dbus-proxy dbus-proxy-local
dbus-proxy: $(DBUS_PROXY)
dbus-proxy-local: $(DBUS_PROXY)-local

$(GUEST)/dbus-proxy/.ready: tools/setup
	$(Q)tools/setup dbus
	@mkdir -p $(@D)/local && touch $@

$(GUEST)/dbus-proxy/%.o: guest/dbus-proxy/%.c guest/dbus-proxy/proxy.mk | $(GUEST)/dbus-proxy/.ready
	$(call say,CC,$@)gcc $(DBUS_PROXY_CFLAGS) -c -o $@ $<

$(GUEST)/dbus-proxy/local/%.o: guest/dbus-proxy/%.c guest/dbus-proxy/proxy.mk | $(GUEST)/dbus-proxy/.ready
	$(call say,CC,$@)gcc $(DBUS_PROXY_CFLAGS) $(DBUS_PROXY_SANITIZE) -c -o $@ $<

$(DBUS_PROXY): $(patsubst %,$(GUEST)/dbus-proxy/%.o,$(filter-out local,$(DBUS_PROXY_FILES)))
	$(call say,LD,$@)gcc -o $@ $^ $$(pkg-config --libs $(DBUS_PROXY_LIBS))

$(DBUS_PROXY)-local: $(patsubst %,$(GUEST)/dbus-proxy/local/%.o,$(filter-out kernel kernel_message,$(DBUS_PROXY_FILES)))
	$(call say,LD,$@)gcc $(DBUS_PROXY_SANITIZE) -o $@ $^ $$(pkg-config --libs $(DBUS_PROXY_LIBS))

-include $(wildcard $(GUEST)/dbus-proxy/*.d $(GUEST)/dbus-proxy/local/*.d)
