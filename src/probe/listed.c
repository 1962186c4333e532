/* SPDX-License-Identifier: Apache-2.0 */
/* What -L shows behind a site: the variables that have a value there, with their types. */
#include <string.h>

#include "probe/variable.h"

struct listed {
	struct arena *arena;
	struct elf_scope *scope;
	struct map *seen;
	struct buf text;
};

static void variable_hook(void *user, const struct elf_variable *v)
{
	struct listed *l = user;

	if (map_find(l->seen, v->name) ||
	    elf_variable_location(l->scope, v).place == ELF_PLACE_ABSENT)
		return;
	map_put(l->seen, v->name, l);
	buf_addf(&l->text, " $%s:%s", v->name, probe_type_text(v->type));
}

const char *probe_variables_text(struct arena *a, struct elf_file *f, const struct sema_site *site)
{
	struct listed l = { .arena = a, .seen = map_create(a) };
	struct elf_location where;
	const struct elf_type *type;

	l.scope = site->debug_entry ? elf_scope_of(f, site->address, site->debug_entry) :
				      elf_scope_at(f, site->address);
	if (!l.scope)
		return "";
	buf_init(&l.text, a);
	if (site->flags & SITE_RETURN && elf_returned(l.scope, &type, &where))
		buf_addf(&l.text, " $return:%s", probe_type_text(type));
	elf_each_variable(l.scope, variable_hook, &l);
	return buf_str(&l.text);
}
