/* SPDX-License-Identifier: Apache-2.0 */
/* Who and where: process, thread, time, registers and names of the hit's site. */
#include "runtime/arch/arch.h"
#include "runtime/core/proc.h"
#include "runtime/core/sample.h"
#include "runtime/rt_api.h"

static int64_t ask(long nr)
{
	return rt_syscall(nr, 0, 0, 0, 0, 0, 0);
}

static struct abi_region *region_of(const struct abi_slot *s)
{
	return (void *)s->region;
}

static void put_text(struct abi_slot *s, const char *text, uint32_t length, struct abi_string *out)
{
	uint32_t most = region_of(s)->max_string - 1;

	out->length = length < most ? length : most;
	for (uint32_t i = 0; i < out->length; i++)
		out->text[i] = text[i];
	out->text[out->length] = 0;
}

int64_t rt_max_string(struct abi_slot *s)
{
	return region_of(s)->max_string;
}

int64_t rt_pid(struct abi_slot *s)
{
	return s->pid;
}

int64_t rt_tid(struct abi_slot *s)
{
	return *(const volatile uint32_t *)s->tid_address;
}

/* The process for which the tool runs this handler; NULL: the handler runs where it belongs. */
static const struct abi_member *subject_of(const struct abi_slot *s)
{
	const struct abi_region *r = region_of(s);

	if (!s->in_tool || !r->subject)
		return 0;
	return (const struct abi_member *)((const char *)r + r->members_offset) + (r->subject - 1);
}

static bool is_elsewhere(const struct abi_slot *s)
{
	return s->sample || subject_of(s);
}

int64_t rt_ppid(struct abi_slot *s)
{
	const struct abi_member *m = subject_of(s);

	if (m)
		return m->ppid;
	return s->sample ? rt_proc_status(s->pid, "PPid", 0) : ask(RT_SYS_GETPPID);
}

int64_t rt_uid(struct abi_slot *s)
{
	return is_elsewhere(s) ? rt_proc_status(s->pid, "Uid", 0) : ask(RT_SYS_GETUID);
}

int64_t rt_euid(struct abi_slot *s)
{
	return is_elsewhere(s) ? rt_proc_status(s->pid, "Uid", 1) : ask(RT_SYS_GETEUID);
}

int64_t rt_gid(struct abi_slot *s)
{
	return is_elsewhere(s) ? rt_proc_status(s->pid, "Gid", 0) : ask(RT_SYS_GETGID);
}

int64_t rt_egid(struct abi_slot *s)
{
	return is_elsewhere(s) ? rt_proc_status(s->pid, "Gid", 1) : ask(RT_SYS_GETEGID);
}

#define STAT_PGRP 5
#define STAT_SESSION 6

int64_t rt_pgrp(struct abi_slot *s)
{
	return is_elsewhere(s) ? rt_proc_status(s->pid, "NSpgid", 0) : ask(RT_SYS_GETPGID);
}

int64_t rt_sid(struct abi_slot *s)
{
	return is_elsewhere(s) ? rt_proc_status(s->pid, "NSsid", 0) : ask(RT_SYS_GETSID);
}

#define PRCTL_GET_NAME 16

static void put_name(struct abi_slot *s, const char name[16], struct abi_string *out)
{
	uint32_t n = 0;

	while (n < 16 && name[n])
		n++;
	put_text(s, name, n, out);
}

void rt_execname(struct abi_slot *s, struct abi_string *out)
{
	const struct abi_member *m = subject_of(s);
	char name[16] = { 0 };

	if (m)
		__builtin_memcpy(name, m->name, sizeof name);
	else if (s->sample)
		__builtin_memcpy(name, rt_sample(s)->name, sizeof name);
	else
		rt_syscall(RT_SYS_PRCTL, PRCTL_GET_NAME, (long)name, 0, 0, 0, 0);
	put_name(s, name, out);
}

void rt_sample_name(struct abi_slot *s, struct abi_string *out)
{
	static const char none[16];

	put_name(s, s->sample ? rt_sample(s)->other_name : none, out);
}

int64_t rt_cpu(struct abi_slot *s)
{
	uint32_t cpu = 0;

	if (s->sample)
		return rt_sample(s)->cpu;
	rt_syscall(RT_SYS_GETCPU, (long)&cpu, 0, 0, 0, 0, 0);
	return cpu;
}

int64_t rt_target(struct abi_slot *s)
{
	return region_of(s)->target_pid;
}

int64_t rt_stp_pid(struct abi_slot *s)
{
	return region_of(s)->tool_pid;
}

/* At a return the program is already back in the caller: where its return address says. */
static uint64_t target_register(const struct abi_slot *s, uint32_t number)
{
	const struct abi_site *site = (const void *)s->site;
	uint64_t sp = s->saved_sp + (uint64_t)(int64_t)site->sp_adjust;

	if (number == ABI_RIP && site->flags & ABI_SITE_WATCH)
		return *(const uint64_t *)(sp - ABI_RED_ZONE - ABI_WATCH_FRAME);
	if (number == ABI_RIP && site->pc == ABI_PC_BEFORE_R11)
		return *(const uint64_t *)(s->registers[ABI_R11] - 8);
	if (number == ABI_RIP)
		return site->flags & ABI_SITE_RETURN ? *(const uint64_t *)(sp - 8) : site->pc;
	return number == ABI_RSP ? sp : s->registers[number];
}

/* ---- the site ---------------------------------------------------------------- */

static const struct abi_site *site_of(const struct abi_slot *s)
{
	return (const void *)s->site;
}

static void put_site_text(struct abi_slot *s, uint64_t text, struct abi_string *out)
{
	const struct abi_string *from = (const void *)text;

	if (from)
		put_text(s, from->text, from->length, out);
	else
		put_text(s, "", 0, out);
}

void rt_pp(struct abi_slot *s, struct abi_string *out)
{
	put_site_text(s, s->site ? site_of(s)->point : 0, out);
}

void rt_ppfunc(struct abi_slot *s, struct abi_string *out)
{
	put_site_text(s, s->site ? site_of(s)->function : 0, out);
}

void rt_mark_name(struct abi_slot *s, struct abi_string *out)
{
	put_site_text(s, s->site ? site_of(s)->name : 0, out);
}

void rt_mark_provider(struct abi_slot *s, struct abi_string *out)
{
	put_site_text(s, s->site ? site_of(s)->provider : 0, out);
}

int64_t rt_addr(struct abi_slot *s)
{
	return s->site ? (int64_t)target_register(s, ABI_RIP) : 0;
}

/* ---- time ------------------------------------------------------------------------ */

/* What the kernel told of happened when it says. */
static uint64_t now_of(const struct abi_slot *s)
{
	return s->sample ? rt_sample(s)->tsc : rt_tsc();
}

int64_t rt_clock(struct abi_slot *s, int64_t which, int64_t divisor)
{
	const struct abi_region *r = region_of(s);
	uint64_t passed = now_of(s) - r->tsc_base;
	int64_t ns = (int64_t)((unsigned __int128)passed * r->tsc_mult >> 32);

	ns += which == 0 ? r->realtime_base : r->monotonic_base;
	return divisor > 1 ? ns / divisor : ns;
}

int64_t rt_zone_west(struct abi_slot *s)
{
	return region_of(s)->zone_west;
}

void rt_zone_name(struct abi_slot *s, struct abi_string *out)
{
	const char *name = region_of(s)->zone_name;
	uint32_t n = 0;

	while (n < sizeof region_of(s)->zone_name - 1 && name[n])
		n++;
	put_text(s, name, n, out);
}

int64_t rt_cycles(struct abi_slot *s)
{
	return (int64_t)now_of(s);
}

void rt_timing(struct abi_slot *s, int64_t probe, int64_t start)
{
	const struct abi_region *r = region_of(s);
	struct abi_timing *t = (struct abi_timing *)((char *)s + ABI_SLOT_HEAD) + probe;
	uint64_t passed = rt_tsc() - (uint64_t)start;
	uint64_t ns = (uint64_t)((unsigned __int128)passed * r->tsc_mult >> 32);
	unsigned __int128 squares = (unsigned __int128)t->squares_high << 64 | t->squares_low;

	if (!t->hits || ns < t->least)
		t->least = ns;
	if (ns > t->most)
		t->most = ns;
	t->hits++;
	t->sum += ns;
	squares += (unsigned __int128)ns * ns;
	t->squares_low = (uint64_t)squares;
	t->squares_high = (uint64_t)(squares >> 64);
}

/* ---- registers --------------------------------------------------------------------- */

int64_t rt_registers_valid(struct abi_slot *s)
{
	return s->site && site_of(s)->pc;
}

struct register_name {
	char name[8];
	uint8_t number, size, shift;
};

static const struct register_name register_names[] = {
#define FAMILY(r64, r32, r16, n) { r64, n, 8, 0 }, { r32, n, 4, 0 }, { r16, n, 2, 0 }
	FAMILY("rax", "eax", "ax", ABI_RAX), FAMILY("rbx", "ebx", "bx", ABI_RBX),
	FAMILY("rcx", "ecx", "cx", ABI_RCX), FAMILY("rdx", "edx", "dx", ABI_RDX),
	FAMILY("rsi", "esi", "si", ABI_RSI), FAMILY("rdi", "edi", "di", ABI_RDI),
	FAMILY("rbp", "ebp", "bp", ABI_RBP), FAMILY("rsp", "esp", "sp", ABI_RSP),
	FAMILY("r8", "r8d", "r8w", ABI_R8), FAMILY("r9", "r9d", "r9w", ABI_R9),
	FAMILY("r10", "r10d", "r10w", ABI_R10), FAMILY("r11", "r11d", "r11w", ABI_R11),
	FAMILY("r12", "r12d", "r12w", ABI_R12), FAMILY("r13", "r13d", "r13w", ABI_R13),
	FAMILY("r14", "r14d", "r14w", ABI_R14), FAMILY("r15", "r15d", "r15w", ABI_R15),
	FAMILY("rip", "eip", "ip", ABI_RIP), FAMILY("rflags", "eflags", "flags", ABI_RFLAGS),
#undef FAMILY
	{ "al", ABI_RAX, 1, 0 }, { "ah", ABI_RAX, 1, 8 }, { "bl", ABI_RBX, 1, 0 }, { "bh", ABI_RBX, 1, 8 },
	{ "cl", ABI_RCX, 1, 0 }, { "ch", ABI_RCX, 1, 8 }, { "dl", ABI_RDX, 1, 0 }, { "dh", ABI_RDX, 1, 8 },
	{ "sil", ABI_RSI, 1, 0 }, { "dil", ABI_RDI, 1, 0 }, { "bpl", ABI_RBP, 1, 0 }, { "spl", ABI_RSP, 1, 0 },
	{ "r8b", ABI_R8, 1, 0 }, { "r9b", ABI_R9, 1, 0 }, { "r10b", ABI_R10, 1, 0 }, { "r11b", ABI_R11, 1, 0 },
	{ "r12b", ABI_R12, 1, 0 }, { "r13b", ABI_R13, 1, 0 }, { "r14b", ABI_R14, 1, 0 }, { "r15b", ABI_R15, 1, 0 },
};

static bool same_name(const struct register_name *r, rt_str name)
{
	uint32_t n = 0;

	while (n < sizeof r->name && r->name[n])
		n++;
	if (n != name->length)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (r->name[i] != name->text[i])
			return false;
	return true;
}

static int64_t cut(uint64_t value, uint32_t size, bool is_signed)
{
	uint32_t unused = 64 - size * 8;

	value <<= unused;
	return is_signed ? (int64_t)value >> unused : (int64_t)(value >> unused);
}

static void fail(struct abi_slot *s, const char *text, uint32_t length, rt_str more)
{
	_Alignas(8) char room[sizeof(struct abi_string) + 128];
	struct abi_string *message = (void *)room;
	uint32_t n = 0;

	for (; n < length; n++)
		message->text[n] = text[n];
	for (uint32_t i = 0; more && i < more->length && n < sizeof room - sizeof *message - 1; i++)
		message->text[n++] = more->text[i];
	message->length = n;
	rt_error(s, message);
}
#define FAIL(s, text, more) fail((s), (text), sizeof(text) - 1, (more))

int64_t rt_register(struct abi_slot *s, rt_str name, int64_t is_signed)
{
	if (!rt_registers_valid(s)) {
		FAIL(s, "cannot access CPU registers in this context", 0);
		return 0;
	}
	for (uint32_t i = 0; i < sizeof register_names / sizeof register_names[0]; i++) {
		const struct register_name *r = &register_names[i];

		if (same_name(r, name))
			return cut(target_register(s, r->number) >> r->shift, r->size, is_signed);
	}
	FAIL(s, "Unknown register: ", name);
	return 0;
}

#define REGISTER_ARGUMENTS 6

/* System V AMD64, at a function's entry: six registers, then the stack above the return address. */
int64_t rt_argument(struct abi_slot *s, int64_t number, int64_t size, int64_t is_signed)
{
	static const uint8_t order[REGISTER_ARGUMENTS] = { ABI_RDI, ABI_RSI, ABI_RDX, ABI_RCX, ABI_R8, ABI_R9 };
	uint64_t value;

	if (!rt_registers_valid(s)) {
		FAIL(s, "cannot access CPU registers in this context", 0);
		return 0;
	}
	if (number < 1 || number > 1024) {
		FAIL(s, "cannot access arg(n)", 0);
		return 0;
	}
	if (number <= REGISTER_ARGUMENTS)
		return cut(target_register(s, order[number - 1]), (uint32_t)size, is_signed);
	if (!rt_peek(s, target_register(s, ABI_RSP) + (uint64_t)(number - REGISTER_ARGUMENTS) * 8, 8, &value)) {
		FAIL(s, "cannot access arg(n)", 0);
		return 0;
	}
	return cut(value, (uint32_t)size, is_signed);
}
