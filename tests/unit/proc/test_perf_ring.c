/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the kernel's rings: understood where they are whole, refused where they are cut. */
#include <linux/perf_event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proc/perf_ring.h"

static const struct proc_perf_event events[] = {
	{ .type = PERF_TYPE_SOFTWARE, .period = 1000, .stack = 64 },
	{ .type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_DUMMY },
};

static uint32_t event_of(const void *user, uint64_t id)
{
	(void)user;
	return id == 70 ? 0 : id == 71 ? 1 : UINT32_MAX;
}

struct record {
	uint64_t words[64];
	uint32_t n;
};

static void add(struct record *r, uint64_t low, uint64_t high)
{
	r->words[r->n++] = low | high << 32;
}

static void begin(struct record *r, uint32_t type, uint16_t misc)
{
	*r = (struct record){ .n = 1 };
	memcpy(r->words, &(struct perf_event_header){ .type = type, .misc = misc }, 8);
}

static void end(struct record *r)
{
	struct perf_event_header h;

	memcpy(&h, r->words, sizeof h);
	h.size = (uint16_t)(r->n * 8);
	memcpy(r->words, &h, sizeof h);
}

/* pid 5, tid 6, time 1234, processor 3 */
static void trailer(struct record *r, uint64_t id)
{
	add(r, 5, 6);
	add(r, 1234, 0);
	add(r, 3, 0);
	add(r, id, 0);
	end(r);
}

/* From memory that ends where the record does, so that a sanitizer sees reads behind it. */
static bool decode(const struct record *r, uint32_t size, struct proc_perf_record *out)
{
	uint8_t *bytes = malloc(size);
	bool good;

	assert_non_null(bytes);
	memcpy(bytes, r->words, size);
	good = perf_ring_decode(bytes, size, event_of, NULL, events, out);
	free(bytes);
	return good;
}

static void sample(struct record *r)
{
	begin(r, PERF_RECORD_SAMPLE, PERF_RECORD_MISC_USER);
	add(r, 70, 0);
	add(r, 0x401000, 0);
	add(r, 5, 6);
	add(r, 1234, 0);
	add(r, 3, 0);
	add(r, PERF_SAMPLE_REGS_ABI_64, 0);
	for (uint64_t i = 0; i < 18; i++)
		add(r, 100 + i, 0);
	add(r, 64, 0);
	for (uint64_t i = 0; i < 8; i++)
		add(r, i, 0);
	add(r, 24, 0);
	end(r);
}

static void samples(void **state)
{
	struct proc_perf_record p;
	struct record r;

	(void)state;
	sample(&r);
	assert_true(decode(&r, r.n * 8, &p));
	assert_int_equal(p.kind, PROC_PERF_SAMPLE);
	assert_int_equal(p.event, 0);
	assert_int_equal(p.pid, 5);
	assert_int_equal(p.tid, 6);
	assert_int_equal(p.time, 1234);
	assert_int_equal(p.cpu, 3);
	assert_true(p.has_registers);
	/* rax rbx rcx rdx rsi rdi rbp rsp rip flags r8 ...: the kernel's order */
	assert_int_equal(p.registers[0], 100);
	assert_int_equal(p.registers[3], 101);
	assert_int_equal(p.registers[4], 107);
	assert_int_equal(p.registers[8], 110);
	assert_int_equal(p.registers[15], 117);
	assert_int_equal(p.registers[16], 108);
	assert_int_equal(p.stack_size, 24);
	for (uint32_t size = 8; size < r.n * 8; size += 8)
		if (decode(&r, size, &p))
			assert_true(p.stack_size == 0 && size >= 25 * 8);
}

static void others(void **state)
{
	struct proc_perf_record p;
	struct record r;

	(void)state;
	begin(&r, PERF_RECORD_SWITCH, PERF_RECORD_MISC_SWITCH_OUT | PERF_RECORD_MISC_SWITCH_OUT_PREEMPT);
	trailer(&r, 71);
	assert_true(decode(&r, r.n * 8, &p));
	assert_true(p.kind == PROC_PERF_SWITCH_OUT && p.preempted && p.tid == 6 && p.cpu == 3);
	begin(&r, PERF_RECORD_FORK, 0);
	add(&r, 8, 5);
	add(&r, 9, 6);
	add(&r, 1234, 0);
	trailer(&r, 71);
	assert_true(decode(&r, r.n * 8, &p));
	assert_true(p.kind == PROC_PERF_FORK && p.child_pid == 8 && p.child_tid == 9 && p.pid == 5 && p.tid == 6);
	begin(&r, PERF_RECORD_COMM, PERF_RECORD_MISC_COMM_EXEC);
	add(&r, 5, 6);
	memcpy(&r.words[r.n++], "program", 8);
	trailer(&r, 71);
	assert_true(decode(&r, r.n * 8, &p));
	assert_true(p.kind == PROC_PERF_EXEC);
	assert_string_equal(p.name, "program");
}

static void refused(void **state)
{
	struct proc_perf_record p;
	struct record r;

	(void)state;
	for (uint32_t type = 1; type < 24; type++) {
		begin(&r, type, 0xffff);
		trailer(&r, 99);
		assert_false(decode(&r, r.n * 8, &p)); /* of nobody's event */
		begin(&r, type, 0xffff);
		trailer(&r, 71);
		for (uint32_t size = 8; size <= r.n * 8; size += 8)
			(void)decode(&r, size, &p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples),
		cmocka_unit_test(others),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
