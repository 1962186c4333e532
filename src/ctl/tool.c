/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session's code in the tool itself: begin, end, error and timer handlers
 * are the same machine code as in targets, called as C functions.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ctl/family.h"
#include "ctl/session.h"

#define FLAG_SIGINFO 0x4u
#define FLAG_RESTORER 0x4000000u
#define FLAG_NODEFER 0x40000000u
#define MASK_SIZE 8
#define ARCH_GET_FS 0x1003
/* The runtime calls what this word of slot.scratch points to when the tool's ring is full. */
#define SCRATCH_DRAIN 0
#define SCRATCH_FETCH 8 /* and to what this one points for the target's memory */

typedef void handler_function(struct abi_slot *);

static const int fault_signals[] = { SIGSEGV, SIGBUS };

/* ---- code ------------------------------------------------------------------------------ */

static struct error *map_code(struct ctl_session *s)
{
	struct ctl_tool *t = &s->tool;
	char name[64];
	void *code;

	ctl_place_lay_out(&s->runtime, s->bundle, 0, &t->place);
	snprintf(name, sizeof name, "spile:code:%d", (int)getpid());
	t->fd = memfd_create(name, MFD_CLOEXEC);
	if (t->fd < 0 || ftruncate(t->fd, (off_t)t->place.fixed_size))
		return error_errno(errno, "cannot make memory for code");
	code = mmap(NULL, t->place.fixed_size, PROT_READ | PROT_EXEC, MAP_SHARED, t->fd, 0);
	t->view = mmap(NULL, t->place.fixed_size, PROT_READ | PROT_WRITE, MAP_SHARED, t->fd, 0);
	if (code == MAP_FAILED || t->view == MAP_FAILED)
		return error_errno(errno, "cannot map memory for code");
	ctl_place_lay_out(&s->runtime, s->bundle, (uint64_t)code, &t->place);
	return NULL;
}

/* pp() of a handler that runs in the tool is its probe point. */
static void make_sites(struct ctl_session *s)
{
	const struct bundle *b = s->bundle;

	s->tool.sites = arena_array(s->arena, struct abi_site, b->probes.n);
	for (uint32_t i = 0; i < b->probes.n; i++) {
		const char *text = b->probes.p[i].point ? b->probes.p[i].point : "";
		size_t n = base_min(strlen(text), (size_t)s->region->max_string - 1);
		struct abi_string *point = arena_alloc(s->arena, ABI_STRING_HEAD + n + 1);

		point->length = (uint32_t)n;
		memcpy(point->text, text, n);
		s->tool.sites[i] = (struct abi_site){ .point = (uint64_t)point, .probe = i };
	}
}

static void make_process(struct ctl_session *s)
{
	struct ctl_tool *t = &s->tool;

	t->process = arena_new(s->arena, struct abi_process);
	t->table = arena_array(s->arena, struct abi_table_entry, ABI_TABLE_ENTRIES);
	t->place.region = (uint64_t)s->region;
	t->place.process = (uint64_t)t->process;
	t->place.table = (uint64_t)t->table;
	*t->process = (struct abi_process){ .magic = ABI_MAGIC,
					    .region = t->place.region,
					    .table = t->place.table,
					    .sites = (uint64_t)t->sites,
					    .n_sites = s->bundle->probes.n,
					    .traps = t->place.traps,
					    .text_start = t->place.image,
					    .text_end = t->place.sites };
}

static void fill_faults(struct ctl_session *s)
{
	uint64_t start, end;

	if (!ctl_runtime_find(&s->runtime, "rt_fault_start", &start) ||
	    !ctl_runtime_find(&s->runtime, "rt_fault_end", &end))
		return;
	s->tool.process->faults = s->tool.place.image + start;
	s->tool.process->n_faults = (end - start) / 8;
}

/* ---- slot --------------------------------------------------------------------------------- */

static struct ctl_session *draining; /* the one session of this tool, for the callback */

static void drain(struct abi_slot *slot)
{
	(void)slot;
	ctl_collect_own(draining);
}

/* Variables of the target, in handlers that run here: of the process of -c or -x. */
static bool fetch(struct abi_slot *slot, uint64_t address, uint64_t size, void *to)
{
	struct iovec here = { to, size }, there = { (void *)address, size };
	pid_t pid = (pid_t)draining->region->target_pid;

	(void)slot;
	return pid && process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)size;
}

static void make_slot(struct ctl_session *s)
{
	struct ctl_tool *t = &s->tool;
	struct abi_slot *slot = ctl_slot(s, s->region->tool_slot);
	uint64_t base = 0, key, at;

	syscall(SYS_arch_prctl, ARCH_GET_FS, &base);
	key = ~base;
	at = ABI_TABLE_INDEX(key);
	slot->process = (uint64_t)t->process;
	slot->region = (uint64_t)s->region;
	slot->tid = slot->pid = (uint32_t)getpid();
	slot->tid_address = (uint64_t)&slot->tid;
	slot->number = s->region->tool_slot;
	slot->in_tool = 1;
	slot->key = key;
	vec_each(g, &s->bundle->globals)
		if (g->layout.share == ABI_SHARE_SHARDED && g->layout.is_map)
			memcpy((char *)slot + g->layout.shard_offset, &g->map, sizeof g->map);
	t->table[at] = (struct abi_table_entry){ key, (uint64_t)slot };
	t->slot = slot;
	draining = s;
	slot->scratch[SCRATCH_DRAIN] = (uint64_t)drain;
	slot->scratch[SCRATCH_FETCH] = (uint64_t)fetch;
}

/* ---- faults ---------------------------------------------------------------------------------- */

/* Handlers that read memory may fault here as well; the runtime goes on at its fix-ups. */
static void take_signals(struct ctl_session *s)
{
	uint64_t handler, restorer;
	struct abi_sigaction a;

	if (!s->bundle->reads_memory || !ctl_runtime_find(&s->runtime, "rt_signal", &handler) ||
	    !ctl_runtime_find(&s->runtime, "rt_restorer", &restorer))
		return;
	a = (struct abi_sigaction){ s->tool.place.image + handler,
				    FLAG_SIGINFO | FLAG_RESTORER | FLAG_NODEFER,
				    s->tool.place.image + restorer, 0 };
	for (size_t i = 0; i < base_count(fault_signals); i++)
		syscall(SYS_rt_sigaction, fault_signals[i], &a, NULL, MASK_SIZE);
	s->tool.signals_taken = true;
}

struct error *ctl_tool_place(struct ctl_session *s)
{
	struct error *e = map_code(s);

	if (e)
		return e;
	make_sites(s);
	make_process(s);
	fill_faults(s);
	e = ctl_image_build(&s->runtime, s->bundle, &s->tool.place, s->tool.view);
	if (e)
		return e;
	make_slot(s);
	take_signals(s);
	return NULL;
}

void ctl_tool_remove(struct ctl_session *s)
{
	struct ctl_tool *t = &s->tool;

	for (size_t i = 0; t->signals_taken && i < base_count(fault_signals); i++)
		signal(fault_signals[i], SIG_DFL);
	t->signals_taken = false;
	if (t->view && t->view != MAP_FAILED)
		munmap(t->view, t->place.fixed_size);
	if (t->place.image)
		munmap((void *)t->place.image, t->place.fixed_size);
	if (t->fd >= 0)
		close(t->fd);
	t->view = NULL;
	t->place.image = 0;
	t->fd = -1;
	draining = NULL;
}

/* ---- running ------------------------------------------------------------------------------------
 */

static handler_function *function_at(uint64_t address)
{
	return (handler_function *)address;
}

static void prepare_slot(const struct ctl_session *s, uint32_t probe)
{
	struct abi_slot *slot = s->tool.slot;

	slot->busy = 1;
	slot->actions = s->region->max_action;
	slot->depth = s->region->max_nesting;
	slot->frame = (uint64_t)slot + s->region->frame_offset;
	slot->error = ABI_ERROR_NONE;
	slot->hit_tsc = 0;
	slot->site = (uint64_t)&s->tool.sites[probe];
}

/* What targets did since the last handler is not in the merged copies. */
static void make_dirty(const struct ctl_session *s)
{
	struct abi_global *globals = (void *)((char *)s->region + s->region->globals_offset);

	for (uint32_t i = 0; i < s->region->n_globals; i++)
		if (globals[i].share == ABI_SHARE_SHARDED)
			globals[i].dirty = 1;
}

static void finish(const struct ctl_session *s)
{
	uint64_t end;

	if (ctl_runtime_find(&s->runtime, "rt_handler_end", &end))
		function_at(s->tool.place.image + end)(s->tool.slot);
	__atomic_store_n(&s->tool.slot->busy, 0, __ATOMIC_RELEASE);
}

void ctl_tool_run(struct ctl_session *s, uint32_t probe)
{
	ctl_tool_run_for(s, probe, &s->tool.sites[probe]);
}

void ctl_tool_run_for(struct ctl_session *s, uint32_t probe, const struct abi_site *site)
{
	const struct bundle *b = s->bundle;
	const struct bundle_handler *h = &b->handlers.p[b->probes.p[probe].handler];

	if (h->variant[VARIANT_TOOL].kind != BUNDLE_FULL)
		return;
	prepare_slot(s, probe);
	s->tool.slot->site = (uint64_t)site;
	if (s->tool.slot->sample)
		s->tool.slot->hit_tsc = ((const struct abi_sample *)s->tool.slot->sample)->tsc;
	make_dirty(s);
	function_at(s->tool.place.code + h->variant[VARIANT_TOOL].at)(s->tool.slot);
	finish(s);
}

/* What a handler that is called in full form needs of the slot, it sets up itself. */
static void call_site(struct ctl_session *s, uint32_t probe, uint32_t at)
{
	typedef void caller(uint64_t handler, uint64_t site);
	uint64_t call;

	if (!ctl_runtime_find(&s->runtime, "rt_life_call", &call))
		return;
	((caller *)(s->tool.place.image + call))(s->tool.place.code + at, probe);
}

void ctl_tool_run_life(struct ctl_session *s, const struct ctl_subject *subject, uint32_t event)
{
	const struct bundle *b = s->bundle;
	struct abi_slot *slot = s->tool.slot;
	uint32_t pid = slot->pid, tid = slot->tid;

	slot->pid = (uint32_t)subject->pid;
	slot->tid = (uint32_t)subject->tid;
	s->region->subject = subject->member + 1;
	for (uint32_t i = 0; i < b->probes.n; i++) {
		const struct bundle_probe *p = &b->probes.p[i];
		const struct bundle_handler *h = &b->handlers.p[p->handler];

		if (p->life == event && h->variant[VARIANT_CALLED].kind == BUNDLE_FULL &&
		    ctl_life_matches(p, &subject->program, subject->pid))
			call_site(s, i, h->variant[VARIANT_CALLED].at);
	}
	s->region->subject = 0;
	slot->pid = pid;
	slot->tid = tid;
}

bool ctl_tool_ask(struct ctl_session *s, uint32_t probe)
{
	const struct bundle *b = s->bundle;
	const struct bundle_handler *h = &b->handlers.p[b->probes.p[probe].condition - 1];
	bool failed;

	if (h->variant[VARIANT_TOOL].kind != BUNDLE_FULL)
		return true;
	prepare_slot(s, probe);
	make_dirty(s);
	s->region->condition_holds = 0;
	function_at(s->tool.place.code + h->variant[VARIANT_TOOL].at)(s->tool.slot);
	/* The error is the hit's to tell. */
	failed = s->tool.slot->error != ABI_ERROR_NONE;
	s->tool.slot->error = ABI_ERROR_NONE;
	finish(s);
	return failed || s->region->condition_holds;
}

static int by_sequence(const void *a, const void *b, void *user)
{
	const struct bundle *bundle = user;
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
	int64_t x = bundle->probes.p[i].sequence, y = bundle->probes.p[j].sequence;

	if (x != y)
		return x < y ? -1 : 1;
	return i < j ? -1 : i > j;
}

/* What an event's handlers run in; whatever changes it ends the round. */
static bool still(const struct ctl_session *s, enum ctl_event event)
{
	const struct abi_region *r = s->region;

	if (event == CTL_BEGIN)
		return r->state == ABI_STATE_STARTING && !r->request_exit;
	return event == CTL_ERROR || r->state != ABI_STATE_ERROR;
}

void ctl_tool_run_all(struct ctl_session *s, enum ctl_event event)
{
	const struct bundle *b = s->bundle;
	uint32_t *list = arena_array(s->arena, uint32_t, b->probes.n), n = 0;

	for (uint32_t i = 0; i < b->probes.n; i++)
		if (b->probes.p[i].event == (uint32_t)event)
			list[n++] = i;
	qsort_r(list, n, sizeof *list, by_sequence, (void *)(uintptr_t)b);
	for (uint32_t i = 0; i < n && still(s, event); i++)
		ctl_tool_run(s, list[i]);
}

void ctl_tool_collapse(struct ctl_session *s)
{
	uint64_t collapse;

	if (ctl_runtime_find(&s->runtime, "rt_collapse", &collapse))
		function_at(s->tool.place.image + collapse)(s->tool.slot);
	s->region->collapsed = 1;
}
