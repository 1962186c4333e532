/* SPDX-License-Identifier: Apache-2.0 */
/* Copies, walks and texts of trees. */
#include "helper.h"

#include <string.h>

/* Every kind of statement and expression once. */
static const char all[] =
	"probe p { ; { a = 1 . \"s\" } if (!a) b++ else --b while (a[1, 2]) break\n"
	"for (i = 0; i < 3; i++) continue\n"
	"foreach (v = [k+, l] in t[*, 3] limit n) delete t[k, *]\n"
	"foreach (k in @hist_linear(s, 1, 2, 3)) next\n"
	"try { s <<< x ? y : z } catch (m) { print(m) } r = [c, *] in t r = q =~ \"re\"\n"
	"r = f(g, 1) r = @variance(s, 2) r = @hist_log(s)[3] printf(\"%d\\n\", w) printd(\":\", 1, 2)\n"
	"r = &$p->m[j]$ r = @cast(h, \"t\")->m[o]$$ r = u->m %{ code %} r = %{ value %} + 1 }\n"
	"function f(x) { return x return }";

static const char *text_of(struct fixture *f, const struct stmt *s)
{
	struct buf b;

	buf_init(&b, f->arena);
	lang_print_stmt(&b, s, 0);
	return buf_str(&b);
}

static bool count_expr(struct lang_walker *w, struct expr **e)
{
	struct map *seen = w->user;

	assert_null(map_find_u64(seen, (uintptr_t)*e));
	map_put_u64(seen, (uintptr_t)*e, *e);
	return true;
}

static bool count_stmt(struct lang_walker *w, struct stmt **s)
{
	struct map *seen = w->user;

	assert_null(map_find_u64(seen, (uintptr_t)*s));
	map_put_u64(seen, (uintptr_t)*s, *s);
	return true;
}

void clones_are_equal_and_apart(void **state)
{
	struct fixture *f = *state;
	struct lang_file *file = parse_text(f, all);
	struct stmt *body = file->probes.p[0]->body, *copy;
	struct lang_walker w = { .user = map_create(f->arena), .expr = count_expr,
				 .stmt = count_stmt };
	uint32_t n;

	assert_int_equal(f->diags.errors, 0);
	copy = lang_clone_stmt(f->arena, body);
	assert_string_equal(text_of(f, copy), text_of(f, body));
	lang_walk_stmt(&w, &body);
	n = map_count(w.user);
	lang_walk_stmt(&w, &copy);
	assert_int_equal(map_count(w.user), 2 * n);
	assert_int_equal(w.depth, 0);
}

static bool note_symbol(struct lang_walker *w, struct expr **e)
{
	struct buf *b = w->user;

	if ((*e)->kind == EXPR_SYMBOL)
		buf_adds(b, (*e)->symbol.name);
	return true;
}

void walks_see_every_expression(void **state)
{
	struct fixture *f = *state;
	struct lang_file *file = parse_text(f, all);
	struct buf b;
	struct lang_walker w = { .user = &b, .expr = note_symbol };

	buf_init(&b, f->arena);
	lang_walk_stmt(&w, &file->probes.p[0]->body);
	for (const char *p = "abiklvtnsxyzmrcqgwjhou"; *p; p++)
		assert_non_null(strchr(buf_str(&b), *p));
}

static bool replace_number(struct lang_walker *w, struct expr **e)
{
	if ((*e)->kind == EXPR_NUMBER) {
		*e = lang_expr_new(w->user, EXPR_NUMBER, (*e)->span);
		(*e)->number.value = 7;
	}
	return true;
}

void walks_can_replace(void **state)
{
	struct fixture *f = *state;
	struct lang_file *file = parse_text(f, "probe p { x = 1 + t[2, f(3)] }");
	struct lang_walker w = { .user = f->arena, .expr = replace_number };

	lang_walk_stmt(&w, &file->probes.p[0]->body);
	assert_string_equal(text_of(f, file->probes.p[0]->body),
			    "{\n(x) = ((7) + (t[7, f(7)]));\n}");
}

void names_of_kinds(void **state)
{
	(void)state;
	assert_string_equal(lang_type_name(TYPE_LONG), "long");
	assert_string_equal(lang_type_name(TYPE_UNKNOWN), "unknown");
	assert_string_equal(lang_stat_name(STAT_VARIANCE), "@variance");
	assert_string_equal(lang_op_text(OP_USHR), ">>>");
}

void point_text_with_and_without_marks(void **state)
{
	struct fixture *f = *state;
	struct lang_file *file = parse_text(f, "probe a.b(-1)? if (x > 1), c(\"d\\n\")! { next }");
	struct probe_point **p = file->probes.p[0]->points.p;

	assert_string_equal(lang_point_text(f->arena, p[0], true), "a.b(-1)? if ((x) > (1))");
	assert_string_equal(lang_point_text(f->arena, p[0], false), "a.b(-1)");
	assert_string_equal(lang_point_text(f->arena, p[1], true), "c(\"d\\n\")!");
}
