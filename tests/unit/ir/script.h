/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scripts through lang and sema (with providers that resolve anything) into
 * modules, and a region with two slots to interpret them in, over the hosted
 * runtime.
 */
#ifndef TESTS_UNIT_IR_SCRIPT_H
#define TESTS_UNIT_IR_SCRIPT_H

#include "abi/abi.h"
#include "ir/ir.h"

struct script {
	struct arena *arena;
	struct source_set *sources;
	struct diag_list diags;
	struct sema_program *program;
	struct ir_module *module; /* NULL: there were diagnostics, rendered to stderr */
};
/*
 * `begin`, `end`, `error`, `timer` run in the tool. `process.mark("m")` is a
 * site where $arg1 is rdi, $arg2 the int at [rsi + 4], $arg3 the constant 42,
 * $arg4 the low byte of rdx, signed; $$name and $$provider are m and test.
 */
struct script script_lower(const char *text);
void script_free(struct script *s);
/* The text of the module after ir_optimize(). */
char *script_text(struct script *s);

struct world;
struct world *world_create(const struct script *s);
void world_free(struct world *w);
struct abi_slot *world_slot(struct world *w, bool tool);
struct abi_region *world_region(struct world *w);
/* Runs probe i of the program in the slot of its context; slot->error afterwards. */
uint32_t world_run(struct world *w, uint32_t probe);
/* What has been printed since the last call. */
const char *world_output(struct world *w);
/* "error text near position", empty if none. */
const char *world_error(struct world *w);

#endif
