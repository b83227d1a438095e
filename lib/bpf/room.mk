room := lib/bpf
deps :=
objs := bpf.o
tests := bpf_test.o
fuzz := bpf_fuzz.o
pure := y
