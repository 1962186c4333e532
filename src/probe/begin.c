/* SPDX-License-Identifier: Apache-2.0 */
/* begin, end, error, each with an optional sequence number, and never: they run in the tool. */
#include "probe/variable.h"

static bool edge_resolve(struct sema_resolver *r, const struct probe_point *p,
			 enum probe_event event, const char *const *types)
{
	struct sema_point *point;
	int64_t sequence = 0;

	if (!sema_point_match(r, p, types))
		return false;
	if (p->components.p[0].has_argument && !sema_number_argument(r, p, 0, &sequence))
		return false;
	point = sema_point_add(r, event, CONTEXT_TOOL, lang_point_text(r->arena, p, false));
	point->sequence = sequence;
	point->type = event == EVENT_NEVER ? "never" : "begin_end";
	return true;
}

/* FORMS are what may be written; one family each. */
#define EDGE(name, event, ...)                                                           \
	static const char *const name##_types[] = { __VA_ARGS__, NULL };                 \
	static bool name##_resolve(struct sema_resolver *r, const struct probe_point *p) \
	{                                                                                \
		return edge_resolve(r, p, event, name##_types);                          \
	}                                                                                \
	extern const struct sema_provider probe_##name##_provider;                       \
	const struct sema_provider probe_##name##_provider = {                           \
		.root = #name,                                                           \
		.resolve = name##_resolve,                                               \
		.types = name##_types,                                                   \
		.variable = probe_variable,                                              \
	};

EDGE(begin, EVENT_BEGIN, "begin", "begin(number)")
EDGE(end, EVENT_END, "end", "end(number)")
EDGE(error, EVENT_ERROR, "error", "error(number)")
EDGE(never, EVENT_NEVER, "never")
