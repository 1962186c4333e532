/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks of hits, as scripts see them: texts of addresses "0x4011a6 0x7f53...", one address, or a
 * record of addresses for the tool, which finds the names.
 */
#include "runtime/core/ring.h"
#include "runtime/unwind.h"
#include "runtime/rt_api.h"

static uint32_t most_frames(const struct abi_slot *s)
{
	uint32_t most = rt_region(s)->max_backtrace;

	return most && most < ABI_STACK_MOST ? most : ABI_STACK_MOST;
}

static struct rt_writer writer_of(const struct abi_slot *s, struct abi_string *out)
{
	return (struct rt_writer){ .p = out->text, .most = rt_string_most(s) };
}

static void writer_end(const struct rt_writer *w, struct abi_string *out)
{
	out->length = w->n;
	out->text[w->n] = 0;
}

#define HEX_MOST 19u /* with the blank in front */

/* Whole addresses only: a cut one would be another. */
static void write_addresses(struct rt_writer *w, const uint64_t *addresses, uint32_t n)
{
	for (uint32_t i = 0; i < n && w->most - w->n >= HEX_MOST; i++) {
		if (i)
			rt_write_bytes(w, " ", 1);
		rt_write_hex(w, addresses[i]);
	}
}

void rt_ubacktrace(struct abi_slot *s, struct abi_string *out)
{
	uint64_t addresses[ABI_STACK_MOST / 8];
	struct rt_writer w = writer_of(s, out);
	uint32_t most = most_frames(s);
	bool exact;

	if (most > sizeof addresses / sizeof *addresses)
		most = sizeof addresses / sizeof *addresses;
	write_addresses(&w, addresses, rt_stack_of_hit(s, addresses, most, &exact));
	writer_end(&w, out);
}

void rt_ucallers(struct abi_slot *s, int64_t n, struct abi_string *out)
{
	uint64_t addresses[ABI_STACK_MOST / 8];
	struct rt_writer w = writer_of(s, out);
	uint32_t most = sizeof addresses / sizeof *addresses;
	bool exact;

	if (n < 0)
		most = most_frames(s) < most ? most_frames(s) : most;
	else if (n + 1 < most)
		most = (uint32_t)n + 1;
	write_addresses(&w, addresses, rt_stack_of_hit(s, addresses, most, &exact));
	writer_end(&w, out);
}

int64_t rt_ustack(struct abi_slot *s, int64_t n)
{
	uint64_t addresses[ABI_STACK_MOST / 8];
	bool exact;

	if (n >= 0 && n < (int64_t)(sizeof addresses / sizeof *addresses) &&
	    rt_stack_of_hit(s, addresses, (uint32_t)n + 1, &exact) > n)
		return (int64_t)addresses[n];
	RT_RAISE(s, "the stack has no frame of that number");
	return 0;
}

/* ---- with names ---------------------------------------------------------------------------------- */

static void write_lines(const struct abi_slot *s, struct rt_writer *w, const uint64_t *addresses, uint32_t n,
			bool exact, int64_t form)
{
	const struct abi_modules *modules = rt_modules_of(s);
	struct rt_place place;

	for (uint32_t i = 0; i < n; i++) {
		rt_place_of_frame(rt_region(s), modules, addresses[i], &exact, &place);
		rt_write_place(w, &place, addresses[i], form);
		rt_write_bytes(w, "\n", 1);
	}
}

void rt_sprint_ubacktrace(struct abi_slot *s, struct abi_string *out)
{
	uint64_t addresses[ABI_STACK_MOST / 8];
	struct rt_writer w = writer_of(s, out);
	uint32_t most = most_frames(s), n;
	bool exact = true;

	if (most > sizeof addresses / sizeof *addresses)
		most = sizeof addresses / sizeof *addresses;
	n = rt_stack_of_hit(s, addresses, most, &exact);
	write_lines(s, &w, addresses, n, exact, RT_PLACE_SIMPLE);
	writer_end(&w, out);
}

/* Addresses in a text, as the functions above write them; what is no number ends it. */
static uint32_t read_addresses(rt_str text, uint64_t *out, uint32_t most)
{
	uint32_t n = 0, i = 0;

	while (i < text->length && n < most) {
		uint64_t value = 0;
		uint32_t digits = 0;

		while (i < text->length && text->text[i] == ' ')
			i++;
		if (i + 2 <= text->length && text->text[i] == '0' && text->text[i + 1] == 'x')
			i += 2;
		for (; i < text->length; i++, digits++) {
			char c = text->text[i];
			uint32_t digit = c >= '0' && c <= '9' ? (uint32_t)(c - '0') :
					 (c | 32) >= 'a' && (c | 32) <= 'f' ? (uint32_t)((c | 32) - 'a') + 10 : 16;

			if (digit == 16)
				break;
			value = value << 4 | digit;
		}
		if (!digits)
			break;
		out[n++] = value;
	}
	return n;
}

/* In a text nothing says what the first address is; that of a hit is an instruction's. */
void rt_sprint_usyms(struct abi_slot *s, rt_str text, struct abi_string *out)
{
	uint64_t addresses[ABI_STACK_MOST / 8];
	uint32_t n = read_addresses(text, addresses, sizeof addresses / sizeof *addresses);
	struct rt_writer w = writer_of(s, out);

	write_lines(s, &w, addresses, n, true, RT_PLACE_DATA);
	writer_end(&w, out);
}

void rt_place_text(struct abi_slot *s, int64_t address, int64_t form, struct abi_string *out)
{
	struct rt_writer w = writer_of(s, out);
	struct rt_place place;

	rt_place_of(rt_region(s), rt_modules_of(s), (uint64_t)address, (uint64_t)address, &place);
	rt_write_place(&w, &place, (uint64_t)address, form);
	writer_end(&w, out);
}

/* The same, named apart: what a script calls decides which tables are made. */
void rt_line_text(struct abi_slot *s, int64_t address, int64_t form, struct abi_string *out)
{
	rt_place_text(s, address, form, out);
}

void rt_build_id_text(struct abi_slot *s, int64_t address, struct abi_string *out)
{
	const struct abi_module *m = rt_module_at(rt_modules_of(s), (uint64_t)address);
	const struct abi_module_tables *t;
	struct rt_writer w = writer_of(s, out);
	const struct abi_string *text;

	if (m) {
		t = (const void *)((const char *)rt_region(s) + m->tables);
		text = (const void *)((const char *)rt_region(s) + t->build_id);
		rt_write_bytes(&w, text->text, text->length);
	}
	writer_end(&w, out);
}

/* ---- printed by the tool ---------------------------------------------------------------------------- */

static void record(struct abi_slot *s, const uint64_t *addresses, uint32_t n, bool exact, int64_t form)
{
	const struct abi_process *p = (const void *)s->process;
	struct abi_record_stack *to;
	struct abi_record *r = rt_ring_take(s, sizeof *r + sizeof *to + (uint64_t)n * 8, ABI_RECORD_STACK, (uint32_t)form);

	if (!r)
		return;
	to = (void *)(r + 1);
	to->modules = __atomic_load_n(&p->modules, __ATOMIC_ACQUIRE);
	to->n = n;
	to->exact = exact;
	memcpy(to->addresses, addresses, (uint64_t)n * 8);
	rt_ring_add(s, r);
}

void rt_print_ubacktrace(struct abi_slot *s, int64_t form)
{
	uint64_t addresses[ABI_STACK_MOST / 8];
	uint32_t most = most_frames(s);
	bool exact = true;

	if (most > sizeof addresses / sizeof *addresses)
		most = sizeof addresses / sizeof *addresses;
	record(s, addresses, rt_stack_of_hit(s, addresses, most, &exact), exact, form);
}

void rt_print_ubacktrace_from(struct abi_slot *s, int64_t pc, int64_t sp, int64_t fp, int64_t form)
{
	uint64_t addresses[ABI_STACK_MOST / 8], registers[ABI_REGISTERS] = { 0 };
	uint32_t most = most_frames(s);

	if (most > sizeof addresses / sizeof *addresses)
		most = sizeof addresses / sizeof *addresses;
	registers[ABI_RIP] = (uint64_t)pc;
	registers[ABI_RSP] = (uint64_t)sp;
	registers[ABI_RBP] = (uint64_t)fp;
	record(s, addresses, rt_stack_walk((const void *)s->process, registers, addresses, most), true, form);
}

void rt_print_usyms(struct abi_slot *s, rt_str text, int64_t form)
{
	uint64_t addresses[ABI_STACK_MOST / 8];
	uint32_t n = read_addresses(text, addresses, sizeof addresses / sizeof *addresses);

	record(s, addresses, n, true, form);
}
