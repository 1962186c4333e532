/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of the processor: the page's protocol against pages of our making, and against the kernel's. */
#include "world.h"

#include <linux/perf_event.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/arch/arch.h"
#include "runtime/core/counter.h"

/* What the processor does: counts, faults, or is interrupted by a kernel that changes the page. */
static struct {
	uint64_t value;
	uint32_t asked, number; /* times, and for which */
	bool faults;
	uint32_t changes; /* so many times the page changes under the reader */
	bool moves; /* and with the change the counter is taken away */
} processor;

extern bool (*rt_host_processor)(uint32_t number, uint64_t *out); /* runtime/arch/hosted.c */

static struct rt_counter_page page;

static bool read_processor(uint32_t number, uint64_t *out)
{
	processor.asked++;
	processor.number = number;
	if (processor.changes) {
		processor.changes--;
		page.lock += 2;
		page.offset += 1000;
		if (processor.moves)
			page.index = 0;
	}
	*out = processor.value;
	return !processor.faults;
}

static int setup(void **s)
{
	(void)s;
	memset(&processor, 0, sizeof processor);
	page = (struct rt_counter_page){ .lock = 2, .index = 5, .offset = 100, .capabilities = RT_COUNTER_READABLE, .width = 48 };
	processor.value = 23;
	rt_host_processor = read_processor;
	return 0;
}

static int64_t count(bool idle)
{
	bool was;
	int64_t value = rt_counter_of_page(&page, &was);

	assert_int_equal(was, idle);
	return value;
}

static void layout_is_the_kernels(void **s)
{
	(void)s;
#define SAME(ours, theirs)                                                                                     \
	assert_int_equal(offsetof(struct rt_counter_page, ours), offsetof(struct perf_event_mmap_page, theirs))
	struct perf_event_mmap_page kernels = { 0 };

	SAME(lock, lock);
	SAME(index, index);
	SAME(offset, offset);
	SAME(time_enabled, time_enabled);
	SAME(time_running, time_running);
	SAME(capabilities, capabilities);
	SAME(width, pmc_width);
#undef SAME
	kernels.cap_user_rdpmc = 1;
	assert_int_equal(kernels.capabilities, RT_COUNTER_READABLE);
}

static void offset_and_what_the_processor_has(void **s)
{
	(void)s;
	assert_int_equal(count(false), 123);
	assert_int_equal(processor.number, 4);
	assert_int_equal(processor.asked, 1);
}

static void fixed_counters_have_large_numbers(void **s)
{
	(void)s;
	page.index = 0x40000001;
	assert_int_equal(count(false), 123);
	assert_int_equal(processor.number, 0x40000000);
}

static void not_counted_now(void **s)
{
	(void)s;
	page.index = 0;
	assert_int_equal(count(true), 100);
	assert_int_equal(processor.asked, 0);
}

/* As of software events: nobody waits for the processor. */
static void not_readable(void **s)
{
	(void)s;
	page.capabilities = 0;
	assert_int_equal(count(false), 100);
	page.index = 0;
	assert_int_equal(count(false), 100);
	page.capabilities = 8 | 2; /* cap_user_time and the deprecated bits */
	assert_int_equal(count(false), 100);
	assert_int_equal(processor.asked, 0);
}

static void widths(void **s)
{
	(void)s;
	/* kernels begin just below 0, so that the counter overflows in time */
	processor.value = 0xffffffffff00;
	assert_int_equal(count(false), 100 - 256);
	processor.value = 0x7fffffffffff;
	assert_int_equal(count(false), 100 + 0x7fffffffffffll);
	page.width = 40;
	processor.value = 0xffffffff00;
	assert_int_equal(count(false), 100 - 256);
	processor.value = 0x12ffffffff00; /* what is above the width is not the counter's */
	assert_int_equal(count(false), 100 - 256);
	page.width = 64;
	processor.value = (uint64_t)-1;
	assert_int_equal(count(false), 99);
	page.width = 1;
	assert_int_equal(count(false), 99);
}

static void widths_that_make_no_sense(void **s)
{
	(void)s;
	page.width = 0;
	assert_int_equal(count(true), 100);
	page.width = 65;
	assert_int_equal(count(true), 100);
	assert_int_equal(processor.asked, 0);
}

static void sums_wrap(void **s)
{
	(void)s;
	page.offset = INT64_MAX;
	assert_int_equal(count(false), INT64_MIN + 22);
}

static void changed_under_the_reader(void **s)
{
	(void)s;
	processor.changes = 3;
	assert_int_equal(count(false), 3123);
	assert_int_equal(processor.asked, 4);
}

static void taken_away_under_the_reader(void **s)
{
	(void)s;
	processor.changes = 1;
	processor.moves = true;
	assert_int_equal(count(true), 1100);
	assert_int_equal(processor.asked, 1);
}

static void never_at_rest(void **s)
{
	(void)s;
	processor.changes = UINT32_MAX;
	assert_in_range(count(true), 100, 100 + 1000 * 1000);
	assert_in_range(processor.asked, 1, 1000);
	setup(NULL);
	page.lock = 3; /* somebody died in the middle */
	assert_int_equal(count(true), 100);
	assert_int_equal(processor.asked, 0);
}

static void processor_refuses(void **s)
{
	(void)s;
	processor.faults = true;
	assert_int_equal(count(true), 100);
	rt_host_processor = NULL;
	assert_int_equal(count(true), 100);
}

static void zeroes(void **s)
{
	(void)s;
	memset(&page, 0, sizeof page);
	assert_int_equal(count(false), 0);
}

/* A random page is read without a fault, and in bounded time. */
static void any_bytes(void **s)
{
	uint64_t state = 88172645463325252ull;
	uint8_t *bytes = (uint8_t *)&page;
	bool idle;

	(void)s;
	for (int n = 0; n < 100000; n++) {
		for (size_t i = 0; i < sizeof page; i++) {
			state ^= state << 13, state ^= state >> 7, state ^= state << 17;
			bytes[i] = (uint8_t)state;
		}
		processor.value = state;
		processor.changes = state % 5;
		rt_counter_of_page(&page, &idle);
	}
}

/* ---- the kernel's own pages ------------------------------------------------------------------- */

static const struct rt_counter_page *open_page(uint64_t config, int *fd)
{
	struct perf_event_attr a = { .size = sizeof a, .type = PERF_TYPE_SOFTWARE, .config = config,
				     .exclude_kernel = 1, .exclude_hv = 1 };
	void *p;

	*fd = (int)syscall(SYS_perf_event_open, &a, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (*fd < 0)
		return NULL; /* perf_event_paranoid, or a container */
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, *fd, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	return p;
}

static void touch(size_t pages)
{
	char *p = mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	madvise(p, pages * 4096, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < pages; i++)
		p[i * 4096] = 1;
	munmap(p, pages * 4096);
}

/*
 * A software event's page can be mapped and read, and tells the truth when the thread comes back to a processor: not before. That is why
 * @perf of those is refused, but where the kernel has a call for them.
 */
static void software_events(void **s)
{
	bool idle;
	int fd;
	const struct rt_counter_page *p = open_page(PERF_COUNT_SW_PAGE_FAULTS, &fd);
	int64_t before, after;
	uint64_t truth;

	(void)s;
	if (!p)
		return;
	assert_int_equal(p->index, 0);
	assert_int_equal(p->capabilities & RT_COUNTER_READABLE, 0);
	before = rt_counter_of_page(p, &idle);
	assert_false(idle);
	touch(100);
	usleep(1000);
	after = rt_counter_of_page(p, &idle);
	assert_int_equal(read(fd, &truth, sizeof truth), sizeof truth);
	assert_true(after - before >= 100 && after <= (int64_t)truth);
	assert_int_equal(processor.asked, 0);
	munmap((void *)p, 4096);
	close(fd);
}

TESTS(counter, cmocka_unit_test_setup(layout_is_the_kernels, setup),
      cmocka_unit_test_setup(offset_and_what_the_processor_has, setup),
      cmocka_unit_test_setup(fixed_counters_have_large_numbers, setup), cmocka_unit_test_setup(not_counted_now, setup),
      cmocka_unit_test_setup(not_readable, setup), cmocka_unit_test_setup(widths, setup),
      cmocka_unit_test_setup(widths_that_make_no_sense, setup), cmocka_unit_test_setup(sums_wrap, setup),
      cmocka_unit_test_setup(changed_under_the_reader, setup),
      cmocka_unit_test_setup(taken_away_under_the_reader, setup), cmocka_unit_test_setup(never_at_rest, setup),
      cmocka_unit_test_setup(processor_refuses, setup), cmocka_unit_test_setup(zeroes, setup),
      cmocka_unit_test_setup(any_bytes, setup), cmocka_unit_test_setup(software_events, setup));
