/* SPDX-License-Identifier: Apache-2.0 */
/* Floating point by integers against the processor and the C library: bit for bit. */
#include "world.h"

#include <emmintrin.h>
#include <math.h>

static struct world *w;
static uint64_t state;

static int setup(void **s)
{
	(void)s;
	w = world_create(2048);
	state = 0x9e3779b97f4a7c15ull;
	return 0;
}

static int teardown(void **s)
{
	(void)s;
	world_destroy(w);
	return 0;
}

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1dull;
}

static double double_of(uint64_t bits)
{
	double d;

	memcpy(&d, &bits, sizeof d);
	return d;
}

static uint64_t bits_of(double d)
{
	uint64_t bits;

	memcpy(&bits, &d, sizeof bits);
	return bits;
}

/* Any bits; near each other; special; few bits; integers. */
static uint64_t operand(uint64_t near)
{
	static const uint64_t special[] = { 0, 1, 0x000fffffffffffff, 0x0010000000000000, 0x3ff0000000000000,
					    0x7fefffffffffffff, 0x7ff0000000000000, 0x7ff8000000000000,
					    0x7ff0000000000001, 0x4330000000000000, 0x43e0000000000000,
					    0x3fe0000000000000 };
	uint64_t r = next();

	switch (r >> 60) {
	case 0:
	case 1:
		return special[r % 12] | (r >> 8 & 1) << 63;
	case 2:
	case 3:
	case 4:
		return near + (next() % 64) - 32;
	case 5:
	case 6:
		return near ^ (next() & 0x80000000000003ff);
	case 7:
		return bits_of((double)((int64_t)next() >> (r & 63)));
	case 8:
		return next() & 0xfff8000000000000;
	case 9:
		return (near & 0xfff0000000000000) + (next() >> 12) + (((r & 127) - 64) << 52);
	default:
		return next();
	}
}

#define CHECK(name, a, b, have, want)                                                              \
	do {                                                                                       \
		uint64_t have_ = (uint64_t)(have), want_ = (want);                                 \
		if (have_ != want_)                                                                \
			fail_msg("%s(%#llx, %#llx): %#llx, processor %#llx", name, (unsigned long long)(a), \
				 (unsigned long long)(b), (unsigned long long)have_, (unsigned long long)want_); \
	} while (0)

/* By the instruction, so that the compiler does not choose which NaN wins. */
#define SSE(op, a, b)                                                                              \
	({                                                                                         \
		double d_ = double_of(a);                                                          \
		double e_ = double_of(b);                                                          \
		__asm__ volatile(op " %1, %0" : "+x"(d_) : "x"(e_));                               \
		bits_of(d_);                                                                       \
	})

#define ROUNDS 300000

static void arithmetic(void **s)
{
	uint64_t a = next(), b;

	(void)s;
	for (int i = 0; i < ROUNDS; i++) {
		a = operand(a);
		b = operand(a);
		CHECK("add", a, b, rt_fp_add(w->slot, (int64_t)a, (int64_t)b), SSE("addsd", a, b));
		CHECK("sub", a, b, rt_fp_sub(w->slot, (int64_t)a, (int64_t)b), SSE("subsd", a, b));
		CHECK("mul", a, b, rt_fp_mul(w->slot, (int64_t)a, (int64_t)b), SSE("mulsd", a, b));
		CHECK("div", a, b, rt_fp_div(w->slot, (int64_t)a, (int64_t)b), SSE("divsd", a, b));
		CHECK("sqrt", a, 0, rt_fp_sqrt(w->slot, (int64_t)a), SSE("sqrtsd", a, a));
		CHECK("eq", a, b, rt_fp_eq(w->slot, (int64_t)a, (int64_t)b), double_of(a) == double_of(b));
		CHECK("le", a, b, rt_fp_le(w->slot, (int64_t)a, (int64_t)b), double_of(a) <= double_of(b));
		CHECK("lt", a, b, rt_fp_lt(w->slot, (int64_t)a, (int64_t)b), double_of(a) < double_of(b));
	}
}

/* The processor's own IEEE remainder, in as many steps as it takes. */
static double remainder_by_x87(double a, double b)
{
	long double r = a, divisor = b;
	unsigned short status;

	do
		__asm__ volatile("fprem1\n\tfnstsw %1" : "+t"(r), "=a"(status) : "u"(divisor) : "cc");
	while (status & 0x400);
	return (double)r;
}

static void remainders(void **s)
{
	uint64_t a = next(), b, have, want;

	(void)s;
	for (int i = 0; i < ROUNDS / 10; i++) {
		a = operand(a);
		b = operand(a);
		have = (uint64_t)rt_fp_rem(w->slot, (int64_t)a, (int64_t)b);
		want = bits_of(remainder_by_x87(double_of(a), double_of(b)));
		if (isnan(double_of(want)))
			assert_true(isnan(double_of(have)));
		else
			CHECK("rem", a, b, have, want);
	}
}

static void conversions(void **s)
{
	static const unsigned modes[] = { _MM_ROUND_NEAREST, _MM_ROUND_TOWARD_ZERO, _MM_ROUND_DOWN, _MM_ROUND_UP };
	unsigned saved = _mm_getcsr();
	uint64_t a = next();

	(void)s;
	for (int i = 0; i < ROUNDS; i++) {
		uint32_t narrow = (uint32_t)next();
		float f;

		a = operand(a);
		for (int mode = 0; mode < 4; mode++) {
			unsigned control = (saved & ~(unsigned)_MM_ROUND_MASK) | modes[mode];
			int64_t want;

			__asm__ volatile("ldmxcsr %1\n\tcvtsd2si %2, %0\n\tldmxcsr %3"
					 : "=&r"(want)
					 : "m"(control), "x"(double_of(a)), "m"(saved));
			CHECK("to long", a, mode, rt_fp_to_long(w->slot, (int64_t)a, mode, 0), (uint64_t)want);
		}
		CHECK("from long", a, 0, rt_fp_from_long(w->slot, (int64_t)a), bits_of((double)(int64_t)a));
		memcpy(&f, &narrow, sizeof f);
		CHECK("widen", narrow, 0, rt_fp_widen(w->slot, narrow),
		      bits_of(_mm_cvtsd_f64(_mm_cvtss_sd(_mm_setzero_pd(), _mm_set_ss(f)))));
		_mm_store_ss(&f, _mm_cvtsd_ss(_mm_setzero_ps(), _mm_set_sd(double_of(a))));
		memcpy(&narrow, &f, sizeof narrow);
		CHECK("narrow", a, 0, rt_narrow_float(w->slot, (int64_t)a), narrow);
		if (fabs(double_of(a)) < 1e15)
			CHECK("round away", a, 4, rt_fp_to_long(w->slot, (int64_t)a, 4, 0), (uint64_t)llround(double_of(a)));
	}
	assert_int_equal(rt_fp_to_long(w->slot, (int64_t)bits_of(2.5), 6, 0), 3);
	assert_int_equal(rt_fp_to_long(w->slot, (int64_t)bits_of(-3.5), 6, 1), -3);
	assert_int_equal(rt_fp_to_long(w->slot, (int64_t)bits_of(4.0), 6, 1), 4);
}

static void to_text(void **s)
{
	uint64_t a = next();
	char want[2048];

	(void)s;
	for (int i = 0; i < ROUNDS / 20; i++) {
		struct abi_string *out = buffer();
		int precision = (int)(next() % (i % 50 ? 20 : 1200));

		a = operand(a);
		rt_fp_to_string(w->slot, (int64_t)a, precision, out);
		if (isnan(double_of(a)))
			strcpy(want, "nan");
		else
			snprintf(want, sizeof want, "%.*f", precision, double_of(a));
		if (strcmp(out->text, want) != 0)
			fail_msg("%#llx, %d digits: %s, C library %s", (unsigned long long)a, precision, out->text, want);
	}
}

static void from_text(void **s)
{
	static const char *const odd[] = { "", ".", "-", "1e", "1e+", "0x10", " \t+12.5z", "-.5", "5.", "1e400", "1e-400", "-0",
					   "0e999999999", "1e-999999999", "000.000e5", "4.9406564584124654e-324",
					   "2.4703282292062327e-324", "2.4703282292062328e-324", "1.7976931348623158e308",
					   "1.7976931348623159e308", "9007199254740993", "9007199254740993.0000000000000000000001",
					   "infinity", "inf", "-inf", "123456789012345678901234567890" };
	char text[1800];

	(void)s;
	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
		if (strcmp(odd[i], "0x10") != 0)
			CHECK(odd[i], i, 0, rt_string_to_fp(w->slot, str(odd[i])), bits_of(strtod(odd[i], NULL)));
	assert_int_equal(rt_string_to_fp(w->slot, str("0x10")), 0);
	assert_true(isnan(double_of((uint64_t)rt_string_to_fp(w->slot, str("nan")))));
	for (int i = 0; i < ROUNDS / 20; i++) {
		uint64_t a = next();
		int digits = i % 3 ? 17 : (int)(next() % 40);

		if (i % 200 == 0)
			/* half way between two doubles, to the last digit, and just above */
			snprintf(text, sizeof text, "%.1100Lf%s",
				 (long double)double_of(a % (1ull << 62)) / 2 + (long double)double_of(a % (1ull << 62) + 1) / 2,
				 i % 400 ? "1" : "");
		else
			snprintf(text, sizeof text, "%.*e", digits, double_of(a));
		if (strchr(text, 'n'))
			continue;
		CHECK(text, a, 0, rt_string_to_fp(w->slot, str(text)), bits_of(strtod(text, NULL)));
	}
}

static void bounds(void **s)
{
	struct world *small = world_create(16);
	struct abi_string *out = buffer();

	(void)s;
	rt_fp_to_string(small->slot, (int64_t)bits_of(1e300), 2, out);
	assert_int_equal(out->length, 15);
	rt_fp_to_string(small->slot, (int64_t)bits_of(-1.5), 1000000, out);
	assert_text(out, "-1.500000000000");
	rt_fp_to_string(small->slot, (int64_t)bits_of(99.5), -1, out);
	assert_text(out, "100");
	rt_fp_to_string(small->slot, (int64_t)bits_of(-9.995), 2, out);
	assert_text(out, "-9.99"); /* it is a little less than that */
	rt_fp_to_string(small->slot, (int64_t)bits_of(0.0), 3, out);
	assert_text(out, "0.000");
	rt_fp_to_string(small->slot, (int64_t)bits_of(-INFINITY), 3, out);
	assert_text(out, "-inf");
	world_destroy(small);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
const struct CMUnitTest fp_tests[] = { TEST(arithmetic), TEST(remainders), TEST(conversions),
				       TEST(to_text),	 TEST(from_text),  TEST(bounds) };
const size_t n_fp_tests = sizeof fp_tests / sizeof fp_tests[0];
