/* Names from user space and the simple forms of a lookup. */
#include <kernel/vfs/vfs_impl.h>

static struct slab_cache *name_cache;

void name_init(void)
{
	name_cache = slab_cache_create_boot("names", PATH_MAX_LEN, 8, 0);
}

int pathname_get(struct pathname *pn, const char __user *name, bool empty_ok)
{
	ssize_t len = strncpy_from_user(pn->inline_text, name, PATH_INLINE);

	pn->text = pn->inline_text;
	if (unlikely(len < 0))
		return (int)len;
	if (unlikely(len >= PATH_INLINE)) {
		pn->text = slab_alloc(name_cache, GFP_KERNEL);
		if (!pn->text)
			return -ENOMEM;
		len = strncpy_from_user(pn->text, name, PATH_MAX_LEN);
		if (len < 0 || len >= PATH_MAX_LEN) {
			vfs_putname(pn->text);
			pn->text = pn->inline_text;
			return len < 0 ? (int)len : -ENAMETOOLONG;
		}
	}
	if (unlikely(!len && !empty_ok)) {
		pathname_put(pn);
		pn->text = pn->inline_text;
		return -ENOENT;
	}
	pn->len = (size_t)len;
	return 0;
}

int vfs_getname(const char __user *name, char **out)
{
	char *buf = slab_alloc(name_cache, GFP_KERNEL);
	ssize_t len;

	if (!buf)
		return -ENOMEM;
	len = strncpy_from_user(buf, name, PATH_MAX_LEN);
	if (len < 0 || len >= PATH_MAX_LEN) {
		slab_free(name_cache, buf);
		return len < 0 ? (int)len : -ENAMETOOLONG;
	}
	*out = buf;
	return 0;
}

void vfs_putname(char *name)
{
	if (name)
		slab_free(name_cache, name);
}

static int lookup(int dfd, const struct path *base, const char *name, size_t len, u32 flags,
		  struct path *out)
{
	struct nameidata nd __uninit;
	int err;

	if (!len && !(flags & LOOKUP_EMPTY))
		return -ENOENT;
	nd_init(&nd, dfd, base, name, len, flags);
	err = nd_walk(&nd);
	if (err)
		return err;
	*out = nd.path;
	nd_end(&nd);
	return 0;
}

int path_lookup_user(int dfd, const char __user *uname, u32 flags, struct path *out)
{
	struct pathname pn __uninit;
	int err = pathname_get(&pn, uname, flags & LOOKUP_EMPTY);

	if (err)
		return err;
	err = lookup(dfd, NULL, pn.text, pn.len, flags, out);
	pathname_put(&pn);
	return err;
}

int path_lookup(int dfd, const char *name, u32 flags, struct path *out)
{
	return lookup(dfd, NULL, name, strlen(name), flags, out);
}

int path_lookup_at(const struct path *base, const char *name, u32 flags, struct path *out)
{
	return lookup(AT_FDCWD, base, name, strlen(name), flags, out);
}
