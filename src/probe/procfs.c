/* SPDX-License-Identifier: Apache-2.0 */
/* procfs("path").read and .write: files of the session, which the tool serves. */
#include "probe/variable.h"

#include <string.h>

#define DEFAULT_PATH "command"
#define READABLE 0444u
#define WRITABLE 0222u
#define DEFAULT_UMASK 0077 /* only the user's */

static const char *const types[] = {
	"procfs.read",
	"procfs.read.maxsize(number)",
	"procfs.umask(number).read",
	"procfs.umask(number).read.maxsize(number)",
	"procfs.umask(number).write",
	"procfs.write",
	"procfs(string).read",
	"procfs(string).read.maxsize(number)",
	"procfs(string).umask(number).read",
	"procfs(string).umask(number).read.maxsize(number)",
	"procfs(string).umask(number).write",
	"procfs(string).write",
	NULL,
};

static bool is_dots(const char *s, size_t n)
{
	return (n == 1 && s[0] == '.') || (n == 2 && s[0] == '.' && s[1] == '.');
}

/* What is wrong with a path; NULL nothing. */
static const char *refusal(const char *path)
{
	if (*path == '/')
		return "procfs path cannot start with a '/'";
	if (!*path || path[strlen(path) - 1] == '/')
		return "procfs path cannot end with a '/'";
	for (size_t n; *path; path += n + (path[n] == '/')) {
		n = strcspn(path, "/");
		if (n == 0)
			return "procfs path component cannot be empty";
		if (is_dots(path, n))
			return "procfs path cannot be relative (and contain '.' or '..')";
	}
	return NULL;
}

static bool path_of(struct sema_resolver *r, const struct probe_point *p, const char **path)
{
	const char *why;

	*path = DEFAULT_PATH;
	if (!p->components.p[0].has_argument)
		return true;
	if (!sema_string_argument(r, p, 0, path))
		return false;
	why = refusal(*path);
	return why ? probe_point_fail(r, p, 0, DIAG_PROCFS, why) : true;
}

/* The number of the component of that name, `otherwise` when there is none. */
static bool number_of(struct sema_resolver *r, const struct probe_point *p, const char *name,
		      int64_t otherwise, int64_t *out)
{
	*out = otherwise;
	for (uint32_t i = 1; i < p->components.n; i++)
		if (strcmp(p->components.p[i].name, name) == 0)
			return sema_number_argument(r, p, i, out);
	return true;
}

static bool is_read(const struct probe_point *p)
{
	for (uint32_t i = 1; i < p->components.n; i++)
		if (strcmp(p->components.p[i].name, "read") == 0)
			return true;
	return false;
}

static bool procfs_resolve(struct sema_resolver *r, const struct probe_point *p)
{
	bool reads = is_read(p);
	struct sema_point *point;
	int64_t umask, most;
	const char *path;

	if (!sema_point_match(r, p, types) || !path_of(r, p, &path) ||
	    !number_of(r, p, "umask", DEFAULT_UMASK, &umask) ||
	    !number_of(r, p, "maxsize", INT64_C(0), &most))
		return false;
	if (most < 0 || (!most && strcmp(p->components.p[p->components.n - 1].name, "maxsize") == 0))
		return probe_point_fail(r, p, p->components.n - 1, DIAG_PROCFS,
					"maxsize must be greater than 0");
	if (most > INT32_MAX)
		return probe_point_fail(r, p, p->components.n - 1, DIAG_PROCFS,
					"maxsize must be less than 2 GiB");
	point = sema_point_add(r, reads ? EVENT_READ : EVENT_WRITE, CONTEXT_TOOL,
			       lang_point_text(r->arena, p, false));
	point->path = path;
	point->mode = (reads ? READABLE : WRITABLE) & ~(uint32_t)umask;
	point->max_size = (uint32_t)most;
	point->type = "procfs";
	return true;
}

/* ---- $value ------------------------------------------------------------------------------ */

/* Why it cannot be used as written; NULL when it can. */
static const char *misuse(struct sema_resolver *r, const struct sema_point *point,
			  const struct expr *target)
{
	const struct target_component *c = target->target.components;

	if (strcmp(target->target.name, "$value") != 0)
		return "invalid target symbol for procfs probe, $value expected";
	if (target->target.n_components)
		return c->index ? "procfs variable '$value' may not be used as array"
				: "procfs variable '$value' may not be used as a structure";
	if (target->target.pretty)
		return "procfs variable '$value' may not be pretty-printed";
	if (target->target.address_of)
		return "cannot take address of procfs variable";
	if (point->event == EVENT_WRITE && r->store)
		return "procfs $value variable is read-only in a procfs write probe";
	if (r->store && r->store_op != OP_ASSIGN && r->store_op != OP_CONCAT)
		return "procfs $value variable takes '=' and '.=' only";
	return NULL;
}

/* Asked whether it is there (@defined), it is in both kinds of probes. */
static struct expr *procfs_variable(struct sema_resolver *r, const struct sema_point *point,
				    const struct sema_site *site, struct expr *target, bool probing)
{
	const char *why;

	if (target->kind != EXPR_TARGET)
		return probe_variable(r, point, site, target, probing);
	why = misuse(r, point, target);
	if (!why && !probing && point->event == EVENT_READ && !r->store)
		why = "procfs $value variable cannot be read in a procfs read probe";
	if (why) {
		if (!probing)
			diag_add(r->diags, DIAG_PROCFS, target->token, "%s: identifier '%s'", why,
				 target->target.name);
		return NULL;
	}
	if (!r->store)
		return probe_expr_call(r, target, "__procfs_value", 0);
	return probe_expr_call(r, target, r->store_op == OP_ASSIGN ? "__procfs_set" : "__procfs_append", 1,
			       r->store);
}

extern const struct sema_provider probe_procfs_provider;
const struct sema_provider probe_procfs_provider = {
	.root = "procfs",
	.resolve = procfs_resolve,
	.types = types,
	.variable = procfs_variable,
	.takes_writes = true,
};
