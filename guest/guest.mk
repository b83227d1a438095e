# Programs that run inside the machine: static, with musl so that they are small.
GUEST := $(O)/guest
GUESTCC ?= musl-gcc
# musl's headers first; <linux/*.h> from linux-libc-dev behind them.
GUEST_CFLAGS := -std=gnu11 -D_GNU_SOURCE -Os -static -s -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wold-style-definition -Wcast-qual -Wwrite-strings \
	-idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu

$(GUEST)/corbel-init: guest/corbel-init.c guest/config.c guest/init_impl.h guest/guest.mk
	@mkdir -p $(@D)
	$(call say,GUESTCC,$@)$(GUESTCC) $(GUEST_CFLAGS) -o $@ $(filter %.c,$^)

$(GUEST)/test-runner: guest/test-runner.c guest/guest.mk
	@mkdir -p $(@D)
	$(call say,GUESTCC,$@)$(GUESTCC) $(GUEST_CFLAGS) -o $@ $<

include guest/dbus-proxy/proxy.mk
