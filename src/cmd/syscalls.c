/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The aliases syscall.*, nd_syscall.* and syscall_any, made from tapset/syscalls/table when a script asks for them.
 *
 *	openat 257 openat dfd:dfd filename:s flags:f2 mode:@@creat
 *
 * becomes
 *
 *	probe syscall.openat = nd_syscall.openat = __syscall(257) {
 *		name = "openat"
 *		dfd = $arg1 << 32 >> 32  dfd_str = _dfd_str(dfd)
 *		...
 *		argstr = sprintf("%s, %s, %s%s", dfd_str, filename, flags_str, _sc_creat($arg1, ...))
 *	}
 *	probe syscall.openat.return = ... = __syscall(257).return { name = ... retval = ... retstr = ... }
 *
 * Rows that no probe point of the script can mean are passed over; of the others a script pays for the
 * variables that it reads. What the kinds of arguments mean is the table below.
 */
#include <string.h>

#include "cmd/driver.h"

#define FIELDS_MOST 20u
#define ARGUMENTS 6u
#define EXTRAS 6u

/*
 * Templates: V the variable, A the argument, P what follows the kind's letter, N the next argument, B the variable
 * without "_uaddr". `shown` is what argstr gets, by `format`.
 */
struct kind {
	const char *name;
	const char *assign, *format, *shown;
};
static const struct kind kinds[] = {
	{ "d", "V = A << 32 >> 32", "%d", "A << 32 >> 32" },
	{ "u", "V = A & 0xffffffff", "%u", "A & 0xffffffff" },
	{ "l", "V = A", "%d", "A" },
	{ "L", "V = A", "%u", "A" },
	{ "x", "V = A & 0xffffffff", "%s", "_sc_hex(A & 0xffffffff)" },
	{ "X", "V = A", "%s", "_sc_hex(A)" },
	{ "o", "V = A & 0xffffffff", "%s", "_sc_octal(A)" },
	{ "p", "V = A", "%s", "_sc_pointer(A)" },
	{ "none", "V = A", "", "" },
	{ "dfd", "V = A << 32 >> 32 V_str = _dfd_str(A)", "%s", "_dfd_str(A)" },
	{ "s", "V = _sc_text(A) V_unquoted = user_string_nofault(A)", "%s", "_sc_text(A)" },
	{ "S", "V_uaddr = A V = _sc_text(A) V_unquoted = user_string_nofault(A)", "%s", "_sc_text(A)" },
	{ "b", "V_uaddr = A V_str = _sc_buffer(A, N)", "%s", "_sc_buffer(A, N)" },
	{ "n", "V = _sc_counted(A, N) V_unquoted = user_string_n_nofault(A, N)", "%s", "_sc_counted(A, N)" },
	{ "f", "V = A & 0xffffffff V_str = __flag_names(A & 0xffffffff, P)", "%s", "_sc_flags(A & 0xffffffff, P)" },
	{ "F", "V = A & 0xffffffff", "%s", "_sc_flags(A & 0xffffffff, P)" },
	{ "@@", "V = A", "%s", "_sc_P($arg1, $arg2, $arg3, $arg4, $arg5, $arg6)" },
	{ "@", "V = A B_str = _sc_P(A)", "%s", "_sc_P(A)" },
};

struct row {
	const char *alias, *number, *name;
	struct argument {
		const char *variable, *parameter;
		const struct kind *kind;
	} arguments[ARGUMENTS];
	uint32_t n_arguments;
	const char *extras[EXTRAS]; /* further assignments */
	uint32_t n_extras;
};

/* ---- reading ------------------------------------------------------------------------------ */

static const struct kind *kind_find(const char *text, const char **parameter)
{
	const struct kind *found = NULL;

	for (size_t i = 0; i < base_count(kinds); i++) {
		size_t n = strlen(kinds[i].name);
		bool takes_rest = strchr("fF@", kinds[i].name[0]) != NULL;

		if (!found && strncmp(text, kinds[i].name, n) == 0 && (takes_rest || !text[n])) {
			found = &kinds[i];
			*parameter = text + n;
		}
	}
	return found;
}

/* One line, cut up in place; false: it is empty, a comment, or makes no sense. */
static bool row_read(char *line, struct row *out)
{
	char *field, *rest = line, *colon;

	*out = (struct row){ 0 };
	for (uint32_t i = 0; i < FIELDS_MOST && (field = strsep(&rest, " ")); i++) {
		struct argument *a = &out->arguments[out->n_arguments];

		if (i < 3) {
			*(i == 0 ? &out->alias : i == 1 ? &out->number : &out->name) = field;
			continue;
		}
		if (field[0] == '+' && out->n_extras < EXTRAS) {
			out->extras[out->n_extras++] = field + 1;
			continue;
		}
		colon = strchr(field, ':');
		if (!colon || out->n_arguments == ARGUMENTS)
			return false;
		*colon = '\0';
		a->variable = field;
		a->kind = kind_find(colon + 1, &a->parameter);
		if (!a->kind)
			return false;
		out->n_arguments++;
	}
	return out->name && out->alias[0] != '#';
}

/* ---- writing -------------------------------------------------------------------------------- */

static void put_base(struct buf *b, const char *variable)
{
	size_t n = strlen(variable);

	if (n > 6 && strcmp(variable + n - 6, "_uaddr") == 0)
		n -= 6;
	buf_add(b, variable, n);
}

/* A template for argument i. */
static void put(struct buf *b, const char *template, const struct row *r, uint32_t i)
{
	const struct argument *a = &r->arguments[i];

	for (const char *p = template; *p; p++)
		if (*p == 'A')
			buf_addf(b, "$arg%u", i + 1);
		else if (*p == 'N')
			buf_addf(b, "$arg%u", i + 2);
		else if (*p == 'P')
			buf_addf(b, "%s", a->parameter);
		else if (*p == 'V')
			buf_addf(b, "%s", a->variable);
		else if (*p == 'B')
			put_base(b, a->variable);
		else
			buf_add(b, p, 1);
}

static void put_argstr(struct buf *b, const struct row *r)
{
	bool any = false;

	buf_addf(b, "\targstr = sprintf(\"");
	for (uint32_t i = 0; i < r->n_arguments; i++) {
		const struct kind *k = r->arguments[i].kind;

		/* those that show several put the commas in themselves */
		buf_addf(b, "%s%s", any && *k->format && strcmp(k->name, "@@") != 0 ? ", " : "", k->format);
		any |= *k->format != '\0';
	}
	buf_addf(b, "\"");
	for (uint32_t i = 0; i < r->n_arguments; i++) {
		if (!*r->arguments[i].kind->format)
			continue;
		buf_addf(b, ", ");
		put(b, r->arguments[i].kind->shown, r, i);
	}
	buf_addf(b, ")\n");
}

static bool returns_address(const char *name)
{
	static const char *const names[] = { "mmap2", "mremap", "brk", "shmat" };

	for (size_t i = 0; i < base_count(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static void put_row(struct buf *b, const struct row *r)
{
	buf_addf(b, "probe syscall.%s = nd_syscall.%s = __syscall(%s) {\n\tname = \"%s\"\n", r->alias, r->alias, r->number,
		 r->name);
	for (uint32_t i = 0; i < r->n_arguments; i++) {
		buf_addf(b, "\t");
		put(b, r->arguments[i].kind->assign, r, i);
		buf_addf(b, "\n");
	}
	for (uint32_t i = 0; i < r->n_extras; i++)
		buf_addf(b, "\t%s\n", r->extras[i]);
	if (r->n_arguments)
		put_argstr(b, r);
	else
		buf_addf(b, "\targstr = \"\"\n");
	buf_addf(b,
		 "}\nprobe syscall.%s.return = nd_syscall.%s.return = __syscall(%s).return {\n\tname = \"%s\"\n"
		 "\tretval = $return\n\tretstr = %s\n}\n",
		 r->alias, r->alias, r->number, r->name,
		 returns_address(r->name) ? "_sc_address($return)" : "return_str(1, $return)");
}

/* ---- which rows ------------------------------------------------------------------------------ */

typedef VEC(const struct probe_point *) point_list;

/* "**" may stand for several components. */
static bool may_mean(const char *pattern, const char *name)
{
	return strstr(pattern, "**") || base_glob(pattern, name);
}

static void add_points(struct arena *a, point_list *to, const struct probe_decl *d)
{
	vec_each(p, &d->points)
		if ((*p)->components.n && (may_mean((*p)->components.p[0].name, "syscall") ||
					   may_mean((*p)->components.p[0].name, "nd_syscall") ||
					   may_mean((*p)->components.p[0].name, "syscall_any")))
			vec_push(a, to, *p);
}

/* Points that may mean one of the aliases. */
static void find_points(const struct cmd_session *s, const struct probe_decl *listed, point_list *to)
{
	if (listed)
		add_points(s->arena, to, listed);
	for (uint32_t i = 0; i < s->user.n + s->library.n; i++) {
		const struct lang_file *f = i < s->user.n ? s->user.p[i] : s->library.p[i - s->user.n];

		vec_each(d, &f->probes)
			add_points(s->arena, to, *d);
		vec_each(d, &f->aliases)
			add_points(s->arena, to, *d);
	}
}

static bool is_meant(const point_list *points, const char *alias)
{
	vec_each(p, points) {
		const struct point_component *c = (*p)->components.p;

		if (strstr(c[0].name, "**") || ((*p)->components.n > 1 && may_mean(c[1].name, alias)))
			return true;
	}
	return false;
}

/* The aliases that are meant, as text; the names of all to s->syscalls. */
static const char *aliases_make(struct cmd_session *s, const point_list *points, char *table)
{
	struct arena *a = s->arena;
	struct buf b;
	char *line;

	buf_init(&b, a);
	while ((line = strsep(&table, "\n"))) {
		struct row r;

		if (!*line || *line == '#' || !row_read(line, &r))
			continue;
		vec_push(a, &s->syscalls, r.alias);
		if (!points || is_meant(points, r.alias))
			put_row(&b, &r);
	}
	return buf_str(&b);
}

static struct error *read_part(struct cmd_session *s, const char *path, struct source **out)
{
	struct error *e = source_from_file(s->sources, path, out);

	if (!e)
		(*out)->is_library = true;
	return e;
}

struct error *cmd_syscalls_load(struct cmd_session *s, const struct probe_decl *listed, bool all)
{
	const char *folder = cmd_tapset_folder(s->arena);
	struct lang_options o = s->lang;
	point_list points = { 0 };
	struct source *table, *texts, *made;
	const char *text;
	struct error *e;

	find_points(s, listed, &points);
	if ((!all && !points.n) || !folder)
		return NULL;
	e = read_part(s, arena_printf(s->arena, "%s/syscalls/table", folder), &table);
	if (!e)
		e = read_part(s, arena_printf(s->arena, "%s/syscalls/texts.stp", folder), &texts);
	if (e)
		return e->code == ERROR_NOT_FOUND ? NULL : e; /* a library of the user's own */
	o.privileged = true;
	text = aliases_make(s, all ? NULL : &points, arena_strndup(s->arena, table->text, table->length));
	made = source_from_text(s->sources, "<system calls>", text, strlen(text));
	made->is_library = true;
	vec_push(s->arena, &s->library, lang_parse(&o, texts));
	vec_push(s->arena, &s->library, lang_parse(&o, made));
	return NULL;
}
