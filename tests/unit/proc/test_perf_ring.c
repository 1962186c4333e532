/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the kernel's rings and descriptions of tracepoints: understood where they are whole, refused where they are cut. */
#include <linux/perf_event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <cmocka.h>

#include "proc/perf_ring.h"

static const struct proc_perf_event events[] = {
	{ .type = PERF_TYPE_SOFTWARE, .period = 1000, .stack = 64 },
	{ .type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_DUMMY },
	{ .type = PERF_TYPE_TRACEPOINT, .period = 1, .raw = true },
};

static uint32_t event_of(const void *user, uint64_t id)
{
	(void)user;
	return id >= 70 && id <= 72 ? (uint32_t)id - 70 : UINT32_MAX;
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

static void maps(void **state)
{
	static const char path[16] = "/usr/lib/libx";
	struct proc_perf_record p;
	struct record r;

	(void)state;
	begin(&r, PERF_RECORD_MMAP2, 0);
	add(&r, 5, 6);
	add(&r, 0x10000, 1);
	add(&r, 0x2000, 0);
	add(&r, 0x1000, 0);
	add(&r, 8, 1);
	add(&r, 77, 0);
	add(&r, 3, 0);
	add(&r, 5, 2);
	memcpy(r.words + r.n, path, sizeof path);
	r.n += 2;
	trailer(&r, 71);
	assert_true(decode(&r, r.n * 8, &p));
	assert_true(p.kind == PROC_PERF_MAP && p.pid == 5 && p.tid == 6);
	assert_true(p.map.start == 0x100010000 && p.map.length == 0x2000 && p.map.offset == 0x1000);
	assert_true(p.map.device == makedev(8, 1) && p.map.inode == 77);
	for (uint32_t size = 8; size < r.n * 8; size += 8)
		(void)decode(&r, size, &p);
	memset(r.words + 9, 'x', 16); /* no end of the path */
	assert_false(decode(&r, r.n * 8, &p));
}

static void traced(void **state)
{
	struct proc_perf_record p;
	struct record r;

	(void)state;
	begin(&r, PERF_RECORD_SAMPLE, PERF_RECORD_MISC_KERNEL);
	add(&r, 72, 0);
	add(&r, 0xffffffff, 0xffffffff);
	add(&r, 5, 6);
	add(&r, 1234, 0);
	add(&r, 3, 0);
	add(&r, 12, 41); /* 12 bytes: with the size a multiple of 8 */
	add(&r, 42, 43);
	add(&r, PERF_SAMPLE_REGS_ABI_NONE, 0);
	end(&r);
	assert_true(decode(&r, r.n * 8, &p));
	assert_true(p.kind == PROC_PERF_SAMPLE && p.event == 2 && p.in_kernel && !p.has_registers);
	assert_int_equal(p.raw_size, 12);
	for (uint32_t size = 8; size < r.n * 8; size += 8)
		assert_false(decode(&r, size, &p));
	r.words[6] = 13;
	assert_false(decode(&r, r.n * 8, &p));
}

static const char format[] = "name: example\n"
			     "ID: 374\n"
			     "format:\n"
			     "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
			     "\n"
			     "\tfield:char comm[8];\toffset:8;\tsize:8;\tsigned:0;\n"
			     "\tfield:pid_t pid;\toffset:16;\tsize:4;\tsigned:1;\n"
			     "\tfield:__data_loc char[] name;\toffset:20;\tsize:4;\tsigned:0;\n"
			     "\tfield:u8 small;\toffset:24;\tsize:1;\tsigned:0;\n"
			     "\tfield:unsigned long bits[2];\toffset:32;\tsize:16;\tsigned:0;\n"
			     "\n"
			     "print fmt: \"comm=%s\", REC->comm\n";

static bool parse(struct arena *a, const char *text, struct proc_tracepoint *out)
{
	FILE *f = fmemopen((void *)text, strlen(text), "r");
	bool good;

	assert_non_null(f);
	good = proc_tracepoint_parse(a, f, out);
	fclose(f);
	return good;
}

static void descriptions(void **state)
{
	static const uint8_t raw[] = { 1, 0, 0, 0, 0, 0, 0, 0, 'l', 'o', 'n', 'g', 'n', 'a', 'm', 'e', 0xfe, 0xff,
				       0xff, 0xff, 25, 0, 4, 0, 200, 'a', 'b', 'c', 0 };
	struct arena *a = arena_create();
	struct proc_tracepoint t;
	const struct proc_tracepoint_field *pid, *name;
	char text[8];

	(void)state;
	assert_true(parse(a, format, &t));
	assert_int_equal(t.id, 374);
	assert_int_equal(t.fields.n, 6);
	pid = proc_tracepoint_field(&t, "pid");
	name = proc_tracepoint_field(&t, "name");
	assert_null(proc_tracepoint_field(&t, "prio"));
	assert_true(pid && name && name->is_text && !proc_tracepoint_field(&t, "bits")->is_text);
	assert_int_equal(proc_tracepoint_number(pid, raw, sizeof raw), -2);
	assert_int_equal(proc_tracepoint_number(pid, raw, 19), 0);
	assert_int_equal(proc_tracepoint_number(proc_tracepoint_field(&t, "small"), raw, sizeof raw), 200);
	assert_int_equal(proc_tracepoint_number(proc_tracepoint_field(&t, "bits"), raw, sizeof raw), 0);
	proc_tracepoint_text(proc_tracepoint_field(&t, "comm"), raw, sizeof raw, text, sizeof text);
	assert_string_equal(text, "longnam");
	proc_tracepoint_text(name, raw, sizeof raw, text, sizeof text);
	assert_string_equal(text, "abc");
	proc_tracepoint_text(name, raw, sizeof raw - 1, text, sizeof text);
	assert_string_equal(text, "");
	assert_false(parse(a, "no description\n", &t));
	assert_false(parse(a, "ID: 3\n", &t));
	arena_destroy(a);
}

static void unknown_tracepoint(void **state)
{
	struct arena *a = arena_create();
	struct proc_tracepoint t;
	struct error *e = proc_tracepoint_find(a, "scheduler.x", "sched/nosuch", &t);

	(void)state;
	assert_non_null(e);
	assert_non_null(strstr(error_text(e), "scheduler.x: cannot read /sys/kernel/"));
	arena_destroy(a);
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
		cmocka_unit_test(maps),
		cmocka_unit_test(traced),
		cmocka_unit_test(descriptions),
		cmocka_unit_test(unknown_tracepoint),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
