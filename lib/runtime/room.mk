room := lib/runtime
deps :=
objs := runtime.o
tests := runtime_test.o
pure-tests := runtime_test.o
