room := kernel/uaccess
deps :=
objs := uaccess.o
tests := uaccess_test.o
