/* SPDX-License-Identifier: Apache-2.0 */
/* Places of attributes in a unit's own entry, for who changes them in a copy; see scan.h. */
#include "elf/scan.h"

#include <dwarf.h>

/* Moves behind the attributes of one abbreviation. */
static void specs_skip(struct scan_cursor *c)
{
	while (!c->bad) {
		uint64_t name = scan_uleb(c), form = scan_uleb(c);

		if (form == DW_FORM_implicit_const)
			scan_sleb(c);
		if (!name && !form)
			return;
	}
}

/* Moves to the attributes of the abbreviation with that code. */
static bool specs_find(struct scan_cursor *c, uint64_t code)
{
	while (!c->bad) {
		uint64_t at = scan_uleb(c);

		if (!at)
			return false;
		scan_uleb(c); /* tag */
		scan_skip(c, 1);
		if (at == code)
			return !c->bad;
		specs_skip(c);
	}
	return false;
}

bool scan_attribute_find(const struct scan_unit *u, uint16_t attribute, uint16_t other, uint64_t *budget,
			 struct scan_place *out)
{
	struct scan_cursor entry = scan_cursor_at(u->source, SCAN_INFO, u->first);
	struct scan_cursor specs = scan_cursor_at(u->source, SCAN_ABBREV, u->abbreviations);
	const uint8_t *start = specs.at, *info = u->source->sections[SCAN_INFO].p;
	bool found = false;

	if (entry.bad || specs.bad || u->end < u->first)
		return false;
	entry.end = info + u->end;
	specs.end = specs.at + base_min((uint64_t)(specs.end - specs.at), *budget);
	if (specs_find(&specs, scan_uleb(&entry)))
		while (!found && !specs.bad && !entry.bad) {
			int64_t constant = 0;
			uint16_t name;

			out->name = (size_t)(specs.at - u->source->sections[SCAN_ABBREV].p);
			name = (uint16_t)scan_uleb(&specs);
			out->form = (uint16_t)scan_uleb(&specs);
			if (out->form == DW_FORM_implicit_const)
				constant = scan_sleb(&specs);
			if (!name && !out->form)
				break;
			out->value = (size_t)(entry.at - info);
			scan_value_read(&entry, u, out->form, constant, &out->read);
			found = (name == attribute || name == other) && !entry.bad && !specs.bad;
		}
	*budget -= (uint64_t)(specs.at - start);
	return found;
}
