room := kernel/kasan
deps := kernel/boot kernel/frame kernel/panic kernel/printk kernel/symbol
objs-$(CONFIG_KASAN) := kasan.o
sanitize-kasan.o := n
tests := kasan_test.o
