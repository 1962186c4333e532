/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the pieces of C that a program calls, has them compiled, and puts constants in their places. */
#include <string.h>

#include "embed/private.h"

struct find {
	struct lang_walker walker;
	struct arena *arena;
	struct map *seen;
	embed_pieces pieces;
};

static struct sema_embedded *piece_of(const struct expr *e)
{
	if (e->kind != EXPR_CALL || !e->call.builtin)
		return NULL;
	return (struct sema_embedded *)e->call.builtin->embedded;
}

static bool find_piece(struct lang_walker *w, struct expr **e)
{
	struct find *f = w->user;
	struct sema_embedded *piece = piece_of(*e);

	if (piece && !map_find_u64(f->seen, (uintptr_t)piece)) {
		map_put_u64(f->seen, (uintptr_t)piece, piece);
		vec_push(f->arena, &f->pieces, piece);
	}
	return true;
}

static void walk_program(struct sema_program *p, struct lang_walker *w)
{
	vec_each(probe, &p->probes)
		lang_walk_stmt(w, &(*probe)->body);
	vec_each(function, &p->functions)
		lang_walk_stmt(w, &(*function)->body);
}

/* ---- constants --------------------------------------------------------------------------------- */

static bool put_number(struct lang_walker *w, struct expr **e)
{
	const struct bundle_embedded *code = w->user;
	const struct sema_embedded *piece = piece_of(*e);

	if (!piece || piece->kind != EMBEDDED_CONST)
		return true;
	vec_each(entry, &code->entries) {
		if (strcmp(entry->name, piece->builtin.name) != 0)
			continue;
		(*e)->kind = EXPR_NUMBER;
		memcpy(&(*e)->number.value, code->bytes + entry->offset, 8);
	}
	return false;
}

/* ---- what went wrong --------------------------------------------------------------------------- */

/* The name between quotes behind `undefined reference to`, as ld, gold and lld write it. */
static const char *undefined_symbol(struct arena *a, const char *said)
{
	static const char *const heads[] = { "undefined reference to `", "undefined reference to '", "undefined symbol: " };

	for (size_t i = 0; i < base_count(heads); i++) {
		const char *p = strstr(said, heads[i]);

		if (!p)
			continue;
		p += strlen(heads[i]);
		return arena_strndup(a, p, strcspn(p, "'`\n"));
	}
	return NULL;
}

static void say_failure(const struct embed_options *o, const struct sema_embedded *first, const char *said)
{
	const char *symbol = undefined_symbol(o->arena, said);

	if (symbol) {
		diag_add(o->diags, DIAG_EMBEDDED_SYMBOL, first->span,
			 "embedded C uses '%s', which is not there: it runs in the target without a C library", symbol);
		return;
	}
	fputs(said, o->messages);
	diag_add(o->diags, DIAG_EMBEDDED, first->span, "the C compiler did not accept the embedded C: see above");
}

struct error *embed_compile(const struct embed_options *o, struct sema_program *p, struct bundle_embedded **out)
{
	struct find f = { .arena = o->arena, .seen = map_create(o->arena) };
	struct bundle_embedded *code = arena_new(o->arena, struct bundle_embedded);
	struct lang_walker constants = { .user = code, .expr = put_number };
	struct embed_product product;
	struct error *e;

	*out = NULL;
	f.walker = (struct lang_walker){ .user = &f, .expr = find_piece };
	walk_program(p, &f.walker);
	if (!f.pieces.n)
		return NULL;
	e = embed_run_compiler(o->arena, embed_compose(o, p, &f.pieces), &product);
	if (e || o->diags->errors)
		return e;
	if (!product.size) {
		say_failure(o, f.pieces.p[0], product.said);
		return NULL;
	}
	if (!embed_read_object(o->arena, &product, code) || code->entries.n != f.pieces.n)
		return error_new(ERROR_BAD_FILE, "the C compiler's output is not as expected");
	walk_program(p, &constants);
	*out = code;
	return NULL;
}
