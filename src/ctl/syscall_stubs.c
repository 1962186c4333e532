/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables by which calls go whose number is known only when they are made.
 *
 *	[word for the entry of call 0] ... [of call 511] [word for its return] ...
 *	stub:	[mov $number,%ecx]	at a return
 *		bodies for this number
 *		jmp *%r11		where to go on: runtime/arch/x86_64/entry.S
 *
 * One set for all calls of the process: see ABI_PC_BEFORE_R11.
 */
#include <string.h>

#include "ctl/syscalls.h"

#define TABLES (2 * ABI_SYSCALLS * sizeof(uint64_t))
#define STUB_REST 8u /* number and jmp */
#define FULL_BODY 40u
#define SITES_GENERAL 4096u /* of one probe of all numbers */
#define SITES_ONE 96u

static uint64_t body_size(const struct bundle *b, const struct bundle_site *s)
{
	const struct bundle_handler *h = &b->handlers.p[s->handler];
	uint64_t size = FULL_BODY;

	if (h->variant[VARIANT_GENERIC].kind == BUNDLE_INLINE)
		size = base_max(size, (uint64_t)b->inlines.p[h->variant[VARIANT_GENERIC].at].size);
	return size;
}

uint64_t ctl_syscall_stubs_size(const struct bundle *b)
{
	uint64_t size = TABLES + 2 * ABI_SYSCALLS * STUB_REST;

	if (!ctl_syscalls_any(b))
		return 0;
	vec_each(s, &b->sites)
		if (s->flags & CTL_SITE_SYSCALLS)
			size += body_size(b, s) * (s->syscall < 0 ? ABI_SYSCALLS : 1);
	return size;
}

uint32_t ctl_syscall_sites(const struct bundle *b)
{
	uint32_t n = 0;

	vec_each(s, &b->sites)
		if (s->flags & CTL_SITE_SYSCALLS)
			n += s->syscall < 0 ? SITES_GENERAL : SITES_ONE;
	return n;
}

/* A stub at an offset of the code; bytes written, 0: nothing is wanted for that number. */
static uint32_t make_stub(struct ctl_process *p, int32_t number, bool at_return, uint64_t address)
{
	static const uint8_t leave[] = { 0x41, 0xff, 0xe3 }; /* jmp *%r11 */
	struct patch_body *bodies = ctl_syscalls_room(p);
	uint32_t n = ctl_syscalls_handlers(p, number, at_return, ABI_PC_BEFORE_R11, bodies), size;
	uint8_t *to = p->view + (address - p->place.image);

	if (!n)
		return 0;
	size = patch_bodies_put(to, address, bodies, n);
	memcpy(to + size, leave, sizeof leave);
	return size + (uint32_t)sizeof leave;
}

void ctl_syscall_stubs_make(struct ctl_process *p, bool keep_numbers)
{
	uint64_t *words = (void *)(p->view + (p->place.syscalls - p->place.image));
	uint64_t at = p->place.syscalls + TABLES;

	p->keep_syscalls = keep_numbers;
	for (uint32_t i = 0; i < 2 * ABI_SYSCALLS; i++) {
		struct arena_mark mark = arena_mark(p->session->scratch);
		uint32_t size = make_stub(p, (int32_t)(i % ABI_SYSCALLS), i >= ABI_SYSCALLS, at);

		words[i] = size ? at : 0;
		at += size;
		arena_reset(p->session->scratch, mark);
	}
}
