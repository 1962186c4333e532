/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patched functions do what they did before, and every hit is counted once.
 *
 * Each function of functions.S is copied to every alignment in a line, patched in
 * this process with each kind of body, and called; then a thread standing at
 * each interior boundary while the patch comes is played through: a breakpoint
 * there installs the patch under it.
 */
#include <cpuid.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cmocka.h>

#include "patch/patch.h"

typedef long function(long n, long value, long *memory);

struct sample {
	const char *name;
	const uint8_t *start, *site, *end, *blob_end;
	uint64_t hits;
};
extern const struct sample functions[], functions_end[];
void count_handler(void);
uint64_t counts[4];

#define BASE 0x300000000000ull /* of the copies */
#define ROOM 0x4000u
#define HALF 0x7ff00000ull /* within reach on either side */
#define ARGUMENT 3
#define VALUE 0x1122334455
#define WORDS 8

struct result {
	long value;
	long memory[WORDS];
};

static struct arena *arena;
static struct patch_space *space;
static struct patch_plan plan;
static uint64_t traps, parked; /* parked: boundary at which the patch comes */
static uint32_t rungs_seen[RUNG_COUNT];

/* ---- traps ------------------------------------------------------------------------- */

static void install(const struct patch_plan *p)
{
	for (uint32_t i = 0; i < p->n_before; i++)
		install(&p->before[i]);
	memcpy((void *)(uintptr_t)p->address, p->patched, p->size);
}

static void uninstall(const struct patch_plan *p)
{
	memcpy((void *)(uintptr_t)p->address, p->original, p->size);
	for (uint32_t i = p->n_before; i-- > 0;)
		uninstall(&p->before[i]);
}

static uint64_t resume_of(const struct patch_plan *p, uint64_t at)
{
	uint64_t found = 0;

	if (p->rung == RUNG_TRAP && at == p->address)
		return p->trampoline;
	for (uint32_t i = 0; i < p->n_moved; i++)
		if (p->moved[i].from == at)
			return p->moved[i].to;
	for (uint32_t i = 0; i < p->n_before && !found; i++)
		found = resume_of(&p->before[i], at);
	return found;
}

static void on_trap(int number, siginfo_t *info, void *context)
{
	ucontext_t *u = context;
	uint64_t at = (uint64_t)u->uc_mcontext.gregs[REG_RIP] - (number == SIGTRAP);

	(void)info;
	traps++;
	if (parked == at) { /* goes on where it stands, in the patch */
		parked = 0;
		install(&plan);
		u->uc_mcontext.gregs[REG_RIP] = (greg_t)at;
		return;
	}
	at = resume_of(&plan, at);
	if (!at)
		signal(number, SIG_DFL);
	else
		u->uc_mcontext.gregs[REG_RIP] = (greg_t)at;
}

/* ---- bodies ---------------------------------------------------------------------------- */

/* Keeps flags and red zone: lea -128; push; mov counts,rax; lea 1(rax); mov; pop; lea 128 */
static uint8_t careful_bytes[] = {
	0x48, 0x8d, 0x64, 0x24, 0x80, 0x50, 0x48, 0xa1, 0,    0,    0,    0,    0,    0,
	0,    0,    0x48, 0x8d, 0x40, 0x01, 0x48, 0xa3, 0,    0,    0,    0,    0,    0,
	0,    0,    0x58, 0x48, 0x8d, 0xa4, 0x24, 0x80, 0,    0,    0,
};
#define CAREFUL_LOAD 8
#define CAREFUL_STORE 22

/* A nop whose operand is filled in when its place is known. */
static const uint8_t placed_bytes[] = { 0x0f, 0x1f, 0x80, 0, 0, 0, 0 };
static uint64_t placed_at;

static void note_place(void *user, uint8_t *at, uint64_t address)
{
	*(uint64_t *)user = address;
	at[3] = 0x5a;
}

enum body_kind { BODY_CAREFUL, BODY_NEAR, BODY_FAR, BODY_BOTH, BODY_KINDS };
static uint64_t near_handler; /* jmp count_handler, within reach of the copies */

static uint32_t make_bodies(enum body_kind kind, struct patch_body bodies[3])
{
	struct patch_body careful = { .bytes = careful_bytes, .size = sizeof careful_bytes };
	struct patch_body full = { .generic = true, .handler = near_handler };
	struct patch_body placed = { .bytes = placed_bytes,
				     .size = sizeof placed_bytes,
				     .place = note_place,
				     .user = &placed_at };

	if (kind == BODY_FAR)
		full.handler = (uint64_t)(uintptr_t)count_handler;
	bodies[0] = kind == BODY_CAREFUL ? careful : full;
	if (kind != BODY_BOTH)
		return 1;
	bodies[1] = placed;
	bodies[2] = careful;
	return 3;
}

/* ---- one patch --------------------------------------------------------------------------- */

static struct result call(uint64_t at)
{
	struct result r = { .memory = { 1, 2, 3, 4, 5, 6, 7, 8 } };
	function *f;

	memcpy(&f, &at, sizeof f);
	r.value = f(ARGUMENT, VALUE, r.memory);
	return r;
}

static void copy_function(const struct sample *s, uint64_t at)
{
	memset((void *)(uintptr_t)(at & ~0xfffull), 0xcc, 0x1000);
	memcpy((void *)(uintptr_t)at, s->start, (size_t)(s->blob_end - s->start));
}

static void forget_code(void)
{
	patch_space_forget(space, BASE, BASE + ROOM);
}

static void map_fresh_pages(void)
{
	const int protection = PROT_READ | PROT_WRITE | PROT_EXEC;
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
	uint32_t n;
	struct patch_page *pages = patch_space_pages(space, &n);

	for (uint32_t i = 0; i < n; i++) {
		void *at = (void *)(uintptr_t)pages[i].address;

		if (pages[i].fresh)
			assert_ptr_equal(mmap(at, ABI_PAGE, protection, flags, -1, 0), at);
		if (pages[i].changed)
			memcpy(at, pages[i].bytes, ABI_PAGE);
	}
	patch_space_settle(space);
}

struct variant {
	enum body_kind body;
	enum patch_rung first; /* of the ladder */
	bool extents_unknown;
};

static void make_plan(const struct sample *s, uint64_t at, const struct variant *v)
{
	uint64_t site = at + (uint64_t)(s->site - s->start);
	struct patch_body bodies[3];
	struct patch_request r = { .address = site,
				   .code = (const uint8_t *)(uintptr_t)at,
				   .code_address = at,
				   .code_size = (uint32_t)(s->blob_end - s->start) + 32,
				   .allow_trap = true,
				   .bodies = bodies };
	struct error *error;

	if (!v->extents_unknown) {
		r.function_start = at;
		r.function_end = at + (uint64_t)(s->end - s->start);
	}
	r.first_rung = v->first;
	r.n_bodies = make_bodies(v->body, bodies);
	error = patch_plan_make(arena, space, &r, &plan);
	if (error)
		fail_msg("%s: %s", s->name, error_text(error));
	map_fresh_pages();
	rungs_seen[plan.rung]++;
}

static void check_result(const struct sample *s, const struct result *wanted, uint64_t at,
			 uint64_t hits)
{
	struct result got;

	counts[0] = 0;
	got = call(at);
	if (counts[0] != hits)
		fail_msg("%s at +%llx, %s: %llu hits, not %llu", s->name,
			 (unsigned long long)(at - BASE), patch_rung_name(plan.rung),
			 (unsigned long long)counts[0], (unsigned long long)hits);
	if (memcmp(&got, wanted, sizeof got) != 0)
		fail_msg("%s at +%llx, %s: another result (%lx, not %lx)", s->name,
			 (unsigned long long)(at - BASE), patch_rung_name(plan.rung), got.value,
			 wanted->value);
}

/* A thread stands at each boundary of a plan when all is installed. */
static void check_parked(const struct sample *s, const struct result *wanted, uint64_t at,
			 const struct patch_plan *p)
{
	for (uint32_t i = 0; i < p->n_before; i++)
		check_parked(s, wanted, at, &p->before[i]);
	for (uint32_t i = 0; i < p->n_moved; i++) {
		uint64_t boundary = p->moved[i].from;
		struct result got;

		if (boundary - p->address >= p->size)
			continue;
		copy_function(s, at);
		parked = boundary;
		*(uint8_t *)(uintptr_t)boundary = 0xcc;
		got = call(at);
		parked = 0;
		if (memcmp(&got, wanted, sizeof got) != 0)
			fail_msg("%s, %s: parked at +%llu: another result", s->name,
				 patch_rung_name(plan.rung),
				 (unsigned long long)(boundary - p->address));
	}
}

/* Every jump of a plan relies on bytes that are there once its helpers are. */
static void check_span(const struct patch_plan *p)
{
	for (uint32_t i = 0; i < p->n_before; i++)
		check_span(&p->before[i]);
	assert_memory_equal(p->patched, (void *)(uintptr_t)p->address, p->span);
}

static void check_variant(const struct sample *s, uint64_t at, const struct variant *v)
{
	uint64_t bodies = v->body == BODY_BOTH ? 2 : 1;
	struct result wanted;

	copy_function(s, at);
	forget_code();
	wanted = call(at);
	make_plan(s, at, v);
	assert_memory_equal(plan.original, (void *)(uintptr_t)plan.address, plan.size);
	check_parked(s, &wanted, at, &plan);
	copy_function(s, at);
	install(&plan);
	check_span(&plan);
	check_result(s, &wanted, at, s->hits * bodies);
	uninstall(&plan);
	assert_memory_equal((void *)(uintptr_t)at, s->start, s->blob_end - s->start);
}

/* ---- the tests ----------------------------------------------------------------------------- */

static const struct patch_range room[] = { { BASE - HALF, BASE }, { BASE + ROOM, BASE + HALF } };

/* Copies one byte apart want overlapping places: each set starts afresh. */
static void renew_space(void)
{
	uint32_t n;
	struct patch_page *pages = patch_space_pages(space, &n);

	for (uint32_t i = 0; i < n; i++)
		munmap((void *)(uintptr_t)pages[i].address, ABI_PAGE);
	space = patch_space_create(arena);
	patch_space_set_free(space, room, base_count(room));
}

/* Transactions are of some processors only. */
static bool can_run(const struct sample *s)
{
	uint32_t a, b, c, d;

	if (strncmp(s->name, "transaction", 11) != 0)
		return true;
	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && b >> 11 & 1;
}

static void check_all(const struct variant *v, uint64_t at)
{
	renew_space();
	for (const struct sample *s = functions; s < functions_end; s++)
		if (can_run(s))
			check_variant(s, at, v);
}

static void patched_functions_work_at_every_alignment(void **state)
{
	(void)state;
	for (uint64_t at = 0; at < 64; at++)
		check_all(&(struct variant){ .body = BODY_CAREFUL }, BASE + 0x1000 + at);
}

static void patched_functions_work_with_every_body(void **state)
{
	(void)state;
	for (int kind = 0; kind < BODY_KINDS; kind++)
		for (uint64_t at = 0; at < 64; at += 13)
			check_all(&(struct variant){ .body = (enum body_kind)kind },
				  BASE + 0x1000 + at);
	assert_true(placed_at != 0);
}

static void patched_functions_work_by_trap_alone(void **state)
{
	(void)state;
	for (int kind = 0; kind < BODY_KINDS; kind++)
		check_all(&(struct variant){ .body = (enum body_kind)kind, .first = RUNG_TRAP },
			  BASE + 0x1000);
}

static void patched_functions_work_by_every_rung(void **state)
{
	(void)state;
	for (int rung = 0; rung < RUNG_COUNT; rung++)
		for (uint64_t at = 0; at < 64; at += 3)
			check_all(&(struct variant){ .body = BODY_CAREFUL,
						     .first = (enum patch_rung)rung },
				  BASE + 0x1000 + at);
}

static void patched_functions_work_with_unknown_extents(void **state)
{
	(void)state;
	for (uint64_t at = 0; at < 64; at += 7)
		check_all(&(struct variant){ .body = BODY_NEAR, .extents_unknown = true },
			  BASE + 0x1000 + at);
}

static void every_rung_was_used(void **state)
{
	(void)state;
	for (int i = 0; i < RUNG_COUNT; i++) {
		print_message("%8u %s\n", rungs_seen[i], patch_rung_name((enum patch_rung)i));
		assert_true(rungs_seen[i] > 0);
	}
}

static int set_up(void **state)
{
	const int protection = PROT_READ | PROT_WRITE | PROT_EXEC;
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
	struct sigaction action = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };
	uint64_t counter = (uint64_t)(uintptr_t)counts;
	void *copies = (void *)(uintptr_t)BASE;

	(void)state;
	if (mmap(copies, ROOM, protection, flags, -1, 0) != copies)
		return -1;
	memcpy(careful_bytes + CAREFUL_LOAD, &counter, 8);
	memcpy(careful_bytes + CAREFUL_STORE, &counter, 8);
	near_handler = BASE + 0x3000;
	x86_encode_jump_far((uint8_t *)copies + 0x3000, (uint64_t)(uintptr_t)count_handler);
	sigaction(SIGTRAP, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	arena = arena_create();
	space = patch_space_create(arena);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_destroy(arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patched_functions_work_at_every_alignment),
		cmocka_unit_test(patched_functions_work_with_every_body),
		cmocka_unit_test(patched_functions_work_by_trap_alone),
		cmocka_unit_test(patched_functions_work_by_every_rung),
		cmocka_unit_test(patched_functions_work_with_unknown_extents),
		cmocka_unit_test(every_rung_was_used),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
