/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which probes and functions use which globals how, and what follows from it:
 * how each global is shared, what its statistics keep, which locks to take.
 */
#ifndef SPILE_IR_EFFECTS_H
#define SPILE_IR_EFFECTS_H

#include "ir/ir.h"

#define USE_ADD 1u /* ++ -- += -= <<< whose result is not used */
#define USE_READ 2u
#define USE_WRITE 4u
#define USE_ORDER 8u /* a sorted foreach re-links the array */

struct ir_use {
	uint32_t global, how;
};

struct ir_uses {
	VEC(struct ir_use) list; /* every global once */
	VEC(uint32_t) calls; /* indices of functions, repetitions possible */
	bool asks_match; /* what the handler's last match was */
	bool asks_counters; /* of the processor: the thread has to have its own */
};

struct ir_effects {
	struct ir_uses *functions, *probes; /* by index; calls included */
	struct ir_uses *conditions; /* by probe: the part of its condition, at sites */
	bool *decides; /* by global: some condition of a site depends on it */
	uint32_t *share; /* by global: ABI_SHARE_ */
	uint32_t *keep; /* by global: ABI_KEEP_ */
	bool *needs_lock; /* by global: LOCKED, and written while others may look */
	struct map *written; /* parameters that are assigned to, by address */
};

void ir_effects_compute(struct arena *a, const struct sema_program *p, struct ir_effects *out);
/* The handler runs while others may: locks are needed. */
bool ir_probe_is_concurrent(const struct sema_probe *p);

#endif
