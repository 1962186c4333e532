/* SPDX-License-Identifier: Apache-2.0 */
/* Steps from one thing of the target to the next, and the value at the end. */
#include <string.h>

#include "probe/variable.h"

/* Pointers to pointers, classes in classes: deeper is damage. */
#define DEPTH_LIMIT 32u
#define ALTERNATIVES 30u

bool probe_access_refuse(const struct access *a, enum diag_tag tag, struct span at, const char *fmt, ...)
{
	va_list ap;

	if (a->probing)
		return false;
	va_start(ap, fmt);
	diag_add(a->resolver->diags, tag, at, "%s", arena_vprintf(a->resolver->arena, fmt, ap));
	va_end(ap);
	return false;
}

const char *probe_type_text(const struct elf_type *t)
{
	return t ? t->text : "void";
}

static bool refuse_absent(const struct access *a, const char *why)
{
	return probe_access_refuse(a, DIAG_VARIABLE_UNKNOWN, a->at,
				   "not accessible at this address: %s [man error::dwarf]", why);
}

/* ---- places ------------------------------------------------------------------------------------ */

/* The address as an expression of the access's own: it may be asked for again. */
struct expr *probe_access_address(struct access *a)
{
	struct sema_resolver *r = a->resolver;
	const struct elf_node *n;

	if (a->bit % 8 || a->bit_size) {
		probe_access_refuse(a, DIAG_VARIABLE_CONTEXT, a->at, "cannot take the address of a bit field");
		return NULL;
	}
	if (a->address) {
		struct expr *e = lang_clone_expr(r->arena, a->address);

		return a->bit ? probe_expr_binary(r, a->written, OP_ADD, e,
						  probe_expr_number(r, a->written, (int64_t)(a->bit / 8))) :
				e;
	}
	if (a->value || a->where.place != ELF_PLACE_MEMORY) {
		probe_access_refuse(a, DIAG_VARIABLE_CONTEXT, a->at,
				    "it has no address: %s",
				    a->where.place == ELF_PLACE_ABSENT && a->where.why ? a->where.why :
										       "it is not in memory here");
		return NULL;
	}
	n = elf_node_binary(r->arena, ELF_NODE_ADD, a->where.node,
			    elf_node_number(r->arena, (int64_t)(a->bit / 8)));
	return probe_expr_node(r, a->written, n);
}

static struct expr *read_at_expression(struct access *a, uint32_t bits, bool is_signed)
{
	struct sema_resolver *r = a->resolver;
	const char *why = NULL;
	struct elf_location memory = { .place = ELF_PLACE_MEMORY, .reg = -1 };
	struct elf_node zero = { .kind = ELF_NODE_NUMBER };
	const struct elf_node *n;
	struct access base = *a;
	struct expr *address, *value;

	/* The load's own address is found by the rule for bit-fields, then moved to the expression. */
	memory.node = &zero;
	n = elf_location_read(r->arena, &memory, a->bit % 64, bits, is_signed, &why);
	while (n && n->kind != ELF_NODE_LOAD)
		n = n->kind == ELF_NODE_OR ? NULL : n->a;
	if (!n) {
		refuse_absent(a, why ? why : "a bit-field across words");
		return NULL;
	}
	base.bit = a->bit / 64 * 64 + 8 * (uint64_t)n->a->number;
	base.bit_size = 0;
	address = probe_access_address(&base);
	if (n->size * 8u == bits)
		return probe_expr_load(r, a->written, address, n->size, is_signed);
	value = probe_expr_load(r, a->written, address, n->size, false);
	value = probe_expr_binary(r, a->written, OP_SHL, value,
				  probe_expr_number(r, a->written, (int64_t)(64 - bits - (a->bit - base.bit))));
	return probe_expr_binary(r, a->written, is_signed ? OP_SHR : OP_USHR, value,
				 probe_expr_number(r, a->written, 64 - (int64_t)bits));
}

static struct expr *read_value(struct access *a, uint32_t bits, bool is_signed)
{
	struct sema_resolver *r = a->resolver;
	struct expr *e = lang_clone_expr(r->arena, a->value);

	if (bits == 64)
		return e;
	e = probe_expr_binary(r, a->written, OP_SHL, e, probe_expr_number(r, a->written, 64 - (int64_t)bits));
	return probe_expr_binary(r, a->written, is_signed ? OP_SHR : OP_USHR, e,
				 probe_expr_number(r, a->written, 64 - (int64_t)bits));
}

struct expr *probe_access_read(struct access *a, uint32_t bits, bool is_signed)
{
	const struct elf_node *n;
	const char *why = NULL;

	if (a->value)
		return read_value(a, bits, is_signed);
	if (a->address)
		return read_at_expression(a, bits, is_signed);
	n = elf_location_read(a->resolver->arena, &a->where, a->bit, bits, is_signed, &why);
	if (n)
		return probe_expr_node(a->resolver, a->written, n);
	refuse_absent(a, why);
	return NULL;
}

/* ---- steps ------------------------------------------------------------------------------------- */

static bool is_indirect(const struct elf_type *t)
{
	return t && (t->kind == ELF_TYPE_POINTER || t->kind == ELF_TYPE_REFERENCE);
}

bool probe_access_follow(struct access *a)
{
	const struct elf_type *target = elf_type_complete(a->type->target);
	const struct elf_node *n;
	const char *why = NULL;

	if (a->value || a->address) {
		a->address = probe_access_read(a, 64, false);
		a->value = NULL;
		if (!a->address)
			return false;
	} else if (a->where.place == ELF_PLACE_POINTER && !a->bit) {
		int64_t offset = a->where.pointed_offset;

		a->where = *a->where.pointed;
		a->bit = 8 * (uint64_t)offset;
		a->type = target;
		return true;
	} else {
		n = elf_location_read(a->resolver->arena, &a->where, a->bit, 64, false, &why);
		if (!n)
			return refuse_absent(a, why);
		a->where = (struct elf_location){ .place = ELF_PLACE_MEMORY, .node = n, .reg = -1 };
	}
	a->bit = 0;
	a->type = target;
	return true;
}

/* The object, and at its beginning the address of the table that has the base's offset in it. */
static bool virtual_base(struct access *a, const struct elf_member *m)
{
	struct sema_resolver *r = a->resolver;
	struct expr *object = probe_access_address(a), *offset;

	if (!object)
		return false;
	offset = probe_expr_load(r, a->written, lang_clone_expr(r->arena, object), 8, false);
	offset = probe_expr_binary(r, a->written, OP_SUB, offset,
				   probe_expr_number(r, a->written, (int64_t)m->offset));
	offset = probe_expr_load(r, a->written, offset, 8, false);
	a->address = probe_expr_binary(r, a->written, OP_ADD, object, offset);
	a->bit = 0;
	a->bit_size = 0;
	a->type = elf_type_complete(m->type);
	return true;
}

bool probe_access_member(struct access *a, const struct elf_member *m)
{
	struct elf_location where;

	if (m->is_virtual)
		return virtual_base(a, m);
	if (m->is_static) {
		if (!elf_static_member(a->file, m, &where))
			return refuse_absent(a, "the class variable has no definition in this module");
		a->where = where;
		a->address = NULL;
		a->bit = 0;
	} else {
		a->bit += 8 * m->offset + m->bit_offset;
	}
	a->bit_size = m->bit_size;
	a->type = elf_type_complete(m->type);
	return true;
}

/* The way to a member: through unnamed members and base classes; the last is the member. */
struct member_path {
	const struct elf_member *steps[DEPTH_LIMIT];
	uint32_t n;
};

static bool member_find(const struct elf_type *t, const char *name, struct member_path *path)
{
	uint32_t n;
	const struct elf_member *m = elf_type_members(elf_type_complete(t), &n);

	for (uint32_t i = 0; i < n; i++)
		if (m[i].name && strcmp(m[i].name, name) == 0) {
			path->steps[path->n++] = &m[i];
			return true;
		}
	for (uint32_t i = 0; i < n && path->n < DEPTH_LIMIT - 1; i++) {
		if (m[i].name || !m[i].type || m[i].is_static)
			continue;
		path->steps[path->n++] = &m[i];
		if (member_find(m[i].type, name, path))
			return true;
		path->n--;
	}
	return false;
}

static void list_members(struct buf *b, const struct elf_type *t, uint32_t *left, uint32_t depth)
{
	uint32_t n;
	const struct elf_member *m = elf_type_members(elf_type_complete(t), &n);

	for (uint32_t i = 0; i < n && *left && depth < 8; i++) {
		if (!m[i].name) {
			if (m[i].type)
				list_members(b, m[i].type, left, depth + 1);
			continue;
		}
		buf_addf(b, "%s%s", b->n ? ", " : "", m[i].name);
		--*left;
	}
}

static bool refuse_member(const struct access *a, const struct target_component *c)
{
	uint32_t left = ALTERNATIVES;
	struct buf b;

	buf_init(&b, a->resolver->arena);
	list_members(&b, a->type, &left, 0);
	if (a->type->is_declaration)
		return probe_access_refuse(a, DIAG_VARIABLE_UNKNOWN, c->span,
					   "unable to find member '%s' for %s: only its name is known here",
					   c->member, probe_type_text(a->type));
	return probe_access_refuse(a, DIAG_VARIABLE_UNKNOWN, c->span,
				   "unable to find member '%s' for %s (alternatives: %s)", c->member,
				   probe_type_text(a->type), buf_str(&b));
}

static bool step_member(struct access *a, const struct target_component *c)
{
	struct member_path path = { .n = 0 };

	for (uint32_t depth = 0; is_indirect(a->type) && depth < DEPTH_LIMIT; depth++)
		if (!probe_access_follow(a))
			return false;
	if (!a->type || (a->type->kind != ELF_TYPE_STRUCT && a->type->kind != ELF_TYPE_UNION))
		return probe_access_refuse(
			a, DIAG_VARIABLE_CONTEXT, c->span,
			a->type && a->type->kind == ELF_TYPE_ARRAY ? "invalid access '->%s' for array type" :
								     "invalid access '->%s' vs. %s",
			c->member, probe_type_text(a->type));
	if (!member_find(a->type, c->member, &path))
		return refuse_member(a, c);
	for (uint32_t i = 0; i < path.n; i++)
		if (!probe_access_member(a, path.steps[i]))
			return false;
	return true;
}

/* From here on the place is an expression. */
static bool add_index(struct access *a, struct expr *index, uint64_t size)
{
	struct sema_resolver *r = a->resolver;
	struct expr *address;

	if (index->kind == EXPR_UNARY && index->unary.op == OP_NEG && index->unary.operand->kind == EXPR_NUMBER) {
		a->bit -= 8 * (uint64_t)index->unary.operand->number.value * size;
		return true;
	}
	if (index->kind == EXPR_NUMBER) {
		a->bit += 8 * (uint64_t)index->number.value * size;
		return true;
	}
	address = probe_access_address(a);
	if (!address)
		return false;
	index = lang_clone_expr(r->arena, index);
	if (size != 1)
		index = probe_expr_binary(r, a->written, OP_MUL, index,
					  probe_expr_number(r, a->written, (int64_t)size));
	a->address = probe_expr_binary(r, a->written, OP_ADD, address, index);
	a->bit = 0;
	return true;
}

static const char *index_text(struct access *a, const struct target_component *c)
{
	struct buf b;

	buf_init(&b, a->resolver->arena);
	lang_print_expr(&b, c->index);
	return buf_str(&b);
}

static bool step_index(struct access *a, const struct target_component *c)
{
	const struct elf_type *element;

	while (a->type && a->type->kind == ELF_TYPE_REFERENCE)
		if (!probe_access_follow(a))
			return false;
	if (!a->type || (a->type->kind != ELF_TYPE_POINTER && a->type->kind != ELF_TYPE_ARRAY))
		return probe_access_refuse(a, DIAG_VARIABLE_CONTEXT, c->span, "invalid access '[%s]' vs. %s",
					   index_text(a, c), probe_type_text(a->type));
	element = elf_type_complete(a->type->target);
	if (!element || !element->has_size)
		return probe_access_refuse(a, DIAG_VARIABLE_CONTEXT, c->span,
					   "confused about array element size");
	if (a->type->kind == ELF_TYPE_POINTER && !probe_access_follow(a))
		return false;
	a->type = element;
	return add_index(a, c->index, element->size);
}

bool probe_access_walk(struct access *a, const struct target_component *components, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		a->at = components[i].span;
		a->type = elf_type_complete(a->type);
		if (a->bit_size)
			return probe_access_refuse(a, DIAG_VARIABLE_CONTEXT, a->at, "invalid access behind a bit-field");
		if (!(components[i].member ? step_member : step_index)(a, &components[i]))
			return false;
	}
	return true;
}

/* ---- values ------------------------------------------------------------------------------------ */

static bool refuse_whole(const struct access *a)
{
	const struct elf_type *t = a->type;
	uint32_t n;
	const struct elf_member *m = elf_type_members(t, &n);
	const char *first = "member";

	for (uint32_t i = n; i-- > 0;)
		if (m[i].name && !m[i].is_static && !m[i].is_artificial)
			first = m[i].name;
	if (!t->file)
		return probe_access_refuse(a, DIAG_VARIABLE_CONTEXT, a->at,
					   "'%s' is being accessed instead of a member such as '->%s'",
					   t->text, first);
	return probe_access_refuse(a, DIAG_VARIABLE_CONTEXT, a->at,
				   "'%s' (%s:%u) is being accessed instead of a member such as '->%s'",
				   t->text, t->file, t->line, first);
}

static struct expr *integer_value(struct access *a)
{
	uint32_t bits = a->bit_size ? a->bit_size : (uint32_t)a->type->size * 8;

	if (!a->type->has_size || (a->type->size > 8 && !a->bit_size) || bits > 64 || !bits) {
		probe_access_refuse(a, DIAG_VARIABLE_CONTEXT, a->at, "cannot process >64-bit values");
		return NULL;
	}
	return probe_access_read(a, bits, a->type->is_signed);
}

static struct expr *float_value(struct access *a)
{
	struct expr *e;

	if (a->type->size != 4)
		return integer_value(a);
	e = probe_access_read(a, 32, false);
	return e ? probe_expr_call(a->resolver, a->written, "fp32_to_fp64", 1, e) : NULL;
}

struct expr *probe_access_value(struct access *a)
{
	struct expr *e = NULL;

	a->type = elf_type_complete(a->type);
	if (!a->type) {
		probe_access_refuse(a, DIAG_VARIABLE_CONTEXT, a->at, "a thing of type void has no value");
		return NULL;
	}
	switch ((enum elf_type_kind)a->type->kind) {
	case ELF_TYPE_INTEGER:
		e = integer_value(a);
		break;
	case ELF_TYPE_FLOAT:
		e = float_value(a);
		break;
	case ELF_TYPE_POINTER:
	case ELF_TYPE_REFERENCE:
		e = probe_access_read(a, 64, false);
		break;
	case ELF_TYPE_ARRAY:
	case ELF_TYPE_FUNCTION:
		e = probe_access_address(a);
		break;
	case ELF_TYPE_STRUCT:
	case ELF_TYPE_UNION:
		refuse_whole(a);
		break;
	case ELF_TYPE_VOID:
	case ELF_TYPE_OTHER:
		if (a->type->kind == ELF_TYPE_OTHER && a->type->has_size && a->type->size == 8)
			e = probe_access_read(a, 64, false);
		else
			probe_access_refuse(a, DIAG_VARIABLE_CONTEXT, a->at, "cannot read a value of type %s",
					    probe_type_text(a->type));
		break;
	}
	if (e)
		e->detail = (const struct sema_detail *)a->type;
	return e;
}

/* ---- writes ------------------------------------------------------------------------------------- */

static struct expr *store_bits(struct access *a, struct expr *value)
{
	struct sema_resolver *r = a->resolver;
	uint32_t shift = (uint32_t)(a->bit % 8), bits = a->bit_size, unit;
	uint64_t mask = (bits < 64 ? (1ull << bits) - 1 : ~0ull);
	struct access whole = *a;
	struct expr *old;

	for (unit = 8; unit < 64 && shift + bits > unit; unit *= 2)
		;
	if (shift + bits > 64) {
		probe_access_refuse(a, DIAG_VARIABLE_CONTEXT, a->at, "a bit-field across nine bytes cannot be written");
		return NULL;
	}
	whole.bit -= shift;
	whole.bit_size = 0;
	old = probe_access_read(&whole, unit, false);
	if (!old)
		return NULL;
	old = probe_expr_binary(r, a->written, OP_AND, old, probe_expr_number(r, a->written, (int64_t)~(mask << shift)));
	value = probe_expr_binary(r, a->written, OP_AND, value, probe_expr_number(r, a->written, (int64_t)mask));
	value = probe_expr_binary(r, a->written, OP_SHL, value, probe_expr_number(r, a->written, shift));
	value = probe_expr_binary(r, a->written, OP_OR, old, value);
	return probe_expr_call(r, a->written, "__store", 3, probe_access_address(&whole), value,
			       probe_expr_number(r, a->written, unit / 8));
}

static bool may_store(struct access *a)
{
	if (!a->type || a->type->kind == ELF_TYPE_ARRAY)
		return probe_access_refuse(a, DIAG_VARIABLE_CONTEXT, a->at, "cannot write to array address");
	if (a->type->kind == ELF_TYPE_STRUCT || a->type->kind == ELF_TYPE_UNION)
		return refuse_whole(a);
	if (a->type->kind == ELF_TYPE_FLOAT && a->type->size != 8)
		return probe_access_refuse(a, DIAG_VARIABLE_CONTEXT, a->at,
					   "cannot write to a floating-point value of %u bytes",
					   (unsigned)a->type->size);
	if (!a->type->has_size || a->type->size > 8 || (a->type->size & (a->type->size - 1)))
		return probe_access_refuse(a, DIAG_VARIABLE_CONTEXT, a->at, "cannot process >64-bit values");
	return true;
}

struct expr *probe_access_store(struct access *a, struct expr *value)
{
	struct sema_resolver *r = a->resolver;
	struct expr *address;

	a->type = elf_type_complete(a->type);
	if (!may_store(a))
		return NULL;
	if (a->bit_size)
		return store_bits(a, value);
	if (!a->address && !a->value && a->where.place == ELF_PLACE_VALUE && a->where.reg >= 0 && !a->bit) {
		return probe_expr_call(r, a->written, "__store_register", 3, value,
				       probe_expr_number(r, a->written, a->where.reg),
				       probe_expr_number(r, a->written, (int64_t)a->type->size));
	}
	address = probe_access_address(a);
	return address ? probe_expr_call(r, a->written, "__store", 3, address, value,
					 probe_expr_number(r, a->written, (int64_t)a->type->size)) :
			 NULL;
}
