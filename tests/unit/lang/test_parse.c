/* SPDX-License-Identifier: Apache-2.0 */
/* The tree: what its members hold, and the bounds of the parser. */
#include "helper.h"

#include <string.h>
#include <time.h>

static const struct expr *value_of(struct fixture *f, const char *text)
{
	struct lang_file *file = parse_text(f, arena_printf(f->arena, "probe p { x = %s }", text));

	assert_int_equal(f->diags.errors, 0);
	return file->probes.p[0]->body->block.list.p[0]->expr->assign.right;
}

static const char *text_at(struct fixture *f, struct span s)
{
	return arena_strndup(f->arena, source_get(f->set, s.source)->text + s.offset, s.length);
}

void positions_are_exact(void **state)
{
	struct fixture *f = *state;
	const struct expr *e = value_of(f, "f(a, 1)  +  t[b]->m");

	assert_string_equal(text_at(f, e->span), "f(a, 1)  +  t[b]->m");
	assert_string_equal(text_at(f, e->binary.left->span), "f(a, 1)");
	assert_string_equal(text_at(f, e->binary.left->token), "f");
	assert_string_equal(text_at(f, e->binary.right->span), "t[b]->m");
	assert_string_equal(text_at(f, e->binary.right->op.components[0].span), "->m");
	assert_string_equal(complaint(f, "probe p {\n\tx =\n}"),
			    "expected literal string or number at <input>:3:1");
	assert_string_equal(complaint(f, "probe p {"), "expected statement at <input>:1:10");
}

void tokens_name_the_operator(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(text_at(f, value_of(f, "a && b")->token), "&&");
	assert_string_equal(text_at(f, value_of(f, "a ? b : c")->token), "?");
	assert_string_equal(text_at(f, value_of(f, "a in b")->token), "in");
	assert_string_equal(text_at(f, value_of(f, "[a, b] in c")->span), "[a, b] in c");
	assert_string_equal(text_at(f, value_of(f, "&$a->b")->token), "&");
	assert_string_equal(text_at(f, value_of(f, "a++")->token), "++");
	assert_string_equal(text_at(f, value_of(f, "t[1, 2]")->token), "t");
	assert_string_equal(text_at(f, value_of(f, "@count(s[1])")->token), "@count");
	assert_string_equal(text_at(f, value_of(f, "a =~ \"b\"")->token), "=~");
}

void globals_are_described(void **state)
{
	struct fixture *f = *state;
	struct lang_file *file = parse_text(f, "global a%[5], b = -1 private c");
	struct lang_variable **g = file->globals.p;

	assert_int_equal(file->globals.n, 3);
	assert_true(g[0]->wraps && g[0]->size == 5 && !g[0]->init && g[0]->arity == -1);
	assert_int_equal(g[1]->init->number.value, -1);
	assert_true(g[2]->is_private && !g[1]->is_private && g[2]->file == file);
}

void functions_are_described(void **state)
{
	struct fixture *f = *state;
	struct lang_file *file =
		parse_text(f, "function f:string(a:long, b):2 { } function g() %{ x %}");
	const struct function_decl *one = file->functions.p[0], *two = file->functions.p[1];

	assert_int_equal(one->type, TYPE_STRING);
	assert_int_equal(one->parameters.n, 2);
	assert_int_equal(one->parameters.p[0]->type, TYPE_LONG);
	assert_int_equal(one->parameters.p[0]->kind, VARIABLE_PARAMETER);
	assert_int_equal(one->parameters.p[1]->type, TYPE_UNKNOWN);
	assert_int_equal(one->priority, 2);
	assert_true(two->priority == -1 && !two->body && two->embedded_length == 3);
	assert_string_equal(two->embedded, " x ");
}

void points_are_described(void **state)
{
	struct fixture *f = *state;
	struct lang_file *file = parse_text(f, "probe a.{b(1), c*}.d(\"x\")! if (on) { next }");
	const struct probe_decl *d = file->probes.p[0];
	const struct probe_point *one = d->points.p[0], *two = d->points.p[1];

	assert_int_equal(d->points.n, 2);
	assert_int_equal(one->components.n, 3);
	assert_int_equal(one->components.p[1].argument->number.value, 1);
	assert_string_equal(two->components.p[1].name, "c*");
	assert_false(two->components.p[1].has_argument);
	assert_true(one->sufficient && one->optional && one->condition);
	assert_ptr_not_equal(one->condition, two->condition);
	assert_ptr_equal(one->condition->symbol.name, two->condition->symbol.name);
}

static struct probe_point *point_of(struct fixture *f, const char *text)
{
	return lang_parse_point(&f->options,
				source_from_text(f->set, "<point>", text, strlen(text)));
}

void single_points_are_read(void **state)
{
	struct fixture *f = *state;
	struct probe_point *p = point_of(f, "process(\"x\").function(\"*\").call");

	assert_non_null(p);
	assert_string_equal(lang_point_text(f->arena, p, true),
			    "process(\"x\").function(\"*\").call");
	assert_non_null(point_of(f, "begin ?"));
	assert_int_equal(f->diags.errors, 0);
	assert_null(point_of(f, "begin, end"));
	assert_null(point_of(f, "a.{b,c}"));
	assert_null(point_of(f, "a {"));
	assert_null(point_of(f, ""));
	assert_null(point_of(f, "a.(b)"));
	assert_int_equal(f->diags.errors, 5);
}

void formats_are_split(void **state)
{
	struct fixture *f = *state;
	const struct expr *e = value_of(f, "sprintf(\"a%%b\\n%-*.3d\\045c%s\", 1, 2, \"x\")");
	const struct format_part *p = e->print.parts;

	assert_int_equal(e->print.n_parts, 4);
	assert_true(!p[0].conversion && p[0].text_length == 4);
	assert_string_equal(p[0].text, "a%b\n");
	assert_true(p[1].conversion == 'd' && p[1].flag == '-' && p[1].has_width &&
		    p[1].star_width && p[1].has_precision && !p[1].star_precision);
	assert_int_equal(p[1].precision, 3);
	assert_string_equal(p[2].text, "%c");
	assert_int_equal(p[3].conversion, 's');
	assert_false(p[3].has_width || p[3].has_precision);
	e = value_of(f, "sprintf(\"%99999999999d%00d%.x\", 1, 2, 3)");
	assert_int_equal(e->print.parts[0].width, INT32_MAX);
	assert_true(e->print.parts[1].flag == '0' && e->print.parts[1].has_width);
	assert_true(e->print.parts[2].has_precision && e->print.parts[2].precision == 0);
}

static const struct stmt *loop_of(struct fixture *f, const char *head)
{
	struct lang_file *file =
		parse_text(f, arena_printf(f->arena, "probe p { foreach (%s) ; }", head));

	assert_int_equal(f->diags.errors, 0);
	return file->probes.p[0]->body->block.list.p[0];
}

void foreach_columns_are_counted(void **state)
{
	struct fixture *f = *state;
	const struct stmt *s = loop_of(f, "[a, b-] in t");

	assert_true(s->foreach.sort == -1 && s->foreach.sort_column == 2);
	s = loop_of(f, "v+ = k in t");
	assert_true(s->foreach.sort == 1 && s->foreach.sort_column == 0 && s->foreach.value);
	assert_int_equal(s->foreach.keys.list.n, 1);
	s = loop_of(f, "k in t[*, 1] @sum - limit 3");
	assert_true(s->foreach.sort_op == STAT_SUM && s->foreach.sort == -1);
	assert_true(s->foreach.has_slice && !s->foreach.slice.list.p[0] && s->foreach.limit);
	assert_int_equal(loop_of(f, "k in t")->foreach.sort_op, STAT_NONE);
}

static const char *repeat(struct fixture *f, const char *before, const char *one, int n,
			  const char *behind)
{
	struct buf b;

	buf_init(&b, f->arena);
	buf_adds(&b, before);
	for (int i = 0; i < n; i++)
		buf_adds(&b, one);
	buf_adds(&b, behind);
	return buf_str(&b);
}

void depth_is_bounded(void **state)
{
	struct fixture *f = *state;
	static const char *const openers[] = {
		"(", "{", "- ", "if (1) ", "f(", "t[", "x ? 1 : ", "x ? ", "x = ", "@cast(", "!",
		"$p[", "while (1) ", "@defined(", "print(", "@count(", "@hist_log(", "[",
	};

	for (size_t i = 0; i < base_count(openers); i++) {
		const char *text = repeat(f, "probe p { ", openers[i], 200000, "");

		assert_non_null(strstr(complaint(f, text), "nested too deeply"));
	}
	assert_non_null(strstr(complaint(f, repeat(f, "probe ", "{", 200000, "")),
			       "nested too deeply"));
	assert_non_null(strstr(complaint(f, repeat(f, "probe p { x = 1", " + 1", 5000, " }")),
			       "nested too deeply"));
}

void long_chains_survive(void **state)
{
	struct fixture *f = *state;
	struct lang_file *file = parse_text(f, repeat(f, "probe p { x = 1", " + 1", 2400, " }"));
	struct stmt *copy;
	struct buf b;

	assert_int_equal(f->diags.errors, 0);
	copy = lang_clone_stmt(f->arena, file->probes.p[0]->body);
	buf_init(&b, f->arena);
	lang_print_stmt(&b, copy, 1);
	assert_true(b.n > 2400 * 7);
	parse_text(f, repeat(f, "probe p { ", "if (x) y = 1 else ", 900, " z = 1 }"));
	assert_int_equal(f->diags.errors, 0);
}

void braces_do_not_explode(void **state)
{
	struct fixture *f = *state;

	assert_non_null(strstr(complaint(f, repeat(f, "probe a", ".{b,c,d,e}", 40, " { }")),
			       "too many probe points"));
}

void large_scripts_are_fast(void **state)
{
	struct fixture *f = *state;
	struct timespec from, to;
	struct buf b;

	buf_init(&b, f->arena);
	for (int i = 0; i < 2500; i++)
		buf_addf(&b, "probe process(\"p\").function(\"f%d@x.c:%d\").call\n{\n"
			     "\tif (pid() == target() && a[%d, \"k\"] > 3) { n <<< $arg1->m[2] }\n"
			     "\tprintf(\"%%d %%-20s\\n\", $arg2, user_string($arg3)) }\n", i, i, i);
	clock_gettime(CLOCK_MONOTONIC, &from);
	parse_text(f, buf_str(&b));
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_int_equal(f->diags.errors, 0);
	/* Ten thousand lines take 20 ms; sanitizers and a busy machine are forgiven. */
	assert_true(to.tv_sec - from.tv_sec < 2);
}
