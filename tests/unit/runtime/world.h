/* SPDX-License-Identifier: Apache-2.0 */
/* A region in private memory, as the tool would lay it out, and the runtime's functions on it. */
#ifndef SPILE_TESTS_RUNTIME_WORLD_H
#define SPILE_TESTS_RUNTIME_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/format.h"
#include "runtime/rt_api.h"

#define WORLD_GLOBALS 64
#define WORLD_SLOTS 8
#define WORLD_RING 4096u

struct world {
	struct abi_region *region;
	struct abi_slot *slot; /* of number 1; 0 is the tool's */
	uint64_t used; /* first free byte for globals */
	uint64_t shards; /* first free byte for shards in a slot */
};

/* max_string 0: the default. */
struct world *world_create(uint32_t max_string);
void world_destroy(struct world *w);
struct abi_slot *world_slot(struct world *w, uint32_t number);

/* What a map looks like. */
struct map_shape {
	uint32_t n_keys, string_keys, value_kind, capacity;
	bool wraps, declared;
	struct abi_stat_desc stat;
};
struct abi_map *map_create(const struct map_shape *shape, uint32_t max_string);
uint64_t map_size(const struct map_shape *shape, uint32_t max_string);
void map_init(struct abi_map *m, const struct map_shape *shape, uint32_t max_string);

/* A global of the world; its base. shape NULL: a scalar of this kind. */
void *world_global(struct world *w, uint32_t share, uint32_t kind, const struct map_shape *shape,
		   const struct abi_stat_desc *stat, uint32_t *number);

/* Strings: from C text, valid for the next 16 calls; a buffer for results. */
rt_str str(const char *text);
struct abi_string *buffer(void);
/* s holds this text, and says its length. */
#define assert_text(s, wanted)                                                                     \
	do {                                                                                       \
		rt_str checked_ = (s);                                                             \
		assert_string_equal(checked_->text, (wanted));                                     \
		assert_int_equal(checked_->length, strlen(wanted));                                \
	} while (0)
/* The pending error's text, which is cleared; "" none. */
const char *error_of(struct abi_slot *s);

/* A format from printf-like text without %%; arguments typed by conversion. */
const struct abi_format *format_of(const char *text);

/* Collects what the formatter writes. */
struct sink {
	char text[1 << 16];
	uint64_t length, calls;
};
void sink_write(void *to, const char *bytes, uint64_t length);

/* Takes the next published record out of a slot's ring into a copy; NULL: none. */
struct abi_record *take_record(struct abi_slot *s);

extern const struct CMUnitTest fp_tests[], string_tests[], map_tests[], each_tests[], stat_tests[],
	format_tests[], histogram_tests[], print_tests[], control_tests[], lock_tests[],
	share_tests[], counter_tests[], trap_tests[];
extern const size_t n_fp_tests, n_string_tests, n_map_tests, n_each_tests, n_stat_tests, n_format_tests,
	n_histogram_tests, n_print_tests, n_control_tests, n_lock_tests, n_share_tests, n_counter_tests, n_trap_tests;

/* Defines a file's list. */
#define TESTS(group, ...)                                                                          \
	const struct CMUnitTest group##_tests[] = { __VA_ARGS__ };                                 \
	const size_t n_##group##_tests = sizeof group##_tests / sizeof group##_tests[0]

#endif
