room := kernel/cmdline
deps := kernel/boot
objs := cmdline.o
tests := cmdline_test.o
# Asked for no5lvl before the shadow of the sanitizer exists; the host tests have it.
sanitize-cmdline.o := n
