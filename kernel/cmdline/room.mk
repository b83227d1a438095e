room := kernel/cmdline
deps := kernel/boot
objs := cmdline.o
tests := cmdline_test.o
