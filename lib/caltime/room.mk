room := lib/caltime
deps :=
objs := caltime.o
tests := caltime_test.o
pure := y
