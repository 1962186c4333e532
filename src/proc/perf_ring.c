/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the kernel's rings (perf_event_open(2), "MMAP layout").
 *
 *	[page: head, tail][data ........................]
 *	                   ^at, tail      ^head
 *
 * The kernel alone moves the head, we alone the tail. A record may wrap round the end, so
 * each is copied out before it is looked at.
 *
 * Samples begin, after their header, with
 *
 *	id  ip  pid,tid  time  cpu,0  [size,raw...]  [abi  registers...]  [size  stack...  used]
 *
 * and all others end with
 *
 *	pid,tid  time  cpu,0  id
 *
 * (PERF_SAMPLE_IDENTIFIER with sample_id_all). PERF_SAMPLE_PERIOD is not among it: with that the kernel
 * makes a sample of every software event, whatever the period.
 */
#include "proc/perf_ring.h"

#include <linux/perf_event.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#define TRAILER 32u /* bytes behind a record that is no sample */
#define SAMPLE_ID 8u /* offsets in a sample */
#define SAMPLE_IP 16u
#define SAMPLE_TID 24u
#define SAMPLE_TIME 32u
#define SAMPLE_CPU 40u
#define SAMPLE_REST 48u
#define MAP_PATH 72u
#define KERNEL_REGISTERS 18u
#define SMALLEST (sizeof(struct perf_event_header))

/* The kernel's numbers of the registers (asm/perf_regs.h), by ours. */
static const uint8_t kernel_number[PROC_PERF_REGISTERS] = {
	0, 2, 3, 1, 7, 6, 4, 5, 16, 17, 18, 19, 20, 21, 22, 23, 8, 9,
};

uint64_t perf_ring_registers(void)
{
	uint64_t mask = 0;

	for (uint32_t i = 0; i < base_count(kernel_number); i++)
		mask |= (uint64_t)1 << kernel_number[i];
	return mask;
}

uint64_t perf_ring_sample_type(const struct proc_perf_event *e)
{
	uint64_t type = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU;

	if (e->period)
		type |= PERF_SAMPLE_IP | PERF_SAMPLE_REGS_USER;
	if (e->period && e->stack)
		type |= PERF_SAMPLE_STACK_USER;
	if (e->raw)
		type |= PERF_SAMPLE_RAW;
	return type;
}

static uint64_t word_at(const uint8_t *bytes, uint32_t at)
{
	uint64_t w;

	memcpy(&w, bytes + at, sizeof w);
	return w;
}

static uint32_t half_at(const uint8_t *bytes, uint32_t at)
{
	uint32_t w;

	memcpy(&w, bytes + at, sizeof w);
	return w;
}

static struct perf_event_header header_of(const uint8_t *bytes)
{
	struct perf_event_header h;

	memcpy(&h, bytes, sizeof h);
	return h;
}

/* ---- taking -------------------------------------------------------------------------- */

static void copy_out(const struct perf_ring *r, uint64_t at, void *to, size_t n)
{
	const uint8_t *data = (const uint8_t *)r->memory + 4096;
	size_t start = at & (r->data_size - 1), first = base_min(n, r->data_size - start);

	memcpy(to, data + start, first);
	memcpy((uint8_t *)to + first, data, n - first);
}

void perf_ring_take(struct perf_ring *r, struct arena *a,
		    void (*take)(void *user, const uint8_t *bytes, uint32_t size), void *user)
{
	struct perf_event_mmap_page *page = r->memory;
	uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);

	while (head - r->at >= SMALLEST) {
		struct perf_event_header h;
		uint8_t *bytes;

		copy_out(r, r->at, &h, sizeof h);
		if (h.size < SMALLEST || h.size > head - r->at)
			break;
		bytes = arena_alloc(a, h.size);
		copy_out(r, r->at, bytes, h.size);
		r->at += h.size;
		take(user, bytes, h.size);
	}
	r->at = head;
	__atomic_store_n(&page->data_tail, head, __ATOMIC_RELEASE);
}

/* ---- understanding -------------------------------------------------------------------- */

int64_t perf_ring_time(const uint8_t *bytes, uint32_t size)
{
	struct perf_event_header h = header_of(bytes);

	if (h.type == PERF_RECORD_SAMPLE)
		return size >= SAMPLE_REST ? (int64_t)word_at(bytes, SAMPLE_TIME) : INT64_MIN;
	return size >= SMALLEST + TRAILER ? (int64_t)word_at(bytes, size - TRAILER + 8) : INT64_MIN;
}

static bool take_registers(struct proc_perf_record *out, const uint8_t *bytes, uint32_t size, uint32_t *at)
{
	uint32_t end;

	if (*at + 8 > size)
		return false;
	out->has_registers = word_at(bytes, *at) == PERF_SAMPLE_REGS_ABI_64;
	*at += 8;
	end = *at + (word_at(bytes, *at - 8) ? KERNEL_REGISTERS * 8 : 0);
	if (end > size)
		return false;
	/* They come in the order of the kernel's numbers, those not asked for left out. */
	for (uint32_t i = 0; out->has_registers && i < PROC_PERF_REGISTERS; i++) {
		uint32_t n = kernel_number[i];

		out->registers[i] = word_at(bytes, *at + 8 * (n < 10 ? n : n - 6));
	}
	*at = end;
	return true;
}

/* Its size is padded, so that with the four bytes of the size it is a multiple of 8. */
static bool take_raw(struct proc_perf_record *out, const uint8_t *bytes, uint32_t size, uint32_t *at)
{
	if (*at + 4 > size)
		return false;
	out->raw_size = half_at(bytes, *at);
	*at += 4;
	if (out->raw_size > size - *at)
		return false;
	out->raw = bytes + *at;
	*at += out->raw_size;
	return true;
}

static void take_stack(struct proc_perf_record *out, const uint8_t *bytes, uint32_t size, uint32_t at)
{
	uint64_t room, used;

	if (at + 8 > size)
		return;
	room = word_at(bytes, at);
	at += 8;
	if (!room || room > size - at || size - at - room < 8)
		return;
	used = word_at(bytes, at + (uint32_t)room);
	out->stack = bytes + at;
	out->stack_size = (uint32_t)base_min(used, room);
}

static bool decode_sample(const uint8_t *bytes, uint32_t size, const struct proc_perf_event *events,
			  struct proc_perf_record *out)
{
	uint32_t at = SAMPLE_REST;

	out->kind = PROC_PERF_SAMPLE;
	out->address = word_at(bytes, SAMPLE_IP);
	out->in_kernel = (header_of(bytes).misc & PERF_RECORD_MISC_CPUMODE_MASK) == PERF_RECORD_MISC_KERNEL;
	if (events[out->event].raw && !take_raw(out, bytes, size, &at))
		return false;
	if (!take_registers(out, bytes, size, &at))
		return false;
	if (events[out->event].stack)
		take_stack(out, bytes, size, at);
	return true;
}

static void decode_task(const uint8_t *bytes, struct proc_perf_record *out)
{
	/* pid, ppid, tid, ptid */
	out->child_pid = half_at(bytes, 8);
	out->child_tid = half_at(bytes, 16);
	if (out->kind == PROC_PERF_EXIT) {
		out->pid = out->child_pid;
		out->tid = out->child_tid;
	} else {
		out->pid = half_at(bytes, 12);
		out->tid = half_at(bytes, 20);
	}
}

static void decode_name(const uint8_t *bytes, uint32_t size, struct proc_perf_record *out)
{
	uint32_t n = base_min(size - 16 - TRAILER, (uint32_t)sizeof out->name - 1);

	out->pid = half_at(bytes, 8);
	out->tid = half_at(bytes, 12);
	memcpy(out->name, bytes + 16, n);
}

/* pid, tid, address, length, offset, numbers of the device, inode, its generation, protection and flags, path with a NUL */
static bool decode_map(const uint8_t *bytes, uint32_t body, struct proc_perf_record *out)
{
	if (body <= MAP_PATH || bytes[body - 1])
		return false;
	out->kind = PROC_PERF_MAP;
	out->map = (struct proc_perf_map){ .start = word_at(bytes, 16),
					   .length = word_at(bytes, 24),
					   .offset = word_at(bytes, 32),
					   .device = makedev(half_at(bytes, 40), half_at(bytes, 44)),
					   .inode = word_at(bytes, 48),
					   .path = (const char *)bytes + MAP_PATH };
	return true;
}

static bool decode_other(const uint8_t *bytes, uint32_t size, struct proc_perf_record *out)
{
	struct perf_event_header h = header_of(bytes);
	uint32_t body = size - TRAILER;

	switch (h.type) {
	case PERF_RECORD_SWITCH:
		out->kind = h.misc & PERF_RECORD_MISC_SWITCH_OUT ? PROC_PERF_SWITCH_OUT :
								   PROC_PERF_SWITCH_IN;
		out->preempted = h.misc & PERF_RECORD_MISC_SWITCH_OUT_PREEMPT;
		return true;
	case PERF_RECORD_FORK:
	case PERF_RECORD_EXIT:
		out->kind = h.type == PERF_RECORD_FORK ? PROC_PERF_FORK : PROC_PERF_EXIT;
		if (body < 24)
			return false;
		decode_task(bytes, out);
		return true;
	case PERF_RECORD_COMM:
		out->kind = h.misc & PERF_RECORD_MISC_COMM_EXEC ? PROC_PERF_EXEC : PROC_PERF_RENAME;
		if (body < 16)
			return false;
		decode_name(bytes, size, out);
		return true;
	case PERF_RECORD_MMAP2:
		return decode_map(bytes, body, out);
	default:
		return false;
	}
}

bool perf_ring_decode(const uint8_t *bytes, uint32_t size, perf_ring_event *event, const void *user,
		      const struct proc_perf_event *events, struct proc_perf_record *out)
{
	bool is_sample = header_of(bytes).type == PERF_RECORD_SAMPLE;
	uint32_t ids = is_sample ? SAMPLE_TID : size - TRAILER;

	*out = (struct proc_perf_record){ .time = perf_ring_time(bytes, size) };
	if (out->time == INT64_MIN)
		return false;
	out->event = event(user, word_at(bytes, is_sample ? SAMPLE_ID : size - 8));
	if (out->event == UINT32_MAX)
		return false;
	out->pid = half_at(bytes, ids);
	out->tid = half_at(bytes, ids + 4);
	out->cpu = half_at(bytes, ids + 16);
	return is_sample ? decode_sample(bytes, size, events, out) : decode_other(bytes, size, out);
}
