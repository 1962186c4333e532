/* SPDX-License-Identifier: Apache-2.0 */
/* The list of all families, from providers.def. */
#include "probe/probe.h"

#define PROVIDER(name) extern const struct sema_provider probe_##name##_provider;
#include "probe/providers.def"
#undef PROVIDER

const struct sema_provider *const *probe_providers(void)
{
	static const struct sema_provider *const list[] = {
#define PROVIDER(name) &probe_##name##_provider,
#include "probe/providers.def"
#undef PROVIDER
		NULL,
	};

	return list;
}

bool probe_point_fail(struct sema_resolver *r, const struct probe_point *p, uint32_t i, enum diag_tag tag,
		      const char *text)
{
	if (!r->quiet)
		diag_add(r->diags, tag, p->components.p[i].span, "%s", text);
	return false;
}
