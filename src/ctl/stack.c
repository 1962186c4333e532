/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks that handlers printed: addresses in the record become names, files and lines here. */
#include <string.h>

#include "ctl/session.h"
#include "runtime/unwind.h"

#define INLINED_MOST 32u
#define LINE_MOST 4096u

/* One frame to be written. */
struct frame {
	uint64_t address;
	const struct abi_module *module; /* NULL none */
	struct rt_place place;
};

static void add_text(struct buf *b, struct rt_text t)
{
	buf_add(b, t.p, t.n);
}

/* Copies that the compiler put into the function that is there, the innermost first; where it is itself. */
static bool add_inlined(struct ctl_session *s, const struct frame *f, struct elf_source *own)
{
	struct elf_source places[INLINED_MOST];
	struct elf_file *file = f->module ? ctl_tables_file(s, f->module->tables) : NULL;
	struct arena_mark mark = arena_mark(s->scratch);
	uint32_t n = file ? elf_sources_at(s->scratch, file, f->place.lookup - f->module->bias, places, INLINED_MOST) : 0;

	arena_reset(s->scratch, mark);
	for (uint32_t i = 0; i + 1 < n; i++) {
		buf_addf(&s->output, " 0x%lx : %s", (unsigned long)f->address, places[i].function ? places[i].function : "?");
		if (places[i].file)
			buf_addf(&s->output, " at %s:%u", places[i].file, places[i].line);
		buf_adds(&s->output, " [");
		add_text(&s->output, f->place.path);
		buf_adds(&s->output, "] (inlined)\n");
	}
	if (n)
		*own = places[n - 1];
	return n != 0;
}

/* " 0x1 : name+0x1/0x2 at file:line [path]", or what is known of it. */
static void add_frame(struct ctl_session *s, const struct frame *f, bool lines)
{
	const struct rt_place *p = &f->place;
	struct elf_source own = { 0 };
	struct buf *b = &s->output;

	if (lines)
		add_inlined(s, f, &own);
	buf_addf(b, " 0x%lx", (unsigned long)f->address);
	if (p->symbol.n) {
		buf_adds(b, " : ");
		add_text(b, p->symbol);
		buf_addf(b, "+0x%lx/0x%lx", (unsigned long)p->offset, (unsigned long)p->size);
	}
	if (own.file)
		buf_addf(b, " at %s:%u", own.file, own.line);
	if (p->path.n) {
		buf_adds(b, " [");
		add_text(b, p->path);
		if (!p->symbol.n)
			buf_addf(b, "+0x%lx/0x%lx", (unsigned long)p->offset, (unsigned long)p->size);
		buf_addc(b, ']');
	}
	buf_addc(b, '\n');
}

static void add_brief(struct ctl_session *s, const struct frame *f)
{
	char text[LINE_MOST];
	struct rt_writer w = { .p = text, .most = sizeof text };

	rt_write_place(&w, &f->place, f->address, RT_PLACE_BRIEF);
	buf_addc(&s->output, ' ');
	buf_add(&s->output, text, w.n);
	buf_addc(&s->output, '\n');
}

bool ctl_print_stack(struct ctl_session *s, const struct abi_record *r)
{
	const struct abi_record_stack *stack = (const void *)(r + 1);
	const struct abi_modules *modules;
	bool exact;

	if (!s->tables || r->size < sizeof *r + sizeof *stack || r->format > ABI_STACK_LINES ||
	    stack->n > (r->size - sizeof *r - sizeof *stack) / sizeof *stack->addresses)
		return false;
	modules = ctl_tables_list(s, stack->modules);
	exact = stack->exact;
	for (uint32_t i = 0; i < stack->n; i++) {
		struct frame f = { .address = stack->addresses[i], .module = rt_module_at(modules, stack->addresses[i] - 1) };

		if (f.module)
			ctl_tables_file(s, f.module->tables);
		rt_place_of_frame(s->region, modules, f.address, &exact, &f.place);
		if (r->format == ABI_STACK_BRIEF)
			add_brief(s, &f);
		else
			add_frame(s, &f, r->format == ABI_STACK_LINES);
	}
	return true;
}
