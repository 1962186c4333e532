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
