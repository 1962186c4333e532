/* SPDX-License-Identifier: Apache-2.0 */
/* The table of native functions, looked up by name and number of arguments. */
#include "sema/sema.h"

#include <string.h>

/* Shorthands of the table, for this file alone. */
#define L TYPE_LONG
#define S TYPE_STRING
#define V TYPE_UNKNOWN
#define PURE BUILTIN_PURE
#define FAILS BUILTIN_FAILS
#define TARGET BUILTIN_TARGET
#define GURU BUILTIN_GURU
#define READS_MEMORY BUILTIN_READS_MEMORY
#define MATCH BUILTIN_MATCH
#define COUNTER BUILTIN_COUNTER
#define NONE .n_parameters = 0
/* With names of the parameters, or for the tapset's own without. */
#define SELECT(a, b, c, d, e, f, chosen, ...) chosen
#define P1(...) SELECT(__VA_ARGS__, 0, 0, 0, 0, P1_NAMED, P1_PLAIN, 0)(__VA_ARGS__)
#define P2(...) SELECT(__VA_ARGS__, 0, 0, P2_NAMED, 0, P2_PLAIN, 0, 0)(__VA_ARGS__)
#define P3(...) SELECT(__VA_ARGS__, P3_NAMED, 0, 0, P3_PLAIN, 0, 0, 0)(__VA_ARGS__)
#define P1_PLAIN(a) .n_parameters = 1, .parameters = { a }
#define P2_PLAIN(a, b) .n_parameters = 2, .parameters = { a, b }
#define P3_PLAIN(a, b, c) .n_parameters = 3, .parameters = { a, b, c }
#define P1_NAMED(a, an) P1_PLAIN(a), .names = { an }
#define P2_NAMED(a, an, b, bn) P2_PLAIN(a, b), .names = { an, bn }
#define P3_NAMED(a, an, b, bn, c, cn) P3_PLAIN(a, b, c), .names = { an, bn, cn }
#define ALL 0x7fffffff
#define NO_EXTRA .n_extra = 0
#define X1(a) .n_extra = 1, .extra = { a }
#define X2(a, b) .n_extra = 2, .extra = { a, b }

static const struct sema_builtin table[] = {
#define BUILTIN(script_name, result, takes, bits, function, constants) \
	{ .name = #script_name,                                        \
	  .type = (result),                                            \
	  takes,                                                       \
	  .flags = (bits),                                             \
	  .runtime = #function,                                        \
	  constants },
#define CONSTANT(script_name, result) { .name = #script_name, .type = (result) },
#include "sema/builtins.def"
#undef BUILTIN
#undef CONSTANT
};

#undef L
#undef S
#undef V

const struct sema_builtin *sema_builtin_at(uint32_t i)
{
	return i < base_count(table) ? &table[i] : NULL;
}

const struct sema_builtin *sema_builtin_find(const char *name, uint32_t n_args)
{
	for (size_t i = 0; i < base_count(table); i++)
		if (table[i].runtime && table[i].n_parameters == n_args && strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}
