/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptions of tracepoints.
 *
 *	name: sched_wakeup
 *	ID: 374
 *	format:
 *		field:unsigned short common_type;	offset:0;	size:2;	signed:0;
 *		...
 *		field:char comm[16];	offset:8;	size:16;	signed:0;
 *		field:__data_loc char[] name;	offset:24;	size:4;	signed:0;
 *
 * Offsets differ from kernel to kernel, so none is known here.
 */
#include "proc/tracepoint.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DECLARATION_MOST 128

/* tracefs, and where it was before it had a place of its own. */
static const char *const places[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };

/* ---- descriptions ------------------------------------------------------------------ */

/* "char comm[16]", "__data_loc char[] comm", "pid_t pid": the last word before brackets. */
static const char *name_of(struct arena *a, const char *declaration)
{
	const char *end = declaration + strlen(declaration), *start;

	if (end > declaration && end[-1] == ']')
		while (end > declaration && *end != '[')
			end--;
	for (start = end; start > declaration && (isalnum((unsigned char)start[-1]) || start[-1] == '_');)
		start--;
	return arena_strndup(a, start, (size_t)(end - start));
}

static bool parse_field(struct arena *a, const char *line, struct proc_tracepoint_field *out)
{
	char declaration[DECLARATION_MOST];
	int is_signed;

	if (sscanf(line, " field:%127[^;]; offset:%u; size:%u; signed:%d;", declaration, &out->offset, &out->size,
		   &is_signed) != 4)
		return false;
	out->name = name_of(a, declaration);
	out->is_signed = is_signed != 0;
	out->is_located = strstr(declaration, "__data_loc") != NULL;
	out->is_text = strstr(declaration, "char") && strchr(declaration, '[');
	return true;
}

bool proc_tracepoint_parse(struct arena *a, FILE *format, struct proc_tracepoint *out)
{
	struct proc_tracepoint_field f;
	bool has_id = false;
	char *line = NULL;
	size_t room = 0;

	*out = (struct proc_tracepoint){ 0 };
	while (getline(&line, &room, format) > 0) {
		has_id |= sscanf(line, "ID: %u", &out->id) == 1;
		if (parse_field(a, line, &f))
			vec_push(a, &out->fields, f);
	}
	free(line);
	return has_id && out->fields.n;
}

static struct error *explain(const char *what, const char *path, int saved_errno)
{
	struct error *e = error_errno(saved_errno, "%s: cannot read %s", what, path);

	if (saved_errno == EACCES || saved_errno == EPERM)
		return error_hint(e, "the kernel keeps tracepoints for root");
	e->code = ERROR_UNSUPPORTED;
	return error_hint(e, "this kernel may not have the tracepoint; or mount -t tracefs tracefs %s", places[0]);
}

struct error *proc_tracepoint_find(struct arena *a, const char *what, const char *name, struct proc_tracepoint *out)
{
	const char *path = NULL;
	FILE *f = NULL;
	bool good;

	errno = ENOENT;
	for (size_t i = 0; i < base_count(places) && !f && errno == ENOENT; i++) {
		path = arena_printf(a, "%s/events/%s/format", places[i], name);
		f = fopen(path, "re");
	}
	if (!f)
		return explain(what, path, errno);
	good = proc_tracepoint_parse(a, f, out);
	fclose(f);
	return good ? NULL : error_new(ERROR_UNSUPPORTED, "%s: %s is of an unknown form", what, path);
}

/* ---- values ------------------------------------------------------------------------- */

const struct proc_tracepoint_field *proc_tracepoint_field(const struct proc_tracepoint *t, const char *name)
{
	vec_each(f, &t->fields)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

int64_t proc_tracepoint_number(const struct proc_tracepoint_field *f, const uint8_t *raw, uint32_t size)
{
	uint64_t v = 0;
	uint32_t unused;

	if (!f->size || f->size > sizeof v || f->offset > size || f->size > size - f->offset)
		return 0;
	memcpy(&v, raw + f->offset, f->size);
	unused = 64 - 8 * f->size;
	return f->is_signed ? (int64_t)(v << unused) >> unused : (int64_t)v;
}

void proc_tracepoint_text(const struct proc_tracepoint_field *f, const uint8_t *raw, uint32_t size, char *to, size_t room)
{
	uint32_t at = f->offset, n = f->size;
	size_t length;

	*to = 0;
	if (f->is_located) {
		uint32_t where = (uint32_t)proc_tracepoint_number(f, raw, size);

		at = where & 0xffff;
		n = where >> 16;
	}
	if (at > size || n > size - at)
		return;
	length = strnlen((const char *)raw + at, base_min((size_t)n, room - 1));
	memcpy(to, raw + at, length);
	to[length] = 0;
}
