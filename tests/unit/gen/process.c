/* SPDX-License-Identifier: Apache-2.0 */
/* A target process in miniature: loading, relocation, trampolines. */
#include "process.h"

#include <string.h>
#include <sys/mman.h>

#define TRAMPOLINES 4096u

static void *map(size_t size, void *near)
{
	for (uintptr_t step = 1; near && step < 500; step++) {
		void *want = (void *)(((uintptr_t)near & ~0xfffffull) + step * 0x200000);
		void *at = mmap(want, size, PROT_READ | PROT_WRITE | PROT_EXEC,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

		if (at != MAP_FAILED)
			return at;
	}
	base_assert(!near);
	near = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		    -1, 0);
	base_assert(near != MAP_FAILED);
	return near;
}

static uint64_t target_of(const struct process *p, const struct bundle_reloc *r,
			  process_symbol *symbol)
{
	uint64_t base = 0;

	switch ((enum bundle_reloc_kind)r->kind) {
	case RELOC_REGION_ABS64:
		base = (uintptr_t)p->region;
		break;
	case RELOC_TABLE_ABS64:
		base = (uintptr_t)p->table;
		break;
	case RELOC_PROCESS_ABS64:
		base = (uintptr_t)p->self;
		break;
	case RELOC_RUNTIME_ABS64:
	case RELOC_RUNTIME_REL32:
		base = (uintptr_t)symbol(p->b->runtime_symbols.p[r->symbol]);
		break;
	case RELOC_CODE_ABS64:
	case RELOC_CODE_REL32:
		base = (uintptr_t)p->code;
		break;
	case RELOC_OWN_STACK:
	case RELOC_THREAD_POINTER:
		break;
	}
	return base + (uint64_t)r->addend;
}

static void relocate(const struct process *p, uint8_t *bytes, const struct bundle_reloc *relocs,
		     uint32_t n, process_symbol *symbol)
{
	for (uint32_t i = 0; i < n; i++) {
		uint64_t target = target_of(p, &relocs[i], symbol);
		uint8_t *at = bytes + relocs[i].offset;
		int64_t distance = (int64_t)(target - ((uintptr_t)at + 4));
		int32_t narrow = (int32_t)distance;

		if (relocs[i].kind == RELOC_THREAD_POINTER) {
			if (p->loads_thread_pointer)
				memcpy(at, "\x64\x48\x8b\x0c\x25\0\0\0\0", 9);
		} else if (relocs[i].kind == RELOC_OWN_STACK) {
			/* as ctl does for programs with roomy stacks: mov %rsp,%r15; and $-16,%r15; nops */
			if (p->loads_thread_pointer) {
				memset(at, 0x90, (size_t)relocs[i].addend);
				memcpy(at, "\x49\x89\xe7\x49\x83\xe7\xf0", 7);
			}
		} else if (relocs[i].kind == RELOC_RUNTIME_REL32) {
			base_assert(narrow == distance);
			memcpy(at, &narrow, sizeof narrow);
		} else {
			memcpy(at, &target, sizeof target);
		}
	}
}

static void lay_out(struct process *p, struct abi_region *r)
{
	const struct bundle *b = p->b;

	r->globals_offset = b->globals_offset;
	r->n_globals = b->globals.n;
	r->max_string = b->max_string;
	r->max_action = b->max_action;
	r->hist_width = b->hist_width;
	r->hist_elision = b->hist_elision;
	r->max_nesting = b->max_nesting;
	r->state = ABI_STATE_RUNNING;
	r->max_map_entries = b->max_map_entries;
	r->slot_count = r->slot_next = 2;
	r->tool_slot = 1;
	r->slots_offset = base_align(b->globals_offset + b->globals_size, (uint64_t)ABI_PAGE);
	r->frame_offset = base_align(ABI_SLOT_HEAD + b->shards_size, (uint64_t)ABI_PAGE);
	r->frame_size = b->frame_size;
	r->match_offset = b->match_offset;
	r->stack_offset = r->frame_offset + r->frame_size;
	r->stack_size = b->stack_size;
	r->ring_offset = r->stack_offset + r->stack_size;
	r->ring_size = 16 * ABI_PAGE;
	r->slot_size = r->ring_offset + r->ring_size;
}

void process_load(struct process *p, const struct bundle *b, process_symbol *symbol)
{
	struct abi_region shape = { 0 };

	static bool loads;

	*p = (struct process){ .b = b, .loads_thread_pointer = loads };
	loads = !loads; /* both ways in turn */
	lay_out(p, &shape);
	p->slot_size = shape.slot_size;
	p->region_size = shape.slots_offset + 2 * shape.slot_size;
	p->region = map(p->region_size, NULL);
	p->slot = (void *)((char *)p->region + shape.slots_offset);
	p->tool = (void *)((char *)p->slot + shape.slot_size);
	p->table = map(sizeof *p->table * ABI_TABLE_ENTRIES + ABI_PAGE, NULL);
	p->self = (void *)(p->table + ABI_TABLE_ENTRIES);
	p->self->sites = (uintptr_t)p->sites;
	p->self->n_sites = SITES;
	p->code_size = base_align(b->code_size, 64u) + TRAMPOLINES;
	p->code = map(p->code_size, (void *)process_load);
	memcpy(p->code, b->code, b->code_size);
	p->trampoline = p->code + base_align(b->code_size, 64u);
	relocate(p, p->code, b->relocs.p, b->relocs.n, symbol);
	process_reset(p);
}

void process_unload(struct process *p)
{
	munmap(p->region, p->region_size);
	munmap(p->table, sizeof *p->table * ABI_TABLE_ENTRIES + ABI_PAGE);
	munmap(p->code, p->code_size);
}

static void prepare_slot(struct process *p, struct abi_slot *s)
{
	s->key = 1;
	s->process = (uintptr_t)p->self;
	s->region = (uintptr_t)p->region;
	s->tid_address = (uintptr_t)&s->tid;
	s->actions = p->b->max_action;
	s->depth = p->b->max_nesting;
	s->frame = (uintptr_t)s + p->region->frame_offset;
	vec_each(g, &p->b->globals)
		if (g->layout.share == ABI_SHARE_SHARDED && g->layout.is_map)
			memcpy((char *)s + g->layout.shard_offset, &g->map,
			       offsetof(struct abi_map, count));
}

void process_reset(struct process *p)
{
	madvise(p->region, p->region_size, MADV_DONTNEED);
	lay_out(p, p->region);
	for (uint32_t i = 0; i < p->b->globals.n; i++)
		bundle_global_init(p->b, i, p->region);
	prepare_slot(p, p->slot);
	prepare_slot(p, p->tool);
	p->tool->in_tool = p->tool->number = 1;
}

void process_register(struct process *p, bool present)
{
	uint64_t key = ~(uint64_t)(uintptr_t)__builtin_thread_pointer();
	struct abi_table_entry *e = &p->table[ABI_TABLE_INDEX(key)];

	e->key = present ? key : 0;
	e->slot = present ? (uintptr_t)p->slot : 0;
}

static void put(struct process *p, const void *bytes, size_t n)
{
	memcpy(p->trampoline, bytes, n);
	p->trampoline += n;
}

static void put_full(struct process *p, uint32_t at, bool generic, uint32_t number)
{
	int32_t distance;

	if (generic)
		put(p, "\x48\x8d\x64\x24\x80", 5); /* lea -128(%rsp),%rsp */
	put(p, "\x68", 1);
	put(p, &number, 4);
	put(p, "\xe8", 1);
	distance = (int32_t)(p->code + at - (p->trampoline + 4));
	put(p, &distance, 4);
	if (generic)
		put(p, "\x48\x8d\xa4\x24\x88\0\0\0", 8); /* lea 136(%rsp),%rsp */
	else
		put(p, "\x48\x8d\x64\x24\x08", 5); /* lea 8(%rsp),%rsp */
}

void *process_trampoline(struct process *p, uint32_t handler, enum bundle_variant v,
			 uint32_t number, void *resume, process_symbol *symbol)
{
	uint32_t kind = p->b->handlers.p[handler].variant[v].kind,
		 at = p->b->handlers.p[handler].variant[v].at;
	uint8_t *start = p->trampoline;

	if (kind == BUNDLE_FULL) {
		put_full(p, at, v == VARIANT_GENERIC, number);
	} else if (kind == BUNDLE_INLINE) {
		const struct bundle_inline *in = &p->b->inlines.p[at];

		put(p, in->bytes, in->size);
		relocate(p, start, in->relocs.p, in->relocs.n, symbol);
	} else {
		return NULL;
	}
	put(p, "\xff\x25\0\0\0\0", 6); /* jmp *0(%rip) */
	put(p, &resume, 8);
	base_assert(p->trampoline <= p->code + p->code_size);
	return start;
}

/* ---- the interpreter's view --------------------------------------------------------- */

struct view {
	struct process *p;
	process_symbol *symbol;
};
static struct view view; /* one at a time: the test has one thread */

static void *view_runtime(void *user, const char *name)
{
	return ((struct view *)user)->symbol(name);
}

static void *view_global(void *user, uint32_t index)
{
	const struct process *p = ((struct view *)user)->p;

	return (char *)p->region + p->b->globals.p[index].layout.base_offset;
}

static void *view_shard(void *user, uint32_t index)
{
	const struct process *p = ((struct view *)user)->p;

	return (char *)p->slot + p->b->globals.p[index].layout.shard_offset;
}

static const void *view_statdesc(void *user, uint32_t index)
{
	return &((struct view *)user)->p->b->globals.p[index].layout.stat;
}

static const void *view_format(void *user, uint32_t index)
{
	const struct process *p = ((struct view *)user)->p;

	return p->code + p->b->formats.p[index];
}

/* The test modules name their literals by number. */
static const void *view_string(void *user, uint32_t index)
{
	static struct {
		uint32_t length, pad;
		char text[16];
	} string;

	(void)user;
	string.length = (uint32_t)snprintf(string.text, sizeof string.text, "literal %u", index);
	return &string;
}

struct ir_machine process_machine(struct process *p, process_symbol *symbol)
{
	view = (struct view){ p, symbol };
	return (struct ir_machine){ .slot = p->slot,
				    .runtime = view_runtime,
				    .global = view_global,
				    .shard = view_shard,
				    .statdesc = view_statdesc,
				    .format = view_format,
				    .string = view_string,
				    .user = &view };
}
