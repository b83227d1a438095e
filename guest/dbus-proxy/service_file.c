// SPDX-License-Identifier: BSD-2-Clause
/* Files of services, and where they lie. */
#include "activation_impl.h"

#define GROUP "D-BUS Service"

struct service *service_read(const char *file)
{
	g_autoptr(GKeyFile) keys = g_key_file_new();
	g_autoptr(GError) error = NULL;
	struct service *service;

	if (!g_key_file_load_from_file(keys, file, G_KEY_FILE_NONE, &error)) {
		g_message("%s is left out: %s", file, error->message);
		return NULL;
	}
	service = g_new0(struct service, 1);
	service->name = g_key_file_get_string(keys, GROUP, "Name", NULL);
	service->exec = g_key_file_get_string(keys, GROUP, "Exec", NULL);
	service->user = g_key_file_get_string(keys, GROUP, "User", NULL);
	if (service->name && service->exec && g_dbus_is_name(service->name) &&
	    service->name[0] != ':')
		return service;
	g_message("%s is left out: no Name or no Exec", file);
	service_free(service);
	return NULL;
}

static void add_below(GPtrArray *dirs, const char *base, const char *below)
{
	if (base && base[0] == '/')
		g_ptr_array_add(dirs, g_build_filename(base, below, NULL));
}

static void add_session(GPtrArray *dirs)
{
	const char *const *d;

	add_below(dirs, g_getenv("XDG_RUNTIME_DIR"), "dbus-1/services");
	add_below(dirs, g_get_user_data_dir(), "dbus-1/services");
	for (d = g_get_system_data_dirs(); *d; d++)
		add_below(dirs, *d, "dbus-1/services");
	add_below(dirs, "/usr/share", "dbus-1/services");
}

static void add_system(GPtrArray *dirs)
{
	add_below(dirs, "/run", "dbus-1/system-services");
	add_below(dirs, "/etc", "dbus-1/system-services");
	add_below(dirs, "/usr/local/share", "dbus-1/system-services");
	add_below(dirs, "/usr/share", "dbus-1/system-services");
	add_below(dirs, "/lib", "dbus-1/system-services");
}

GPtrArray *service_directories(const struct config *config)
{
	GPtrArray *dirs = g_ptr_array_new_with_free_func(g_free);
	guint i;

	for (i = 0; i < config->service_dirs->len; i++)
		g_ptr_array_add(dirs, g_strdup(g_ptr_array_index(config->service_dirs, i)));
	if (config->standard_session_dirs)
		add_session(dirs);
	if (config->standard_system_dirs)
		add_system(dirs);
	return dirs;
}
