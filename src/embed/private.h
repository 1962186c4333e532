/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of embed share. */
#ifndef SPILE_EMBED_PRIVATE_H
#define SPILE_EMBED_PRIVATE_H

#include "embed/embed.h"

typedef VEC(struct sema_embedded *) embed_pieces;

/* compose.c: the translation unit: prelude, what stands outside of functions, a function for each piece. */
const char *embed_compose(const struct embed_options *o, const struct sema_program *p, const embed_pieces *pieces);

/* compile.c: what the compiler made of it; said: its messages, never NULL. */
struct embed_product {
	uint8_t *bytes;
	size_t size; /* 0: it failed */
	const char *said;
};
struct error *embed_run_compiler(struct arena *a, const char *text, struct embed_product *out) BASE_MUST_CHECK;

/* object.c: reads what the linker left; false if it is not as expected. */
bool embed_read_object(struct arena *a, const struct embed_product *from, struct bundle_embedded *out);

/* Functions of the runtime that embedded C may call, in the order of the prelude's struct spile_runtime; NULL-ended. */
extern const char *const embed_runtime_functions[];
#define EMBED_RUNTIME_SYMBOL "spile_runtime"
#define EMBED_PREFIX "embedded_"

#endif
