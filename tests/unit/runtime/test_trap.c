/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of bytes that trap: the latest session's, and tables that are replaced at any instruction of a search. */
#include <signal.h>

#include "runtime/core/trap.h"
#include "world.h"

#define ROWS 40u
#define BEFORE 3u /* in the table that is replaced */

struct session {
	struct abi_process process;
	struct abi_ledger ledger;
	struct abi_trap half[2][ROWS];
};

/* Rows for addresses 16, 32, ... */
static void fill(struct abi_trap *rows, uint32_t n, uint64_t resume)
{
	for (uint32_t i = 0; i < n; i++)
		rows[i] = (struct abi_trap){ 16 * (i + 1), resume + i };
}

static struct session *session(uint32_t n, uint64_t resume, uint64_t order)
{
	struct session *s = calloc(1, sizeof *s);

	s->process.traps = (uint64_t)s->half[0];
	s->process.n_traps = n;
	s->process.ledger = (uint64_t)&s->ledger;
	s->ledger.order = order;
	fill(s->half[0], n, resume);
	return s;
}

static uint64_t found(const struct session *s, uint64_t address)
{
	uint64_t resume = 0;

	return rt_trap_find(&s->process, address, &resume) ? resume : 0;
}

static void latest_session_is_entered(void **state)
{
	struct session *keeper = session(5, 100, 10), *old = session(3, 200, 5), *young = session(2, 300, 20);

	(void)state;
	assert_int_equal(found(keeper, 16), 100);
	assert_int_equal(found(keeper, 5 * 16), 104);
	assert_int_equal(found(keeper, 6 * 16), 0);
	assert_int_equal(found(keeper, 17), 0);
	keeper->process.peers[0] = (uint64_t)&old->process;
	keeper->process.peers[2] = (uint64_t)&young->process;
	assert_int_equal(found(keeper, 16), 300);
	assert_int_equal(found(keeper, 2 * 16), 301);
	assert_int_equal(found(keeper, 3 * 16), 102);
	keeper->process.peers[2] = 0;
	assert_int_equal(found(keeper, 16), 100);
	keeper->process.n_traps = 0;
	assert_int_equal(found(keeper, 16), 200);
	assert_int_equal(found(keeper, 4 * 16), 0);
	free(keeper);
	free(old);
	free(young);
}

static struct session *stepped;
static volatile sig_atomic_t steps, replace_at;

/* As the tool does while the threads stand. */
static void replace(struct session *s)
{
	s->process.traps = (uint64_t)s->half[1];
	s->process.n_traps = ROWS;
}

static void on_step(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	if (steps++ == replace_at)
		replace(stepped);
}

/* The trap flag; there may be something in the red zone. */
static void step(bool on)
{
	if (on)
		__asm__ volatile("lea -128(%%rsp),%%rsp; pushfq; orl $0x100,(%%rsp); popfq; lea 128(%%rsp),%%rsp" ::: "memory", "cc");
	else
		__asm__ volatile("lea -128(%%rsp),%%rsp; pushfq; andl $~0x100,(%%rsp); popfq; lea 128(%%rsp),%%rsp" ::: "memory", "cc");
}

static uint64_t found_by_steps(struct session *s, uint64_t address, int when)
{
	uint64_t resume;

	stepped = s;
	steps = 0;
	replace_at = when;
	step(true);
	resume = found(s, address);
	step(false);
	return resume;
}

static void a_table_may_be_replaced_at_any_instruction(void **state)
{
	struct sigaction a = { .sa_flags = SA_SIGINFO }, before;
	int last = 0;

	(void)state;
	a.sa_sigaction = on_step;
	sigaction(SIGTRAP, &a, &before);
	for (uint32_t row = 1; row <= BEFORE; row++)
		for (int when = 0; when <= last || when == 0; when++) {
			struct session *s = session(BEFORE, 100, 1);
			uint64_t resume;

			fill(s->half[1], ROWS, 100);
			resume = found_by_steps(s, 16 * row, when);
			last = steps;
			free(s);
			if (resume != 100 + row - 1)
				fail_msg("row %u is not found when the table is replaced at instruction %d", row, when);
		}
	sigaction(SIGTRAP, &before, NULL);
	assert_true(last > 10);
}

const struct CMUnitTest trap_tests[] = {
	cmocka_unit_test(latest_session_is_entered),
	cmocka_unit_test(a_table_may_be_replaced_at_any_instruction),
};
const size_t n_trap_tests = sizeof trap_tests / sizeof *trap_tests;
