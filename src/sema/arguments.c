/* SPDX-License-Identifier: Apache-2.0 */
/*
 * argc, argv and argv_N: written as a library script when first asked for,
 * so that whoever does not use them pays nothing.
 */
#include "sema/private.h"

#include <stdlib.h>
#include <string.h>

#define ARGV_LIMIT 32u /* as many as SystemTap offers */

static bool is_argument_name(const struct sema_options *o, const char *name)
{
	char *end;
	unsigned long n;

	if (strcmp(name, "argc") == 0 || strcmp(name, "argv") == 0)
		return true;
	if (strncmp(name, "argv_", 5) != 0 || name[5] < '1' || name[5] > '9')
		return false;
	n = strtoul(name + 5, &end, 10);
	return !*end && n <= base_max(ARGV_LIMIT, o->n_script_args);
}

static const char *argument(const struct sema *s, uint32_t i)
{
	const char *text = i < s->options->n_script_args ? s->options->script_args[i] : "";

	return lang_quote(s->arena, text, (uint32_t)strlen(text));
}

static const char *script_text(struct sema *s)
{
	uint32_t n = s->options->n_script_args;
	struct buf b;

	buf_init(&b, s->arena);
	buf_addf(&b, "global argc = %u, argv[%u]\n", n, base_max(n, ARGV_LIMIT));
	for (uint32_t i = 0; i < base_max(n, ARGV_LIMIT); i++)
		buf_addf(&b, "global argv_%u = %s\n", i + 1, argument(s, i));
	/* before every other probe; without arguments it tells the types */
	buf_adds(&b, "probe begin(-9223372036854775808) {\n");
	if (!n)
		buf_adds(&b, "argv[1] = \"\"; delete argv[1]\n");
	for (uint32_t i = 0; i < base_min(n, ARGV_LIMIT); i++)
		buf_addf(&b, "argv[%u] = %s\n", i + 1, argument(s, i));
	buf_adds(&b, "}\n");
	return buf_str(&b);
}

bool sema_arguments_declare(struct sema *s, const char *name)
{
	const struct sema_options *o = s->options;
	struct lang_options lang;
	struct source *source;
	const char *text;

	if (s->arguments_made || !o->lang || !is_argument_name(o, name))
		return false;
	s->arguments_made = true;
	text = script_text(s);
	source = source_from_text(o->sources, "<arguments>", text, strlen(text));
	source->is_library = true;
	lang = *o->lang;
	if (lang.argc_used)
		*lang.argc_used = true;
	sema_index_add(s, lang_parse(&lang, source));
	return true;
}
