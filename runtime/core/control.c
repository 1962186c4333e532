/* SPDX-License-Identifier: Apache-2.0 */
/* Run-time errors, the ways a script ends its session, the end of a handler, and chance. */
#include "runtime/core/print.h"
#include "runtime/core/ring.h"
#include "runtime/core/wake.h"
#include "runtime/rt_api.h"

static struct abi_string *error_text(struct abi_slot *s)
{
	return (struct abi_string *)((char *)s + ABI_SLOT_ERROR);
}

static void raise(struct abi_slot *s, uint32_t error, const char *text, uint32_t length)
{
	if (s->error >= error)
		return;
	s->error = error;
	s->n_called = 0;
	rt_string_set(error_text(s), text, length, ABI_MAXSTRINGLEN - 1);
}

RT_COLD void rt_raise_text(struct abi_slot *s, const char *text, uint32_t length)
{
	raise(s, ABI_ERROR_RAISED, text, length);
}

/* A call that was refused is where the error happened; of a recursion its call is told once. */
void rt_called_from(struct abi_slot *s, int64_t position)
{
	uint32_t n = s->n_called, last = n ? s->called[n - 1] : s->where;

	if (n < ABI_CALLED && last != (uint32_t)position)
		s->called[s->n_called++] = (uint32_t)position;
}

void rt_error(struct abi_slot *s, rt_str text)
{
	rt_raise_text(s, text->text, text->length);
}

#define RAISE_MAXACTION 1

RT_COLD void rt_raise(struct abi_slot *s, int64_t number)
{
	static const char texts[][48] = {
		"division by 0",	   "MAXACTION exceeded",
		"MAXNESTING exceeded",	   "Array overflow, check MAXMAPENTRIES",
		"empty aggregate",	   "histogram index out of range",
		"all functions exhausted", "unknown error",
	};
	uint64_t last = sizeof texts / sizeof texts[0] - 1;
	const char *text = texts[(uint64_t)number < last ? (uint64_t)number : last];
	uint32_t length = 0;

	while (text[length])
		length++;
	raise(s, number == RAISE_MAXACTION ? ABI_ERROR_FATAL : ABI_ERROR_RAISED, text, length);
}

void rt_catch(struct abi_slot *s, struct abi_string *out)
{
	const struct abi_string *text = error_text(s);

	rt_string_set(out, text->text, text->length, rt_string_most(s));
	s->error = ABI_ERROR_NONE;
}

void rt_condition_holds(struct abi_slot *s)
{
	rt_region(s)->condition_holds = 1;
}

void rt_condition_changed(struct abi_slot *s)
{
	struct abi_region *r = rt_region(s);

	if (__atomic_load_n(&r->conditions_dirty, __ATOMIC_RELAXED))
		return;
	__atomic_store_n(&r->conditions_dirty, 1, __ATOMIC_SEQ_CST);
	rt_wake_tool(r);
}

/* From here on no handler begins: what comes behind the event that was waited for does not count. */
void rt_exit(struct abi_slot *s)
{
	struct abi_region *r = rt_region(s);
	uint32_t running = ABI_STATE_RUNNING;

	__atomic_store_n(&r->request_exit, 1, __ATOMIC_SEQ_CST);
	__atomic_compare_exchange_n(&r->state, &running, ABI_STATE_STOPPING, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	rt_wake_tool(r);
}

/* A fatal error without a text is not reported. */
void rt_abort(struct abi_slot *s)
{
	raise(s, ABI_ERROR_FATAL, "", 0);
	rt_exit(s);
}

/* ---- the end of a handler ---------------------------------------------------------- */

static void count_error(struct abi_region *r)
{
	if (__atomic_add_fetch(&r->errors, 1, __ATOMIC_RELAXED) <= r->max_errors)
		return;
	__atomic_store_n(&r->state, ABI_STATE_ERROR, __ATOMIC_SEQ_CST);
	rt_wake_tool(r);
}

RT_COLD void rt_count_skipped(struct abi_region *r)
{
	uint32_t running = ABI_STATE_RUNNING;

	if (__atomic_add_fetch(&r->skipped, 1, __ATOMIC_RELAXED) <= r->max_skipped)
		return;
	if (__atomic_compare_exchange_n(&r->state, &running, ABI_STATE_ERROR, false, __ATOMIC_SEQ_CST,
					__ATOMIC_RELAXED))
		rt_wake_tool(r);
}

/* Suppressed errors are counted and nothing else, as if every handler caught them; MAXACTION cannot
 * be caught. */
static RT_COLD void report(struct abi_slot *s)
{
	struct abi_region *r = rt_region(s);
	const struct abi_string *text = error_text(s);

	if (s->error == ABI_ERROR_FATAL && !text->length) {
		s->error = ABI_ERROR_NONE;
		return;
	}
	if (r->suppress_errors && s->error != ABI_ERROR_FATAL) {
		__atomic_add_fetch(&r->errors, 1, __ATOMIC_RELAXED);
	} else {
		rt_print_text(s, ABI_RECORD_ERROR, text->text, text->length, false);
		count_error(r);
	}
	s->error = ABI_ERROR_NONE;
}

/* What the tool has merged for its handler's reads is out of date for the next one. */
static void forget_views(const struct abi_region *r)
{
	struct abi_global *g = (void *)((uint64_t)r + r->globals_offset);

	for (uint32_t i = 0; i < r->n_globals; i++)
		g[i].dirty = 1;
}

void rt_handler_end(struct abi_slot *s)
{
	if (rt_unlikely(s->error))
		report(s);
	if (s->locks_held)
		rt_unlock(s);
	if (s->ring_pending)
		rt_ring_end(s);
	if (rt_unlikely(s->in_tool))
		forget_views(rt_region(s));
}

/* ---- chance ---------------------------------------------------------------------------- */

#define RANDOM_MOST ((uint64_t)1 << 20)

/* Marsaglia's xorshift with a multiplication behind it, seeded by the clock. */
int64_t rt_randint(struct abi_slot *s, int64_t n)
{
	uint64_t *state = &s->scratch[RT_SCRATCH_RANDOM], x = *state;

	if ((uint64_t)n > RANDOM_MOST) {
		RT_RAISE(s, "range too wide");
		return 0;
	}
	if (!x)
		x = rt_tsc() * 2654435761u | 1;
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return (int64_t)((x * 0x2545f4914f6cdd1dull >> 32) * (uint64_t)n >> 32);
}
