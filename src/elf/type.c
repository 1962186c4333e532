/* SPDX-License-Identifier: Apache-2.0 */
/* Types: made when first asked for, one per entry; typedefs and qualifiers only leave their text. */
#include <dwarf.h>

#include "elf/location.h"

/* Longer chains of typedefs and pointers are damage. */
#define CHAIN_LIMIT 64u

struct type_private {
	Dwarf_Die die; /* addr NULL: made, not read */
	struct elf_data *data;
	bool members_loaded;
	VEC(struct elf_member) members;
};

static const struct elf_type *type_read(struct elf_data *d, Dwarf_Die *die, uint32_t depth);

static struct type_private *priv_of(const struct elf_type *t)
{
	return t->priv;
}

/* ---- attributes ---------------------------------------------------------------------------- */

static bool unsigned_attribute(Dwarf_Die *die, unsigned name, uint64_t *out)
{
	Dwarf_Attribute attribute;
	Dwarf_Word word;

	if (!dwarf_attr_integrate(die, name, &attribute) || dwarf_formudata(&attribute, &word) != 0)
		return false;
	*out = word;
	return true;
}

static bool has_flag(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;
	bool flag;

	return dwarf_attr_integrate(die, name, &attribute) && dwarf_formflag(&attribute, &flag) == 0 &&
	       flag;
}

static bool type_attribute(Dwarf_Die *die, Dwarf_Die *out)
{
	Dwarf_Attribute attribute;

	return dwarf_attr_integrate(die, DW_AT_type, &attribute) &&
	       dwarf_formref_die(&attribute, out) != NULL;
}

static const struct elf_type *target_of(struct elf_data *d, Dwarf_Die *die, uint32_t depth)
{
	Dwarf_Die target;

	return type_attribute(die, &target) ? type_read(d, &target, depth + 1) : NULL;
}

/* ---- texts ------------------------------------------------------------------------------------ */

static const char *text_of(const struct elf_type *t)
{
	return t ? t->text : "void";
}

static const char *tagged(struct elf_data *d, Dwarf_Die *die, const char *tag)
{
	const char *name = dwarf_diename(die);

	return arena_printf(d->arena, "%s %s", tag, name ? name : "{...}");
}

static const char *word_of(int tag)
{
	switch (tag) {
	case DW_TAG_structure_type: return "struct";
	case DW_TAG_class_type: return "class";
	case DW_TAG_union_type: return "union";
	case DW_TAG_enumeration_type: return "enum";
	default: return NULL;
	}
}

/* "int (*) (int, char const*)"; `middle` is what stands for the name. */
static const char *function_text(struct elf_data *d, Dwarf_Die *die, const char *middle, uint32_t depth)
{
	Dwarf_Die child;
	struct buf b;
	bool any = false;

	buf_init(&b, d->arena);
	buf_addf(&b, "%s (%s) (", text_of(target_of(d, die, depth)), middle);
	if (dwarf_child(die, &child) == 0)
		do {
			int tag = dwarf_tag(&child);

			if (tag != DW_TAG_formal_parameter && tag != DW_TAG_unspecified_parameters)
				continue;
			buf_adds(&b, any ? ", " : "");
			buf_adds(&b, tag == DW_TAG_formal_parameter ? text_of(target_of(d, &child, depth)) : "...");
			any = true;
		} while (elf_debug_sibling(&child));
	buf_addf(&b, "%s)", any ? "" : "void");
	return buf_str(&b);
}

static const char *qualifier_of(int tag)
{
	switch (tag) {
	case DW_TAG_const_type: return " const";
	case DW_TAG_volatile_type: return " volatile";
	case DW_TAG_restrict_type: return " restrict";
	case DW_TAG_atomic_type: return " _Atomic";
	case DW_TAG_typedef: return "";
	case DW_TAG_shared_type: return " shared";
	case DW_TAG_packed_type: return " packed";
	case DW_TAG_immutable_type: return " immutable";
	default: return NULL;
	}
}

/* ---- kinds ------------------------------------------------------------------------------------- */

static void read_base(Dwarf_Die *die, struct elf_type *t)
{
	uint64_t encoding = 0;

	unsigned_attribute(die, DW_AT_encoding, &encoding);
	t->kind = ELF_TYPE_INTEGER;
	switch (encoding) {
	case DW_ATE_float:
	case DW_ATE_decimal_float:
		t->kind = ELF_TYPE_FLOAT;
		break;
	case DW_ATE_complex_float:
	case DW_ATE_imaginary_float:
	case DW_ATE_packed_decimal:
	case DW_ATE_numeric_string:
		t->kind = ELF_TYPE_OTHER;
		break;
	case DW_ATE_signed_char:
		t->is_character = t->is_signed = true;
		break;
	case DW_ATE_unsigned_char:
		t->is_character = true;
		break;
	case DW_ATE_signed:
		t->is_signed = true;
		break;
	default:
		break;
	}
}

static void read_enum(struct elf_data *d, Dwarf_Die *die, struct elf_type *t, uint32_t depth)
{
	const struct elf_type *underlying = target_of(d, die, depth);
	Dwarf_Attribute attribute;
	Dwarf_Sword value;
	Dwarf_Die child;

	t->kind = ELF_TYPE_INTEGER;
	t->is_enum = true;
	if (underlying) {
		t->is_signed = underlying->is_signed;
		if (!t->has_size) {
			t->size = underlying->size;
			t->has_size = underlying->has_size;
		}
		return;
	}
	if (dwarf_child(die, &child) == 0)
		do {
			if (dwarf_tag(&child) == DW_TAG_enumerator &&
			    dwarf_attr(&child, DW_AT_const_value, &attribute) &&
			    dwarf_formsdata(&attribute, &value) == 0 && value < 0)
				t->is_signed = true;
		} while (elf_debug_sibling(&child));
}

static uint64_t dimension_count(Dwarf_Die *range)
{
	uint64_t count = 0;

	if (unsigned_attribute(range, DW_AT_count, &count))
		return count;
	if (unsigned_attribute(range, DW_AT_upper_bound, &count) && count + 1)
		return count + 1;
	return 0;
}

/* Each dimension but the first makes an array of its own, so that [i] takes one away. */
static void read_array(struct elf_data *d, Dwarf_Die *die, struct elf_type *t, uint32_t depth)
{
	const struct elf_type *element = target_of(d, die, depth);
	uint64_t counts[8], n = 0;
	Dwarf_Die child;

	if (dwarf_child(die, &child) == 0)
		do {
			if (dwarf_tag(&child) == DW_TAG_subrange_type && n < base_count(counts))
				counts[n++] = dimension_count(&child);
		} while (elf_debug_sibling(&child));
	t->kind = ELF_TYPE_ARRAY;
	t->text = arena_printf(d->arena, "%s[]", text_of(element));
	while (n > 1) {
		struct elf_type *row = arena_new(d->arena, struct elf_type);
		struct type_private *p = arena_new(d->arena, struct type_private);

		p->data = d;
		*row = (struct elf_type){ .kind = ELF_TYPE_ARRAY, .text = t->text, .target = element, .priv = p };
		row->count = counts[--n];
		row->has_size = element && element->has_size && row->count;
		row->size = row->has_size ? row->count * element->size : 0;
		element = row;
	}
	t->target = element;
	t->count = n ? counts[0] : 0;
	if (!t->has_size && element && element->has_size && t->count) {
		t->has_size = true;
		t->size = t->count * element->size;
	}
}

static void read_pointer(struct elf_data *d, Dwarf_Die *die, struct elf_type *t, uint32_t depth)
{
	int tag = dwarf_tag(die);
	const char *mark = tag == DW_TAG_pointer_type ? "*" : tag == DW_TAG_reference_type ? "&" : "&&";
	Dwarf_Die target;

	t->kind = tag == DW_TAG_pointer_type ? ELF_TYPE_POINTER : ELF_TYPE_REFERENCE;
	t->size = 8;
	t->has_size = true;
	t->target = target_of(d, die, depth);
	if (t->target && t->target->kind == ELF_TYPE_FUNCTION && type_attribute(die, &target) &&
	    dwarf_tag(&target) == DW_TAG_subroutine_type)
		t->text = function_text(d, &target, mark, depth + 1);
	else
		t->text = arena_printf(d->arena, "%s%s", text_of(t->target), mark);
}

static void read_declared(Dwarf_Die *die, struct elf_type *t)
{
	uint64_t line;

	t->file = elf_debug_file(die);
	if (unsigned_attribute(die, DW_AT_decl_line, &line))
		t->line = (uint32_t)line;
	t->is_declaration = has_flag(die, DW_AT_declaration);
}

static void read_kind(struct elf_data *d, Dwarf_Die *die, struct elf_type *t, uint32_t depth)
{
	int tag = dwarf_tag(die);
	const char *word = word_of(tag);

	if (word) {
		t->text = tagged(d, die, word);
		t->name = dwarf_diename(die) ? t->text : NULL;
		read_declared(die, t);
	}
	switch (tag) {
	case DW_TAG_base_type:
		read_base(die, t);
		break;
	case DW_TAG_enumeration_type:
		read_enum(d, die, t, depth);
		break;
	case DW_TAG_pointer_type:
	case DW_TAG_reference_type:
	case DW_TAG_rvalue_reference_type:
		read_pointer(d, die, t, depth);
		break;
	case DW_TAG_array_type:
		read_array(d, die, t, depth);
		break;
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_interface_type:
		t->kind = ELF_TYPE_STRUCT;
		break;
	case DW_TAG_union_type:
		t->kind = ELF_TYPE_UNION;
		break;
	case DW_TAG_subroutine_type:
	case DW_TAG_subprogram:
		t->kind = ELF_TYPE_FUNCTION;
		t->text = function_text(d, die, "", depth);
		break;
	case DW_TAG_unspecified_type:
		t->kind = ELF_TYPE_VOID;
		break;
	default:
		t->kind = ELF_TYPE_OTHER;
		break;
	}
}

/* ---- reading ----------------------------------------------------------------------------------- */

static struct elf_type *type_new(struct elf_data *d, Dwarf_Die *die)
{
	struct elf_type *t = arena_new(d->arena, struct elf_type);
	struct type_private *p = arena_new(d->arena, struct type_private);
	const char *name = dwarf_diename(die);

	p->die = *die;
	p->data = d;
	t->priv = p;
	t->text = t->name = name ? name : NULL;
	t->has_size = unsigned_attribute(die, DW_AT_byte_size, &t->size);
	return t;
}

/* The type below, with a text of its own: "size_t", "char const". */
static const struct elf_type *type_dressed(struct elf_data *d, Dwarf_Die *die, const char *suffix,
					   uint32_t depth)
{
	const struct elf_type *below = target_of(d, die, depth);
	struct elf_type *t;

	if (below) {
		t = arena_dup(d->arena, below, sizeof *below);
	} else {
		t = type_new(d, die);
		t->kind = ELF_TYPE_VOID;
		t->text = "void";
	}
	t->text = *suffix || !dwarf_diename(die) ? arena_printf(d->arena, "%s%s", t->text, suffix) :
						   dwarf_diename(die);
	return t;
}

const struct elf_type *elf_type_complete(const struct elf_type *t)
{
	const struct elf_type *whole = NULL;

	if (t && t->is_declaration && t->name)
		whole = elf_type_find(priv_of(t)->data->file, t->name);
	return whole && !whole->is_declaration ? whole : t;
}

static bool signature_of(Dwarf_Die *die, Dwarf_Die *out)
{
	Dwarf_Attribute attribute;

	return dwarf_attr(die, DW_AT_signature, &attribute) && dwarf_formref_die(&attribute, out) != NULL;
}

static const struct elf_type *type_read(struct elf_data *d, Dwarf_Die *die, uint32_t depth)
{
	struct elf_type *t = map_find_u64(d->types, (uintptr_t)die->addr);
	const struct elf_type *dressed;
	const char *suffix = qualifier_of(dwarf_tag(die));
	Dwarf_Die real;

	if (t)
		return t;
	if (depth > CHAIN_LIMIT)
		return NULL;
	if (signature_of(die, &real) && real.addr != die->addr)
		return type_read(d, &real, depth + 1);
	if (suffix) {
		dressed = type_dressed(d, die, suffix, depth);
		map_put_u64(d->types, (uintptr_t)die->addr, (void *)dressed);
		return dressed;
	}
	t = type_new(d, die);
	map_put_u64(d->types, (uintptr_t)die->addr, t); /* first: types refer to themselves */
	t->text = t->text ? t->text : "?";
	read_kind(d, die, t, depth);
	return t;
}

const struct elf_type *elf_type_from(struct elf_data *d, Dwarf_Die *type)
{
	return type_read(d, type, 0);
}

const struct elf_type *elf_type_of(struct elf_data *d, Dwarf_Die *die)
{
	return target_of(d, die, 0);
}

struct elf_file *elf_type_file(const struct elf_type *t)
{
	return priv_of(t)->data->file;
}

const struct elf_type *elf_type_pointer_to(struct elf_file *f, const struct elf_type *target)
{
	struct elf_data *d = elf_data_of(f);
	struct elf_type *t = map_find_u64(d->pointers, (uintptr_t)target);

	if (t)
		return t;
	t = arena_new(d->arena, struct elf_type);
	*t = (struct elf_type){ .kind = ELF_TYPE_POINTER, .has_size = true, .size = 8, .target = target };
	t->priv = arena_new(d->arena, struct type_private);
	priv_of(t)->data = d;
	t->text = arena_printf(d->arena, "%s*", text_of(target));
	map_put_u64(d->pointers, (uintptr_t)target, t);
	return t;
}

/* int, for what no debug information describes. */
const struct elf_type *elf_type_int(struct elf_data *d)
{
	struct elf_type *t = arena_new(d->arena, struct elf_type);
	struct type_private *p = arena_new(d->arena, struct type_private);

	p->data = d;
	*t = (struct elf_type){ .kind = ELF_TYPE_INTEGER, .has_size = true, .size = 4, .is_signed = true,
				.text = "int", .name = "int", .priv = p };
	return t;
}

/* ---- members ------------------------------------------------------------------------------------ */

/* The offset in bytes: a constant, or an expression that adds one (DWARF 2). */
static bool member_offset(Dwarf_Die *die, uint64_t *out)
{
	Dwarf_Attribute attribute;
	Dwarf_Op *ops;
	Dwarf_Word word;
	size_t n;

	*out = 0;
	if (!dwarf_attr_integrate(die, DW_AT_data_member_location, &attribute))
		return true;
	if (dwarf_formudata(&attribute, &word) == 0) {
		*out = word;
		return true;
	}
	if (dwarf_getlocation(&attribute, &ops, &n) != 0 || n != 1 || ops[0].atom != DW_OP_plus_uconst)
		return false;
	*out = ops[0].number;
	return true;
}

/*
 * A virtual base class is where the object's table of virtual functions says (Itanium C++ ABI, 2.5.2):
 * below the address point, at a distance that compilers write as dup, deref, N, minus, deref, plus.
 */
static bool virtual_offset(Dwarf_Die *die, uint64_t *out)
{
	static const uint8_t form[] = { DW_OP_dup, DW_OP_deref, 0, DW_OP_minus, DW_OP_deref, DW_OP_plus };
	Dwarf_Attribute attribute;
	Dwarf_Op *ops;
	size_t n;

	if (!dwarf_attr_integrate(die, DW_AT_data_member_location, &attribute) ||
	    dwarf_getlocation(&attribute, &ops, &n) != 0 || n != base_count(form))
		return false;
	for (size_t i = 0; i < n; i++)
		if (form[i] && ops[i].atom != form[i])
			return false;
	if (ops[2].atom >= DW_OP_lit0 && ops[2].atom <= DW_OP_lit31)
		*out = ops[2].atom - DW_OP_lit0;
	else if (ops[2].atom == DW_OP_constu || ops[2].atom == DW_OP_const1u || ops[2].atom == DW_OP_const2u)
		*out = ops[2].number;
	else
		return false;
	return true;
}

/*
 * DW_AT_data_bit_offset counts from the beginning of the whole; its forerunner DW_AT_bit_offset
 * from the highest bit of the storage unit, which on this little-endian machine is at its end.
 */
static void member_bits(Dwarf_Die *die, struct elf_member *m)
{
	uint64_t size = 0, offset, storage;

	if (!unsigned_attribute(die, DW_AT_bit_size, &size))
		return;
	m->bit_size = (uint32_t)size;
	if (unsigned_attribute(die, DW_AT_data_bit_offset, &offset)) {
		m->offset += offset / 8;
		m->bit_offset = (uint32_t)(offset % 8);
	} else if (unsigned_attribute(die, DW_AT_bit_offset, &offset)) {
		if (!unsigned_attribute(die, DW_AT_byte_size, &storage))
			storage = m->type ? m->type->size : 4;
		m->bit_offset = (uint32_t)(storage * 8 - offset - size);
	}
}

static void member_add(struct type_private *p, Dwarf_Die *die, const struct elf_variant *variant)
{
	int tag = dwarf_tag(die);
	struct elf_member m = { .is_base = tag == DW_TAG_inheritance, .variant = variant };
	uint64_t virtuality = 0;
	Dwarf_Attribute attribute;

	m.name = m.is_base ? NULL : dwarf_diename(die);
	m.type = elf_type_of(p->data, die);
	m.is_static = tag == DW_TAG_variable ||
		      (tag == DW_TAG_member && has_flag(die, DW_AT_external) &&
		       has_flag(die, DW_AT_declaration));
	m.is_artificial = has_flag(die, DW_AT_artificial) || (m.name && strncmp(m.name, "_vptr", 5) == 0);
	m.is_virtual = unsigned_attribute(die, DW_AT_virtuality, &virtuality) && virtuality && m.is_base;
	if (m.is_virtual ? !virtual_offset(die, &m.offset) : !member_offset(die, &m.offset))
		return;
	if (!m.is_base && !m.is_static && dwarf_attr(die, DW_AT_bit_size, &attribute))
		member_bits(die, &m);
	if (m.is_static)
		m.offset = dwarf_dieoffset(die);
	vec_push(p->data->arena, &p->members, m);
}

/* The number that tells the variants of a part apart; false: it is not one that can be read. */
static bool discriminant_read(struct type_private *p, Dwarf_Die *part, struct elf_variant *out)
{
	Dwarf_Attribute attribute;
	Dwarf_Die die;

	*out = (struct elf_variant){ 0 };
	if (!dwarf_attr(part, DW_AT_discr, &attribute))
		return true;
	if (!dwarf_formref_die(&attribute, &die) || !member_offset(&die, &out->offset))
		return false;
	out->type = elf_type_of(p->data, &die);
	return out->type && out->type->kind == ELF_TYPE_INTEGER && out->type->has_size && out->type->size && out->type->size <= 8;
}

static void variant_add(struct type_private *p, Dwarf_Die *die, const struct elf_variant *number)
{
	struct elf_variant *v = arena_dup(p->data->arena, number, sizeof *number);
	Dwarf_Attribute attribute;
	Dwarf_Sword value;
	Dwarf_Die child;

	v->has_value = v->type && dwarf_attr(die, DW_AT_discr_value, &attribute) && dwarf_formsdata(&attribute, &value) == 0;
	if (v->has_value)
		v->value = (uint64_t)value & (UINT64_MAX >> (64 - 8 * v->type->size));
	if (dwarf_child(die, &child) == 0)
		do
			if (dwarf_tag(&child) == DW_TAG_member)
				member_add(p, &child, v);
		while (elf_debug_sibling(&child));
}

static void variants_add(struct type_private *p, Dwarf_Die *part)
{
	struct elf_variant number;
	Dwarf_Die child;

	if (!discriminant_read(p, part, &number) || dwarf_child(part, &child) != 0)
		return;
	do
		if (dwarf_tag(&child) == DW_TAG_variant)
			variant_add(p, &child, &number);
	while (elf_debug_sibling(&child));
}

const struct elf_member *elf_type_members(const struct elf_type *t, uint32_t *n)
{
	const struct elf_type *whole = elf_type_complete(t);
	struct type_private *p = priv_of(whole);
	Dwarf_Die child;

	*n = 0;
	if (!p->die.addr)
		return NULL;
	if (!p->members_loaded && dwarf_child(&p->die, &child) == 0)
		do {
			int tag = dwarf_tag(&child);

			if (tag == DW_TAG_member || tag == DW_TAG_inheritance ||
			    tag == DW_TAG_variable)
				member_add(p, &child, NULL);
			else if (tag == DW_TAG_variant_part)
				variants_add(p, &child);
		} while (elf_debug_sibling(&child));
	p->members_loaded = true;
	*n = p->members.n;
	return p->members.p;
}

bool elf_enumerator_at(const struct elf_type *t, uint32_t i, const char **name, int64_t *value)
{
	struct type_private *p = priv_of(t);
	Dwarf_Attribute attribute;
	Dwarf_Sword number;
	Dwarf_Word word;
	Dwarf_Die child;

	if (!p->die.addr || dwarf_child(&p->die, &child) != 0)
		return false;
	do {
		if (dwarf_tag(&child) != DW_TAG_enumerator || i--)
			continue;
		*name = dwarf_diename(&child);
		if (!dwarf_attr(&child, DW_AT_const_value, &attribute))
			return false;
		if (t->is_signed ? dwarf_formsdata(&attribute, &number) == 0 :
				   dwarf_formudata(&attribute, &word) == 0)
			*value = t->is_signed ? number : (int64_t)word;
		return *name != NULL;
	} while (elf_debug_sibling(&child));
	return false;
}
