/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.function("pattern"), .function(ADDRESS) and what may follow: .call, .inline, .exported,
 * .return, .label("L"), .callee("F"), .callees.
 *
 * By debug information where a module has it, with the functions that only symbols know besides
 * when the pattern is of names alone; else by symbols.
 */
#include <stdio.h>
#include <string.h>

#include "probe/function.h"

/* How many names are kept for "similar functions". */
#define NEAR_LIMIT 100000u

static const char *quoted(struct arena *a, const char *text)
{
	return lang_quote(a, text, (uint32_t)strlen(text));
}

/* ---- sites ------------------------------------------------------------------------------- */

const char *process_place_text(struct arena *a, const char *name, const char *file, uint32_t line)
{
	char number[16] = "";

	if (!*file)
		return quoted(a, name);
	if (line)
		snprintf(number, sizeof number, ":%u", line);
	if (lang_is_plain(name) && lang_is_plain(file))
		return ARENA_JOIN(a, "\"", name, "@", file, number, "\"");
	return quoted(a, ARENA_JOIN(a, name, "@", file, number));
}

struct sema_site *process_code_site(struct function_search *s, const struct elf_code *c,
				    uint64_t address, const char *name, const char *tail)
{
	struct sema_site *site = process_site_add(s->query, s->module, address, tail);
	const char *symbol;

	if (process_is_short_listing(s->query))
		return site;
	if (!elf_function_at(s->module->file, address, &symbol, &site->function_start,
			     &site->function_end) ||
	    site->function_end <= site->function_start) {
		site->function_start = c->start;
		site->function_end = c->end;
	}
	site->function = name;
	site->debug_entry = c->entry;
	return site;
}

void process_site_shown(struct function_search *s, struct sema_site *site, const char *component,
			const char *place)
{
	site->point = arena_printf(s->query->resolver->arena, "%s.%s(%s)", s->module->point,
				   component, place);
}

/* The site of a function or of one copy. */
static struct sema_site *entry_site(struct function_search *s, const struct elf_code *c,
				    const char *name, const char *tail)
{
	const struct probe_user *user = s->query->resolver->user;
	uint64_t address = c->address, entry = address;
	struct sema_site *site;

	if (!s->at_return && !s->at_entry && !process_is_short_listing(s->query))
		address = elf_code_body(s->module->file, c, user->prologue);
	if (!s->at_return && !c->function->is_inlined && address == c->address)
		address = entry = elf_go_body(s->module->file, c->address, c->end);
	site = process_code_site(s, c, address, name, tail);
	if (s->at_return)
		site->flags = SITE_RETURN;
	else if (!c->function->is_inlined && address == entry)
		site->flags = SITE_ENTRY;
	return site;
}

static const char *function_tail(const struct function_search *s, const struct elf_function *f)
{
	struct arena *a = s->query->resolver->arena;

	return ARENA_JOIN(a, ".", s->component, "(", process_place_text(a, s->shown, f->file, f->line), ")",
			  s->suffix);
}

static bool is_linkage(const struct function_search *s)
{
	return strncmp(s->pattern->function, "_Z", 2) == 0 ||
	       strncmp(s->pattern->function, "_R", 2) == 0;
}

/* pp() has the name by which the function was asked for. */
static bool code_hook(void *user, const struct elf_code *c)
{
	struct function_search *s = user;
	const struct elf_function *f = c->function;
	struct sema_site *site = entry_site(s, c, s->shown, s->tail);

	if (is_linkage(s) && *f->linkage)
		process_site_shown(s, site, s->component,
				   process_place_text(s->query->resolver->arena, f->linkage, f->file,
						      f->line));
	return true;
}


/* ---- labels and callees --------------------------------------------------------------------- */

static bool label_hook(void *user, const struct elf_label *l)
{
	struct function_search *s = user;
	struct arena *a = s->query->resolver->arena;
	const char *place = process_place_text(a, s->shown, l->file, l->line);
	struct sema_site *site;

	if (!base_glob(s->label, l->name))
		return true;
	site = process_code_site(s, s->caller, l->address, s->shown,
				 arena_printf(a, ".function(%s).label(%s)", place,
					      quoted(a, l->name)));
	process_site_shown(s, site, "function", place);
	site->debug_entry = elf_code_block(s->module->file, s->caller, l->address);
	return true;
}

static bool labels_hook(void *user, const struct elf_code *c)
{
	struct function_search *s = user;

	s->caller = c;
	elf_each_label(s->module->file, c, label_hook, s);
	return true;
}

/* ---- by debug information ---------------------------------------------------------------------- */

/* Not the copies that the compiler made for itself: "get.isra.0" is a local symbol. */
static bool is_exported(const struct function_search *s, const struct elf_function *f)
{
	const struct elf_symbol *symbol = NULL;
	uint64_t start, end;
	const char *name;

	if (!f->is_external)
		return false;
	if (elf_function_at(s->module->file, f->address, &name, &start, &end) && name)
		symbol = elf_symbol_find(s->module->file, name);
	return !symbol || symbol->address != f->address || symbol->is_global;
}

static bool wanted_kind(const struct function_search *s, const struct elf_function *f)
{
	if (f->is_inlined)
		return !s->call_only && !s->exported_only && !s->at_return;
	return !s->inline_only && (!s->exported_only || is_exported(s, f));
}

/* Where the pattern alone is listed, a function is a line, found without its code. */
static void function_listed(struct function_search *s, const struct elf_function *f)
{
	struct elf_code c = { .unit = f->unit, .entry = f->entry, .address = f->address,
			      .function = f };

	if (f->is_inlined && !process_is_short_listing(s->query))
		elf_each_code(s->module->file, f, code_hook, s);
	else
		entry_site(s, &c, s->shown, s->tail);
}

/* In a short listing: its line, in one go. */
static bool line_add(struct function_search *s, const struct elf_function *f)
{
	struct arena *a = s->query->resolver->arena;
	const struct process_module *m = s->module;
	char number[16];

	if (!process_is_short_listing(s->query) || !*f->file || !f->line || !lang_is_plain(s->shown) ||
	    !lang_is_plain(f->file))
		return false;
	snprintf(number, sizeof number, ":%u\")", f->line);
	process_site_listed(s->query, m, ARENA_JOIN(a, m->listed, ".", s->component, "(\"", s->shown, "@",
						    f->file, number, s->suffix));
	return true;
}

static void function_add(struct function_search *s, const struct elf_function *f)
{
	if (s->label || s->callees) {
		elf_each_code(s->module->file, f, s->label ? labels_hook : process_callees_hook, s);
		return;
	}
	if (line_add(s, f))
		return;
	s->tail = function_tail(s, f);
	if (s->query->resolver->options->listing)
		function_listed(s, f);
	else
		elf_each_code(s->module->file, f, code_hook, s);
}

/* Assembly names one piece of code in several ways: one place, its first name. */
static bool is_double(struct function_search *s, const struct elf_function *f)
{
	if (f->is_inlined)
		return false;
	if (!s->addresses)
		s->addresses = map_create(s->query->resolver->arena);
	if (map_find_u64(s->addresses, f->address))
		return true;
	map_put_u64(s->addresses, f->address, s);
	return false;
}

/* Units that share a header have the same functions: one line of a listing. Functions come sorted. */
static bool is_listed_before(struct function_search *s, const struct elf_function *f)
{
	const struct elf_function *b = &s->before;
	bool same;

	if (!process_is_short_listing(s->query) || s->label || s->callees || s->code_list)
		return false;
	same = s->any_before && b->line == f->line && strcmp(b->name, f->name) == 0 &&
	       strcmp(b->file, f->file) == 0 && strcmp(b->scope, f->scope) == 0;
	s->before = *f;
	s->any_before = true;
	return same;
}

static bool debug_hook(void *user, const struct elf_function *f)
{
	struct function_search *s = user;

	if (!process_pattern_matches(s->query, s->pattern, f, &s->shown))
		return true;
	if (f->is_inlined && s->at_return)
		vec_push(s->query->resolver->arena, &s->not_returning, s->shown);
	if (!wanted_kind(s, f) || is_listed_before(s, f) || is_double(s, f))
		return true;
	if (s->code_list)
		elf_each_code(s->module->file,
			      arena_dup(s->query->resolver->arena, f, sizeof *f), s->code_list, s);
	else
		function_add(s, f);
	return true;
}

bool process_functions_find(struct function_search *s)
{
	return elf_each_debug_function(s->module->file, s->pattern->function, debug_hook, s);
}

/* ---- by symbols --------------------------------------------------------------------------------- */

static void symbol_site(struct function_search *s, uint64_t start, uint64_t end, const char *name,
			const char *argument)
{
	struct arena *a = s->query->resolver->arena;
	uint64_t address = s->at_return ? start : elf_go_body(s->module->file, start, end);
	struct sema_site *site = process_site_add(
		s->query, s->module, address,
		arena_printf(a, ".%s(%s)%s", s->component, argument, s->suffix));

	site->function_start = end > start ? start : 0;
	site->function_end = end > start ? end : 0;
	site->function = name;
	site->flags = s->at_return ? SITE_RETURN : SITE_ENTRY;
}

/*
 * "work.cold": the part of a function that seldom runs, entered by jumps in the middle: no return
 * address is where a function's would be.
 */
static bool is_cold_part(const char *name)
{
	const char *cold = strstr(name, ".cold");

	return cold && (!cold[5] || cold[5] == '.');
}

/* name: NULL where only unwind information knows the function */
static bool can_return(const char *name)
{
	return !name || (strcmp(name, "_start") != 0 && !is_cold_part(name));
}

/* Symbols come by address: of several names at one place the first is probed. */
static bool symbol_hook(void *user, const struct elf_symbol *symbol)
{
	struct function_search *s = user;
	uint64_t start = symbol->address, end = start + symbol->size;
	const char *name;

	if (s->exported_only && !symbol->is_global)
		return true;
	if (s->at_return && !can_return(symbol->name))
		return true;
	if (s->any && s->last == symbol->address)
		return true;
	if (s->by_debug && is_cold_part(symbol->name))
		return true;
	s->any = true;
	s->last = symbol->address;
	if (!symbol->size && !process_is_short_listing(s->query) &&
	    (!elf_function_at(s->module->file, symbol->address, &name, &start, &end) ||
	     start != symbol->address))
		start = end = symbol->address;
	symbol_site(s, symbol->address, end, symbol->name,
		    quoted(s->query->resolver->arena, symbol->name));
	return true;
}

/* Of what debug information does not describe. */
static bool is_undescribed(struct elf_file *f, uint64_t address)
{
	return !elf_debug_function_starts(f, address);
}

/* Symbols have no files, scopes, lines, copies, labels or callees. */
void process_symbols_find(struct function_search *s)
{
	const struct function_pattern *p = s->pattern;

	if (!p->file && !p->scopes.n && !p->is_global && !s->inline_only && !s->label &&
	    !s->callees)
		elf_each_function_of(s->module->file, p->function, s->by_debug ? is_undescribed : NULL,
				     symbol_hook, s);
}

/* ---- messages ------------------------------------------------------------------------------------ */

static bool near_hook(void *user, const struct elf_symbol *symbol)
{
	struct process_query *q = user;

	vec_push(q->resolver->arena, &q->near, symbol->name);
	return q->near.n < NEAR_LIMIT;
}

static bool near_debug_hook(void *user, const struct elf_function *f)
{
	struct process_query *q = user;

	vec_push(q->resolver->arena, &q->near, f->name);
	return q->near.n < NEAR_LIMIT;
}

void process_functions_near(struct function_search *s)
{
	struct process_query *q = s->query;
	const char *wanted = s->pattern->function;

	q->wanted = (struct process_wanted){ wanted, "function", "functions" };
	if (q->sites.n || q->resolver->quiet || base_has_glob(wanted))
		return;
	elf_each_debug_function(s->module->file, "*", near_debug_hook, q);
	elf_each_function(s->module->file, "*", near_hook, q);
}

void process_warn(struct process_query *q, struct span at, const char *text)
{
	if (!q->resolver->quiet && !q->resolver->options->listing)
		diag_add(q->resolver->diags, DIAG_WARN_OTHER, at, "%s", text);
}

static void warn_not_returning(struct function_search *s)
{
	struct buf b;

	if (!s->not_returning.n)
		return;
	buf_init(&b, s->query->resolver->arena);
	buf_addf(&b, "cannot probe .return of %u inlined function%s:", s->not_returning.n,
		 s->not_returning.n == 1 ? "" : "s");
	for (uint32_t i = 0; i < base_min(s->not_returning.n, 8u); i++)
		buf_addf(&b, " %s", s->not_returning.p[i]);
	process_warn(s->query, s->query->point->components.p[s->query->tail].span, buf_str(&b));
}

/* Debug files of another build, once per module. */
static void warn_debug_files(struct process_query *q, const struct process_module *m)
{
	struct probe_user *user = q->resolver->user;
	const char *const *texts;
	uint32_t n;

	texts = elf_debug_warnings(m->file, &n);
	if (!user->debug_warned)
		user->debug_warned = map_create(q->resolver->arena);
	if (!n || map_find(user->debug_warned, m->file->path))
		return;
	map_put(user->debug_warned, m->file->path, user);
	for (uint32_t i = 0; i < n; i++)
		process_warn(q, q->point->components.p[0].span, texts[i]);
}

/* ---- points --------------------------------------------------------------------------------------- */

static void by_name(struct function_search *s)
{
	const struct point_component *c = &s->query->point->components.p[s->query->tail];

	if (s->pattern->has_lines)
		process_warn(s->query, c->span,
			     "For probing a particular line, use a .statement() probe, not .function()");
	s->by_debug = process_functions_find(s);
	process_symbols_find(s);
	warn_not_returning(s);
	process_functions_near(s);
}

/* The function that holds the address; it is shown by the address where it begins. */
static void by_address(struct function_search *s, uint64_t address)
{
	struct arena *a = s->query->resolver->arena;
	uint64_t start, end;
	const char *name;
	struct elf_code c;
	struct elf_function f;

	if (elf_code_at(s->module->file, address, !s->call_only && !s->exported_only && !s->at_return,
			&c, &f)) {
		c.function = &f;
		if (!s->exported_only || f.is_external)
			entry_site(s, &c, f.name,
				   arena_printf(a, ".function(0x%llx)%s",
						(unsigned long long)c.address, s->suffix));
		return;
	}
	if (elf_function_at(s->module->file, address, &name, &start, &end) &&
	    (!s->at_return || can_return(name)))
		symbol_site(s, start, end, name,
			    arena_printf(a, "0x%llx", (unsigned long long)start));
}

/* What stands behind .function(...): ".call", ".label("x")" as written. */
static bool suffix_read(struct function_search *s)
{
	const struct process_query *q = s->query;
	const struct point_component *c = &q->point->components.p[q->tail + 1];
	uint32_t n = q->point->components.n - q->tail - 1;
	const char *last = n ? c[n - 1].name : "";

	s->suffix = "";
	if (!n)
		return true;
	s->call_only = strcmp(last, "call") == 0;
	s->inline_only = strcmp(last, "inline") == 0;
	s->exported_only = strcmp(last, "exported") == 0;
	s->at_return = strcmp(last, "return") == 0;
	s->suffix = arena_printf(q->resolver->arena, ".%s", last);
	if (strcmp(c->name, "label") == 0)
		s->label = c->argument->string.text;
	if (strncmp(c->name, "callee", 6) == 0)
		return process_callees_read(s, c);
	return true;
}

bool process_function_resolve(struct process_query *q, const struct process_module *m)
{
	const struct expr *argument = q->point->components.p[q->tail].argument;
	struct function_pattern pattern;
	struct function_search s = { .query = q, .module = m, .pattern = &pattern,
				     .component = "function" };

	if (!suffix_read(&s))
		return false;
	q->at_return = s.at_return;
	warn_debug_files(q, m);
	if (argument->kind == EXPR_STRING) {
		if (!process_pattern_parse(q, q->tail, &pattern))
			return false;
		by_name(&s);
	} else {
		by_address(&s, (uint64_t)argument->number.value);
	}
	warn_debug_files(q, m); /* the search may have found more to tell */
	return true;
}
