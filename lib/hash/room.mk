room := lib/hash
deps :=
objs := hash.o
tests := hash_test.o
pure := y
