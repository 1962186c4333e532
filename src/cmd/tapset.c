/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding and reading the library of the script language.
 *
 * Directories, later ones adding to earlier, each with its folders for this runtime and architecture: $SPILE_TAPSET or $SYSTEMTAP_TAPSET
 * or, from the executable's own place, ../tapset (run from the build folder) or
 * ../share/spile/tapset (installed); then every -I.
 */
#include "cmd/driver.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_directory(const char *path)
{
	DIR *d = opendir(path);

	if (d)
		closedir(d);
	return d != NULL;
}

static const char *own_directory(struct arena *a)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
	char *slash;

	if (n <= 0)
		return NULL;
	path[n] = '\0';
	slash = strrchr(path, '/');
	return slash ? arena_strndup(a, path, (size_t)(slash - path)) : NULL;
}

const char *cmd_tapset_folder(struct arena *a)
{
	static const char *const variables[] = { "SPILE_TAPSET", "SYSTEMTAP_TAPSET" };
	static const char *const places[] = { "../tapset", "../share/spile/tapset" };
	const char *own = own_directory(a);

	for (size_t i = 0; i < base_count(variables); i++) {
		const char *value = getenv(variables[i]);

		if (value && *value)
			return value;
	}
	for (size_t i = 0; own && i < base_count(places); i++) {
		const char *path = arena_printf(a, "%s/%s", own, places[i]);

		if (is_directory(path))
			return path;
	}
	return NULL;
}

static int ends_in(const struct dirent *e, const char *suffix)
{
	size_t n = strlen(e->d_name), m = strlen(suffix);

	return n > m && strcmp(e->d_name + n - m, suffix) == 0;
}

static int is_macro_file(const struct dirent *e)
{
	return ends_in(e, ".stpm");
}

static int is_script_file(const struct dirent *e)
{
	return ends_in(e, ".stp");
}

static struct error *read_one(struct cmd_session *s, const char *path, bool macros)
{
	struct lang_options o = s->lang;
	struct lang_conditions newest = s->conditions;
	struct source *source;
	struct error *e = source_from_file(s->sources, path, &source);

	if (e)
		return e;
	source->is_library = true;
	o.privileged = true;
	newest.systemtap_v = CMD_LANGUAGE_VERSION;
	o.conditions = &newest;
	if (macros) {
		lang_parse_macros(&o, source, s->macros);
		return NULL;
	}
	vec_push(s->arena, &s->library, lang_parse(&o, source));
	return NULL;
}

static struct error *read_directory(struct cmd_session *s, const char *path, bool macros)
{
	struct dirent **names = NULL;
	struct error *e = NULL;
	int n = scandir(path, &names, macros ? is_macro_file : is_script_file, alphasort);

	for (int i = 0; i < n; i++) {
		if (!e)
			e = read_one(s, arena_printf(s->arena, "%s/%s", path, names[i]->d_name), macros);
		free(names[i]);
	}
	free(names);
	return e;
}

struct error *cmd_tapset_load(struct cmd_session *s)
{
	/* from the most special, as SystemTap looks */
	static const char *const below[] = { "/dyninst/x86_64", "/dyninst", "/x86_64", "" };
	VEC(const char *) directories = { 0 };
	const char *own = cmd_tapset_folder(s->arena);
	struct error *e = NULL;

	if (own)
		vec_push(s->arena, &directories, own);
	else
		return error_hint(error_new(ERROR_NOT_FOUND, "the tapset library was not found"),
				  "set SPILE_TAPSET to the folder that holds it");
	vec_each(d, &s->options->includes)
		vec_push(s->arena, &directories, *d);
	for (int macros = 1; macros >= 0 && !e; macros--)
		vec_each(d, &directories)
			for (size_t i = 0; i < base_count(below) && !e; i++)
				e = read_directory(s, arena_printf(s->arena, "%s%s", *d, below[i]), macros);
	return e;
}
