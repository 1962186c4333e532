/* SPDX-License-Identifier: Apache-2.0 */
/* What each IR operation reads and writes, from the table in ir.def. */
#ifndef SPILE_IR_OP_H
#define SPILE_IR_OP_H

#include "ir/ir.h"

/* The letters of a shape. */
#define IR_HAS_D 1u
#define IR_HAS_A 2u
#define IR_HAS_B 4u
#define IR_HAS_I 8u
#define IR_HAS_ARGS 16u
#define IR_HAS_T 32u
#define IR_HAS_F 64u

const char *ir_op_text(uint32_t op);
extern uint8_t ir_op_shapes[IR_OP_COUNT]; /* IR_HAS_ bits; 0: not yet computed */
uint32_t ir_op_shape_compute(uint32_t op);

/* IR_HAS_ bits; 0 for no operation. */
static inline uint32_t ir_op_shape(uint32_t op)
{
	if (op < IR_OP_COUNT && ir_op_shapes[op])
		return ir_op_shapes[op];
	return ir_op_shape_compute(op);
}

/* Register i (0..) that the instruction reads, to be looked at or replaced; NULL past the last. */
uint32_t *ir_ins_use(struct ir_ins *ins, uint32_t i);
/* The register it writes, or IR_NONE. */
uint32_t ir_ins_result(const struct ir_ins *ins);
/* Block number i (0..) it may go to, for reading and replacing; NULL past the last. */
uint32_t *ir_ins_target(struct ir_ins *ins, uint32_t i);
bool ir_ins_ends_block(const struct ir_ins *ins);
/* It does nothing but compute its result. */
bool ir_ins_is_pure(const struct ir_ins *ins);
/* The value of a op b; false for operations that are no arithmetic, and for a division by 0. */
bool ir_op_compute(uint32_t op, int64_t a, int64_t b, int64_t i, int64_t *out);

#endif
