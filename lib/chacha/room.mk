room := lib/chacha
deps :=
objs := chacha.o
tests := chacha_test.o
pure := y
