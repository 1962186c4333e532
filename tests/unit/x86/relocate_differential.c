/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every instruction form of installed programs has the same effect relocated as in place.
 *
 * The processor is the judge.  A case: one instruction, random registers, flags,
 * vector state and memory; operands are steered into a private image, branches
 * to one of two exits.  It is executed where it stands and, relocated, somewhere
 * else; everything must be equal afterwards: registers, flags, vector state,
 * image, exit, and if it faulted, signal and address.
 *
 * SPILE_LONG=1 (`make relocation`) takes the forms from everything below /usr/bin and /usr/lib and
 * runs millions of cases, else some ten thousands of some files' forms; SPILE_SEED sets
 * the seed.  All cases run in a child process, which may be destroyed by them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <Zydis/Zydis.h>

#include "forms.h"
#include "machine.h"
#include "place.h"
#include "x86/x86.h"

#define CASES_SHORT 40000u
#define CASES_LONG 3000000u
#define SECONDS_SHORT 60
#define MISMATCHES_SHOWN 10

/* ---- why a form is not run ------------------------------------------------------- */

enum skip {
	SKIP_NONE,
	SKIP_PRIVILEGED,
	SKIP_SYSTEM,
	SKIP_RANDOM,
	SKIP_STATE,
	SKIP_SEGMENT,
	SKIP_FAR,
	SKIP_XBEGIN,
	SKIP_WORD_BRANCH,
	SKIP_REFUSED,
	SKIP_COUNT
};
static const char *const skip_names[] = {
	[SKIP_NONE] = "run",
	[SKIP_PRIVILEGED] = "privileged",
	[SKIP_SYSTEM] = "system or hypervisor",
	[SKIP_RANDOM] = "not repeatable",
	[SKIP_STATE] = "saves or loads processor state",
	[SKIP_SEGMENT] = "loads a segment register or its base",
	[SKIP_FAR] = "far branch",
	[SKIP_XBEGIN] = "transaction",
	[SKIP_WORD_BRANCH] = "16-bit branch",
	[SKIP_REFUSED] = "operand in or of the pushed return address",
};

static const struct {
	ZydisInstructionCategory category;
	enum skip skip;
} skipped_categories[] = {
	{ ZYDIS_CATEGORY_INTERRUPT, SKIP_SYSTEM }, { ZYDIS_CATEGORY_IO, SKIP_PRIVILEGED },
	{ ZYDIS_CATEGORY_IOSTRINGOP, SKIP_PRIVILEGED }, { ZYDIS_CATEGORY_SYSTEM, SKIP_SYSTEM },
	{ ZYDIS_CATEGORY_VTX, SKIP_SYSTEM }, { ZYDIS_CATEGORY_SYSRET, SKIP_PRIVILEGED },
	{ ZYDIS_CATEGORY_RDRAND, SKIP_RANDOM }, { ZYDIS_CATEGORY_RDSEED, SKIP_RANDOM },
	{ ZYDIS_CATEGORY_RDPID, SKIP_RANDOM }, { ZYDIS_CATEGORY_RDPRU, SKIP_RANDOM },
	{ ZYDIS_CATEGORY_XSAVE, SKIP_STATE }, { ZYDIS_CATEGORY_XSAVEOPT, SKIP_STATE },
	{ ZYDIS_CATEGORY_RDWRFSGS, SKIP_SEGMENT }, { ZYDIS_CATEGORY_SEGOP, SKIP_SEGMENT },
	{ ZYDIS_CATEGORY_PKU, SKIP_SYSTEM }, { ZYDIS_CATEGORY_SGX, SKIP_SYSTEM },
	{ ZYDIS_CATEGORY_SMAP, SKIP_PRIVILEGED }, { ZYDIS_CATEGORY_WAITPKG, SKIP_RANDOM },
	{ ZYDIS_CATEGORY_PT, SKIP_SYSTEM }, { ZYDIS_CATEGORY_PADLOCK, SKIP_SYSTEM },
	{ ZYDIS_CATEGORY_AMX_TILE, SKIP_STATE }, { ZYDIS_CATEGORY_UINTR, SKIP_SYSTEM },
	{ ZYDIS_CATEGORY_CET, SKIP_SYSTEM }, { ZYDIS_CATEGORY_ENQCMD, SKIP_SYSTEM },
};

static const struct {
	ZydisMnemonic mnemonic;
	enum skip skip;
} skipped_mnemonics[] = {
	{ ZYDIS_MNEMONIC_CPUID, SKIP_RANDOM }, { ZYDIS_MNEMONIC_RDTSC, SKIP_RANDOM },
	{ ZYDIS_MNEMONIC_RDTSCP, SKIP_RANDOM }, { ZYDIS_MNEMONIC_MONITOR, SKIP_SYSTEM },
	{ ZYDIS_MNEMONIC_MWAIT, SKIP_SYSTEM }, { ZYDIS_MNEMONIC_MONITORX, SKIP_SYSTEM },
	{ ZYDIS_MNEMONIC_MWAITX, SKIP_SYSTEM }, { ZYDIS_MNEMONIC_SYSENTER, SKIP_SYSTEM },
	{ ZYDIS_MNEMONIC_FNSTENV, SKIP_STATE }, { ZYDIS_MNEMONIC_FNSAVE, SKIP_STATE },
	{ ZYDIS_MNEMONIC_FLDENV, SKIP_STATE }, { ZYDIS_MNEMONIC_FRSTOR, SKIP_STATE },
	{ ZYDIS_MNEMONIC_FXSAVE, SKIP_STATE }, { ZYDIS_MNEMONIC_FXSAVE64, SKIP_STATE },
	{ ZYDIS_MNEMONIC_FXRSTOR, SKIP_STATE }, { ZYDIS_MNEMONIC_FXRSTOR64, SKIP_STATE },
	{ ZYDIS_MNEMONIC_LFS, SKIP_SEGMENT }, { ZYDIS_MNEMONIC_LGS, SKIP_SEGMENT },
	{ ZYDIS_MNEMONIC_LSS, SKIP_SEGMENT }, { ZYDIS_MNEMONIC_XBEGIN, SKIP_XBEGIN },
	{ ZYDIS_MNEMONIC_IRET, SKIP_FAR }, { ZYDIS_MNEMONIC_IRETD, SKIP_FAR },
	{ ZYDIS_MNEMONIC_IRETQ, SKIP_FAR },
};

/* ---- one case ------------------------------------------------------------------------ */

struct specimen {
	uint64_t base;
	uint64_t next, target; /* behind the instruction, and where it branches to */
	struct x86_ins ins; /* as it stands in place */
	ZydisDecodedInstruction z;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	uint64_t copy; /* relocated address */
	uint32_t copy_size;
};

struct outcome {
	struct machine_registers registers;
	uint8_t vector[MACHINE_VECTOR];
	uint8_t image[PLACE_IMAGE];
	struct machine_stop stop;
	uint32_t exit;
};

/* Shared with the parent. */
struct report {
	uint32_t cases, faults, mismatches, skipped[SKIP_COUNT];
	char current[256]; /* told when the child dies */
	char text[8192];
	size_t text_size;
};

static struct report *report;
static struct outcome in_place, relocated;
static uint8_t image[PLACE_IMAGE];
static uint64_t seed;

static uint64_t random_below(uint64_t n)
{
	return machine_random(&seed) % n;
}

static bool writes_segment(const struct specimen *s)
{
	for (uint32_t i = 0; i < s->z.operand_count; i++) {
		const ZydisDecodedOperand *o = &s->operands[i];

		if (o->type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE &&
		    ZydisRegisterGetClass(o->reg.value) == ZYDIS_REGCLASS_SEGMENT)
			return true;
	}
	return false;
}

static enum skip reason_to_skip(const struct specimen *s)
{
	if (s->z.attributes & ZYDIS_ATTRIB_IS_PRIVILEGED)
		return SKIP_PRIVILEGED;
	for (size_t i = 0; i < base_count(skipped_mnemonics); i++)
		if (skipped_mnemonics[i].mnemonic == s->z.mnemonic)
			return skipped_mnemonics[i].skip;
	if (s->z.mnemonic == ZYDIS_MNEMONIC_INT3 || s->ins.class == X86_SYSCALL ||
	    s->ins.class == X86_ENDBR)
		return SKIP_NONE;
	for (size_t i = 0; i < base_count(skipped_categories); i++)
		if (skipped_categories[i].category == s->z.meta.category)
			return skipped_categories[i].skip;
	if (writes_segment(s))
		return SKIP_SEGMENT;
	if (s->z.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
		return SKIP_FAR;
	return s->ins.word_branch ? SKIP_WORD_BRANCH : SKIP_NONE;
}

/* ---- the instruction ------------------------------------------------------------------- */

static uint8_t *memory(uint64_t address)
{
	return (uint8_t *)(uintptr_t)address;
}

/* Relative operands: data in the image, branches to a place near. */
static void aim_relative(struct specimen *s, struct form *form)
{
	const ZydisDecodedInstruction *z = &s->z;
	uint64_t data = s->base + PLACE_BUFFER + 0x400 + 64 * random_below(32);
	int32_t d = (int32_t)(data - s->next);

	s->target = s->next + (random_below(2) ? 0x200ull : -0x200ull);
	if (s->ins.rip_relative)
		memcpy(form->bytes + z->raw.disp.offset, &d, 4);
	if (!z->raw.imm[0].is_relative)
		return;
	if (z->raw.imm[0].size == 8)
		s->target = s->next + (random_below(2) ? 0x40ull : -0x60ull);
	d = (int32_t)(s->target - s->next);
	memcpy(form->bytes + z->raw.imm[0].offset, &d, z->raw.imm[0].size / 8);
}

static bool decode(struct specimen *s, const struct form *form, uint64_t at)
{
	static ZydisDecoder decoder;

	if (decoder.machine_mode != ZYDIS_MACHINE_MODE_LONG_64 || !decoder.stack_width)
		ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	s->next = at + form->length;
	return ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, form->bytes, form->length, &s->z,
						   s->operands)) &&
	       x86_decode(form->bytes, form->length, at, &s->ins) &&
	       s->ins.length == form->length;
}

static void place_code(const struct specimen *s)
{
	uint64_t at = s->base + PLACE_CODE + PLACE_ENTRY;
	uint8_t copy[X86_RELOCATED_MAX];
	uint32_t n;

	memset(memory(at - 0x300), 0xcc, 0x600);
	memset(memory(s->copy), 0xcc, 2 * X86_RELOCATED_MAX);
	memcpy(memory(at), s->ins.bytes, s->ins.length);
	place_put_exit(s->base, s->next, EXIT_NEXT);
	place_put_exit(s->base, s->target, EXIT_TARGET);
	n = x86_relocate(&s->ins, s->copy, copy);
	memcpy(memory(s->copy), copy, n);
	x86_encode_jump32(memory(s->copy + n), s->copy + n, s->next);
}

/* ---- registers and memory ------------------------------------------------------------------ */

static int number_of(ZydisRegister r)
{
	ZydisRegister wide = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, r);

	return ZydisRegisterGetClass(wide) == ZYDIS_REGCLASS_GPR64 ? ZydisRegisterGetId(wide) : -1;
}

static void randomize_registers(const struct specimen *s)
{
	for (int i = 0; i < 16; i++) {
		uint64_t r = machine_random(&seed), kind = r & 3;

		machine_in.gpr[i] = kind == 0 ? random_below(64) :
				    kind == 1 ? s->base + 0x800 + random_below(64) * 8 :
						machine_random(&seed);
	}
	machine_in.gpr[MACHINE_RSP] = s->base + PLACE_STACK + 0x800 + 8 * random_below(8);
	/* carry, parity, adjust, zero, sign, overflow; direction seldom; never trap or alignment */
	machine_in.flags = 0x202 | (machine_random(&seed) & 0x8d5);
	if (random_below(8) == 0)
		machine_in.flags |= 0x400;
	for (uint32_t i = 0; i < PLACE_IMAGE; i += 8) {
		uint64_t r = machine_random(&seed);

		memcpy(image + i, &r, 8);
	}
}

static uint64_t segment_base(const ZydisDecodedOperand *o)
{
	return o->mem.segment == ZYDIS_REGISTER_FS ? machine_fs_in : 0;
}

static uint64_t operand_address(const struct specimen *s, const ZydisDecodedOperand *o)
{
	int base = number_of(o->mem.base), index = number_of(o->mem.index);
	uint64_t at = segment_base(o) + (uint64_t)o->mem.disp.value;

	if (o->mem.base == ZYDIS_REGISTER_RIP)
		return s->ins.rip_target;
	at += base >= 0 ? machine_in.gpr[base] : 0;
	at += index >= 0 ? machine_in.gpr[index] * o->mem.scale : 0;
	return at;
}

/* Chooses base or index so that the operand lies in the image. */
static void aim_operand(const struct specimen *s, const ZydisDecodedOperand *o)
{
	int base = number_of(o->mem.base), index = number_of(o->mem.index);
	uint64_t part = base == MACHINE_RSP ? PLACE_STACK : PLACE_BUFFER;
	uint64_t to = s->base + part + 0x400 + 64 * random_below(32);

	if (random_below(8) == 0)
		to += random_below(64);
	to -= segment_base(o) + (uint64_t)o->mem.disp.value;
	if (index >= 0 && base >= 0 && index != base)
		machine_in.gpr[index] = random_below(32);
	if (index >= 0 && base == index)
		machine_in.gpr[base] = to / (o->mem.scale + 1u);
	else if (base >= 0)
		machine_in.gpr[base] = to - (index >= 0 ? machine_in.gpr[index] * o->mem.scale : 0);
	else if (index >= 0)
		machine_in.gpr[index] = to / o->mem.scale;
}

static void aim_operands(const struct specimen *s)
{
	for (uint32_t i = 0; i < s->z.operand_count; i++) {
		const ZydisDecodedOperand *o = &s->operands[i];
		bool hidden = o->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN;

		if (o->type != ZYDIS_OPERAND_TYPE_MEMORY || o->mem.type == ZYDIS_MEMOP_TYPE_AGEN)
			continue;
		if (hidden && number_of(o->mem.base) == MACHINE_RSP)
			continue;
		aim_operand(s, o);
	}
}

static void poke(const struct specimen *s, uint64_t address, uint64_t value)
{
	if (address - s->base <= PLACE_IMAGE - 8)
		memcpy(image + (address - s->base), &value, 8);
}

static uint64_t peek(const struct specimen *s, uint64_t address)
{
	uint64_t value = 0;

	if (address - s->base <= PLACE_IMAGE - 8)
		memcpy(&value, image + (address - s->base), 8);
	return value;
}

/* Where indirect branches and returns go. */
static void aim_branch(const struct specimen *s)
{
	const ZydisDecodedOperand *o = &s->operands[0];

	if (s->ins.class == X86_RET)
		poke(s, machine_in.gpr[MACHINE_RSP], s->target);
	if (s->ins.class != X86_CALL_INDIRECT && s->ins.class != X86_JUMP_INDIRECT)
		return;
	if (o->type == ZYDIS_OPERAND_TYPE_REGISTER && number_of(o->reg.value) != MACHINE_RSP)
		machine_in.gpr[number_of(o->reg.value)] = s->target;
	else if (o->type == ZYDIS_OPERAND_TYPE_MEMORY)
		poke(s, operand_address(s, o), s->target);
}

/* Registers and memory whose random values would be dangerous or dull. */
static void tame(const struct specimen *s)
{
	uint64_t rsp = machine_in.gpr[MACHINE_RSP];

	switch ((int)s->z.mnemonic) {
	case ZYDIS_MNEMONIC_SYSCALL:
		machine_in.gpr[0] = 39; /* getpid */
		break;
	case ZYDIS_MNEMONIC_POPF:
	case ZYDIS_MNEMONIC_POPFD:
	case ZYDIS_MNEMONIC_POPFQ:
		poke(s, rsp, 0x202 | (peek(s, rsp) & 0xcd5));
		break;
	case ZYDIS_MNEMONIC_DIV:
	case ZYDIS_MNEMONIC_IDIV:
		machine_in.gpr[2] = random_below(4) ? 0 : machine_in.gpr[2];
		break;
	case ZYDIS_MNEMONIC_BT:
	case ZYDIS_MNEMONIC_BTC:
	case ZYDIS_MNEMONIC_BTR:
	case ZYDIS_MNEMONIC_BTS:
		if (s->operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    s->operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER)
			machine_in.gpr[number_of(s->operands[1].reg.value)] &= 0xfff;
		break;
	case ZYDIS_MNEMONIC_LEAVE:
		machine_in.gpr[5] = s->base + PLACE_STACK + 0x800;
		break;
	default:
		break;
	}
	if (s->z.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE |
			       ZYDIS_ATTRIB_HAS_REPNE))
		machine_in.gpr[1] = random_below(24);
	if (s->ins.class == X86_JCC && random_below(2))
		/* loop and jrcxz at their edge, with and without bits above ecx */
		machine_in.gpr[1] = random_below(3) | random_below(2) << 40;
}

static bool has_vector_index(const struct specimen *s)
{
	for (uint32_t i = 0; i < s->z.operand_count; i++)
		if (s->operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    s->operands[i].mem.type == ZYDIS_MEMOP_TYPE_VSIB)
			return true;
	return false;
}

/* ---- execution and comparison ------------------------------------------------------- */

static void execute(const struct specimen *s, uint64_t entry, struct outcome *out)
{
	memcpy(memory(s->base), image, PLACE_IMAGE);
	machine_entry = entry;
	machine_execute(&out->stop);
	out->exit = place_take_exit(s->base);
	out->registers = machine_out;
	memcpy(out->image, memory(s->base), PLACE_IMAGE);
	memcpy(out->vector, machine_vector_out, sizeof out->vector);
	machine_normalize_vector(out->vector);
}

/* Both stopped at the same place, or each at its own copy of the instruction. */
static bool same_stop(const struct specimen *s)
{
	const struct machine_stop *a = &in_place.stop, *b = &relocated.stop;
	bool at_own = a->pc - s->ins.address <= s->ins.length &&
		      b->pc - s->copy <= s->copy_size;

	if (a->signal != b->signal || a->address != b->address)
		return false;
	return !a->signal || a->pc == b->pc || at_own;
}

static const char *find_difference(const struct specimen *s)
{
	struct outcome *a = &in_place, *b = &relocated;
	bool call = s->ins.class == X86_CALL || s->ins.class == X86_CALL_INDIRECT;

	if (a->exit != b->exit)
		return "exit";
	if (!same_stop(s))
		return "signal";
	/* A call that faults has not pushed yet; its relocated form has. */
	if (a->stop.signal && call)
		return NULL;
	if (s->ins.class == X86_SYSCALL) /* the kernel leaves the address behind it in rcx */
		a->registers.gpr[1] = b->registers.gpr[1] = 0;
	if (memcmp(a->registers.gpr, b->registers.gpr, sizeof a->registers.gpr) != 0)
		return "registers";
	if (a->registers.flags != b->registers.flags)
		return "flags";
	if (memcmp(a->image, b->image, PLACE_IMAGE) != 0)
		return "memory";
	return memcmp(a->vector, b->vector, MACHINE_VECTOR) != 0 ? "vector state" : NULL;
}

static void tell_mismatch(const struct specimen *s, const char *what)
{
	size_t room = sizeof report->text - report->text_size;
	char *text = report->text + report->text_size;
	int n;

	if (report->mismatches++ >= MISMATCHES_SHOWN)
		return;
	n = snprintf(text, room, "  %s: %s differ\n", report->current, what);
	for (int i = 0; i < 16 && n > 0 && (size_t)n < room; i++)
		if (in_place.registers.gpr[i] != relocated.registers.gpr[i])
			n += snprintf(text + n, room - (size_t)n, "    register %d: %llx, %llx\n",
				      i, (unsigned long long)in_place.registers.gpr[i],
				      (unsigned long long)relocated.registers.gpr[i]);
	if (n > 0 && (size_t)n < room)
		n += snprintf(text + n, room - (size_t)n,
			      "    exit %u, %u signal %d, %d at +%llx, +%llx (%llx, %llx)\n",
			      in_place.exit, relocated.exit, in_place.stop.signal,
			      relocated.stop.signal,
			      (unsigned long long)(in_place.stop.pc - s->ins.address),
			      (unsigned long long)(relocated.stop.pc - s->copy),
			      (unsigned long long)in_place.stop.address,
			      (unsigned long long)relocated.stop.address);
	report->text_size += n > 0 ? base_min((size_t)n, room - 1) : 0;
}

static void run_specimen(struct specimen *s)
{
	const char *difference;

	machine_fs_in = s->base + PLACE_SEGMENT + 0x800;
	randomize_registers(s);
	aim_operands(s);
	aim_branch(s);
	tame(s);
	machine_randomize_vector(&seed, has_vector_index(s) || random_below(2));
	place_code(s);
	execute(s, s->ins.address, &in_place);
	execute(s, s->copy, &relocated);
	report->cases++;
	report->faults += in_place.stop.signal != 0;
	difference = find_difference(s);
	if (difference)
		tell_mismatch(s, difference);
}

static void describe(const struct specimen *s)
{
	size_t n = 0, room = sizeof report->current;

	for (int i = 0; i < s->ins.length; i++)
		n += (size_t)snprintf(report->current + n, room - n, "%02x ", s->ins.bytes[i]);
	x86_format(&s->ins, report->current + n, room - n);
}

static void run_form(struct form form, uint64_t base)
{
	uint64_t at = base + PLACE_CODE + PLACE_ENTRY;
	struct specimen s = { .base = base };
	uint8_t copy[X86_RELOCATED_MAX];
	enum skip skip;

	if (!decode(&s, &form, at))
		return;
	aim_relative(&s, &form);
	if (!decode(&s, &form, at))
		return;
	s.copy = base + PLACE_CODE + (uint64_t)place_copies[random_below(PLACE_COPIES)] +
		 random_below(64);
	describe(&s);
	skip = reason_to_skip(&s);
	s.copy_size = x86_relocate(&s.ins, s.copy, copy);
	if (skip == SKIP_NONE && !s.copy_size)
		skip = SKIP_REFUSED;
	report->skipped[skip]++;
	if (skip == SKIP_NONE)
		run_specimen(&s);
}

/* ---- the test ------------------------------------------------------------------------- */

static void run_cases(const struct forms *forms, uint32_t cases)
{
	bool mapped[PLACES];

	machine_init();
	for (int i = 0; i < PLACES; i++)
		mapped[i] = place_map(place_bases[i]);
	for (uint32_t i = 0; report->cases < cases && i < 2 * cases; i++) {
		uint64_t place = random_below(PLACES);

		if (mapped[place])
			run_form(forms->list.p[i % forms->list.n], place_bases[place]);
	}
}

/* What compilers emit too rarely to be found for sure. */
static const struct form rare_forms[] = {
	{ { 0xe0, 0 }, 2 }, /* loopne, loope, loop, jrcxz */
	{ { 0xe1, 0 }, 2 },
	{ { 0xe2, 0 }, 2 },
	{ { 0xe3, 0 }, 2 },
	{ { 0x67, 0xe2, 0 }, 3 }, /* on ecx */
	{ { 0x67, 0xe3, 0 }, 3 },
	{ { 0x2e, 0x74, 0 }, 3 }, /* hints */
	{ { 0x3e, 0x0f, 0x84, 0, 0, 0, 0 }, 7 },
	{ { 0x66, 0x66, 0x48, 0xe8, 0, 0, 0, 0 }, 8 }, /* thread-local storage */
	{ { 0x66, 0x48, 0xff, 0x15, 0, 0, 0, 0 }, 8 },
	{ { 0x67, 0xe8, 0, 0, 0, 0 }, 6 }, /* relaxed calls through the GOT */
	{ { 0xff, 0x14, 0x24 }, 3 }, /* operands on the stack */
	{ { 0xff, 0x54, 0x24, 0x7f }, 4 },
	{ { 0xff, 0x54, 0xc4, 0x08 }, 4 },
	{ { 0xff, 0x94, 0x24, 0, 1, 0, 0 }, 7 },
	{ { 0x41, 0xff, 0x54, 0x24, 0x10 }, 5 },
	{ { 0x3e, 0xff, 0x20 }, 3 }, /* notrack */
	{ { 0x3e, 0xff, 0xd0 }, 3 },
	{ { 0xf2, 0xff, 0x25, 0, 0, 0, 0 }, 7 }, /* bnd */
	{ { 0xf2, 0xe9, 0, 0, 0, 0 }, 6 },
	{ { 0xc2, 0x10, 0 }, 3 },
	{ { 0x67, 0x8b, 0x05, 0, 0, 0, 0 }, 7 }, /* relative to eip */
	{ { 0x67, 0x48, 0x8d, 0x05, 0, 0, 0, 0 }, 8 },
	{ { 0x62, 0xf1, 0x7c, 0x48, 0x28, 0x05, 0, 0, 0, 0 }, 10 }, /* EVEX */
	{ { 0x62, 0xf1, 0x7c, 0x58, 0x58, 0x05, 0, 0, 0, 0 }, 10 }, /* with broadcast */
	{ { 0x62, 0xf3, 0x7d, 0x48, 0x25, 0x05, 0, 0, 0, 0, 0x96 }, 11 }, /* with imm8 */
	{ { 0xc5, 0xf8, 0x28, 0x05, 0, 0, 0, 0 }, 8 }, /* VEX of two and three bytes */
	{ { 0xc4, 0xe3, 0x79, 0x0f, 0x05, 0, 0, 0, 0, 3 }, 10 },
	{ { 0x8f, 0xe8, 0x78, 0xa2, 0x05, 0, 0, 0, 0, 0x10 }, 10 }, /* XOP */
	{ { 0x0f, 0x0f, 0x05, 0, 0, 0, 0, 0x9e }, 8 }, /* 3DNow: the opcode is last */
	{ { 0xf3, 0x48, 0xa5 }, 3 }, /* rep movsq */
	{ { 0x48, 0xf7, 0x05, 0, 0, 0, 0, 1, 0, 0, 0 }, 11 }, /* imm32 behind the displacement */
};

static void collect(struct forms *forms, size_t limit)
{
	static const char *const files[] = {
		"/lib/x86_64-linux-gnu/libc.so.6",
		"/usr/bin/python3.11",
		"/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
		"/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
		"/usr/lib/x86_64-linux-gnu/libm.so.6",
		"/usr/lib/gcc/x86_64-linux-gnu/12/cc1",
		"/proc/self/exe",
	};

	for (size_t i = 0; i < base_count(rare_forms); i++)
		vec_push(forms->arena, &forms->list, rare_forms[i]);
	for (size_t i = 0; i < base_count(files); i++)
		forms_add_file(forms, files[i], limit);
	if (limit == SIZE_MAX) {
		forms_add_folder(forms, "/usr/bin");
		forms_add_folder(forms, "/usr/lib");
	}
}

static void tell(const struct forms *forms)
{
	print_message("%u forms of %llu instructions; %u cases, %u of them faulted\n",
		      forms->list.n, (unsigned long long)forms->instructions, report->cases,
		      report->faults);
	for (int i = SKIP_NONE + 1; i < SKIP_COUNT; i++)
		if (report->skipped[i])
			print_message("%8u skipped: %s\n", report->skipped[i], skip_names[i]);
	if (report->mismatches)
		print_message("%u differ:\n%s", report->mismatches, report->text);
}

static void relocated_instructions_have_the_same_effect(void **state)
{
	bool long_run = getenv("SPILE_LONG") != NULL;
	const char *chosen = getenv("SPILE_SEED");
	struct arena *a = arena_create();
	struct forms forms;
	int status = 0;
	pid_t child;

	(void)state;
	seed = chosen ? strtoull(chosen, NULL, 0) | 1 : 0x9e3779b97f4a7c15ull;
	report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	assert_true(report != MAP_FAILED);
	forms_init(&forms, a);
	collect(&forms, long_run ? SIZE_MAX : 3u << 20);
	assert_true(forms.list.n > 500);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		alarm(long_run ? 0 : SECONDS_SHORT);
		run_cases(&forms, long_run ? CASES_LONG : CASES_SHORT);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	tell(&forms);
	if (status)
		print_message("the child ended with status %x at: %s\n", (unsigned)status,
			      report->current);
	assert_int_equal(status, 0);
	assert_int_equal(report->mismatches, 0);
	assert_true(report->cases > 0 && report->faults < report->cases / 2);
	arena_destroy(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(relocated_instructions_have_the_same_effect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
