/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The translation unit of a script's C.
 *
 *	prelude.h
 *	what stands between %{ and %} outside of functions
 *	for each piece	  struct l_N { parameters, __retvalue };
 *			  static void body_N(struct l_N *THIS, struct context *CONTEXT, globals) { the code }
 *			  embedded_N(slot, parameters, globals, out): fills THIS, calls body_N, hands on what it left
 *
 * embedded_N follows the convention of the runtime's functions. The code may return from body_N as it likes.
 * Lines of the script are told to the compiler, so that its messages name them.
 */
#include <string.h>

#include "embed/private.h"

static const char prelude[] =
#include "embed/prelude.inc"
	;

struct compose {
	const struct embed_options *o;
	struct buf b;
};

static void add_line(struct compose *c, struct span at)
{
	const char *name;
	uint32_t line, column;

	source_position(c->o->sources, at, &name, &line, &column);
	buf_addf(&c->b, "\n#line %u %s\n", line, lang_quote(c->o->arena, name, (uint32_t)strlen(name)));
}

static void add_code(struct compose *c, const struct sema_embedded *e)
{
	add_line(c, e->code_span);
	buf_add(&c->b, e->code, e->length);
	buf_adds(&c->b, "\n#line 1 \"<spile>\"\n");
}

static bool is_text(enum lang_type t)
{
	return t == TYPE_STRING;
}

/* ---- globals --------------------------------------------------------------------------------- */

static void add_key(struct compose *c, const struct lang_variable *v, uint32_t k)
{
	if (is_text(v->key_types[k]))
		buf_addf(&c->b, "%sspile_text_key(&(struct spile_key_text){ .length = 0 }, k%u)", k ? ", " : "", k);
	else
		buf_addf(&c->b, "%s(uint64_t)(int64_t)(k%u)", k ? ", " : "", k);
}

static void add_keys(struct compose *c, const struct lang_variable *v)
{
	buf_adds(&c->b, "(const uint64_t[]){ ");
	for (int k = 0; k < v->arity; k++)
		add_key(c, v, (uint32_t)k);
	buf_adds(&c->b, " }");
}

static void add_key_names(struct compose *c, const struct lang_variable *v)
{
	for (int k = 0; k < v->arity; k++)
		buf_addf(&c->b, "%sk%d", k ? ", " : "", k);
}

static void add_scalar_macros(struct compose *c, const struct lang_variable *v, bool write)
{
	const char *n = v->name;

	if (is_text(v->type))
		buf_addf(&c->b, "#define STAP_GLOBAL_GET_%s() (((struct spile_string *)spile_g_%s)->text)\n", n, n);
	else
		buf_addf(&c->b, "#define STAP_GLOBAL_GET_%s() (*(int64_t *)spile_g_%s)\n", n, n);
	if (write && is_text(v->type))
		buf_addf(&c->b, "#define STAP_GLOBAL_SET_%s(v) spile_set_text(spile_g_%s, (v))\n", n, n);
	else if (write)
		buf_addf(&c->b, "#define STAP_GLOBAL_SET_%s(v) (*(int64_t *)spile_g_%s = (v))\n", n, n);
}

static void add_map_macros(struct compose *c, const struct lang_variable *v, bool write)
{
	const char *n = v->name;
	bool text = is_text(v->type);

	buf_addf(&c->b, "#define STAP_GLOBAL_GET_%s(", n);
	add_key_names(c, v);
	if (text)
		buf_addf(&c->b, ") ({ struct spile_key_text *r_ = &spile_value_%s; spile_runtime.map_get_str(CONTEXT->spile_slot, spile_g_%s, ", n, n);
	else
		buf_addf(&c->b, ") spile_runtime.map_get(CONTEXT->spile_slot, spile_g_%s, ", n);
	add_keys(c, v);
	buf_adds(&c->b, text ? ", (struct spile_string *)r_); r_->text; })\n" : ")\n");
	if (!write)
		return;
	buf_addf(&c->b, "#define STAP_GLOBAL_SET_%s(", n);
	add_key_names(c, v);
	if (text) {
		buf_addf(&c->b, ", v) spile_runtime.map_set_str(CONTEXT->spile_slot, spile_g_%s, ", n);
		add_keys(c, v);
		buf_adds(&c->b, ", (const struct spile_string *)(uintptr_t)spile_text_key(&(struct spile_key_text){ .length = 0 }, (v)))\n");
		return;
	}
	buf_addf(&c->b, ", v) ({ int64_t *r_ = spile_runtime.map_ref(CONTEXT->spile_slot, spile_g_%s, ", n);
	add_keys(c, v);
	buf_adds(&c->b, "); if (r_) *r_ = (v); })\n");
}

static void add_global_macros(struct compose *c, const struct sema_embedded *e)
{
	vec_each(g, &e->globals) {
		if (g->variable->type == TYPE_STATS)
			diag_add(c->o->diags, DIAG_EMBEDDED, e->span, "embedded C cannot use the statistic '%s'",
				 g->variable->name);
		else if (g->variable->arity > 0)
			add_map_macros(c, g->variable, g->write);
		else
			add_scalar_macros(c, g->variable, g->write);
	}
}

static void remove_global_macros(struct compose *c, const struct sema_embedded *e)
{
	vec_each(g, &e->globals)
		buf_addf(&c->b, "#undef STAP_GLOBAL_GET_%s\n#undef STAP_GLOBAL_SET_%s\n", g->variable->name, g->variable->name);
}

static void add_global_parameters(struct compose *c, const struct sema_embedded *e)
{
	vec_each(g, &e->globals)
		buf_addf(&c->b, ", void *spile_g_%s", g->variable->name);
}

/* ---- functions -------------------------------------------------------------------------------- */

static void add_locals(struct compose *c, const struct sema_embedded *e)
{
	const struct sema_builtin *f = &e->builtin;

	buf_addf(&c->b, "struct l_%s {\n", f->name);
	for (uint32_t i = 0; i < f->n_parameters; i++)
		buf_addf(&c->b, "%s%s;\n", is_text(f->parameters[i]) ? "char *" : "int64_t ", f->names[i]);
	buf_addf(&c->b, "%s;\n};\n", is_text(f->type) ? "char *__retvalue" : "int64_t __retvalue");
}

static void add_macros(struct compose *c, const struct sema_embedded *e)
{
	const struct sema_builtin *f = &e->builtin;

	for (uint32_t i = 0; i < f->n_parameters; i++)
		buf_addf(&c->b, "#define STAP_ARG_%s (THIS->%s)\n", f->names[i], f->names[i]);
	if (is_text(f->type))
		buf_adds(&c->b, "#define STAP_RETVALUE (*(char (*)[MAXSTRINGLEN])THIS->__retvalue)\n"
				"#define STAP_RETURN(v) do { strlcpy(THIS->__retvalue, (v), MAXSTRINGLEN); goto spile_leave; } while (0)\n");
	else
		buf_adds(&c->b, "#define STAP_RETVALUE (THIS->__retvalue)\n"
				"#define STAP_RETURN(v) do { THIS->__retvalue = (int64_t)(v); goto spile_leave; } while (0)\n");
}

static void remove_macros(struct compose *c, const struct sema_embedded *e)
{
	for (uint32_t i = 0; i < e->builtin.n_parameters; i++)
		buf_addf(&c->b, "#undef STAP_ARG_%s\n", e->builtin.names[i]);
	buf_adds(&c->b, "#undef STAP_RETVALUE\n#undef STAP_RETURN\n");
}

static void add_text_values(struct compose *c, const struct sema_embedded *e)
{
	vec_each(g, &e->globals)
		if (g->variable->arity > 0 && is_text(g->variable->type))
			buf_addf(&c->b, "struct spile_key_text spile_value_%s; (void)spile_value_%s;\n", g->variable->name,
				 g->variable->name);
}

static void add_body(struct compose *c, const struct sema_embedded *e)
{
	const struct sema_builtin *f = &e->builtin;

	buf_addf(&c->b, "static void body_%s(struct l_%s *THIS, struct context *CONTEXT", f->name, f->name);
	add_global_parameters(c, e);
	buf_adds(&c->b, ")\n{\n");
	add_text_values(c, e);
	if (e->kind == EMBEDDED_EXPR)
		buf_adds(&c->b, is_text(f->type) ? "strlcpy(THIS->__retvalue, (" : "THIS->__retvalue = (int64_t)(");
	else
		buf_adds(&c->b, "{");
	add_code(c, e);
	if (e->kind == EMBEDDED_EXPR)
		buf_adds(&c->b, is_text(f->type) ? "), MAXSTRINGLEN);\n" : ");\n");
	else
		buf_adds(&c->b, ";}\n");
	buf_adds(&c->b, "spile_leave: __attribute__((unused));\n}\n");
}

static void add_entry(struct compose *c, const struct sema_embedded *e)
{
	const struct sema_builtin *f = &e->builtin;
	bool text = is_text(f->type);

	buf_addf(&c->b, "__attribute__((used, section(\".text.spile_entry\")))\nint64_t %s(void *slot", f->name);
	for (uint32_t i = 0; i < f->n_parameters; i++)
		buf_addf(&c->b, is_text(f->parameters[i]) ? ", struct spile_string *p%u" : ", int64_t p%u", i);
	add_global_parameters(c, e);
	buf_addf(&c->b, "%s)\n{\nstruct context c = { .spile_slot = slot };\nstruct l_%s l = { ", text ? ", struct spile_string *out" : "",
		 f->name);
	for (uint32_t i = 0; i < f->n_parameters; i++)
		buf_addf(&c->b, is_text(f->parameters[i]) ? "p%u->text, " : "p%u, ", i);
	buf_adds(&c->b, text ? "out->text };\nout->text[0] = 0;\n" : "0 };\n");
	buf_addf(&c->b, "body_%s(&l, &c", f->name);
	vec_each(g, &e->globals)
		buf_addf(&c->b, ", spile_g_%s", g->variable->name);
	buf_adds(&c->b, ");\nif (c.last_error) spile_say(&c, true, \"%s\", c.last_error);\n");
	if (f->flags & BUILTIN_MAY_PASS)
		buf_addf(&c->b, "*(uint64_t *)((char *)slot + %zu) = c.spile_next;\n", offsetof(struct abi_slot, context_flags));
	buf_adds(&c->b, text ? "out->length = (uint32_t)strnlen(out->text, MAXSTRINGLEN - 1);\nout->text[out->length] = 0;\nreturn 0;\n}\n" :
			       "return l.__retvalue;\n}\n");
}

static void add_const(struct compose *c, const struct sema_embedded *e)
{
	buf_addf(&c->b, "const int64_t %s __attribute__((used, section(\".rodata.const\"))) = (int64_t)(", e->builtin.name);
	add_code(c, e);
	buf_adds(&c->b, ");\n");
}

static void add_piece(struct compose *c, const struct sema_embedded *e)
{
	if (e->kind == EMBEDDED_CONST) {
		add_const(c, e);
		return;
	}
	add_locals(c, e);
	add_macros(c, e);
	add_global_macros(c, e);
	add_body(c, e);
	add_entry(c, e);
	remove_global_macros(c, e);
	remove_macros(c, e);
}

const char *embed_compose(const struct embed_options *o, const struct sema_program *p, const embed_pieces *pieces)
{
	struct compose c = { .o = o };

	buf_init(&c.b, o->arena);
	buf_addf(&c.b, "#define MAXSTRINGLEN %u\n#line 1 \"<spile>\"\n", o->max_string);
	buf_adds(&c.b, prelude);
	vec_each(d, &p->embedded) {
		add_line(&c, d->span);
		buf_add(&c.b, d->code, d->length);
	}
	buf_adds(&c.b, "\n#line 1 \"<spile>\"\n");
	vec_each(e, pieces)
		add_piece(&c, *e);
	return buf_str(&c.b);
}
