/* SPDX-License-Identifier: Apache-2.0 */
/* Errors about the world: made where a call fails, told by cmd. */
#include "base/base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct error *error_make(enum error_code code, int saved_errno, char *text)
{
	struct error *e = calloc(1, sizeof *e);

	if (!e || !text)
		base_oom();
	*e = (struct error){ .code = code, .saved_errno = saved_errno, .text = text };
	return e;
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
	e->hint = format(fmt, ap);
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
	return text;
}
