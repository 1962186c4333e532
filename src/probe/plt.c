/* SPDX-License-Identifier: Apache-2.0 */
/* process.plt("name") and .plt: calls of other objects' functions, at their slots of the linkage table. */
#include <string.h>

#include "probe/function.h"

static bool slot_hook(void *user, const char *name, uint64_t address, uint64_t size)
{
	struct function_search *s = user;
	struct arena *a = s->query->resolver->arena;
	struct sema_site *site = process_site_add(
		s->query, s->module, address,
		arena_printf(a, ".plt(%s)%s", lang_quote(a, name, (uint32_t)strlen(name)), s->suffix));

	process_site_shown(s, site, "statement",
			   arena_printf(a, "0x%llx", (unsigned long long)address));
	site->function_start = address;
	site->function_end = address + size;
	site->mark = name;
	site->function = name;
	site->flags = SITE_PLT | (s->at_return ? SITE_RETURN : SITE_ENTRY);
	return true;
}

static bool near_hook(void *user, const char *name, uint64_t address, uint64_t size)
{
	struct process_query *q = user;

	(void)address, (void)size;
	vec_push(q->resolver->arena, &q->near, name);
	return true;
}

bool process_plt_resolve(struct process_query *q, const struct process_module *m)
{
	const struct point_component *c = &q->point->components.p[q->tail];
	const char *glob = c->has_argument ? c->argument->string.text : "*";
	struct function_search s = { .query = q, .module = m, .suffix = "" };

	if (q->point->components.n > q->tail + 1) {
		s.suffix = ".return";
		s.at_return = q->at_return = true;
	}
	elf_each_plt(m->file, glob, slot_hook, &s);
	q->wanted = (struct process_wanted){ glob, "function", "functions" };
	if (!q->sites.n)
		elf_each_plt(m->file, "*", near_hook, q);
	return true;
}
