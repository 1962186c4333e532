/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unwinders of the program, answered about trampolines (src/ctl/unwind.c says where they are hooked).
 *
 * libgcc's ask _Unwind_Find_FDE, with a part of their context: they are moved past
 * our frames. Others, and libgcc's where its functions have no names, ask the dynamic loader which
 * object an address is in: they are shown one that is described like any other.
 */
#include "runtime/arch/arch.h"
#include "runtime/arch/x86_64/entry.h"

/* all three in unwind.S */
#define FDE_SIZE 32u
#define FDE_COUNT 640u
#define DWARF_RSP 7

/*
 * What a handler's bytes have pushed at `pc`. They begin with what their end undoes (src/gen/x86_64_inline.c,
 * src/patch/body.c), instruction by instruction, and leave rsp alone in between:
 *
 *	lea -128(%rsp),%rsp	5 bytes		lea 128(%rsp),%rsp	8 bytes
 *	push %reg		1 or 2		pop %reg		the same
 *	lahf; seto %al		4		add $0x7f,%al; sahf	3
 *	push $number		5		lea 8(%rsp),%rsp	5, or 8 with the red zone's
 */
#define BODY_PUSHES 16u
struct body {
	struct {
		uint32_t at, undone; /* bytes from the begin, and back from the end, to behind it */
		int32_t depth; /* then */
	} step[BODY_PUSHES];
	uint32_t n;
};

static uint32_t push_size(const uint8_t *b)
{
	if ((b[0] & 0xf8) == 0x50)
		return 1;
	return b[0] == 0x41 && (b[1] & 0xf8) == 0x50 ? 2 : 0;
}

/* The instruction at `b`: its length, 0: no part of such a begin; the length of what undoes it; bytes pushed. */
static uint32_t begin_step(const uint8_t *b, uint32_t *undo, int32_t *pushed)
{
	*undo = push_size(b);
	*pushed = 8;
	if (*undo)
		return *undo;
	if (b[0] == 0x68) {
		*undo = 5;
		return 5;
	}
	*pushed = 128;
	*undo = 8;
	if (b[0] == 0x48 && b[1] == 0x8d && b[2] == 0x64 && b[3] == 0x24 && b[4] == 0x80)
		return 5;
	*pushed = 0;
	*undo = 3;
	return b[0] == 0x9f && b[1] == 0x0f ? 4 : 0;
}

static void look_at_body(const uint8_t *start, uint32_t size, struct body *out)
{
	uint32_t at = 0, undone = 0, undo, length;
	int32_t depth = 0, pushed;

	out->n = 0;
	while (out->n < BODY_PUSHES && at + 8 < size &&
	       (length = begin_step(start + at, &undo, &pushed))) {
		bool is_number = start[at] == 0x68;

		at += length;
		/* One lea undoes a number and the red zone in front of it. */
		undone = is_number && depth ? undone : undone + undo;
		depth += pushed;
		out->step[out->n].at = at;
		out->step[out->n].undone = undone;
		out->step[out->n].depth = depth;
		out->n++;
		if (is_number)
			break;
	}
}

static int32_t pushed_by_body(const struct abi_unwind *row, uint64_t pc)
{
	uint32_t size = (uint32_t)(row->end - row->start), at = (uint32_t)(pc - row->start);
	struct body b;
	int32_t depth = 0;

	look_at_body((const uint8_t *)row->start, size, &b);
	for (uint32_t i = 0; i < b.n; i++)
		if (at >= b.step[i].at && size - at >= b.step[i].undone)
			depth = b.step[i].depth;
	return depth;
}

static uint64_t described(const struct abi_unwind *row, uint64_t pc, struct dwarf_eh_bases *bases)
{
	bool shadowed = row->kind == ABI_UNWIND_SHADOW || row->kind == ABI_UNWIND_SHADOW_CALL;
	int32_t cfa = row->cfa + (row->kind == ABI_UNWIND_BODY ? pushed_by_body(row, pc) : 0);
	uint32_t number = (uint32_t)cfa / 8;
	uint64_t fdes;

	if (cfa < 0 || number >= FDE_COUNT)
		return 0;
	if (shadowed)
		__asm__("lea rt_shadow_fdes(%%rip), %0" : "=r"(fdes));
	else
		__asm__("lea rt_fdes(%%rip), %0" : "=r"(fdes));
	*bases = (struct dwarf_eh_bases){ .func = row->start };
	return fdes + number * FDE_SIZE;
}

/* The return address that belongs above a call of ours; 0: not known. */
static uint64_t caller_of(const struct abi_process *p, const struct abi_unwind *row, uint64_t cfa)
{
	return row->kind == ABI_UNWIND_CALL ? *(const uint64_t *)(cfa - 8) :
					      rt_shadow_address(p, cfa - 8);
}

static bool has_shadow_stack(void)
{
	uint64_t ssp = 0;

	__asm__ volatile("rdsspq %0" : "+r"(ssp));
	return ssp != 0;
}

/* Is `bases` a member of a libgcc's context, which is at the frame that a call of ours returns to? */
static bool is_context(const struct unwind_context *c, uint64_t address)
{
	return c->ra == address && !c->lsda && !c->registers[DWARF_RSP] && c->cfa % 8 == 0 &&
	       *(const uint64_t *)(c->cfa - 8) == address && !has_shadow_stack();
}

/* In entry.S. */
_Static_assert(__builtin_offsetof(struct abi_process, unwind_pages) == 648 && ABI_UNWIND_PAGES == 32 * 64,
	       "rt_hook_find_fde");

/*
 * The unwinder's step to a frame of ours becomes one to the frame above, as if we were not there.
 * That takes no time, and backtraces are what they were. Returns the address it is at then, as
 * it asks for it; `pc` itself if that is left as it is.
 *
 * The caller of the finder reads its context again after the call, since that had the address of
 * a part of it. Frames on shadow stacks are counted, so there each has to be seen.
 */
static uint64_t pass_by(const struct abi_process *p, uint64_t pc, struct dwarf_eh_bases *bases)
{
	const struct abi_unwind *row;
	struct unwind_context *c =
		(void *)((uint8_t *)bases - __builtin_offsetof(struct unwind_context, bases));

	while ((row = rt_unwind_call(p, pc + 1)) && is_context(c, pc + 1)) {
		uint64_t cfa = c->cfa + (uint64_t)row->cfa, above = caller_of(p, row, cfa);

		if (!above)
			break;
		c->cfa = cfa;
		c->ra = above;
		pc = above - 1;
	}
	return pc;
}

/*
 * The description of `pc` if it is in a trampoline. Displaced instructions are described where
 * they came from; rows of the program's table count from the begin of the function, which is
 * moved along.
 */
uint64_t rt_unwind_fde(uint64_t pc, struct dwarf_eh_bases *bases, const struct unwind_finder *finder)
{
	const struct abi_process *p = rt_process();
	const struct abi_unwind *row;
	uint64_t moved = pass_by(p, pc, bases), found;

	if (moved != pc) {
		found = finder->original(moved, bases);
		/* It may be a frame of another session, whose hook is in front of ours. */
		return found ? found : finder->whole(moved, bases);
	}
	row = rt_unwind_find(p, pc);
	if (!row)
		return 0;
	if (row->kind != ABI_UNWIND_DISPLACED)
		return described(row, pc, bases);
	if (row->cfa)
		return 0;
	moved = row->other;
	found = finder->original(moved, bases);
	bases->func += pc - moved;
	return found;
}

/* ---- who asks for objects --------------------------------------------------------------------- */

#define OBJECT_SIZE 72u /* in unwind.S as well */
#define OBJECT_COUNT 64u

/* The .eh_frame_hdr of an object that holds the row and nothing else; 0: there is none. */
static uint64_t header_of(const struct abi_unwind *row, uint64_t *size)
{
	uint64_t objects, shadow, number = (uint64_t)(uint32_t)row->cfa / 8;

	__asm__("lea rt_objects(%%rip), %0" : "=r"(objects));
	__asm__("lea rt_shadow_object(%%rip), %0" : "=r"(shadow));
	if (row->kind == ABI_UNWIND_SHADOW_CALL) {
		__asm__("lea rt_shadow_object_end(%%rip), %0" : "=r"(objects));
		*size = objects - shadow;
		return shadow;
	}
	*size = OBJECT_SIZE;
	return row->kind <= ABI_UNWIND_CALL && row->cfa >= 0 && number < OBJECT_COUNT ?
		       objects + number * OBJECT_SIZE :
		       0;
}

/* In place of _dl_find_object(pc, result), which returns 0. 0: not ours. */
int64_t rt_unwind_object(uint64_t pc, struct found_object *result)
{
	const struct abi_unwind *row = rt_unwind_find(rt_process(), pc);
	uint64_t size, header = row ? header_of(row, &size) : 0;

	if (!header)
		return 0;
	*result = (struct found_object){ .start = row->start, .end = row->end, .header = header };
	return 1;
}

/* What the callback is called with in front of the first object. */
struct iteration {
	object_callback *callback;
	void *data;
	const struct abi_unwind *row;
	bool shown;
};

/*
 * The object has the row as its code, and its header in a segment of its own: there are unwinders
 * that read descriptions up to the last segment's end.
 */
static int show(const struct iteration *i, const struct object_info *like, uint64_t info_size)
{
	uint64_t size, header = header_of(i->row, &size);
	const struct program_header segments[] = {
		{ .type = PT_LOAD, .flags = PF_RX, .address = i->row->start,
		  .file_size = i->row->end - i->row->start, .memory_size = i->row->end - i->row->start },
		{ .type = PT_LOAD, .flags = PF_R, .address = header, .file_size = size,
		  .memory_size = size },
		{ .type = PT_GNU_EH_FRAME, .flags = PF_R, .address = header, .file_size = size,
		  .memory_size = size },
	};
	struct object_info info = { .name = "", .segments = segments,
				    .n_segments = sizeof segments / sizeof *segments };

	if (info_size >= sizeof info) {
		info.added = like->added;
		info.removed = like->removed;
	}
	return i->callback(&info, info_size < sizeof info ? info_size : sizeof info, i->data);
}

static int each_object(const struct object_info *info, uint64_t size, void *state)
{
	struct iteration *i = state;
	int result = 0;

	if (!i->shown)
		result = show(i, info, size);
	i->shown = true;
	return result ? result : i->callback(info, size, i->data);
}

/* Who looks for the object of an address has that address among the first words of its data. */
static const struct abi_unwind *wanted_row(const uint64_t *data)
{
	uint64_t size;

	for (uint32_t i = 0; i < 3; i++) {
		const struct abi_unwind *row = rt_unwind_find(rt_process(), data[i]);

		if (row && header_of(row, &size))
			return row;
	}
	return 0;
}

#define NEAR (16u << 10) /* bytes up the stack in which a caller's data is looked at */

/*
 * In place of dl_iterate_phdr(callback, data) for an unwinder that looks for an address of ours; its data is on
 * its stack. The loader's function is called all the same, and with it comes its lock.
 */
struct iterated rt_unwind_iterate(object_callback *callback, void *data,
				  const struct objects_function *function, uint64_t sp)
{
	struct iteration i = { .callback = callback, .data = data };

	if ((uint64_t)data - sp < NEAR && (uint64_t)data % 8 == 0)
		i.row = wanted_row(data);
	if (!i.row)
		return (struct iterated){ 0 };
	return (struct iterated){ .result = function->original(each_object, &i), .ours = 1 };
}
