/* SPDX-License-Identifier: Apache-2.0 */
/* Errors about the world: made where a call fails, told by cmd. */
#include "base/base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Errors are few and live until the process ends: whoever holds one may keep
 * it.  They and their texts are chained from here, so that they are never lost.
 */
struct kept {
	struct kept *next;
	char *text;
	struct error error;
};

static struct kept *all_kept;

static struct kept *keep(char *text)
{
	struct kept *k = calloc(1, sizeof *k);

	if (!k || !text)
		base_oom();
	*k = (struct kept){ .next = all_kept, .text = text };
	all_kept = k;
	return k;
}

static struct error *error_make(enum error_code code, int saved_errno, char *text)
{
	struct kept *k = keep(text);

	k->error = (struct error){ .code = code, .saved_errno = saved_errno, .text = text };
	return &k->error;
}

static char *format(const char *fmt, va_list ap)
{
	char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		base_oom();
	return text;
}

struct error *error_new(enum error_code code, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = format(fmt, ap);
	va_end(ap);
	return error_make(code, 0, text);
}

static enum error_code code_of(int saved_errno)
{
	switch (saved_errno) {
	case ENOENT:
	case ENOTDIR:
		return ERROR_NOT_FOUND;
	case EPERM:
	case EACCES:
		return ERROR_PERMISSION;
	case ESRCH:
		return ERROR_NO_PROCESS;
	default:
		return ERROR_SYSTEM;
	}
}

struct error *error_errno(int saved_errno, const char *fmt, ...)
{
	char *text, *whole = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = format(fmt, ap);
	va_end(ap);
	if (asprintf(&whole, "%s: %s", text, strerror(saved_errno)) < 0)
		base_oom();
	free(text);
	return error_make(code_of(saved_errno), saved_errno, whole);
}

struct error *error_hint(struct error *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	e->hint = keep(format(fmt, ap))->text;
	va_end(ap);
	return e;
}

const char *error_text(const struct error *e)
{
	char *text = NULL;

	if (!e->cause)
		return e->text;
	if (asprintf(&text, "%s: %s", e->text, error_text(e->cause)) < 0)
		base_oom();
	return keep(text)->text;
}
