/* SPDX-License-Identifier: Apache-2.0 */
/* Records: contents, publication, wrap-around, full rings, damage. */
#include "world.h"

static struct world *w;

static int setup(void **state)
{
	(void)state;
	w = world_create(0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_destroy(w);
	return 0;
}

/* Prints and formats what arrives. */
static const char *printed(const char *text, const uint64_t *args)
{
	static struct sink s;
	const struct abi_format *f = format_of(text);
	struct abi_record *r;

	rt_print(w->slot, 7, f, args);
	rt_handler_end(w->slot);
	r = take_record(w->slot);
	s.length = 0;
	s.text[0] = 0;
	if (!r)
		return "none";
	assert_int_equal(r->kind, ABI_RECORD_PRINT);
	assert_int_equal(r->format, 7);
	assert_true(rt_format_record(f, r, sink_write, &s));
	return s.text;
}

static void records_carry_arguments(void **state)
{
	(void)state;
	assert_string_equal(printed("no arguments\n", NULL), "no arguments\n");
	assert_string_equal(printed("%d %x", (uint64_t[]){ 5, 255 }), "5 ff");
	assert_string_equal(printed("%d %s %d %s",
				    (uint64_t[]){ 1, (uint64_t)str("two"), 3, (uint64_t)str("") }),
			    "1 two 3 ");
	assert_string_equal(printed("%s", (uint64_t[]){ (uint64_t)str("12345678") }), "12345678");
	assert_string_equal(printed("%*s|", (uint64_t[]){ 5, (uint64_t)str("ab") }), "   ab|");
}

static void long_output_is_not_cut(void **state)
{
	static char expected[3000];

	(void)state;
	memset(expected, ' ', 1999);
	expected[1999] = '7';
	assert_string_equal(printed("%2000d", (uint64_t[]){ 7 }), expected);
}

static void memory_is_copied_at_once(void **state)
{
	char bytes[] = "\xde\xad\xbe\xef";
	const struct abi_format *f = format_of("%.*M %s %d");
	static struct sink s;

	(void)state;
	rt_print(w->slot, 0, f, (uint64_t[]){ 4, (uint64_t)bytes, (uint64_t)str("x"), 9 });
	memset(bytes, 0, sizeof bytes);
	rt_handler_end(w->slot);
	assert_true(rt_format_record(f, take_record(w->slot), sink_write, &s));
	assert_string_equal(s.text, "deadbeef x 9");
	rt_print(w->slot, 0, format_of("%d%m"), (uint64_t[]){ 1, 24 });
	rt_handler_end(w->slot);
	assert_int_equal(take_record(w->slot)->kind, ABI_RECORD_ERROR);
}

static void faults_print_nothing_of_the_call(void **state)
{
	(void)state;
	rt_print(w->slot, 0, format_of("%m"), (uint64_t[]){ 0x18 });
	assert_string_equal(error_of(w->slot), "read fault [man error::fault] at 0x18");
	rt_print(w->slot, 0, format_of("%.4097m"), (uint64_t[]){ 0x18 });
	assert_string_equal(error_of(w->slot), "4097 is too many bytes for a memory dump");
	rt_handler_end(w->slot);
	assert_null(take_record(w->slot));
}

static void texts(void **state)
{
	static const uint16_t kinds[] = { ABI_RECORD_TEXT, ABI_RECORD_WARN, ABI_RECORD_SYSTEM };
	static const char *const expected[] = { "line\n", "careful", "ls" };

	(void)state;
	rt_log(w->slot, str("line"));
	rt_warn(w->slot, str("careful"));
	rt_system(w->slot, str("ls"));
	rt_handler_end(w->slot);
	for (int i = 0; i < 3; i++) {
		struct abi_record *r = take_record(w->slot);

		assert_int_equal(r->kind, kinds[i]);
		assert_text(rt_record_text(r), expected[i]);
	}
	assert_null(take_record(w->slot));
}

static void a_hit_has_one_stamp_and_is_published_at_its_end(void **state)
{
	const struct abi_format *f = format_of("%d");
	uint64_t first;

	(void)state;
	rt_print(w->slot, 0, f, (uint64_t[]){ 1 });
	rt_print(w->slot, 0, f, (uint64_t[]){ 2 });
	assert_int_equal(w->slot->ring_pending, w->slot->hit_tsc + 1);
	assert_null(take_record(w->slot));
	rt_handler_end(w->slot);
	assert_int_equal(w->slot->ring_pending, 0);
	first = take_record(w->slot)->tsc;
	assert_int_equal(take_record(w->slot)->tsc, first);
	rt_print(w->slot, 0, f, (uint64_t[]){ 3 });
	rt_handler_end(w->slot);
	assert_true(take_record(w->slot)->tsc > first);
}

/* Random sizes through a ring that is always near full: what is taken is what was put in, in order.
 */
static void the_ring_wraps(void **state)
{
	uint64_t put = 0, got = 0, dropped = 0;

	(void)state;
	srand(9);
	for (int i = 0; i < 40000; i++) {
		uint64_t args[2] = { put, (uint64_t)buffer() };
		struct abi_string *text = (void *)args[1];
		struct abi_record *r;

		text->length = (uint32_t)rand() % 200;
		memset(text->text, (int)('a' + put % 26), text->length);
		rt_print(w->slot, 1, format_of("%d%s"), args);
		rt_handler_end(w->slot);
		put += w->slot->dropped == dropped;
		dropped = w->slot->dropped;
		while ((rand() % 4 == 0 || dropped % 3 == 1) && (r = take_record(w->slot))) {
			const char *bytes = (const char *)(r + 1);

			assert_int_equal(*(const uint64_t *)bytes, got);
			if (*(const uint32_t *)(bytes + 8))
				assert_int_equal(bytes[16], 'a' + got % 26);
			got++;
			if (rand() % 2)
				break;
		}
	}
	while (take_record(w->slot))
		got++;
	assert_int_equal(got, put);
	assert_true(dropped > 0);
}

static void full_rings_drop_and_count(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++)
		rt_print(w->slot, 0, format_of("x"), NULL);
	assert_int_equal(w->slot->dropped, 1000 - WORLD_RING / sizeof(struct abi_record));
	rt_handler_end(w->slot);
	for (uint32_t i = 0; i < WORLD_RING / sizeof(struct abi_record); i++)
		assert_non_null(take_record(w->slot));
	assert_null(take_record(w->slot));
	w->slot->ring_tail = w->slot->ring_write + 8;
	rt_print(w->slot, 0, format_of("x"), NULL);
	assert_int_equal(w->slot->ring_write, w->slot->ring_head);
}

static void lossless_waits_only_while_running(void **state)
{
	(void)state;
	w->region->lossless = 1;
	w->region->state = ABI_STATE_EXITING;
	for (int i = 0; i < 1000; i++)
		rt_print(w->slot, 0, format_of("x"), NULL);
	assert_true(w->slot->dropped > 0);
}

static unsigned drained;

static void drain(struct abi_slot *s)
{
	while (take_record(s))
		drained++;
}

static void the_tool_drains_its_own_ring(void **state)
{
	struct abi_slot *tool = world_slot(w, 0);

	(void)state;
	drained = 0;
	tool->scratch[0] = (uint64_t)drain;
	for (int i = 0; i < 1000; i++)
		rt_log(tool, str("some text"));
	rt_handler_end(tool);
	drain(tool);
	assert_int_equal(drained, 1000);
	assert_int_equal(tool->dropped, 0);
}

static void large_histograms_go_out_as_text(void **state)
{
	static union {
		int64_t words[ABI_STAT_HEAD / 8 + 2003];
		struct abi_stat stat;
	} v;
	struct abi_stat_desc d = {
		.keep = ABI_KEEP_COUNT | ABI_KEEP_LINEAR, .buckets = 2003, .high = 2000, .step = 1
	};
	static struct sink expected, got;
	struct abi_record *r;

	(void)state;
	rt_stat_add(w->slot, &d, &v.stat, 1000);
	rt_format_hist(&d, 2, &v.stat, RT_HIST_WIDTH, RT_HIST_ELISION, sink_write, &expected);
	sink_write(&expected, "\n", 1);
	rt_print_hist(w->slot, 1, &d, 2, &v.stat);
	rt_handler_end(w->slot);
	while ((r = take_record(w->slot)))
		sink_write(&got, rt_record_text(r)->text, rt_record_text(r)->length);
	assert_string_equal(got.text, expected.text);
}

static void histograms(void **state)
{
	static union {
		int64_t words[ABI_STAT_HEAD / 8 + ABI_LOG_BUCKETS];
		struct abi_stat stat;
	} v;
	const struct abi_stat_desc d = { .keep = ABI_KEEP_COUNT | ABI_KEEP_LOG,
					 .buckets = ABI_LOG_BUCKETS };
	static struct sink expected, got;
	struct abi_record *r;

	(void)state;
	rt_print_hist(w->slot, 0, &d, 1, &v.stat);
	assert_string_equal(error_of(w->slot), "empty aggregate");
	rt_stat_add(w->slot, &d, &v.stat, 5);
	rt_format_hist(&d, 1, &v.stat, 20, RT_HIST_ELISION, sink_write, &expected);
	for (int64_t newline = 0; newline < 2; newline++) {
		rt_print_hist(w->slot, newline, &d, 1, &v.stat);
		rt_handler_end(w->slot);
		r = take_record(w->slot);
		assert_int_equal(r->kind, ABI_RECORD_HIST);
		got.length = 0;
		assert_true(rt_format_hist_record(r, 20, RT_HIST_ELISION, sink_write, &got));
		assert_memory_equal(got.text, expected.text, expected.length);
		assert_int_equal(got.length, expected.length + (uint64_t)newline);
	}
	((struct abi_stat_desc *)(r + 1))->buckets = 1 << 30;
	assert_false(rt_format_hist_record(r, 20, RT_HIST_ELISION, sink_write, &got));
}

static void count_bytes(void *to, const char *bytes, uint64_t length)
{
	for (uint64_t i = 0; i < length; i++)
		*(unsigned *)to += (unsigned char)bytes[i];
}

/* Whatever a record's bytes are, nothing outside of it is read (it lies at the end of an
 * allocation). */
static void damaged_records_stay_within_their_size(void **state)
{
	static const char *const formats[] = { "%s%s", "%d%s%m", "%*.*s%d", "%c%.3M%s" };
	unsigned sum = 0;

	(void)state;
	srand(2);
	for (int i = 0; i < 4000; i++) {
		uint32_t size = 16 + (uint32_t)rand() % 8 * 8;
		struct abi_record *r = malloc(size);

		for (uint32_t k = 0; k < size; k++)
			((char *)r)[k] = (char)(rand() % 3 ? 0 : rand());
		r->size = size;
		rt_format_record(format_of(formats[i % 4]), r, count_bytes, &sum);
		rt_record_text(r);
		free(r);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
TESTS(print, T(records_carry_arguments), T(long_output_is_not_cut), T(memory_is_copied_at_once),
      T(faults_print_nothing_of_the_call), T(texts),
      T(a_hit_has_one_stamp_and_is_published_at_its_end), T(the_ring_wraps),
      T(full_rings_drop_and_count), T(lossless_waits_only_while_running),
      T(the_tool_drains_its_own_ring), T(large_histograms_go_out_as_text), T(histograms),
      T(damaged_records_stay_within_their_size));
