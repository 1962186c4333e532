/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pass 2 with families of probe points that open no file, then pass 3: what is
 * refused says why, what is accepted lowers to a program that verifies.
 */
#include "../unit/sema/world.h"
#include "fuzz.h"
#include "ir/ir.h"

static void print_program(FILE *to, const void *world)
{
	const struct world *w = world;

	sema_print_program(to, w->arena, w->program);
}

static void lower(struct world *w)
{
	struct ir_limits limits = { 512, 2048, w->sources };
	struct ir_module *m = ir_lower(w->arena, w->program, &limits);
	const char *wrong = ir_verify(m);

	if (wrong)
		fuzz_found("lowered: %s", wrong);
	ir_optimize(m);
	wrong = ir_verify(m);
	if (wrong)
		fuzz_found("optimized: %s", wrong);
}

/* Chains of one function after the other are cloned for each call: keep to what people write. */
#define SIZE_MAX_CHECKED 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_script s;
	struct lang_file *file;
	struct world w;

	if (size > SIZE_MAX_CHECKED)
		return 0;
	fuzz_script_open(&s, data, size);
	world_open(&w);
	w.options.guru = s.options.privileged;
	w.options.unoptimized = size && data[0] & 8;
	w.lang.args = s.options.args;
	w.lang.n_args = s.options.n_args;
	w.lang.privileged = w.options.guru;
	w.options.script_args = s.options.args;
	w.options.n_script_args = s.options.n_args;
	file = lang_parse(&w.lang, source_from_text(w.sources, "<input>", s.source->text, s.source->length));
	if (!w.diags.errors) {
		w.program = sema_check(&w.options, &file, 1);
		fuzz_printed(w.arena, print_program, &w);
		if (!w.diags.errors)
			lower(&w);
	}
	s.diags = w.diags;
	s.sources = w.sources;
	fuzz_script_close(&s);
	world_close(&w);
	return 0;
}
