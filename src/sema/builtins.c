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
#define NONE .n_parameters = 0
#define P1(a) .n_parameters = 1, .parameters = { a }
#define P2(a, b) .n_parameters = 2, .parameters = { a, b }
#define P3(a, b, c) .n_parameters = 3, .parameters = { a, b, c }
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
#include "sema/builtins.def"
#undef BUILTIN
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
		if (table[i].n_parameters == n_args && strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}
