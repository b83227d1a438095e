room := kernel/boot
deps :=
objs :=
