/* SPDX-License-Identifier: Apache-2.0 */
/* The shared region: laid out from the bundle, sparse, one memfd for all processes of the session.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "ctl/session.h"

#define STACK_SIZE (64u << 10)
#define RING_SIZE (1u << 20)
#define PAGES(n) base_align((uint64_t)(n), (uint64_t)ABI_PAGE)

static uint64_t ring_size_of(const struct ctl_options *o)
{
	uint64_t size = o->ring_size;

	return size >= ABI_PAGE && (size & (size - 1)) == 0 ? size : RING_SIZE;
}

/* Between the stack and the ring. */
static void lay_out_texts(struct abi_region *r, uint32_t max_string)
{
	r->texts_offset = r->ring_offset;
	r->texts_count = ABI_KEPT_TEXTS;
	r->text_size = base_align((uint32_t)sizeof(struct abi_kept_text) + max_string, 8u);
	r->ring_offset += PAGES(sizeof(struct abi_kept) + (uint64_t)r->texts_count * r->text_size);
}

static void lay_out_slots(const struct ctl_session *s, struct abi_region *r)
{
	const struct bundle *b = s->bundle;

	r->slot_count = CTL_SLOTS;
	r->members_offset = PAGES(b->globals_offset + b->globals_size);
	r->members_offset = base_max(r->members_offset, (uint64_t)ABI_PAGE);
	r->member_count = ABI_MEMBERS;
	r->slots_offset = PAGES(r->members_offset + ABI_MEMBERS * sizeof(struct abi_member));
	r->frame_offset = PAGES(ABI_SLOT_HEAD + b->shards_size);
	r->frame_size = b->frame_size;
	r->match_offset = b->match_offset;
	r->stack_offset = PAGES(r->frame_offset + r->frame_size);
	r->stack_size = PAGES(base_max((uint64_t)STACK_SIZE, b->stack_size));
	r->ring_offset = r->stack_offset + r->stack_size;
	if (b->keeps_texts)
		lay_out_texts(r, b->max_string);
	r->ring_size = ring_size_of(s->options);
	r->slot_size = PAGES(r->ring_offset + r->ring_size);
	r->size = r->slots_offset + r->slot_count * r->slot_size;
}

static void set_limits(const struct ctl_session *s, struct abi_region *r)
{
	const struct bundle *b = s->bundle;

	r->globals_offset = b->globals_offset;
	r->n_globals = b->globals.n;
	r->max_string = b->max_string ? b->max_string : ABI_MAXSTRINGLEN;
	r->max_map_entries = b->max_map_entries;
	r->max_errors = b->max_errors;
	r->max_skipped = s->options->suppress_handler_errors ? UINT32_MAX : b->max_skipped;
	r->max_action = b->max_action;
	r->hist_width = b->hist_width;
	r->hist_elision = b->hist_elision;
	r->max_backtrace = b->max_backtrace;
	r->max_nesting = b->max_nesting;
	r->lossless = s->options->lossless;
	r->suppress_errors = s->options->suppress_handler_errors;
	r->tool_pid = (uint32_t)getpid();
}

/* What a target could not find out for itself. */
static void set_zone(struct abi_region *r)
{
	time_t now = time(NULL);
	struct tm local;

	if (!localtime_r(&now, &local))
		return;
	r->zone_west = -local.tm_gmtoff;
	snprintf(r->zone_name, sizeof r->zone_name, "%s", local.tm_zone ? local.tm_zone : "");
}

static struct error *map_region(struct ctl_session *s, const struct abi_region *head)
{
	char name[64];

	snprintf(name, sizeof name, "spile:region:%d", (int)getpid());
	s->region_fd = memfd_create(name, MFD_CLOEXEC);
	if (s->region_fd < 0)
		return error_errno(errno, "cannot make shared memory");
	if (ftruncate(s->region_fd, (off_t)head->size))
		return error_errno(errno, "cannot make %lu MiB of shared memory",
				   (unsigned long)(head->size >> 20));
	s->region = mmap(NULL, head->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
			 s->region_fd, 0);
	if (s->region == MAP_FAILED) {
		s->region = NULL;
		return error_hint(error_errno(errno, "cannot map %lu MiB of shared memory",
					      (unsigned long)(head->size >> 20)),
				  "little of it is used, but the address space must have room: raise ulimit -v");
	}
	s->region_size = head->size;
	*s->region = *head;
	return NULL;
}

struct error *ctl_region_create(struct ctl_session *s)
{
	struct abi_region head = { .magic = ABI_MAGIC,
				   .version = ABI_VERSION,
				   .state = ABI_STATE_STARTING };
	struct error *e;

	lay_out_slots(s, &head);
	ctl_tables_lay_out(s, &head);
	set_limits(s, &head);
	set_zone(&head);
	if (s->target)
		head.target_pid = (uint32_t)s->target->proc->pid;
	/* The tool has the first slot. */
	head.slot_next = 1;
	head.tool_slot = 0;
	head.collapsed = 1;
	e = map_region(s, &head);
	for (uint32_t i = 0; !e && i < s->bundle->globals.n; i++)
		bundle_global_init(s->bundle, i, s->region);
	return e;
}

/* The head and what is in front of the shards of each slot, by number of the slot. */
static void copy_slots(struct ctl_process *p)
{
	struct ctl_session *s = p->session;
	const struct abi_region *r = s->region;
	uint32_t n = ctl_slots_used(s);

	for (uint32_t i = 0; i < n && (i + 1) * r->slot_size <= s->region_size - r->slots_offset; i++)
		if (proc_read(p->proc, p->place.region + r->slots_offset + i * r->slot_size,
			      ctl_slot(s, i), sizeof(struct abi_slot)) != sizeof(struct abi_slot))
			break;
}

static bool is_plausible(const struct abi_region *r, uint64_t size)
{
	return r->magic == ABI_MAGIC && r->version == ABI_VERSION && r->size == size &&
	       r->slot_count <= CTL_SLOTS && r->slots_offset >= sizeof *r &&
	       r->slots_offset < size && r->slot_size >= sizeof(struct abi_slot) &&
	       r->slot_size <= (size - r->slots_offset) / base_max(r->slot_count, 1u);
}

struct error *ctl_region_copy(struct ctl_process *p)
{
	struct ctl_session *s = p->session;
	struct abi_region head;

	if (proc_read(p->proc, p->place.region, &head, sizeof head) != sizeof head ||
	    !is_plausible(&head, s->region_size))
		return error_new(ERROR_OTHER, "the shared memory of a session in process %d is damaged",
				 (int)p->proc->pid);
	if (!s->region) {
		s->region = mmap(NULL, s->region_size, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (s->region == MAP_FAILED) {
			s->region = NULL;
			return error_errno(errno, "cannot map %lu MiB",
					   (unsigned long)(s->region_size >> 20));
		}
		s->region_is_copy = true;
	}
	*s->region = head;
	copy_slots(p);
	return NULL;
}

void ctl_region_destroy(struct ctl_session *s)
{
	if (s->region)
		munmap(s->region, s->region_size);
	if (s->region_fd >= 0)
		close(s->region_fd);
	s->region = NULL;
	s->region_fd = -1;
}

struct abi_slot *ctl_slot(const struct ctl_session *s, uint32_t number)
{
	return (void *)((char *)s->region + s->region->slots_offset +
			number * s->region->slot_size);
}

uint32_t ctl_slots_used(const struct ctl_session *s)
{
	return base_min(__atomic_load_n(&s->region->slot_next, __ATOMIC_ACQUIRE), CTL_SLOTS);
}

/* An error noted by a handler is not taken back. */
void ctl_state_set(struct ctl_session *s, uint32_t state)
{
	uint32_t now = __atomic_load_n(&s->region->state, __ATOMIC_ACQUIRE);

	while (now != ABI_STATE_ERROR &&
	       !__atomic_compare_exchange_n(&s->region->state, &now, state, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_ACQUIRE))
		;
}
