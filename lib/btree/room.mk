room := lib/btree
deps :=
objs := btree.o btree_edit.o btree_gap.o
tests := btree_test.o
pure := y
