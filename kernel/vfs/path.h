/* A place in the mount tree. Private pieces are in vfs.h. */
#pragma once

struct dentry;
struct mount;

struct path {
	struct mount *mnt;
	struct dentry *dentry;
};
