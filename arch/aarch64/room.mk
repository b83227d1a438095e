room := arch/aarch64
deps :=
objs := boot.o stub.o

# The stub is all that links so far: make ARCH=aarch64 bootstub
.PHONY: bootstub
bootstub: $(O)/bootstub
$(O)/stub.lds: arch/aarch64/stub.lds.S
	$(Q)$(CC) -E -P -undef -x c -o $@ $<
$(O)/bootstub: $(OBJ)/arch/aarch64/boot.o $(OBJ)/arch/aarch64/stub.o $(O)/stub.lds
	$(call say,LINK,$@)$(LD) $(ARCH_LDFLAGS) -static --build-id=none --no-warn-rwx-segments -T $(O)/stub.lds -o $@ $(filter %.o,$^)
