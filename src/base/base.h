/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base: what every floor of the tool stands on.
 *
 * It answers: memory with a visible lifetime (arena), growing arrays (vec),
 * maps, interned names, source texts with positions, diagnostics about
 * scripts (diag) and errors about the world (error).  It never prints, except
 * through diag_render(), and never exits.
 *
 * Ownership: a function that allocates takes the arena as its first
 * parameter; what it returns lives as long as that arena.  Nothing is freed
 * one by one.  Out of memory ends the tool through base_oom().
 *
 * Threads: none of this is locked; one thread uses one arena.
 *
 *	struct arena *a = arena_create();
 *	struct source *s = source_from_text(set, "<input>", text, len);
 *	diag_add(diags, DIAG_TYPE_MISMATCH, span, "expected %s but found %s", ...);
 *	diag_render(diags, set, stderr, colour);
 *	arena_destroy(a);
 */
#ifndef SPILE_BASE_H
#define SPILE_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define BASE_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define BASE_MUST_CHECK __attribute__((warn_unused_result))
#define base_count(a) (sizeof(a) / sizeof((a)[0]))
#define base_assert(c) ((c) ? (void)0 : base_assert_failed(__FILE__, __LINE__, #c))
#define base_unreachable() base_assert_failed(__FILE__, __LINE__, "unreachable")
/* Each side is evaluated once: it may be what another process writes meanwhile. */
#define BASE_PASTE_(a, b) a##b
#define BASE_NAME_(a, b) BASE_PASTE_(a, b)
#define BASE_PICK_(a, b, x, y, op) ({ __auto_type x = (a); __auto_type y = (b); x op y ? x : y; })
#define base_min(a, b) BASE_PICK_(a, b, BASE_NAME_(one_, __COUNTER__), BASE_NAME_(other_, __COUNTER__), <)
#define base_max(a, b) BASE_PICK_(a, b, BASE_NAME_(one_, __COUNTER__), BASE_NAME_(other_, __COUNTER__), >)
#define base_align(v, to) (((v) + ((to) - 1)) & ~((__typeof__(v))(to) - 1))

_Noreturn void base_assert_failed(const char *file, int line, const char *what);
_Noreturn void base_oom(void);

/* ---- arena: chunked, zeroed memory with one lifetime ------------------- */

struct arena;
struct arena_mark {
	void *chunk;
	size_t used;
};

struct arena *arena_create(void);
void arena_destroy(struct arena *a);
/* Zeroed, aligned to 16. size 0 gives a valid unique pointer. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((malloc, alloc_size(2), returns_nonnull));
void *arena_dup(struct arena *a, const void *p, size_t size);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) BASE_PRINTF(2, 3);
/* At most 16 texts one behind the other: several times faster than formatting. */
char *arena_join(struct arena *a, const char *const *parts, size_t n);
#define ARENA_JOIN(a, ...)                                                                         \
	arena_join((a), (const char *const[]){ __VA_ARGS__ },                                      \
		   sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *))
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap);
/* Gives back everything allocated after the mark. */
struct arena_mark arena_mark(struct arena *a);
void arena_reset(struct arena *a, struct arena_mark m);
#define arena_new(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define arena_array(a, type, n) ((type *)arena_alloc((a), sizeof(type) * (size_t)(n)))

/* ---- vec: a growing array in an arena ----------------------------------- */

/* struct vec_x VEC(type): { type *p; uint32_t n, cap; }; zero is empty. */
#define VEC(type)                                                              \
	struct {                                                               \
		type *p;                                                       \
		uint32_t n, cap;                                               \
	}
void *vec_grow(struct arena *a, void *p, uint32_t n, uint32_t *cap, size_t item);
/* Evaluates v more than once. */
#define vec_push(a, v, ...)                                                    \
	do {                                                                   \
		if ((v)->n == (v)->cap)                                        \
			(v)->p = vec_grow((a), (v)->p, (v)->n, &(v)->cap,      \
					  sizeof *(v)->p);                     \
		(v)->p[(v)->n++] = (__VA_ARGS__);                              \
	} while (0)
#define vec_each(it, v) for (__typeof__((v)->p + 0) it = (v)->p; it && it < (v)->p + (v)->n; it++)

/*
 * The first index in [from, to) for which the test, an expression of `i`, is false, when it is true for all before; else `to`.
 * A binary search:	n = base_bound(i, 0, v.n, v.p[i].address < address);
 */
#define base_bound(i, from, to, ...)                                           \
	({                                                                     \
		uint64_t low_ = (from), high_ = (to);                          \
		while (low_ < high_) {                                         \
			uint64_t i = low_ + (high_ - low_) / 2;                \
			if (__VA_ARGS__)                                       \
				low_ = i + 1;                                  \
			else                                                   \
				high_ = i;                                     \
		}                                                              \
		low_;                                                          \
	})

/* ---- buf: a growing text or byte string, always NUL-terminated ---------- */

struct buf {
	struct arena *arena;
	char *p;
	size_t n, cap;
};
void buf_init(struct buf *b, struct arena *a);
void buf_add(struct buf *b, const void *p, size_t n);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, int c);
void buf_addf(struct buf *b, const char *fmt, ...) BASE_PRINTF(2, 3);
/* The text as a C string (never NULL). */
const char *buf_str(struct buf *b);

/* ---- map: string or 64-bit keys to pointers ------------------------------ */

struct map;
struct map *map_create(struct arena *a);
/* Keys are copied. A second put replaces. */
void map_put(struct map *m, const char *key, void *value);
void *map_find(const struct map *m, const char *key);
void map_put_u64(struct map *m, uint64_t key, void *value);
void *map_find_u64(const struct map *m, uint64_t key);
uint32_t map_count(const struct map *m);
/* In order of insertion; false at the end. *it starts at 0. */
bool map_next(const struct map *m, uint32_t *it, const char **key, void **value);

/* One pointer per distinct text; compare by ==. */
struct intern;
struct intern *intern_create(struct arena *a);
const char *intern(struct intern *in, const char *s, size_t n);

uint64_t base_hash(const void *p, size_t n);
/* The name nearest to `want` by edit distance among names[n]; NULL if none is near enough. */
const char *base_near(const char *want, const char *const *names, size_t n);
/* fnmatch-like, * ? [..] without special treatment of '/' or '.'. */
bool base_glob(const char *pattern, const char *text);
bool base_has_glob(const char *pattern);

/* ---- source: script texts and places in them ----------------------------- */

struct span {
	uint32_t source; /* index in the set; 0 is "no place" */
	uint32_t offset, length; /* bytes */
	uint32_t expansion; /* the use of a macro that it came out of; 0: it stands there as written */
};
struct source {
	uint32_t id; /* 1.. */
	const char *name; /* as messages show it: path or <input> */
	const char *text; /* NUL-terminated */
	size_t length;
	bool is_library; /* from the tapset or -I */
	uint32_t *lines; /* offsets of line starts */
	uint32_t n_lines;
};
struct source_set;
struct source_set *source_set_create(struct arena *a);
struct source *source_from_text(struct source_set *set, const char *name,
				const char *text, size_t length);
struct error;
/* "-" is standard input. */
struct error *source_from_file(struct source_set *set, const char *path,
			       struct source **out) BASE_MUST_CHECK;
struct source *source_get(const struct source_set *set, uint32_t id);
/* 1-based; a tab counts as one column, as SystemTap counts. */
void source_position(const struct source_set *set, struct span at, const char **name,
		     uint32_t *line, uint32_t *column);
/* "file:line:col" */
const char *source_place(struct arena *a, const struct source_set *set, struct span at);
/* One use of a macro: where, and what was used. Its span tells the use around it. */
struct source_expansion {
	struct span span;
	const char *name; /* with its @ */
};
uint32_t source_expansion_add(struct source_set *set, struct span at, const char *name);
/* NULL for 0 */
const struct source_expansion *source_expansion(const struct source_set *set, uint32_t number);
struct span span_join(struct span a, struct span b);

/* ---- diag: what is wrong with a script ------------------------------------ */

enum diag_severity { DIAG_ERROR, DIAG_WARNING };
/* Tags, severities and the head word SystemTap uses come from base/diag.def. */
enum diag_tag {
#define DIAG(tag, name, severity, head) DIAG_##tag,
#include "base/diag.def"
#undef DIAG
	DIAG_TAG_COUNT
};
struct diag_note {
	struct span span; /* source 0: text alone */
	const char *text;
	struct diag_note *next;
};
struct diag {
	enum diag_tag tag;
	struct span span;
	const char *text;
	struct diag_note *notes;
};
struct diag_list {
	struct arena *arena;
	VEC(struct diag) list;
	uint32_t errors, warnings;
	bool suppress_warnings; /* -w */
	bool warnings_are_errors; /* -W */
};
void diag_list_init(struct diag_list *l, struct arena *a);
/* Records; returns it so that notes can be added. Never prints. */
struct diag *diag_add(struct diag_list *l, enum diag_tag tag, struct span at,
		      const char *fmt, ...) BASE_PRINTF(4, 5);
void diag_note(struct diag_list *l, struct diag *d, struct span at, const char *fmt, ...)
	BASE_PRINTF(4, 5);
const char *diag_tag_name(enum diag_tag tag);
/*
 * Prints all recorded, in order, and forgets them (the counts stay):
 *	semantic error: type mismatch: ... at <input>:1:20 [type-mismatch]
 *	  1 | probe begin { x = "one" + 1 }
 *	    |                   ^^^^^
 *	  note: ...
 */
void diag_render(struct diag_list *l, const struct source_set *set, FILE *to, bool colour);

/* ---- error: the world is in the way ---------------------------------------- */

enum error_code {
	ERROR_OTHER,
	ERROR_NOT_FOUND,
	ERROR_PERMISSION,
	ERROR_NO_PROCESS, /* it is gone */
	ERROR_BAD_FILE, /* not ELF, damaged, other machine */
	ERROR_UNSUPPORTED,
	ERROR_SYSTEM, /* a system call failed, see saved_errno */
};
struct error {
	enum error_code code;
	int saved_errno; /* 0 if none */
	const char *text; /* one line, no full stop */
	const char *hint; /* what to do about it, or NULL */
	struct error *cause;
};
/* Errors are allocated for good (they are few); never freed. */
struct error *error_new(enum error_code code, const char *fmt, ...) BASE_PRINTF(2, 3);
/* code from errno: ENOENT, EPERM/EACCES, ESRCH; text gets ": strerror". */
struct error *error_errno(int saved_errno, const char *fmt, ...) BASE_PRINTF(2, 3);
struct error *error_hint(struct error *e, const char *fmt, ...) BASE_PRINTF(2, 3);
/* "text: cause: cause" */
const char *error_text(const struct error *e);

#endif
