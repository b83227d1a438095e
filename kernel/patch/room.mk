room := kernel/patch
deps := kernel/lock
objs := patch.o
tests := patch_test.o
# Alternatives are applied before the sanitizer's shadow is of use.
sanitize-patch.o := n
