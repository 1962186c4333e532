/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expansion of probe points, from what a script says to leaves.
 *
 *	probe app.query { ... }			level 0, the script
 *	  app.query = process("app").mark("query"), timer.s(1)
 *	    ──▶ process("app").mark("query")	level 1, the alias: a leaf
 *	    ──▶ timer.s(1)			level 1: another
 *
 * What follows the name of an alias is appended to each of its points.
 */
#include "sema/private.h"

#include <string.h>

static bool expand(struct sema *s, struct probe_point *p, const struct sema_level *l);

/* ---- messages -------------------------------------------------------------------------- */

/* Says through which aliases the point came. */
static void note_levels(struct sema *s, uint32_t first_diag, const struct sema_level *l)
{
	for (uint32_t i = first_diag; i < s->diags->list.n; i++)
		for (const struct sema_level *level = l->outer; level; level = level->outer)
			sema_note(s, &s->diags->list.p[i], level->point->components.p[0].span,
				  "while resolving probe point");
}

const char *sema_point_similar(struct sema *s, const char *name)
{
	VEC(const char *) names = { 0 };
	const char *key;
	void *value;

	for (const struct sema_provider *const *p = s->options->providers; *p; p++)
		if ((*p)->root[0] != '_')
			vec_push(s->arena, &names, (*p)->root);
	for (uint32_t it = 0; map_next(s->alias_heads, &it, &key, &value);)
		if (key[0] != '_')
			vec_push(s->arena, &names, key);
	return sema_similar(s->arena, name, names.p, names.n);
}

/* SystemTap's probe points in the kernel, its library's included: what beginners try first. */
static bool is_of_kernel(const char *root)
{
	static const char *const roots[] = { "kernel", "module", "vfs", "tcp", "udp", "tcpmib", "ipmib", "netdev",
					     "netfilter", "ioblock", "ioblock_trace", "ioscheduler", "iosched", "scsi", "nfs",
					     "nfsd", "sunrpc", "irq_handler", "softirq", "workqueue", "vm", "kprocess",
					     "signal", "socket", "kprobe", "generic", "lwtunnel", "hw" };

	for (size_t i = 0; i < base_count(roots); i++)
		if (strcmp(root, roots[i]) == 0)
			return true;
	return false;
}

/* How many components of the two agree from the front. */
static uint32_t agreement(const struct probe_point *a, const struct probe_point *b)
{
	uint32_t i = 0, n = base_min(a->components.n, b->components.n);

	while (i < n && strcmp(a->components.p[i].name, b->components.p[i].name) == 0 &&
	       a->components.p[i].has_argument == b->components.p[i].has_argument)
		i++;
	return i;
}

typedef VEC(const char *) name_list;

/* Those of system calls are made where they are asked for by their right names. */
static bool is_of_calls(const char *root)
{
	return strcmp(root, "syscall") == 0 || strcmp(root, "nd_syscall") == 0;
}

/* What the aliases that agree with p as far as any does have next; *agreed: how far. */
static name_list next_of_aliases(struct sema *s, const struct probe_point *p, uint32_t *agreed)
{
	name_list names = { 0 };
	struct map *seen = map_create(s->arena);

	if (is_of_calls(p->components.p[0].name)) {
		*agreed = 1;
		for (uint32_t i = 0; i < s->options->n_syscalls; i++)
			vec_push(s->arena, &names, s->options->syscalls[i]);
		return names;
	}
	*agreed = 0;
	vec_each(a, &s->aliases)
		*agreed = base_max(*agreed, agreement(a->name, p));
	vec_each(a, &s->aliases) {
		const char *next = a->name->components.n > *agreed ? a->name->components.p[*agreed].name : NULL;

		if (!next || agreement(a->name, p) < *agreed || map_find(seen, next))
			continue;
		map_put(seen, next, a);
		vec_push(s->arena, &names, next);
	}
	return names;
}

/* At the first component that nothing has. */
static void say_mismatch(struct sema *s, const struct probe_point *p, const struct sema_level *l)
{
	uint32_t first = s->diags->list.n, agreed;
	name_list names = next_of_aliases(s, p, &agreed);
	const struct point_component *c = &p->components.p[base_min(agreed, p->components.n - 1)];

	if (agreed == p->components.n)
		sema_error(s, DIAG_PROBE_POINT, c->span, "%s", sema_truncated(s->arena, names.p, names.n));
	else
		sema_error(s, DIAG_PROBE_POINT, c->span, "probe point mismatch%s%s",
			   sema_point_has_wildcard(p) ? ": didn't find any wildcard matches" : "",
			   agreed ? sema_similar(s->arena, c->name, names.p, names.n) :
				    sema_point_similar(s, c->name));
	if (is_of_kernel(p->components.p[0].name) && s->diags->list.n > first)
		diag_note(s->diags, &s->diags->list.p[s->diags->list.n - 1], (struct span){ 0, 0, 0 },
			  "the kernel is not probed here: of a process there are process.function, syscall.*, "
			  "perf.*, scheduler.* and others (--dump-probe-types)");
	note_levels(s, first, l);
}

/* ---- aliases --------------------------------------------------------------------------- */

/* The number of components of the alias's name when it begins p, or 0. */
static uint32_t alias_length(const struct sema_alias *a, const struct probe_point *p)
{
	uint32_t n = a->name->components.n;

	return agreement(a->name, p) == n ? n : 0;
}

static bool is_open(const struct sema_level *l, const struct probe_decl *d)
{
	for (; l; l = l->outer)
		if (l->decl == d)
			return true;
	return false;
}

/* A point of an alias with what the user wrote behind the alias's name. */
static struct probe_point *with_suffix(struct sema *s, const struct probe_point *of_alias,
				       const struct probe_point *p, uint32_t used)
{
	struct probe_point *n = arena_dup(s->arena, of_alias, sizeof *n);
	uint32_t own = of_alias->components.n;

	n->components.p =
		arena_dup(s->arena, of_alias->components.p, own * sizeof *n->components.p);
	n->components.cap = own;
	for (uint32_t i = used; i < p->components.n; i++)
		vec_push(s->arena, &n->components, p->components.p[i]);
	return n;
}

static const struct sema_level *level_new(struct sema *s, const struct sema_level *outer,
					  struct probe_decl *d, const struct probe_point *p,
					  const char *name)
{
	struct sema_level *l = arena_new(s->arena, struct sema_level);

	*l = (struct sema_level){ outer, d, p, name };
	return l;
}

static bool expand_alias(struct sema *s, const struct sema_alias *a, struct probe_point *p,
			 const struct sema_level *l)
{
	bool any = false;

	if (is_open(l, a->decl)) {
		sema_error(s, DIAG_ALIAS, p->components.p[0].span,
			   "recursive loop in alias expansion of %s",
			   lang_point_text(s->arena, a->name, false));
		return false;
	}
	vec_each(of_alias, &a->decl->points) {
		struct probe_point *n = with_suffix(s, *of_alias, p, a->name->components.n);
		bool ok;

		ok = expand(
			s, n,
			level_new(s, l, a->decl, *of_alias, lang_point_text(s->arena, n, false)));
		any |= ok;
		if (ok && n->sufficient)
			break;
	}
	return any;
}

/* The aliases whose names are the longest that begin p; -1: none, else whether any gave a leaf. */
static int expand_aliases(struct sema *s, struct probe_point *p, const struct sema_level *l)
{
	uint32_t longest = 0;
	bool any = false;

	if (!map_find(s->alias_heads, p->components.p[0].name))
		return -1;
	vec_each(a, &s->aliases)
		longest = base_max(longest, alias_length(a, p));
	if (!longest)
		return -1;
	for (uint32_t i = 0; i < s->aliases.n; i++) {
		struct sema_alias a = s->aliases.p[i];

		if (alias_length(&a, p) == longest)
			any |= expand_alias(s, &a, p, l);
	}
	return any;
}

/* ---- providers ------------------------------------------------------------------------- */

static const struct sema_provider *provider_find(const struct sema *s, const char *root)
{
	for (const struct sema_provider *const *p = s->options->providers; *p; p++)
		if (strcmp((*p)->root, root) == 0)
			return *p;
	return NULL;
}

static bool resolve(struct sema *s, const struct sema_provider *provider, struct probe_point *p,
		    const struct sema_level *l)
{
	struct sema_resolver r = {
		.arena = s->arena,
		.names = s->names,
		.sources = s->options->sources,
		.options = s->options,
		.diags = s->quiet ? &s->muted : s->diags,
		.quiet = s->quiet > 0,
		.user = s->options->provider_user,
	};
	uint32_t first = s->diags->list.n;
	bool ok = provider->resolve(&r, p);

	if (!ok) {
		note_levels(s, first, l);
		return false;
	}
	vec_each(point, &r.out)
		vec_push(s->arena, &s->leaves, (struct sema_leaf){ *point, l, provider });
	return r.out.n > 0;
}

/* ---- one point ------------------------------------------------------------------------- */

static bool expand_concrete(struct sema *s, struct probe_point *p, const struct sema_level *l)
{
	const struct sema_provider *provider = provider_find(s, p->components.p[0].name);
	int aliased = expand_aliases(s, p, l);
	bool resolved;

	if (!provider && aliased < 0)
		say_mismatch(s, p, l);
	if (!provider)
		return aliased > 0;
	/* an alias may have the name of a point of the tool's own: both are meant */
	s->quiet += aliased >= 0;
	resolved = resolve(s, provider, p, l);
	s->quiet -= aliased >= 0;
	return resolved || aliased > 0;
}

/* The name of an alias that is being expanded is nobody's match, though others have it too. */
static bool is_own_name(const struct sema *s, const struct probe_point *p, const struct sema_level *l)
{
	vec_each(a, &s->aliases)
		if (alias_length(a, p) && is_open(l, a->decl))
			return true;
	return false;
}

static bool expand_wildcards(struct sema *s, struct probe_point *p, const struct sema_level *l)
{
	sema_point_list list = sema_point_candidates(s, p);
	bool any = false;

	s->quiet++;
	vec_each(n, &list)
		if (!is_own_name(s, *n, l))
			any |= expand_concrete(s, *n,
					       level_new(s, l->outer, l->decl, l->point,
							 lang_point_text(s->arena, *n, false)));
	s->quiet--;
	if (!any)
		say_mismatch(s, p, l);
	return any;
}

static bool expand(struct sema *s, struct probe_point *p, const struct sema_level *l)
{
	bool may_fail = p->optional || p->sufficient, ok;

	if (!p->components.n)
		return false;
	s->quiet += may_fail;
	ok = sema_point_has_wildcard(p) ? expand_wildcards(s, p, l) : expand_concrete(s, p, l);
	s->quiet -= may_fail;
	return ok;
}

void sema_points_expand(struct sema *s, struct probe_decl *d)
{
	vec_each(p, &d->points) {
		struct probe_point *point = *p;
		const struct sema_level *l =
			level_new(s, NULL, d, point, lang_point_text(s->arena, point, false));

		if (expand(s, point, l) && point->sufficient)
			return;
	}
}
