/* SPDX-License-Identifier: Apache-2.0 */
/*
 * $value of procfs probes.  Their handlers run in the tool, whose slot says where the text is that was written to the
 * file, or that will be read from it: as long as .maxsize allows, whatever a string holds.
 */
#include "runtime/core/core.h"
#include "runtime/rt_api.h"

static struct abi_procfs *procfs_of(const struct abi_slot *s)
{
	return s->in_tool ? (struct abi_procfs *)s->scratch[RT_SCRATCH_PROCFS] : NULL;
}

void rt_procfs_value(struct abi_slot *s, struct abi_string *out)
{
	const struct abi_procfs *p = procfs_of(s);

	if (p && p->text)
		rt_string_set(out, (const char *)p->text, p->length, rt_string_most(s));
	else
		rt_string_set(out, "", 0, 0);
}

void rt_procfs_put(struct abi_slot *s, rt_str text, int64_t whole, struct abi_string *out)
{
	static const char full[] = "buffer size exceeded, consider .maxsize";
	struct abi_procfs *p = procfs_of(s);
	uint32_t at = p && !whole ? p->length : 0;

	if (p && p->text && text->length > p->most - at) {
		rt_raise_text(s, full, sizeof full - 1);
	} else if (p && p->text) {
		memcpy((char *)p->text + at, text->text, text->length);
		p->length = at + text->length;
	}
	rt_procfs_value(s, out);
}

void rt_procfs_folder(struct abi_slot *s, struct abi_string *out)
{
	const struct abi_procfs *p = procfs_of(s);
	rt_str folder = p ? (rt_str)p->folder : NULL;

	rt_string_set(out, folder ? folder->text : "", folder ? folder->length : 0, rt_string_most(s));
}
