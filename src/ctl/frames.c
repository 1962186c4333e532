/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signal frames on the stacks of stopped threads.
 *
 * They are found by the word with the segment selectors that the kernel stores two words behind the
 * program counter: unlike addresses, it does not lie around on stacks by accident.
 *
 *	struct ucontext, in words:  0 flags, link   2 alternate stack: start, flags, size
 *	                            5 r8 ... 21 rip   22 eflags   23 selectors
 *	                            37 the mask that sigreturn restores
 *	struct siginfo, behind it:  38 signal, errno   39 code
 *
 * Runtimes that take all their stacks from one heap (Go) have other threads' alternate stacks, and frames
 * on them that are over, within reach above a stack pointer.  A frame on an alternate stack is of use to a
 * thread that stands on that stack only.
 */
#include "ctl/session.h"

#include <signal.h>
#include <string.h>

#define FRAME_DEPTH (256u << 10) /* bytes of stack searched */
#define USER_SELECTORS 0x002b000000000033ull /* ss, fs, gs, cs */
#define UCONTEXT_BEFORE 23 /* words in front of the selectors */
#define STACK_BEFORE 21
#define PC_BEFORE 2
#define MASK_BEHIND 14
#define INFO_BEHIND 15 /* words in which the numbers are the lower halves */
#define CODE_BEHIND 16

/* In words; the kernel's stack_t. */
struct alternate {
	uint64_t start, flags, size;
};

static bool is_on(const struct alternate *a, uint64_t address)
{
	return !((uint32_t)a->flags & SS_DISABLE) && address - a->start < a->size;
}

void ctl_frames_each(struct ctl_process *p, uint64_t sp,
		     void (*visit)(void *user, const struct ctl_frame *f), void *user)
{
	const struct proc_map *stack = proc_maps_find(&p->maps, sp);
	struct arena *scratch = p->session->scratch;
	struct arena_mark mark = arena_mark(scratch);
	uint64_t size, *words;
	size_t n;

	sp &= ~(uint64_t)7;
	if (!stack)
		return;
	size = base_min(stack->end - sp, (uint64_t)FRAME_DEPTH);
	words = arena_alloc(scratch, size);
	n = proc_read(p->proc, sp, words, size) / 8;
	for (size_t i = UCONTEXT_BEFORE; i + CODE_BEHIND < n; i++) {
		struct alternate a;
		struct ctl_frame f = { .pc_at = sp + (i - PC_BEFORE) * 8,
				       .pc = words[i - PC_BEFORE],
				       .mask_at = sp + (i + MASK_BEHIND) * 8,
				       .mask = words[i + MASK_BEHIND],
				       .signal = (int32_t)words[i + INFO_BEHIND],
				       .code = (int32_t)words[i + CODE_BEHIND] };

		if (words[i] != USER_SELECTORS)
			continue;
		memcpy(&a, &words[i - STACK_BEFORE], sizeof a);
		if (is_on(&a, sp) || !is_on(&a, sp + (i - UCONTEXT_BEFORE) * 8))
			visit(user, &f);
	}
	arena_reset(scratch, mark);
}
