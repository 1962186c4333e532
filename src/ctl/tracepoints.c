/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes of the kernel's tracepoints: from the name and the fields of a bundle's probe to an event, and from the
 * event's record to what the handler asks for.
 *
 *	"sched/sched_wakeup pid prio target_cpu comm"
 *	                    |   |    |          other_name
 *	                    |   |    values[3]
 *	                    |   values[2]
 *	                    values[0], its process: values[1]
 */
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/records.h"

struct ctl_tracepoint {
	const struct proc_tracepoint_field *numbers[ABI_SAMPLE_VALUES - 1];
	uint32_t n_numbers;
	const struct proc_tracepoint_field *text; /* NULL none */
};

static bool take_field(struct ctl_tracepoint *t, const struct proc_tracepoint_field *f)
{
	if (!f || (!f->is_text && t->n_numbers == base_count(t->numbers)))
		return false;
	if (f->is_text)
		t->text = f;
	else
		t->numbers[t->n_numbers++] = f;
	return true;
}

struct error *ctl_tracepoint_find(struct ctl_session *s, const struct bundle_probe *b, struct proc_perf_event *event,
				  const struct ctl_tracepoint **out)
{
	char *rest = NULL, *words = arena_strdup(s->arena, b->record_tracepoint);
	const char *name = strtok_r(words, " ", &rest), *field;
	struct proc_tracepoint found;
	struct ctl_tracepoint *t = arena_new(s->arena, struct ctl_tracepoint);
	struct error *e;

	if (!name)
		return error_new(ERROR_BAD_FILE, "%s: a tracepoint without a name", b->point);
	e = proc_tracepoint_find(s->arena, b->point, name, &found);
	if (e)
		return e;
	while ((field = strtok_r(NULL, " ", &rest)))
		if (!take_field(t, proc_tracepoint_field(&found, field)))
			return error_new(ERROR_UNSUPPORTED, "%s: this kernel's tracepoint %s has no %s", b->point, name, field);
	*event = (struct proc_perf_event){ .type = PERF_TYPE_TRACEPOINT, .config = found.id, .period = 1, .raw = true,
					   .name = b->point };
	if (!t->n_numbers)
		return error_new(ERROR_BAD_FILE, "%s: a tracepoint without fields", b->point);
	event->subject = t->numbers[0]->offset;
	*out = t;
	return NULL;
}

void ctl_tracepoint_tell(const struct ctl_tracepoint *t, const struct proc_perf_record *p, struct abi_sample *out)
{
	out->values[0] = proc_tracepoint_number(t->numbers[0], p->raw, p->raw_size);
	for (uint32_t i = 1; i < t->n_numbers; i++)
		out->values[i + 1] = proc_tracepoint_number(t->numbers[i], p->raw, p->raw_size);
	if (t->text)
		proc_tracepoint_text(t->text, p->raw, p->raw_size, out->other_name, sizeof out->other_name);
}
