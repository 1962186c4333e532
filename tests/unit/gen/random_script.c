/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A script in the making: text, and what is in scope.
 *
 *	globals: longs g0.., strings s0.., arrays n (long by long), m (long by
 *	string), w (string by long and string), statistics q and r (by long)
 *	locals: longs x0.., strings t0..; parameters p (long) and u (string)
 *	functions: f0, f2 give longs, f1, f3 strings; they call lower ones only
 */
#include "random_script.h"

#define FUNCTIONS 4u
#define ARRAYS 4u /* n m w r, bits of `busy` */

struct maker {
	struct buf b;
	uint64_t state;
	uint32_t callable; /* functions with lower numbers may be called */
	bool in_function, gives_text, at_site;
	uint32_t busy; /* arrays that a loop goes over */
	uint32_t loops, names; /* loops around; counters in use */
	int left; /* statements still to be made */
};

static uint32_t below(struct maker *k, uint32_t n)
{
	k->state ^= k->state << 13;
	k->state ^= k->state >> 7;
	k->state ^= k->state << 17;
	return (uint32_t)((k->state >> 16) % n);
}

static void add(struct maker *k, const char *text)
{
	buf_adds(&k->b, text);
}

#define ONE_OF(k, list) ((list)[below((k), base_count(list))])

static void number(struct maker *k, int depth);
static void text(struct maker *k, int depth);

/* ---- numbers ------------------------------------------------------------------------ */

static void constant(struct maker *k)
{
	static const char *const few[] = { "0", "1", "2", "3", "5", "7", "10", "(-1)", "63", "255",
					   "9223372036854775807", "(-9223372036854775807-1)", "0x80000000" };

	if (below(k, 3))
		add(k, ONE_OF(k, few));
	else
		buf_addf(&k->b, "%u", below(k, 1000));
}

static void long_variable(struct maker *k)
{
	if (k->in_function && below(k, 3) == 0)
		add(k, "p");
	else
		buf_addf(&k->b, "%c%u", below(k, 2) ? 'x' : 'g', below(k, 3));
}

/* A small index, so that arrays stay small and keys meet. */
static void key(struct maker *k, int depth)
{
	if (below(k, 2)) {
		buf_addf(&k->b, "%u", below(k, 6));
		return;
	}
	add(k, "(");
	number(k, depth);
	add(k, ") % 6");
}

static void name_key(struct maker *k, int depth)
{
	static const char *const names[] = { "\"a\"", "\"b\"", "\"key\"", "\"\"" };

	if (below(k, 3) == 0) {
		add(k, "substr(");
		text(k, depth);
		add(k, ", 0, 2)");
	} else {
		add(k, ONE_OF(k, names));
	}
}

static void leaf(struct maker *k)
{
	uint32_t kind = below(k, 12);

	if (kind < 4)
		constant(k);
	else if (kind < 9)
		long_variable(k);
	else if (k->at_site)
		buf_addf(&k->b, "$arg%u", 1 + below(k, 4));
	else
		add(k, "strlen(s0)");
}

static void arithmetic(struct maker *k, int depth)
{
	static const char *const operators[] = { "+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", "==",
						 "!=", "<", ">", "<=", ">=", "&&", "||", "+", "-" };
	const char *operator = ONE_OF(k, operators);

	add(k, "(");
	number(k, depth - 1);
	buf_addf(&k->b, " %s ", operator);
	number(k, depth - 1);
	add(k, ")");
}

static void element(struct maker *k, int depth)
{
	switch (below(k, 3)) {
	case 0:
		add(k, "n[");
		key(k, depth - 1);
		break;
	case 1:
		add(k, "m[");
		name_key(k, depth - 1);
		break;
	default:
		add(k, "strlen(w[");
		key(k, depth - 1);
		add(k, ", ");
		name_key(k, depth - 1);
		add(k, "])");
		return;
	}
	add(k, "]");
}

static void membership(struct maker *k, int depth)
{
	add(k, "([");
	if (below(k, 4))
		key(k, depth - 1);
	else
		add(k, "*");
	add(k, ", ");
	if (below(k, 4))
		name_key(k, depth - 1);
	else
		add(k, "*");
	add(k, "] in w)");
}

static const char *const patterns[] = {
	"a", "^[a-z]*$", "[0-9]+", "(a|b)*c", "x?y", "^-", "(k)(e)?(y)?", "([[:alpha:]]+)([0-9]*)", "..$", "(a*)(b|)"
};

static void statistic(struct maker *k, int depth)
{
	static const char *const operators[] = { "count", "sum", "min", "max", "avg", "variance" };

	/* those of an empty one are errors, but for the first two */
	buf_addf(&k->b, "@%s(", operators[below(k, 4) ? below(k, 2) : below(k, base_count(operators))]);
	if (below(k, 2)) {
		add(k, "q");
	} else {
		add(k, "r[");
		key(k, depth - 1);
		add(k, "]");
	}
	add(k, ")");
}

static void question(struct maker *k, int depth)
{
	static const char *const operators[] = { "==", "!=", "<", ">", "<=", ">=" };

	add(k, "(");
	text(k, depth - 1);
	if (below(k, 2)) {
		buf_addf(&k->b, " %s \"%s\")", below(k, 4) ? "=~" : "!~", ONE_OF(k, patterns));
		return;
	}
	buf_addf(&k->b, " %s ", ONE_OF(k, operators));
	text(k, depth - 1);
	add(k, ")");
}

static void native(struct maker *k, int depth)
{
	static const char *const names[] = { "strlen(", "strtol(", "isinstr(", "stringat(", "strpos(" };
	uint32_t which = below(k, base_count(names));

	add(k, names[which]);
	text(k, depth - 1);
	if (which == 1) {
		add(k, ", 10");
	} else if (which == 3) {
		add(k, ", ");
		key(k, depth - 1);
	} else if (which) {
		add(k, ", ");
		text(k, depth - 1);
	}
	add(k, ")");
}

/* A call of a lower function with the parity of `odd`; false: there is none. */
static bool call(struct maker *k, int depth, uint32_t odd)
{
	if (k->callable <= odd || k->busy)
		return false;
	buf_addf(&k->b, "f%u(", odd + 2 * below(k, (k->callable - odd + 1) / 2));
	number(k, depth - 1);
	add(k, ", ");
	text(k, depth - 1);
	add(k, ")");
	return true;
}

static void change(struct maker *k, int depth)
{
	static const char *const operators[] = { "=", "+=", "-=", "*=", "|=", "^=", "<<=" };

	add(k, "(");
	if (below(k, 2)) {
		add(k, below(k, 2) ? "++" : "--");
		long_variable(k);
	} else {
		long_variable(k);
		buf_addf(&k->b, " %s ", ONE_OF(k, operators));
		number(k, depth - 1);
	}
	add(k, ")");
}

static void number(struct maker *k, int depth)
{
	uint32_t kind = depth > 0 ? below(k, 16) : 0;

	if (kind < 4) {
		leaf(k);
	} else if (kind < 8) {
		arithmetic(k, depth);
	} else if (kind == 8) {
		buf_addf(&k->b, "(%s", below(k, 2) ? "-" : below(k, 2) ? "~" : "!");
		number(k, depth - 1);
		add(k, ")");
	} else if (kind == 9) {
		add(k, "(");
		number(k, depth - 1);
		add(k, " ? ");
		number(k, depth - 1);
		add(k, " : ");
		number(k, depth - 1);
		add(k, ")");
	} else if (kind == 10) {
		element(k, depth);
	} else if (kind == 11) {
		membership(k, depth);
	} else if (kind == 12) {
		question(k, depth);
	} else if (kind == 13) {
		native(k, depth);
	} else if (kind == 14) {
		if (!call(k, depth, 0))
			change(k, depth);
	} else if (below(k, 3)) {
		change(k, depth);
	} else {
		statistic(k, depth);
	}
}

/* ---- strings ------------------------------------------------------------------------------ */

static void text_variable(struct maker *k)
{
	if (k->in_function && below(k, 3) == 0)
		add(k, "u");
	else
		buf_addf(&k->b, "%c%u", below(k, 2) ? 't' : 's', below(k, 2));
}

static void formatted(struct maker *k, int depth)
{
	static const char *const one[] = { "%d", "%x", "%5d", "%-4d|", "%08d", "%#x", "%o", "%c", "%+d", "% u" };

	buf_addf(&k->b, "sprintf(\"%s %s\", ", ONE_OF(k, one), below(k, 2) ? "%s" : "%6.3s");
	number(k, depth - 1);
	add(k, ", ");
	text(k, depth - 1);
	add(k, ")");
}

static void text_call(struct maker *k, int depth)
{
	switch (below(k, 8)) {
	case 0:
	case 4:
	case 5:
		add(k, "substr(");
		text(k, depth - 1);
		add(k, ", ");
		key(k, depth - 1);
		add(k, ", ");
		number(k, depth - 1);
		break;
	case 1:
		add(k, "str_replace(");
		text(k, depth - 1);
		add(k, ", \"a\", ");
		text(k, depth - 1);
		break;
	case 2:
		buf_addf(&k->b, "matched(%u", below(k, 3));
		break;
	default:
		add(k, "tokenize(");
		text(k, depth - 1);
		add(k, ", \" a\"");
		break;
	}
	add(k, ")");
}

static void text(struct maker *k, int depth)
{
	static const char *const literals[] = { "\"\"", "\"a\"", "\"key\"", "\"abc 12\"", "\"-7x\"", "\"b\\tc\\n\"" };
	uint32_t kind = depth > 0 ? below(k, 12) : below(k, 4);

	if (kind < 2) {
		add(k, ONE_OF(k, literals));
	} else if (kind < 5) {
		text_variable(k);
	} else if (kind < 7) {
		add(k, "(");
		text(k, depth - 1);
		add(k, " . ");
		text(k, depth - 1);
		add(k, ")");
	} else if (kind == 7) {
		formatted(k, depth);
	} else if (kind == 8) {
		add(k, "(");
		number(k, depth - 1);
		add(k, " ? ");
		text(k, depth - 1);
		add(k, " : ");
		text(k, depth - 1);
		add(k, ")");
	} else if (kind == 9) {
		add(k, "w[");
		key(k, depth - 1);
		add(k, ", ");
		name_key(k, depth - 1);
		add(k, "]");
	} else if (kind == 10 && call(k, depth, 1)) {
		return;
	} else {
		text_call(k, depth);
	}
}

/* ---- statements ------------------------------------------------------------------------------ */

static void body(struct maker *k, uint32_t most);

static void say_store(struct maker *k)
{
	static const char *const operators[] = { "=", "+=", "-=", "*=" };
	uint32_t array = below(k, 5);

	if (array < ARRAYS && k->busy >> array & 1)
		array = 4;
	if (array == 0) {
		add(k, "n[");
		key(k, 2);
		buf_addf(&k->b, "] %s ", ONE_OF(k, operators));
		number(k, 3);
	} else if (array == 1) {
		add(k, "m[");
		name_key(k, 2);
		add(k, "]++");
	} else if (array == 2) {
		add(k, "w[");
		key(k, 2);
		add(k, ", ");
		name_key(k, 2);
		buf_addf(&k->b, "] %s ", below(k, 2) ? "=" : ".=");
		text(k, 2);
	} else if (array == 3) {
		add(k, "r[");
		key(k, 2);
		add(k, "] <<< ");
		number(k, 2);
	} else {
		add(k, "q <<< ");
		number(k, 2);
	}
	add(k, ";\n");
}

static void say_assign(struct maker *k)
{
	if (below(k, 2)) {
		change(k, 4);
	} else {
		text_variable(k);
		add(k, below(k, 3) ? " = " : " .= ");
		text(k, 3);
	}
	add(k, ";\n");
}

static void say_print(struct maker *k)
{
	switch (below(k, 3)) {
	case 0:
		add(k, "println(");
		number(k, 3);
		break;
	case 1:
		add(k, "printf(\"%d <%s>\\n\", ");
		number(k, 2);
		add(k, ", ");
		text(k, 2);
		break;
	default:
		add(k, "printdln(\"|\", ");
		text(k, 3);
		add(k, ", ");
		number(k, 2);
		break;
	}
	add(k, ");\n");
}

static void say_if(struct maker *k)
{
	add(k, "if (");
	number(k, 3);
	add(k, ") {\n");
	body(k, 3);
	add(k, "}");
	if (below(k, 2)) {
		add(k, " else {\n");
		body(k, 3);
		add(k, "}");
	}
	add(k, "\n");
}

static void say_for(struct maker *k)
{
	uint32_t name = k->names++;

	buf_addf(&k->b, "for (i%u = 0; i%u < %u; i%u++) {\n", name, name, 1 + below(k, 6), name);
	k->loops++;
	body(k, 4);
	k->loops--;
	add(k, "}\n");
}

static void say_foreach(struct maker *k)
{
	static const char *const heads[][3] = {
		{ "x2 in n", "x2- in n", "x1 = x2 in n+" },
		{ "t1 in m", "t1 in m-", "t1+ in m" },
		{ "[x2, t1] in w", "[x2+, t1] in w", "[x2, t1-] in w" },
		{ "x2 in r", "x2 in r @count -", "x2 in r-" },
	};
	uint32_t array = below(k, ARRAYS), before = k->busy;

	buf_addf(&k->b, "foreach (%s", heads[array][below(k, 3)]);
	if (below(k, 3) == 0)
		buf_addf(&k->b, " limit %u", below(k, 4));
	add(k, ") {\n");
	k->busy |= 1u << array;
	k->loops++;
	if (below(k, 2))
		add(k, array == 1 || array == 2 ? "println(t1);\n" : "println(x2);\n");
	body(k, 3);
	k->loops--;
	k->busy = before;
	add(k, "}\n");
}

static void say_try(struct maker *k)
{
	add(k, "try {\n");
	body(k, 3);
	add(k, "} catch (t0) {\n");
	body(k, 2);
	add(k, "}\n");
}

static void say_delete(struct maker *k)
{
	static const char *const what[] = { "n[2]", "m[\"a\"]", "w[*, \"b\"]", "r", "g1", "s1", "n" };
	static const uint32_t arrays[] = { 1, 2, 4, 8, 0, 0, 1 };
	uint32_t which = below(k, base_count(what));

	if (!(k->busy & arrays[which]))
		buf_addf(&k->b, "delete %s;\n", what[which]);
}

static void say_leave(struct maker *k)
{
	if (k->loops && below(k, 3)) {
		add(k, below(k, 2) ? "if (x0 > 3) break;\n" : "if (g1 & 1) continue;\n");
	} else if (!k->in_function) {
		add(k, below(k, 2) ? "if (g0 == 7) next;\n" : "if (g2 < -100) error(\"low \" . s0);\n");
	} else {
		add(k, "if (x1) return ");
		if (k->gives_text)
			text(k, 2);
		else
			number(k, 2);
		add(k, ";\n");
	}
}

static void statement(struct maker *k)
{
	static void (*const kinds[])(struct maker *) = { say_store, say_store, say_assign, say_assign, say_assign,
							 say_print, say_print, say_if,	   say_if,     say_for,
							 say_foreach, say_try, say_delete, say_leave };

	ONE_OF(k, kinds)(k);
}

static void body(struct maker *k, uint32_t most)
{
	for (uint32_t n = 1 + below(k, most); n && k->left > 0; n--) {
		k->left--;
		statement(k);
	}
}

/* ---- the script ------------------------------------------------------------------------------------ */

static void make_function(struct maker *k, uint32_t number_of)
{
	k->callable = number_of;
	k->in_function = true;
	k->gives_text = number_of % 2;
	k->left = 6;
	buf_addf(&k->b, "function f%u:%s(p:long, u:string) {\nt0 = u; t1 = \"\"; x0 = p; x1 = x2 = 0;\n", number_of,
		 k->gives_text ? "string" : "long");
	body(k, 4);
	add(k, "return ");
	if (k->gives_text)
		text(k, 3);
	else
		number(k, 3);
	add(k, "\n}\n");
	k->in_function = false;
}

static void make_probe(struct maker *k, const char *point, bool at_site)
{
	k->callable = FUNCTIONS;
	k->at_site = at_site;
	k->left = 14;
	buf_addf(&k->b, "probe %s {\nt0 = \"\"; t1 = s1; x0 = x1 = 0; x2 = g0;\n", point);
	body(k, 7);
	add(k, "}\n");
}

const char *random_script(struct arena *a, uint64_t seed)
{
	struct maker k = { .state = (seed + 1) * 0x9e3779b97f4a7c15ull };

	buf_init(&k.b, a);
	add(&k, "global g0, g1 = 5, g2 = -3, s0 = \"start\", s1, n, m, w, q, r[40]\n");
	for (uint32_t i = 0; i < FUNCTIONS; i++)
		make_function(&k, i);
	make_probe(&k, "begin", false);
	for (uint32_t i = 0; i < RANDOM_SCRIPT_MARKS; i++)
		make_probe(&k, "process.mark(\"m\")", true);
	add(&k, "probe end {\n"
		"printf(\"%d %d %d %s %s\\n\", g0, g1, g2, s0, s1)\n"
		"foreach (k in n) printf(\"n[%d]=%d\\n\", k, n[k])\n"
		"foreach (t in m) printf(\"m[%s]=%d\\n\", t, m[t])\n"
		"foreach ([k, t] in w) printf(\"w[%d,%s]=%s\\n\", k, t, w[k, t])\n"
		"foreach (k in r) printf(\"r[%d]=%d %d\\n\", k, @count(r[k]), @sum(r[k]))\n"
		"try { print(@hist_log(q)) println(@avg(q)) } catch (e) { println(e) }\n}\n");
	return buf_str(&k.b);
}
