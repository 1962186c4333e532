/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output: records for the tool to format, and strings formatted in place.
 *
 * A record of printf holds the arguments only.  Longs are 8 bytes; strings
 * are u32 length, u32 0, bytes padded to 8; so are the bytes that %m and %M
 * name, which the tool could not read any more: they stand in place of their
 * address.
 */
#include "runtime/core/print.h"
#include "runtime/core/formatter.h"
#include "runtime/core/ring.h"
#include "runtime/core/stat.h"
#include "runtime/core/sample.h"
#include "runtime/format.h"
#include "runtime/rt_api.h"

RT_INLINE bool is_string(const struct abi_format *f, uint32_t i)
{
	return i < 64 && f->string_args >> i & 1;
}

/* Writes a string argument; where the next one goes. */
static char *put_string(char *to, const char *text, uint32_t length)
{
	uint64_t head = length;

	memcpy(to, &head, 8);
	memcpy(to + 8, text, length);
	return to + 8 + rt_align8(length);
}

static void print_longs(struct abi_slot *s, int64_t format, uint32_t n, const uint64_t *args)
{
	struct abi_record *r =
		rt_ring_take(s, sizeof *r + (uint64_t)n * 8, ABI_RECORD_PRINT, (uint32_t)format);
	uint64_t *to;

	if (rt_unlikely(!r))
		return;
	to = (uint64_t *)(r + 1);
	for (uint32_t i = 0; i < n; i++)
		to[i] = args[i];
	rt_ring_add(s, r);
}

static void print_mixed(struct abi_slot *s, int64_t format, const struct abi_format *f,
			const uint64_t *args)
{
	uint64_t size = sizeof(struct abi_record) + (uint64_t)f->n_args * 8;
	struct abi_record *r;
	char *to;

	for (uint32_t i = 0; i < f->n_args; i++)
		if (is_string(f, i))
			size += rt_align8(((rt_str)args[i])->length);
	r = rt_ring_take(s, size, ABI_RECORD_PRINT, (uint32_t)format);
	if (!r)
		return;
	to = (char *)(r + 1);
	for (uint32_t i = 0; i < f->n_args; i++) {
		rt_str text = (rt_str)args[i];

		if (is_string(f, i)) {
			to = put_string(to, text->text, text->length);
		} else {
			memcpy(to, &args[i], 8);
			to += 8;
		}
	}
	rt_ring_add(s, r);
}

/* ---- %m and %M ---------------------------------------------------------------------- */

/* Sizes of the arguments in the record, counts[i] - 1 bytes of memory for those that name some; 0:
 * error raised. */
static uint64_t measure(struct abi_slot *s, const struct abi_format *f, const uint64_t *args,
			uint32_t counts[RT_FORMAT_ARGS])
{
	uint64_t size = sizeof(struct abi_record);

	if (!rt_format_memory(s, f, args, counts))
		return 0;
	for (uint32_t i = 0; i < f->n_args; i++) {
		size += 8;
		if (counts[i])
			size += rt_align8(counts[i] - 1);
		else if (is_string(f, i))
			size += rt_align8(((rt_str)args[i])->length);
	}
	return size;
}

/* False on a fault: nothing of the call is printed. */
static bool put_memory(struct abi_slot *s, char *to, uint64_t address, uint32_t n)
{
	uint64_t head = n, byte;

	memcpy(to, &head, 8);
	for (uint32_t i = 0; i < n; i++) {
		if (!rt_peek(s, address + i, 1, &byte)) {
			rt_format_fault(s, address + i);
			return false;
		}
		to[8 + i] = (char)byte;
	}
	return true;
}

static void print_memory(struct abi_slot *s, int64_t format, const struct abi_format *f,
			 const uint64_t *args)
{
	uint32_t counts[RT_FORMAT_ARGS];
	uint64_t size = measure(s, f, args, counts);
	struct abi_record *r =
		size ? rt_ring_take(s, size, ABI_RECORD_PRINT, (uint32_t)format) : NULL;
	char *to;

	if (!r)
		return;
	to = (char *)(r + 1);
	for (uint32_t i = 0; i < f->n_args; i++) {
		rt_str text = (rt_str)args[i];

		if (counts[i]) {
			if (!put_memory(s, to, args[i], counts[i] - 1))
				return;
			to += 8 + rt_align8(counts[i] - 1);
		} else if (is_string(f, i)) {
			to = put_string(to, text->text, text->length);
		} else {
			memcpy(to, &args[i], 8);
			to += 8;
		}
	}
	rt_ring_add(s, r);
}

void rt_print(struct abi_slot *s, int64_t format, const struct abi_format *f, const uint64_t *args)
{
	const struct abi_format_part *p = (const void *)(f + 1);

	for (uint32_t i = 0; i < f->n_parts; i++)
		if (rt_unlikely((p[i].conversion | 0x20) == 'm')) {
			print_memory(s, format, f, args);
			return;
		}
	if (rt_likely(!f->string_args))
		print_longs(s, format, f->n_args, args);
	else
		print_mixed(s, format, f, args);
}

/* ---- texts -------------------------------------------------------------------------------- */

void rt_print_text(struct abi_slot *s, uint32_t kind, const char *text, uint32_t length,
		   bool newline)
{
	uint32_t n = s->n_called;
	uint64_t head = kind == ABI_RECORD_ERROR ? rt_align8(8 + n * sizeof *s->called) : 0;
	uint64_t size = rt_align8(sizeof(struct abi_record) + head + ABI_STRING_HEAD + length +
				  newline + 1);
	struct abi_record *r = rt_ring_take(s, size, kind, 0);
	struct abi_string *to;

	if (!r)
		return;
	if (head) {
		uint32_t *to_where = (uint32_t *)(r + 1);

		to_where[0] = s->where;
		to_where[1] = n;
		memcpy(to_where + 2, s->called, n * sizeof *s->called);
	}
	to = (struct abi_string *)((char *)(r + 1) + head);
	to->pad = 0;
	rt_string_set(to, text, length, length);
	if (newline) {
		to->text[to->length++] = '\n';
		to->text[to->length] = 0;
	}
	rt_ring_add(s, r);
}

void rt_log(struct abi_slot *s, rt_str text)
{
	rt_print_text(s, ABI_RECORD_TEXT, text->text, text->length, true);
}

void rt_put(struct abi_slot *s, rt_str text)
{
	rt_print_text(s, ABI_RECORD_TEXT, text->text, text->length, false);
}

void rt_warn(struct abi_slot *s, rt_str text)
{
	rt_print_text(s, ABI_RECORD_WARN, text->text, text->length, false);
}

void rt_system(struct abi_slot *s, rt_str command)
{
	rt_print_text(s, ABI_RECORD_SYSTEM, command->text, command->length, false);
}

void rt_switch_file(struct abi_slot *s)
{
	rt_print_text(s, ABI_RECORD_SWITCH, "", 0, false);
}

/* ---- histograms ------------------------------------------------------------------------------ */

/* One that is too large for a record of numbers goes out as text, piece by piece. */
static void write_text(void *to, const char *bytes, uint64_t length)
{
	rt_print_text(to, ABI_RECORD_TEXT, bytes, (uint32_t)length, false);
}

static void print_hist_text(struct abi_slot *s, int64_t newline, const struct abi_stat_desc *d,
			    int64_t kind, const struct abi_stat *v)
{
	rt_format_hist(d, kind, v, rt_region(s)->hist_width, rt_region(s)->hist_elision, write_text,
		       s);
	if (newline)
		write_text(s, "\n", 1);
}

void rt_print_hist(struct abi_slot *s, int64_t format, const struct abi_stat_desc *d,
		   int64_t hist_kind, const struct abi_stat *v)
{
	uint64_t value = ABI_STAT_HEAD + (uint64_t)d->buckets * 8, size;
	struct abi_stat_desc *desc;
	struct abi_record *r;

	if (!v || v->count == 0) {
		rt_raise(s, 4);
		return;
	}
	size = sizeof *r + sizeof *d + value;
	if (size > rt_region(s)->ring_size / 2) {
		print_hist_text(s, format, d, hist_kind, v);
		return;
	}
	r = rt_ring_take(s, size, ABI_RECORD_HIST, (uint32_t)format);
	if (!r)
		return;
	desc = (struct abi_stat_desc *)(r + 1);
	*desc = *d;
	desc->keep = hist_kind == RT_HIST_LOG ? ABI_KEEP_LOG : ABI_KEEP_LINEAR;
	memcpy(desc + 1, v, value);
	rt_ring_add(s, r);
}

/* ---- into strings -------------------------------------------------------------------------------
 */

struct string_sink {
	struct abi_string *out;
	uint32_t most;
};

static void write_string(void *to, const char *bytes, uint64_t length)
{
	struct string_sink *sink = to;
	uint64_t room = sink->most - sink->out->length;

	if (length > room)
		length = room;
	memcpy(sink->out->text + sink->out->length, bytes, length);
	sink->out->length += (uint32_t)length;
}

void rt_sprint_hist(struct abi_slot *s, const struct abi_stat_desc *d, int64_t hist_kind,
		    const struct abi_stat *v, struct abi_string *out)
{
	struct string_sink sink = { out, rt_string_most(s) };

	out->length = 0;
	if (!v || v->count == 0)
		rt_raise(s, 4);
	else
		rt_format_hist(d, hist_kind, v, rt_region(s)->hist_width,
			       rt_region(s)->hist_elision, write_string, &sink);
	out->text[out->length] = 0;
}
