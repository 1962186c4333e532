/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a script means by $name, @var("name@unit", "module"), @cast(e, "type", "module"),
 * @enum("NAME"), and by -> and [] behind a value whose type is known.
 */
#include <string.h>

#include "probe/variable.h"

#define ALTERNATIVES 6u

/* ---- modules ----------------------------------------------------------------------------------- */

static struct elf_file *file_open(struct sema_resolver *r, const char *path)
{
	struct probe_user *user = r->user;
	struct elf_file *f;

	return path && *path && !elf_open(user->elf, path, &f) ? f : NULL;
}

static const char *last_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Among what a program is loaded with. */
static struct elf_file *file_among(struct sema_resolver *r, const char *program, const char *name)
{
	struct elf_file *f = file_open(r, program);
	struct probe_user *user = r->user;
	const char *const *paths;
	uint32_t n;

	if (!f || elf_needed_closure(user->elf, f, &paths, &n))
		return NULL;
	for (uint32_t i = 0; i < n; i++) {
		struct elf_file *library = file_open(r, paths[i]);

		if (library && (strcmp(last_name(paths[i]), name) == 0 ||
				(library->soname && strcmp(library->soname, name) == 0)))
			return library;
	}
	return strcmp(last_name(program), name) == 0 ? f : NULL;
}

/* "libc.so.6", "prog" or a path: of the probe's module, of what it and the command load, by $PATH. */
static struct elf_file *file_named(struct sema_resolver *r, const struct sema_site *site,
				   const char *name)
{
	const char *path = name;
	struct elf_file *f = NULL;

	if (strchr(name, '/'))
		return file_open(r, name);
	if (site && strcmp(last_name(site->module), name) == 0)
		return file_open(r, site->module);
	if (site)
		f = file_among(r, site->module, name);
	if (!f && r->options->target_path)
		f = file_among(r, r->options->target_path, name);
	if (f)
		return f;
	return elf_find_program(r->arena, name, &path) ? NULL : file_open(r, path);
}

static struct access access_new(struct sema_resolver *r, const struct expr *written, bool probing,
				struct elf_file *file)
{
	return (struct access){ .resolver = r,
				.written = written,
				.probing = probing,
				.file = file,
				.at = written->token };
}

/* ---- the end of every way ------------------------------------------------------------------------ */

/* What a script wrote around and behind a name. */
struct written_parts {
	const struct target_component *components;
	uint32_t n;
	uint8_t pretty;
	bool address_of;
};

static struct written_parts parts_of(const struct expr *e)
{
	if (e->kind == EXPR_TARGET)
		return (struct written_parts){ e->target.components, e->target.n_components,
					       e->target.pretty, e->target.address_of };
	return (struct written_parts){ e->op.components, e->op.n_components, e->op.pretty,
				       e->op.address_of };
}

static struct expr *written(struct access *a, const struct written_parts *w)
{
	if (w->address_of)
		probe_access_refuse(a, DIAG_VARIABLE_WRITE, a->written->token, "cannot write to member address");
	else if (w->pretty)
		probe_access_refuse(a, DIAG_VARIABLE_WRITE, a->written->token,
				    "cannot write to pretty-printed variable");
	else
		return probe_access_store(a, a->resolver->store);
	return NULL;
}

static struct expr *finish(struct access *a, const struct written_parts *w)
{
	struct expr *e;

	if (!probe_access_walk(a, w->components, w->n))
		return NULL;
	if (w->address_of && w->pretty) {
		probe_access_refuse(a, DIAG_VARIABLE_CONTEXT, a->written->token,
				    "cannot take address of pretty-printed variable");
		return NULL;
	}
	if (a->resolver->store)
		return written(a, w);
	if (w->pretty)
		return probe_pretty(a, w->pretty);
	if (!w->address_of)
		return probe_access_value(a);
	e = probe_access_address(a);
	if (e && a->type)
		e->detail = (const struct sema_detail *)elf_type_pointer_to(a->file, a->type);
	return e;
}

/* ---- names ---------------------------------------------------------------------------------------- */

static bool warn_no_debug(struct sema_resolver *r, struct elf_file *f, const char *path, struct span at)
{
	struct probe_user *user = r->user;

	if (!user->warned)
		user->warned = map_create(r->arena);
	if (map_find(user->warned, path))
		return false;
	map_put(user->warned, path, user);
	diag_add(r->diags, DIAG_WARN_OTHER, at,
		 "cannot find module %s debuginfo: %s [man warning::debuginfo]", path,
		 f && elf_debug_missing(f) ? elf_debug_missing(f) : "No DWARF information found");
	return false;
}

static void refuse_name(struct access *a, struct elf_scope *scope, const char *name,
			const struct sema_site *site)
{
	uint32_t n, shown = 0;
	const struct elf_variable *v = elf_scope_variables(scope, &n);
	const char **names = arena_array(a->resolver->arena, const char *, n + 1);
	const char *function = elf_scope_function(scope);
	struct buf b;

	buf_init(&b, a->resolver->arena);
	for (uint32_t i = 0; i < n; i++)
		names[i] = v[i].name;
	while (shown < ALTERNATIVES && n) {
		const char *best = base_near(name, names, n);

		if (!best)
			best = names[0];
		buf_addf(&b, "%s$%s", shown++ ? ", " : "", best);
		for (uint32_t i = 0; i < n;)
			if (strcmp(names[i], best) == 0)
				names[i] = names[--n];
			else
				i++;
	}
	probe_access_refuse(a, DIAG_VARIABLE_UNKNOWN, a->at,
			    "unable to find local '%s' [man error::dwarf] in %s, near pc 0x%llx in %s "
			    "%s (%s%s)", name, site->module, (unsigned long long)site->address,
			    function ? function : "?", elf_scope_unit(scope),
			    b.n ? "alternatives: " : "no alternatives", buf_str(&b));
}

/* An optional name may be a script's: "$$vars" with pretty suffix is level 1 or 2. */
static bool summary_of(const char *name, enum probe_summary *out)
{
	static const char *const names[] = { "$$vars", "$$parms", "$$locals" };

	for (uint32_t i = 0; i < base_count(names); i++)
		if (strcmp(name, names[i]) == 0) {
			*out = (enum probe_summary)i;
			return true;
		}
	return false;
}

static struct expr *no_scope(struct access *a, const struct sema_site *site, const char *name)
{
	enum probe_summary which;

	if (!elf_has_debug(a->file) && !a->probing)
		warn_no_debug(a->resolver, a->file, site->module, a->at);
	if (summary_of(name, &which) || ((site->flags & SITE_RETURN) && strcmp(name, "$$return") == 0))
		return probe_expr_string(a->resolver, a->written, "");
	probe_access_refuse(a, DIAG_VARIABLE_UNKNOWN, a->at,
			    "debuginfo scope not found for module '%s', cannot resolve context "
			    "variable '%s' [man error::dwarf]",
			    site->module, name);
	return NULL;
}

/* ---- what functions return -------------------------------------------------------------------------- */

static struct expr *returned_value(struct access *a, struct elf_scope *scope, const struct expr *target)
{
	struct written_parts w = parts_of(target);

	if (!elf_returned(scope, &a->type, &a->where)) {
		probe_access_refuse(a, DIAG_VARIABLE_UNKNOWN, a->at,
				    "function %s (%s) has no return value", elf_scope_function(scope),
				    elf_scope_unit(scope));
		return NULL;
	}
	return finish(a, &w);
}

/* "return=0x2a", or pretty-printed; "" for void. */
static struct expr *returned_summary(struct access *a, struct elf_scope *scope, const struct expr *target)
{
	struct expr *copy = lang_clone_expr(a->resolver->arena, target), *value;
	bool pretty = target->target.pretty;
	const struct elf_type *type;
	struct elf_location where;
	struct access quiet;

	if (!elf_returned(scope, &type, &where) ||
	    (!pretty && (type->kind == ELF_TYPE_STRUCT || type->kind == ELF_TYPE_UNION)))
		return probe_expr_string(a->resolver, a->written, "");
	quiet = *a;
	quiet.probing = true;
	value = returned_value(&quiet, scope, copy);
	if (!value) /* of more than 64 bits, or in a place that cannot be read */
		return probe_expr_string(a->resolver, a->written, pretty ? "return=?" : "");
	return pretty ? probe_expr_sprint(a->resolver, a->written, "return=", "return=%s", 's', 0, value) :
			probe_expr_sprint(a->resolver, a->written, "return=", "return=%#x", 'x', '#', value);
}

/* ---- $name ------------------------------------------------------------------------------------------ */

static struct expr *named(struct access *a, struct elf_scope *scope, const struct sema_site *site,
			  const struct expr *target)
{
	struct written_parts w = parts_of(target);
	const char *name = target->target.name + 1;
	struct elf_variable v;

	if (!elf_variable_find(scope, name, &v)) {
		refuse_name(a, scope, name, site);
		return NULL;
	}
	a->type = v.type;
	a->where = elf_variable_location(scope, &v);
	return finish(a, &w);
}

/* When a function returns, its parameters and locals are gone: what is meant is their value at its entry. */
static struct expr *entry_value(struct access *a, struct expr *target)
{
	struct sema_resolver *r = a->resolver;
	struct expr *e = lang_expr_new(r->arena, EXPR_OPERATOR, target->span);
	struct buf b;

	if (!a->probing) {
		buf_init(&b, r->arena);
		lang_print_expr(&b, target);
		diag_add(r->diags, DIAG_WARN_OTHER, target->token,
			 "confusing usage, value is captured as @entry(%s) in .return probe [man stapprobes] RETURN PROBES",
			 buf_str(&b));
	}
	e->token = target->token;
	e->op.name = intern(r->names, "@entry", 6);
	vec_push(r->arena, &e->op.args.list, lang_clone_expr(r->arena, target));
	return e;
}

static struct expr *scope_variable(struct access *a, struct elf_scope *scope, const struct sema_site *site,
				   struct expr *target)
{
	const char *name = target->target.name;
	enum probe_summary which;

	if (summary_of(name, &which) && !target->target.n_components && !target->target.address_of)
		return probe_summary(a, scope, which, target->target.pretty);
	return named(a, scope, site, target);
}

/* What is visible at a site: in the function it was found by, where that is known. */
static struct elf_scope *scope_of(struct elf_file *f, const struct sema_site *site)
{
	return site->debug_entry ? elf_scope_of(f, site->address, site->debug_entry) :
				   elf_scope_at(f, site->address);
}

static struct expr *context_variable(struct sema_resolver *r, const struct sema_site *site,
				     struct expr *target, bool probing)
{
	struct access a = access_new(r, target, probing, file_open(r, site->module)), quiet;
	const char *name = target->target.name;
	struct elf_scope *scope;

	if (!a.file)
		return NULL;
	scope = scope_of(a.file, site);
	if (!scope)
		return no_scope(&a, site, name);
	if (!(site->flags & SITE_RETURN))
		return scope_variable(&a, scope, site, target);
	if (strcmp(name, "$return") == 0)
		return returned_value(&a, scope, target);
	if (strcmp(name, "$$return") == 0)
		return returned_summary(&a, scope, target);
	quiet = a;
	quiet.probing = true;
	if (!scope_variable(&quiet, scope, site, lang_clone_expr(r->arena, target)))
		return probing ? NULL : scope_variable(&a, scope, site, target);
	return entry_value(&a, target);
}

/* ---- @var ------------------------------------------------------------------------------------------- */

static const char *operand_text(const struct expr *e, uint32_t i)
{
	return i < e->op.args.list.n && e->op.args.list.p[i]->kind == EXPR_STRING ?
		       e->op.args.list.p[i]->string.text :
		       NULL;
}

static bool refuse_global(struct access *a, const char *name, const char *unit)
{
	return probe_access_refuse(a, DIAG_VARIABLE_UNKNOWN, a->at, "unable to find global '%s' in %s%s%s",
				   name, a->file->path, unit ? ", in " : "", unit ? unit : "");
}

/* Without unit and module: what $name would be, before any unit's. */
static bool variable_find(struct access *a, const struct sema_site *site, const char *name,
			  const char *unit, bool own_module)
{
	struct elf_scope *scope;
	struct elf_variable v;

	if (!unit && own_module && site && (scope = scope_of(a->file, site)) != NULL &&
	    elf_variable_find(scope, name, &v)) {
		a->type = v.type;
		a->where = elf_variable_location(scope, &v);
		return true;
	}
	if (!elf_global_find(a->file, name, unit, &v, &a->where) &&
	    (unit || strcmp(name, "errno") != 0 || !elf_errno_find(a->file, &v, &a->where)))
		return refuse_global(a, name, unit);
	a->type = v.type;
	return true;
}

static bool is_of_thread(const struct elf_node *n)
{
	return n && (n->kind == ELF_NODE_THREAD || is_of_thread(n->a) || is_of_thread(n->b) || is_of_thread(n->c));
}

/*
 * Handlers know the load bias of the probe's module; another's is looked up when they run. Those that
 * run in the tool read the target's memory, but have no thread of it.
 */
static bool module_allowed(struct access *a, const struct sema_site *site)
{
	if (!site && is_of_thread(a->where.node))
		return probe_access_refuse(a, DIAG_VARIABLE_CONTEXT, a->at,
					   "variables of threads cannot be read in probes that do not run in the target");
	if (!site || strcmp(site->module, a->file->path) != 0)
		a->resolver->module = a->file;
	return true;
}

static struct expr *var_operator(struct sema_resolver *r, const struct sema_site *site,
				 struct expr *target, bool probing)
{
	const char *name = operand_text(target, 0), *module = operand_text(target, 1);
	const char *at = name ? strchr(name, '@') : NULL;
	struct written_parts w = parts_of(target);
	struct access a = access_new(r, target, probing, NULL);

	if (!name || (!module && !site)) {
		probe_access_refuse(&a, DIAG_VARIABLE_CONTEXT, a.at, "unresolved target-symbol expression");
		return NULL;
	}
	a.file = module && *module ? file_named(r, site, module) : file_open(r, site->module);
	if (!a.file) {
		probe_access_refuse(&a, DIAG_VARIABLE_UNKNOWN, a.at, "cannot find module '%s'", module);
		return NULL;
	}
	if (!variable_find(&a, site, at ? arena_strndup(r->arena, name, (size_t)(at - name)) : name,
			   at ? at + 1 : NULL, site && strcmp(site->module, a.file->path) == 0) ||
	    !module_allowed(&a, site))
		return NULL;
	return finish(&a, &w);
}

/* ---- @cast and values with a type ------------------------------------------------------------------- */

/* A value that points to a thing of the type. */
static struct expr *pointed(struct access *a, const struct elf_type *type, struct expr *value,
			    const struct written_parts *w)
{
	a->address = value;
	a->bit = 0;
	a->type = elf_type_complete(type);
	return finish(a, w);
}

static const struct elf_type *cast_type(struct access *a, const struct sema_site *site, const char *name,
					const char *modules)
{
	const struct elf_type *t = NULL;

	while (*name == ' ')
		name++;
	if (!modules || !*modules) {
		a->file = site ? file_open(a->resolver, site->module) : NULL;
		return a->file ? elf_type_find(a->file, name) : NULL;
	}
	while (!t && *modules) {
		size_t n = strcspn(modules, ":");
		const char *one = arena_strndup(a->resolver->arena, modules, n);

		a->file = *one == '<' || strncmp(one, "kernel<", 7) == 0 ?
				  probe_header_open(a->resolver, one) :
				  file_named(a->resolver, site, one);
		t = a->file ? elf_type_find(a->file, name) : NULL;
		modules += n + (modules[n] == ':');
	}
	return t;
}

static struct expr *cast_operator(struct sema_resolver *r, const struct sema_site *site,
				  struct expr *target, bool probing)
{
	const char *name = operand_text(target, 1), *modules = operand_text(target, 2);
	struct access a = access_new(r, target, probing, NULL);
	struct written_parts w = parts_of(target);
	const struct elf_type *t = name ? cast_type(&a, site, name, modules) : NULL;

	if (!t) {
		probe_access_refuse(&a, DIAG_VARIABLE_UNKNOWN, a.at, "type definition '%s' not found in '%s'",
				    name ? name : "?",
				    modules && *modules ? modules : site ? site->module : "");
		return NULL;
	}
	/* A pointer type's name is the pointer's own type, any other's what is pointed to. */
	if (t->kind == ELF_TYPE_POINTER && t->target)
		t = t->target;
	/* [i] behind it counts things of the type from there on. */
	if (w.n && !w.components[0].member && t->kind != ELF_TYPE_ARRAY) {
		a.type = elf_type_pointer_to(a.file, t);
		a.value = target->op.args.list.p[0];
		return finish(&a, &w);
	}
	return pointed(&a, t, target->op.args.list.p[0], &w);
}

/* p->m where p is a script variable, a function's result ... */
struct expr *probe_typed_value(struct sema_resolver *r, const struct sema_site *site,
			       const struct elf_type *t, struct expr *value, struct expr *target,
			       bool probing)
{
	struct access a = access_new(r, target, probing, file_open(r, site->module));
	struct written_parts w = parts_of(target);

	/* as for @cast: a pointer's type is the value's own, any other what it points to */
	t = elf_type_complete(t);
	if (t->kind == ELF_TYPE_STRUCT || t->kind == ELF_TYPE_UNION || t->kind == ELF_TYPE_ARRAY)
		return pointed(&a, t, value, &w);
	a.type = t;
	a.value = value;
	return finish(&a, &w);
}

const struct elf_type *probe_mark_type(struct sema_resolver *r, const struct sema_site *site, uint32_t n)
{
	struct elf_file *f = file_open(r, site->module);

	return f ? elf_type_find(f, arena_printf(r->arena, "%s_arg%u", site->mark, n)) : NULL;
}

static struct expr *arrow_operator(struct sema_resolver *r, struct expr *target, bool probing)
{
	struct expr *operand = target->op.args.list.p[0];
	const struct elf_type *t = (const struct elf_type *)operand->detail;
	struct access a = access_new(r, target, probing, NULL);
	struct written_parts w = parts_of(target);

	if (!t) {
		probe_access_refuse(&a, DIAG_VARIABLE_UNKNOWN, a.at, "unknown type in dereference");
		return NULL;
	}
	a.file = elf_type_file(t);
	if (t->kind == ELF_TYPE_ARRAY)
		return pointed(&a, t, operand, &w);
	a.type = t;
	a.value = operand;
	return finish(&a, &w);
}

/* ---- @enum, @enumname --------------------------------------------------------------------------------- */

static struct expr *enum_operator(struct sema_resolver *r, const struct sema_site *site,
				  struct expr *target, bool probing)
{
	struct access a = access_new(r, target, probing, site ? file_open(r, site->module) : NULL);
	const char *name = operand_text(target, 0);
	int64_t value;

	if (name && a.file && elf_enumerator_find(a.file, name, &value))
		return probe_expr_number(r, target, value);
	probe_access_refuse(&a, DIAG_VARIABLE_UNKNOWN, a.at, "enumerator '%s' not found in '%s'",
			    name ? name : "?", site ? site->module : "");
	return NULL;
}

/* A chain of comparisons; a value without a name is written as a number. */
static struct expr *names_chosen(struct access *a, const struct elf_type *t, struct expr *value)
{
	struct sema_resolver *r = a->resolver;
	struct expr *e = probe_expr_sprint(r, a->written, "", "%d", 'd', 0, lang_clone_expr(r->arena, value));
	const char *name;
	int64_t number;
	uint32_t n = 0;

	while (elf_enumerator_at(t, n, &name, &number))
		n++;
	while (n-- > 0 && elf_enumerator_at(t, n, &name, &number)) {
		struct expr *choice = lang_expr_new(r->arena, EXPR_TERNARY, a->written->span);

		choice->token = a->written->token;
		choice->type = TYPE_STRING;
		choice->ternary.condition = probe_expr_binary(r, a->written, OP_EQ, lang_clone_expr(r->arena, value),
							      probe_expr_number(r, a->written, number));
		choice->ternary.yes = probe_expr_string(r, a->written, name);
		choice->ternary.no = e;
		e = choice;
	}
	return e;
}

static struct expr *enumname_operator(struct sema_resolver *r, const struct sema_site *site,
				      struct expr *target, bool probing)
{
	struct access a = access_new(r, target, probing, NULL);
	struct expr *value = target->op.args.list.p[0];
	const char *name = operand_text(target, 1), *modules = operand_text(target, 2);
	const struct elf_type *t = (const struct elf_type *)value->detail;

	if (name)
		t = cast_type(&a, site, name, modules);
	if (!t || !t->is_enum) {
		probe_access_refuse(&a, DIAG_VARIABLE_UNKNOWN, a.at,
				    name ? "enum type '%s' not found" : "unknown enum type", name);
		return NULL;
	}
	return names_chosen(&a, elf_type_complete(t), value);
}

/* ---- @uregister, @uderef --------------------------------------------------------------------------------- */

static struct expr *register_operator(struct sema_resolver *r, struct expr *target, bool probing)
{
	struct access a = access_new(r, target, probing, NULL);
	int64_t number = target->op.args.list.p[0]->number.value;
	const struct elf_node *n = number >= 0 && number < 17 ? elf_node_register(r->arena, (unsigned)number) : NULL;

	if (n)
		return probe_expr_node(r, target, n);
	probe_access_refuse(&a, DIAG_VARIABLE_CONTEXT, a.at, "no register has the number %lld", (long long)number);
	return NULL;
}

static struct expr *dereference_operator(struct sema_resolver *r, struct expr *target, bool probing)
{
	struct access a = access_new(r, target, probing, NULL);
	int64_t size = target->op.args.list.p[0]->number.value;

	if (size == 1 || size == 2 || size == 4 || size == 8)
		return probe_expr_load(r, target, target->op.args.list.p[1], (uint32_t)size, false);
	probe_access_refuse(&a, DIAG_VARIABLE_CONTEXT, a.at, "values of %lld bytes cannot be read", (long long)size);
	return NULL;
}

/* ---- the door ---------------------------------------------------------------------------------------- */

static bool is_operator(const struct expr *e, const char *name)
{
	return strcmp(e->op.name, name) == 0;
}

static struct expr *operator_value(struct sema_resolver *r, const struct sema_site *site,
				   struct expr *target, bool probing)
{
	if (is_operator(target, "->"))
		return arrow_operator(r, target, probing);
	if (is_operator(target, "@var"))
		return var_operator(r, site, target, probing);
	if (is_operator(target, "@cast"))
		return cast_operator(r, site, target, probing);
	if (is_operator(target, "@enum"))
		return enum_operator(r, site, target, probing);
	if (is_operator(target, "@enumname"))
		return enumname_operator(r, site, target, probing);
	if (is_operator(target, "@perf"))
		return probe_counter_value(r, site, target, probing);
	if (!site && (is_operator(target, "@uregister") || is_operator(target, "@uderef"))) {
		if (!probing)
			diag_add(r->diags, DIAG_VARIABLE_CONTEXT, target->token, "invalid operator");
		return NULL;
	}
	if (is_operator(target, "@uregister"))
		return register_operator(r, target, probing);
	if (is_operator(target, "@uderef"))
		return dereference_operator(r, target, probing);
	if (!probing)
		diag_add(r->diags, DIAG_UNSUPPORTED, target->token, "%s is not supported in this version",
			 target->op.name);
	return NULL;
}

struct expr *probe_variable(struct sema_resolver *r, const struct sema_point *point,
			    const struct sema_site *site, struct expr *target, bool probing)
{
	(void)point;
	if (target->kind == EXPR_OPERATOR)
		return operator_value(r, site, target, probing);
	if (site)
		return context_variable(r, site, target, probing);
	return NULL; /* sema says so */
}
