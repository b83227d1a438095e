room := lib/rbtree
deps :=
objs := rbtree.o
tests := rbtree_test.o
pure := y
