room := drivers/acpi
deps :=
objs := acpi.o mptable.o
tests := acpi_test.o
fuzz := acpi_fuzz.o
pure := y
sanitize := n
