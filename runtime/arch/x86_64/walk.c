/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walking a stack by the tables that the tool made of call frame information.
 *
 *	pc ─▶ module (binary search, the last one remembered)
 *	   ─▶ rows of its 256 bytes of text ─▶ rule: CFA = register + offset, saved registers, return address
 *	   ─▶ loads from the stack, which may fault: then the walk ends
 *
 * A frame costs two or three loads of tables, which stay in the processor's caches, and one load for each saved
 * register and the return address.  What is on the stack is not trusted: the CFA must be aligned
 * and lie above the stack pointer, so that the walk climbs; only a signal's frame may lead elsewhere, to
 * another stack.  The number of frames is bounded by the caller.
 *
 * Registers follow the System V AMD64 psABI; rbx, rbp and r12 to r15 are the callee's to keep.  Where code
 * has no description (assembler, musl) the chain of rbp is tried, if what it leads to looks like a return address.
 */
#include "runtime/core/sample.h"
#include "runtime/rt_api.h"
#include "runtime/unwind.h"

/* struct ucontext of the kernel: where gregs begin, and their order. */
#define CONTEXT_REGISTERS 40u
static const uint8_t context_order[] = { ABI_R8,  ABI_R9,  ABI_R10, ABI_R11, ABI_R12, ABI_R13, ABI_R14, ABI_R15,
					 ABI_RDI, ABI_RSI, ABI_RBP, ABI_RBX, ABI_RDX, ABI_RAX, ABI_RCX, ABI_RSP };
#define CONTEXT_COUNT 16u

static const uint8_t kept[ABI_SAVED] = { ABI_RBX, ABI_RBP, ABI_R12, ABI_R13, ABI_R14, ABI_R15 };
#define KEPT_MASK (1u << ABI_RBX | 1u << ABI_RBP | 0xfu << ABI_R12 | 1u << ABI_RSP)

#define TRAMPOLINES_MOST 64u /* one behind the other */
#define RUNTIME_FRAMES_MOST 16u
#define RUNTIME_REACH (16u << 10) /* bytes from its stack pointer to a frame of the runtime */
#define CHAIN_REACH (16u << 20) /* bytes that rbp may lie above rsp where nothing else is known */

/* In the program a plain load, which may fault. */
RT_INLINE bool load(const struct rt_unwinder *u, uint64_t address, uint64_t *out)
{
	return rt_peek(u->slot, address, 8, out);
}

const struct abi_module *rt_module_at(const struct abi_modules *modules, uint64_t address)
{
	uint64_t low = 0, high = modules ? modules->n : 0;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (modules->list[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!modules || low == modules->n || address < modules->list[low].start)
		return 0;
	return &modules->list[low];
}

static bool find_module(struct rt_unwinder *u, uint64_t address)
{
	if (!u->module || address - u->module->start >= u->module->end - u->module->start)
		u->module = rt_module_at(u->modules, address);
	return u->module != 0;
}

/* The rule for an address in the module; NULL: it has none. */
static const struct abi_unwind_rule *rule_in(const struct rt_unwinder *u, const struct abi_unwind_table *t,
					     uint64_t address)
{
	const struct abi_unwind_rule *rule;
	const struct abi_unwind_row *rows;
	const uint32_t *blocks;
	uint64_t offset;
	uint32_t low, high;

	offset = address - u->module->bias - t->text;
	rows = (const void *)((const char *)t + t->rows);
	blocks = (const void *)((const char *)t + t->blocks);
	if (offset >> ABI_BLOCK_SHIFT >= t->n_blocks - 1)
		return 0;
	low = blocks[offset >> ABI_BLOCK_SHIFT];
	high = blocks[(offset >> ABI_BLOCK_SHIFT) + 1];
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (rows[middle].at <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return 0;
	rule = (const struct abi_unwind_rule *)(const void *)((const char *)t + t->rules) + rows[low - 1].rule;
	return rule->kind == ABI_RULE_NONE ? 0 : rule;
}

/* By the module's table of descriptions, or that of guesses. */
static const struct abi_unwind_rule *find_rule(const struct rt_unwinder *u, uint64_t address, bool guessed)
{
	const struct abi_module_tables *m = (const void *)((const char *)u->region + u->module->tables);
	uint64_t at = guessed ? m->guessed : m->unwind;

	return at ? rule_in(u, (const void *)((const char *)u->region + at), address) : 0;
}

static void enter(struct rt_unwinder *u, uint64_t cfa, uint64_t pc)
{
	u->registers[ABI_RSP] = cfa;
	u->pc = pc;
	u->exact = u->first = false;
}

bool rt_unwind_load(const struct rt_unwinder *u, uint64_t address, uint64_t *out)
{
	return load(u, address, out);
}

/* ---- signals --------------------------------------------------------------------------------- */

static bool step_signal(struct rt_unwinder *u)
{
	uint64_t at = u->registers[ABI_RSP] + CONTEXT_REGISTERS, pc;

	for (uint32_t i = 0; i < CONTEXT_COUNT; i++)
		if (!load(u, at + 8 * i, &u->registers[context_order[i]]))
			return false;
	if (!load(u, at + 8 * CONTEXT_COUNT, &pc))
		return false;
	u->pc = pc;
	u->exact = true;
	u->first = false;
	return true;
}

/*
 * mov $15,%eax or %rax; syscall: what a signal's handler returns to, whoever wrote it. The tool has found those with a name;
 * here may be a patch.
 */
static bool is_restorer(const struct rt_unwinder *u, uint64_t pc)
{
	const struct abi_unwind_rule *rule = u->module ? find_rule(u, pc, true) : 0;
	uint64_t low, high;

	if (rule && rule->kind == ABI_RULE_SIGNAL)
		return true;
	if (!load(u, pc, &low) || !rt_peek(u->slot, pc + 8, 1, &high))
		return false;
	if (low == 0x0f0000000fc0c748ull && high == 0x05)
		return true;
	return (low & 0xffffffffffffff) == 0x050f0000000fb8ull;
}

/* ---- code that nobody describes ---------------------------------------------------------------- */

/* call rel32, or an indirect call of two to seven bytes, is in front. */
static bool follows_call(const struct rt_unwinder *u, uint64_t pc)
{
	uint64_t word;

	if (!load(u, pc - 8, &word))
		return false;
	if ((word >> 24 & 0xff) == 0xe8)
		return true;
	for (uint32_t size = 2; size <= 7; size++) {
		uint32_t opcode = (uint32_t)(word >> (8 * (8 - size))) & 0x38ff;

		if (opcode == 0x10ff)
			return true;
	}
	return false;
}

static bool looks_like_return(const struct rt_unwinder *u, uint64_t pc)
{
	return rt_module_at(u->modules, pc - 1) && follows_call(u, pc);
}

static bool step_undescribed(struct rt_unwinder *u)
{
	uint64_t rbp = u->registers[ABI_RBP], rsp = u->registers[ABI_RSP], pc, outer;

	if (u->first && u->at_entry) {
		if (!load(u, rsp, &pc))
			return false;
		enter(u, rsp + 8, pc);
		return true;
	}
	if (!u->module || rbp % 8 || rbp < rsp || rbp - rsp > CHAIN_REACH || !load(u, rbp, &outer) ||
	    !load(u, rbp + 8, &pc) || !looks_like_return(u, pc))
		return false;
	u->registers[ABI_RBP] = outer;
	enter(u, rbp + 16, pc);
	return true;
}

/* ---- steps ---------------------------------------------------------------------------------------- */

static bool cfa_of(const struct rt_unwinder *u, const struct abi_unwind_rule *r, uint64_t *out)
{
	uint64_t base = u->registers[r->reg & 15];

	if (!u->exact && !(KEPT_MASK >> (r->reg & 15) & 1))
		return false;
	switch (r->kind) {
	case ABI_RULE_REGISTER:
		*out = base + (uint64_t)(int64_t)r->offset;
		return true;
	case ABI_RULE_LOAD:
		if (!load(u, base + (uint64_t)(int64_t)r->offset, out))
			return false;
		*out += (uint64_t)(int64_t)r->extra;
		return true;
	case ABI_RULE_PLT:
		*out = u->registers[ABI_RSP] + ((int64_t)(u->pc & 15) >= r->offset ? 16 : 8);
		return true;
	default:
		return false;
	}
}

static bool restore(struct rt_unwinder *u, const struct abi_unwind_rule *r, uint64_t cfa)
{
	uint64_t base = r->base < 0 ? cfa : u->registers[r->base & 15];

	for (uint32_t mask = r->saved_mask; mask; mask &= mask - 1) {
		uint32_t i = (uint32_t)__builtin_ctz(mask) % ABI_SAVED;

		if (!load(u, base + (uint64_t)((int64_t)r->saved[i] * 8), &u->registers[kept[i]]))
			return false;
	}
	return true;
}

static bool step_by_rule(struct rt_unwinder *u, const struct abi_unwind_rule *r)
{
	uint64_t cfa, pc;

	if (r->kind == ABI_RULE_SIGNAL)
		return step_signal(u);
	if (!cfa_of(u, r, &cfa) || cfa % 8 || cfa <= u->registers[ABI_RSP])
		return false;
	if (r->address_in >= 0) {
		if (!u->exact)
			return false;
		pc = u->registers[r->address_in & 15];
	} else if (!load(u, cfa + (uint64_t)((int64_t)r->address * 8), &pc)) {
		return false;
	}
	if (!restore(u, r, cfa))
		return false;
	enter(u, cfa, pc);
	return true;
}

static bool is_in_runtime(const struct rt_unwinder *u)
{
	return u->pc - u->process->text_start < u->process->text_end - u->process->text_start;
}

static bool is_in_runtime_of_company(const struct rt_unwinder *u)
{
	for (uint32_t i = 0; i < ABI_COMPANY; i++) {
		uint64_t other = __atomic_load_n(&u->process->company[i], __ATOMIC_RELAXED), start, end;

		if (other && load(u, other + __builtin_offsetof(struct abi_process, text_start), &start) &&
		    load(u, other + __builtin_offsetof(struct abi_process, text_end), &end) && u->pc - start < end - start)
			return true;
	}
	return false;
}

/*
 * A signal came while the runtime made a system call in the program's place (rt_hook_sigprocmask). It is compiled with
 * frame pointers, and its entries begin with one: they lead to where the trampoline called.
 */
static bool leave_runtime(struct rt_unwinder *u)
{
	uint64_t rbp, outer, pc;

	for (uint32_t n = 0; is_in_runtime(u) || is_in_runtime_of_company(u); n++) {
		rbp = u->registers[ABI_RBP];
		if (n == RUNTIME_FRAMES_MOST || rbp % 8 || rbp < u->registers[ABI_RSP] ||
		    rbp - u->registers[ABI_RSP] > RUNTIME_REACH || !load(u, rbp, &outer) || !load(u, rbp + 8, &pc))
			return false;
		u->registers[ABI_RBP] = outer;
		enter(u, rbp + 16, pc);
	}
	return true;
}

/* Out of our trampolines, which nobody wants to see. False: the walk ends in one. */
static bool leave_trampolines(struct rt_unwinder *u)
{
	bool through = true;

	for (uint32_t n = 0; through && !find_module(u, u->exact ? u->pc : u->pc - 1); n++)
		if (n == TRAMPOLINES_MOST || !leave_runtime(u) || !rt_through_trampoline(u, &through))
			return false;
	return true;
}

/* In no module: code that the program makes as it runs, or whatever lay above the first frame of a thread. */
static bool is_plausible(const struct rt_unwinder *u)
{
	uint64_t byte;

	if (u->module)
		return true;
	if (is_in_runtime(u))
		return false;
	return u->exact ? rt_peek(u->slot, u->pc, 1, &byte) : follows_call(u, u->pc);
}

bool rt_unwind_step(struct rt_unwinder *u)
{
	uint64_t at = u->exact ? u->pc : u->pc - 1;
	bool known = find_module(u, at), made;
	const struct abi_unwind_rule *r = known ? find_rule(u, at, false) : 0;

	if (!r && !u->exact && is_restorer(u, u->pc)) {
		made = step_signal(u);
	} else {
		if (!r && known)
			r = find_rule(u, at, true);
		if (r && r->kind == ABI_RULE_END)
			return false;
		made = r ? step_by_rule(u, r) : step_undescribed(u);
	}
	return made && leave_trampolines(u) && is_plausible(u);
}

void rt_unwind_begin(struct rt_unwinder *u, const struct abi_process *process, const uint64_t *registers)
{
	uint64_t modules = __atomic_load_n(&process->modules, __ATOMIC_ACQUIRE);

	u->slot = 0;
	u->process = process;
	u->region = (const void *)process->region;
	u->modules = modules ? (const void *)((const char *)u->region + modules) : 0;
	u->module = 0;
	u->pc = registers[ABI_RIP];
	u->exact = u->first = true;
	u->at_entry = false;
	for (uint32_t i = 0; i < ABI_RIP; i++)
		u->registers[i] = registers[i];
}

static uint32_t walk(struct rt_unwinder *u, uint64_t *out, uint32_t most)
{
	uint32_t n = 0;

	if (!leave_trampolines(u))
		return 0;
	while (n < most) {
		out[n++] = u->pc;
		if (!rt_unwind_step(u))
			break;
	}
	*(volatile uint64_t *)&u->pc = 0; /* no address of a trampoline stays behind */
	return n;
}

uint32_t rt_stack_walk(const struct abi_process *process, const uint64_t *registers, uint64_t *out, uint32_t most)
{
	struct rt_unwinder u;

	rt_unwind_begin(&u, process, registers);
	return walk(&u, out, most);
}

uint32_t rt_stack_of_hit(struct abi_slot *s, uint64_t *out, uint32_t most, bool *exact)
{
	const struct abi_site *site = (const void *)s->site;
	uint64_t registers[ABI_REGISTERS];
	struct rt_unwinder u;

	if ((s->in_tool && !s->sample) || !site || !site->pc)
		return 0;
	for (uint32_t i = 0; i < ABI_REGISTERS; i++)
		registers[i] = s->registers[i];
	registers[ABI_RSP] = s->saved_sp + (uint64_t)(int64_t)site->sp_adjust;
	registers[ABI_RIP] = (uint64_t)rt_addr(s);
	rt_unwind_begin(&u, (const void *)s->process, registers);
	u.slot = s->in_tool ? s : 0;
	u.at_entry = site->flags & ABI_SITE_ENTRY;
	/* Back in the caller: what lies below the stack pointer is the address returned to. */
	if (site->flags & ABI_SITE_RETURN) {
		u.exact = false;
		if (!load(&u, registers[ABI_RSP] - 8, &u.pc))
			return 0;
	}
	*exact = u.exact;
	return walk(&u, out, most);
}
