/* SPDX-License-Identifier: Apache-2.0 */
/* The text of the code for -p4: instructions, with names for relocations and constants. */
#include "gen/private.h"

#include "x86/x86.h"

struct listing {
	struct gen *g;
	struct buf out;
	struct map *constants; /* offset in code: text */
};

static void name_constant(struct listing *l, uint32_t at, const char *text)
{
	map_put_u64(l->constants, at, (void *)text);
}

static const char *quote(struct gen *g, const struct ir_string *s)
{
	struct buf b;

	buf_init(&b, g->arena);
	buf_addc(&b, '"');
	for (uint32_t i = 0; i < s->length && i < 40; i++) {
		unsigned char c = (unsigned char)s->text[i];

		if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
			buf_addf(&b, "\\%03o", c);
		else
			buf_addc(&b, c);
	}
	buf_adds(&b, s->length > 40 ? "...\"" : "\"");
	return buf_str(&b);
}

static void name_constants(struct listing *l)
{
	struct gen *g = l->g;

	l->constants = map_create(g->arena);
	name_constant(l, g->table_literal, "slot table");
	for (uint32_t i = 0; i < g->m->strings.n; i++)
		name_constant(l, g->strings[i], quote(g, &g->m->strings.p[i]));
	for (uint32_t i = 0; i < g->m->n_formats; i++)
		name_constant(l, g->formats[i], arena_printf(g->arena, "format %u", i));
	for (uint32_t i = 0; i < g->m->globals.n; i++)
		if (g->statdescs[i])
			name_constant(l, g->statdescs[i],
				      arena_printf(g->arena, "statistics of %s",
						   g->m->globals.p[i].name));
	for (uint32_t i = 0; i < g->m->functions.n; i++)
		if (g->locks[i])
			name_constant(
				l, g->locks[i],
				arena_printf(g->arena, "locks of %s", g->m->functions.p[i]->name));
}

static const char *global_at(const struct gen *g, uint64_t offset)
{
	vec_each(to, &g->b->globals)
		if (to->layout.base_offset == offset)
			return to->name;
	return "region";
}

static const char *describe_reloc(const struct gen *g, const struct bundle_reloc *r)
{
	switch ((enum bundle_reloc_kind)r->kind) {
	case RELOC_REGION_ABS64:
		return global_at(g, (uint64_t)r->addend);
	case RELOC_TABLE_ABS64:
		return "slot table";
	case RELOC_PROCESS_ABS64:
		return "process";
	case RELOC_RUNTIME_ABS64:
	case RELOC_RUNTIME_REL32:
		return g->b->runtime_symbols.p[r->symbol];
	case RELOC_OWN_STACK:
		return "or mov %rsp,%r15";
	case RELOC_THREAD_POINTER:
		return "or mov %fs:0,%rcx";
	case RELOC_CODE_ABS64:
	case RELOC_CODE_REL32:
		return "code";
	}
	base_unreachable();
}

static const char *label_at(const struct gen *g, uint64_t at)
{
	vec_each(label, &g->labels)
		if (label->offset == at)
			return label->name;
	return NULL;
}

static void list_instruction(struct listing *l, const struct x86_ins *ins,
			     const struct bundle_reloc *r)
{
	const char *target = ins->class == X86_CALL ? label_at(l->g, ins->target) : NULL;
	const char *constant =
		ins->rip_relative ? map_find_u64(l->constants, ins->rip_target) : NULL;
	char text[128];

	x86_format(ins, text, sizeof text);
	if (r && r->kind == RELOC_RUNTIME_REL32)
		buf_addf(&l->out, "%6x  call %s\n", (unsigned)ins->address,
			 describe_reloc(l->g, r));
	else if (r)
		buf_addf(&l->out, "%6x  %s  # %s\n", (unsigned)ins->address, text,
			 describe_reloc(l->g, r));
	else if (target)
		buf_addf(&l->out, "%6x  call <%s>\n", (unsigned)ins->address, target);
	else if (constant)
		buf_addf(&l->out, "%6x  %s  # %s\n", (unsigned)ins->address, text, constant);
	else
		buf_addf(&l->out, "%6x  %s\n", (unsigned)ins->address, text);
}

/* The byte fills between functions. */
static bool is_padding(const struct x86_ins *ins)
{
	return ins->bytes[0] == 0xcc;
}

static uint32_t list_literal(struct listing *l, uint32_t at, const struct bundle_reloc *r)
{
	buf_addf(&l->out, "%6x  .quad %s\n", at, describe_reloc(l->g, r));
	return 8;
}

struct text {
	const uint8_t *bytes;
	uint32_t start, end;
	const struct bundle_reloc *relocs; /* ascending */
	uint32_t n_relocs;
};

static void list_text(struct listing *l, const struct text *t, bool labelled)
{
	uint32_t r = 0, label = 0;

	for (uint32_t at = t->start; at < t->end;) {
		const struct bundle_reloc *reloc;
		struct x86_ins ins;

		while (r < t->n_relocs && t->relocs[r].offset < at)
			r++;
		reloc = r < t->n_relocs ? &t->relocs[r] : NULL;
		for (; labelled && label < l->g->labels.n && l->g->labels.p[label].offset == at;
		     label++)
			buf_addf(&l->out, "\n%s:\n", l->g->labels.p[label].name);
		if (reloc && reloc->offset == at && reloc->kind < RELOC_THREAD_POINTER) {
			at += list_literal(l, at, reloc);
		} else if (!x86_decode(t->bytes + at, t->end - at, at, &ins)) {
			buf_addf(&l->out, "%6x  .byte 0x%02x\n", at, t->bytes[at]);
			at++;
		} else {
			if (!is_padding(&ins))
				list_instruction(l, &ins,
						 reloc && reloc->offset < at + ins.length ? reloc :
											    NULL);
			at += ins.length;
		}
	}
}

void gen_listing(struct gen *g)
{
	struct listing l = { .g = g };
	struct text text = { g->b->code, g->b->text_offset, g->b->code_size, g->b->relocs.p,
			     g->b->relocs.n };

	buf_init(&l.out, g->arena);
	name_constants(&l);
	list_text(&l, &text, true);
	for (uint32_t i = 0; i < g->b->inlines.n; i++) {
		const struct bundle_inline *in = &g->b->inlines.p[i];
		struct text piece = { in->bytes, 0, in->size, in->relocs.p, in->relocs.n };

		buf_addf(&l.out, "\n%s, inline:\n", g->inline_names.p[i]);
		list_text(&l, &piece, false);
	}
	g->b->listing = buf_str(&l.out);
}
