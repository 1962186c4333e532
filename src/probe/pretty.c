/* SPDX-License-Identifier: Apache-2.0 */
/*
 * $x$, $x$$ and $$vars: a format and its values, made at compile time.
 *
 *	{.a=%i, .in={...}, .name=%s}		$ shows one level,
 *	{.a=%i, .in={.q=%i}, .name=%s}		$$ all that is not behind pointers
 *
 * What goes wrong at run time makes the whole text "ERROR".
 */
#include <string.h>

#include "probe/variable.h"

/* SystemTap stops at as many values. */
#define VALUES_LIMIT 32u
#define SUMMARY_LIMIT 60u
#define DEPTH_LIMIT 24u
/* Of all variants together, of which one is shown. */
#define VARIANT_VALUES_LIMIT 256u

struct pretty {
	struct sema_resolver *resolver;
	const struct expr *written;
	VEC(struct format_part) parts;
	struct expr_list args;
	struct buf text; /* literal text since the last conversion */
	struct buf format; /* all of it, as printf would be given it */
	uint32_t level;
	uint32_t n_values, *all_values; /* in this text, and with what is in it */
};

static void pretty_begin(struct pretty *p, struct sema_resolver *r, const struct expr *written,
			 uint32_t level)
{
	*p = (struct pretty){ .resolver = r, .written = written, .level = level };
	p->all_values = &p->n_values;
	buf_init(&p->text, r->arena);
	buf_init(&p->format, r->arena);
}

static void add_text(struct pretty *p, const char *text)
{
	buf_adds(&p->text, text);
	buf_adds(&p->format, text);
}

static void flush(struct pretty *p)
{
	struct arena *a = p->resolver->arena;

	if (!p->text.n)
		return;
	vec_push(a, &p->parts,
		 (struct format_part){ .text = arena_strndup(a, p->text.p, p->text.n),
				       .text_length = (uint32_t)p->text.n });
	p->text.n = 0;
}

/* Digits of a hexadecimal number, with leading zeros. */
static void add_digits(struct pretty *p, int32_t width, struct expr *e)
{
	flush(p);
	buf_addf(&p->format, "%%0%dx", width);
	vec_push(p->resolver->arena, &p->parts,
		 (struct format_part){ .conversion = 'x', .flag = '0', .has_width = true, .width = width });
	vec_push(p->resolver->arena, &p->args.list, e);
	++*p->all_values;
}

static void add_value(struct pretty *p, char flag, char conversion, struct expr *e)
{
	const char shown[] = { '%', flag ? flag : conversion, flag ? conversion : 0, 0 };

	flush(p);
	buf_adds(&p->format, shown);
	vec_push(p->resolver->arena, &p->parts,
		 (struct format_part){ .conversion = conversion == 'i' ? 'd' : conversion, .flag = flag });
	vec_push(p->resolver->arena, &p->args.list, e);
	++*p->all_values;
}

static struct expr *pretty_end(struct pretty *p, const char *rescue)
{
	struct expr *e = lang_expr_new(p->resolver->arena, EXPR_PRINT, p->written->span);

	flush(p);
	e->token = p->written->token;
	e->type = TYPE_STRING;
	e->print.print = PRINT_PRINTF;
	e->print.to_string = true;
	e->print.args = p->args;
	e->print.parts = p->parts.p;
	e->print.n_parts = p->parts.n;
	e->print.format = buf_str(&p->format);
	e->print.rescue = rescue;
	return e;
}

/* ---- one thing ---------------------------------------------------------------------------------- */

static void show(struct pretty *p, struct access *a, bool top, uint32_t depth);

static bool is_character(const struct elf_type *t)
{
	return t && t->kind == ELF_TYPE_INTEGER && t->is_character;
}

static bool is_aggregate(const struct elf_type *t)
{
	return t && (t->kind == ELF_TYPE_STRUCT || t->kind == ELF_TYPE_UNION);
}

static void show_unknown(struct pretty *p)
{
	add_text(p, "?");
}

/* The text at an address; of an array no more than it holds. */
static void show_string(struct pretty *p, struct expr *address, uint64_t most)
{
	struct sema_resolver *r = p->resolver;

	if (!address) {
		show_unknown(p);
		return;
	}
	add_value(p, 0, 's',
		  most ? probe_expr_call(r, p->written, "user_string_n_quoted", 2, address,
					 probe_expr_number(r, p->written, (int64_t)most)) :
			 probe_expr_call(r, p->written, "user_string_quoted", 1, address));
}

static bool is_wide(const struct access *a)
{
	const struct elf_type *t = a->type;

	return t && (t->kind == ELF_TYPE_INTEGER || t->kind == ELF_TYPE_FLOAT) && t->has_size && t->size == 16 && !a->bit_size;
}

/* All bytes of a number that scripts cannot hold, the highest first; a long double has ten. */
static void show_wide(struct pretty *p, struct access *a)
{
	bool extended = a->type->kind == ELF_TYPE_FLOAT && strcmp(a->type->text, "long double") == 0;
	struct access upper = *a;
	struct expr *low, *high;

	upper.bit += 64;
	low = probe_access_read(a, 64, false);
	high = low ? probe_access_read(&upper, extended ? 16 : 64, false) : NULL;
	if (!high) {
		show_unknown(p);
		return;
	}
	add_text(p, "0x");
	add_digits(p, extended ? 4 : 16, high);
	add_digits(p, 16, low);
}

static void show_number(struct pretty *p, struct access *a)
{
	struct expr *e;

	if (is_wide(a)) {
		show_wide(p, a);
		return;
	}
	if (!a->type->has_size || (a->type->size > 8 && !a->bit_size)) {
		show_unknown(p);
		return;
	}
	e = probe_access_value(a);
	if (!e) {
		show_unknown(p);
	} else if (is_character(a->type)) {
		add_text(p, "'");
		add_value(p, '#', 'c', e);
		add_text(p, "'");
	} else {
		add_value(p, 0, a->type->is_signed ? 'i' : 'u', e);
	}
}

static void show_pointer(struct pretty *p, struct access *a, bool top, uint32_t depth)
{
	const struct elf_type *target = elf_type_complete(a->type->target);
	struct access to = *a;
	struct expr *value;

	if (is_character(target)) {
		show_string(p, probe_access_value(a), 0);
		return;
	}
	if (top && target && target->kind != ELF_TYPE_VOID && target->kind != ELF_TYPE_FUNCTION &&
	    probe_access_follow(&to)) {
		show(p, &to, true, depth + 1);
		return;
	}
	value = probe_access_value(a);
	if (!value) {
		show_unknown(p);
		return;
	}
	if (top && target && target->kind == ELF_TYPE_FUNCTION)
		add_text(p, "<function>:");
	add_value(p, 0, 'p', value);
}

static const struct elf_type *element_of(const struct elf_type *array, uint64_t *bytes)
{
	const struct elf_type *t = array;

	*bytes = array->has_size ? array->size : 0;
	while (t && t->kind == ELF_TYPE_ARRAY)
		t = elf_type_complete(t->target);
	return t;
}

static void show_array(struct pretty *p, struct access *a, bool top, uint32_t depth)
{
	uint64_t bytes;
	const struct elf_type *element = element_of(a->type, &bytes);
	struct access first = *a;

	if (!top && p->level < 2) {
		add_text(p, "[...]");
	} else if (is_character(element)) {
		show_string(p, probe_access_address(a), bytes);
	} else if (!element || !element->has_size) {
		add_text(p, "[...]");
	} else {
		add_text(p, "[");
		first.type = element;
		show(p, &first, false, depth + 1);
		add_text(p, ", ...]");
	}
}

static void show_members(struct pretty *p, const struct access *a, const struct elf_type *t, bool *any,
			 uint32_t depth);

/* Base classes' members come behind the class's own, as if they were its own. */
static void show_member(struct pretty *p, const struct access *a, const struct elf_member *m, bool *any,
			uint32_t depth)
{
	struct access to = *a;
	const char *name = m->name;

	if (m->is_base) {
		if (probe_access_member(&to, m) && to.type)
			show_members(p, &to, to.type, any, depth + 1);
		return;
	}
	add_text(p, *any ? ", " : "");
	*any = true;
	if (!name)
		add_text(p, m->type && m->type->kind == ELF_TYPE_UNION ? "<union>=" : "<class>=");
	else
		add_text(p, arena_printf(p->resolver->arena, ".%s=", name));
	if (m->type && probe_access_member(&to, m))
		show(p, &to, m->variant != NULL, depth + 1);
	else
		show_unknown(p);
}

/* The text of the members that share a variant. */
static struct expr *variant_text(struct pretty *p, const struct access *a, const struct elf_member *m, uint32_t n, uint32_t depth)
{
	struct pretty one;
	bool any = false;

	pretty_begin(&one, p->resolver, p->written, p->level);
	one.all_values = p->all_values;
	for (uint32_t i = 0; i < n; i++)
		show_member(&one, a, &m[i], &any, depth);
	return pretty_end(&one, NULL);
}

/* A choice by the number that tells the variant; of a number that is none's: "?". */
static struct expr *variant_chosen(struct pretty *p, const struct access *a, const struct elf_member *m, uint32_t n, uint32_t depth)
{
	struct sema_resolver *r = p->resolver;
	const struct elf_type *type = m->variant->type;
	struct access discriminant = *a;
	struct expr *value, *e = probe_expr_string(r, p->written, "?");

	discriminant.bit += 8 * m->variant->offset;
	value = type ? probe_access_read(&discriminant, (uint32_t)type->size * 8, false) : NULL;
	for (uint32_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && m[end].variant == m[i].variant;)
			end++;
		if (!m[i].variant->has_value)
			e = variant_text(p, a, &m[i], end - i, depth);
	}
	for (uint32_t i = 0, end; value && i < n && *p->all_values < VARIANT_VALUES_LIMIT; i = end) {
		struct expr *choice = lang_expr_new(r->arena, EXPR_TERNARY, p->written->span);

		for (end = i + 1; end < n && m[end].variant == m[i].variant;)
			end++;
		if (!m[i].variant->has_value)
			continue;
		choice->token = p->written->token;
		choice->type = TYPE_STRING;
		choice->ternary.condition = probe_expr_binary(r, p->written, OP_EQ, lang_clone_expr(r->arena, value),
							      probe_expr_number(r, p->written, (int64_t)m[i].variant->value));
		choice->ternary.yes = variant_text(p, a, &m[i], end - i, depth);
		choice->ternary.no = e;
		e = choice;
	}
	return type && !value ? probe_expr_string(r, p->written, "?") : e;
}

/* From m on, as many as belong to one part; their number. */
static uint32_t show_variants(struct pretty *p, const struct access *a, const struct elf_member *m, uint32_t n, bool *any,
			      uint32_t depth)
{
	uint32_t end = 1;

	while (end < n && m[end].variant)
		end++;
	add_text(p, *any ? ", " : "");
	*any = true;
	add_value(p, 0, 's', variant_chosen(p, a, m, end, depth));
	return end;
}

static void show_members(struct pretty *p, const struct access *a, const struct elf_type *t, bool *any,
			 uint32_t depth)
{
	uint32_t n;
	const struct elf_member *m = elf_type_members(t, &n);

	for (int base = 0; base < 2 && depth < DEPTH_LIMIT; base++)
		for (uint32_t i = 0; i < n; i++) {
			if (m[i].variant && !base)
				i += show_variants(p, a, &m[i], n - i, any, depth) - 1;
			if (m[i].variant || m[i].is_static || m[i].is_artificial || m[i].is_base != base ||
			    (!m[i].name && m[i].bit_size))
				continue;
			if (p->args.list.n >= VALUES_LIMIT) {
				add_text(p, *any ? ", ..." : "...");
				return;
			}
			show_member(p, a, &m[i], any, depth);
		}
}

static void show_aggregate(struct pretty *p, struct access *a, bool top, uint32_t depth)
{
	bool any = false;

	if (!top && p->level < 2) {
		add_text(p, "{...}");
		return;
	}
	add_text(p, "{");
	show_members(p, a, a->type, &any, depth);
	add_text(p, "}");
}

static void show(struct pretty *p, struct access *a, bool top, uint32_t depth)
{
	a->type = elf_type_complete(a->type);
	if (!a->type || depth > DEPTH_LIMIT) {
		show_unknown(p);
		return;
	}
	switch ((enum elf_type_kind)a->type->kind) {
	case ELF_TYPE_INTEGER:
		show_number(p, a);
		break;
	case ELF_TYPE_POINTER:
	case ELF_TYPE_REFERENCE:
		show_pointer(p, a, top, depth);
		break;
	case ELF_TYPE_ARRAY:
		show_array(p, a, top, depth);
		break;
	case ELF_TYPE_STRUCT:
	case ELF_TYPE_UNION:
		show_aggregate(p, a, top, depth);
		break;
	case ELF_TYPE_VOID:
	case ELF_TYPE_FLOAT:
	case ELF_TYPE_FUNCTION:
	case ELF_TYPE_OTHER:
		show_unknown(p);
		break;
	}
}

/* The first thing that cannot be found at all is an error; parts of it that cannot are "?". */
struct expr *probe_pretty(struct access *a, uint32_t level)
{
	struct access probe = *a, quiet = *a;
	struct pretty p;

	probe.type = elf_type_complete(a->type);
	if (!is_aggregate(probe.type) && probe.type && probe.type->kind != ELF_TYPE_ARRAY &&
	    probe.type->has_size && probe.type->size <= 8 && probe.type->kind != ELF_TYPE_FLOAT &&
	    (probe.value || probe.address || probe.where.place != ELF_PLACE_POINTER) &&
	    !probe_access_value(&probe))
		return NULL;
	if (!a->value && !a->address && a->where.place == ELF_PLACE_ABSENT) {
		probe_access_refuse(a, DIAG_VARIABLE_UNKNOWN, a->at,
				    "not accessible at this address: %s [man error::dwarf]",
				    a->where.why ? a->where.why : "optimized out");
		return NULL;
	}
	pretty_begin(&p, a->resolver, a->written, level);
	quiet.probing = true;
	show(&p, &quiet, true, 0);
	return pretty_end(&p, "ERROR");
}

/* ---- summaries ----------------------------------------------------------------------------------- */

static void summarize(struct pretty *p, struct access *a)
{
	struct expr *e;

	a->type = elf_type_complete(a->type);
	if (p->level) {
		e = a->type ? probe_pretty(a, p->level) : NULL;
		if (e)
			add_value(p, 0, 's', e);
		else
			show_unknown(p);
	} else if (is_aggregate(a->type)) {
		add_text(p, "{...}");
	} else if (a->type && a->type->kind == ELF_TYPE_ARRAY) {
		add_text(p, "[...]");
	} else if (is_wide(a)) {
		show_wide(p, a);
	} else {
		e = probe_access_value(a);
		if (e)
			add_value(p, '#', 'x', e);
		else
			show_unknown(p);
	}
}

struct expr *probe_summary(struct access *a, struct elf_scope *scope, enum probe_summary which,
			   uint32_t level)
{
	uint32_t n;
	const struct elf_variable *v = elf_scope_variables(scope, &n);
	bool any = false;
	struct pretty p;

	pretty_begin(&p, a->resolver, a->written, level);
	for (uint32_t i = 0; i < n && p.args.list.n < SUMMARY_LIMIT; i++) {
		struct access one = *a;

		if ((which == SUMMARY_PARMS && !v[i].is_parameter) ||
		    (which == SUMMARY_LOCALS && v[i].is_parameter))
			continue;
		one.probing = true;
		one.type = v[i].type;
		one.where = elf_variable_location(scope, &v[i]);
		add_text(&p, arena_printf(a->resolver->arena, "%s%s=", any ? " " : "", v[i].name));
		summarize(&p, &one);
		any = true;
	}
	return any ? pretty_end(&p, NULL) : probe_expr_string(a->resolver, a->written, "");
}
