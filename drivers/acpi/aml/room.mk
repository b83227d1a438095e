room := drivers/acpi/aml
deps :=
objs := load.o eval.o resources.o
tests := aml_test.o
fuzz := aml_fuzz.o
pure := y
