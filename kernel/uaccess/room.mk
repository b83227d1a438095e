room := kernel/uaccess
deps :=
objs := uaccess.o
