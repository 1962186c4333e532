/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc tells about a process: mappings, auxiliary vector, status, threads. */
#include "proc/proc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "proc/private.h"

#define DELETED " (deleted)"
#define SMALL_FILE 8192u /* bytes of stat, status, auxv: the kernel gives them in one read */
#define VALUE_SIZE 64u /* of what is wanted of a line of status */

struct error *proc_file_read(struct arena *a, pid_t pid, const char *name, struct buf *out)
{
	char path[64], part[16384];
	ssize_t n;
	int fd;

	buf_init(out, a);
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? error_new(ERROR_NO_PROCESS, "no process %d", (int)pid)
				       : error_errno(errno, "cannot open %s", path);
	while ((n = read(fd, part, sizeof part)) > 0)
		buf_add(out, part, (size_t)n);
	close(fd);
	return n < 0 ? error_errno(errno, "cannot read %s", path) : NULL;
}

/* The kernel writes newlines in names as \012. */
static char *unescape(struct arena *a, const char *s, size_t n)
{
	char *out = arena_strndup(a, s, n), *w = out;

	for (const char *r = out; *r; w++) {
		if (r[0] == '\\' && r[1] == '0' && r[2] == '1' && r[3] == '2') {
			*w = '\n';
			r += 4;
		} else {
			*w = *r++;
		}
	}
	*w = '\0';
	return out;
}

static void set_path(struct arena *a, struct proc_map *m, const char *from, size_t n)
{
	size_t tail = strlen(DELETED);

	m->deleted = n > tail && memcmp(from + n - tail, DELETED, tail) == 0;
	m->path = unescape(a, from, m->deleted ? n - tail : n);
}

/* One line without its newline; false if it is not one of a maps file. */
static bool parse_line(struct arena *a, const char *line, size_t n, struct proc_map *m)
{
	char flags[5] = "", head[128];
	unsigned int major_number, minor_number;
	int used = 0;
	size_t length = base_min(n, sizeof head - 1);

	memcpy(head, line, length);
	head[length] = '\0';
	if (sscanf(head, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 "%n", &m->start,
		   &m->end, flags, &m->offset, &major_number, &minor_number, &m->inode,
		   &used) != 7 ||
	    strlen(flags) != 4 || m->start >= m->end)
		return false;
	m->device = makedev(major_number, minor_number);
	m->readable = flags[0] == 'r';
	m->writable = flags[1] == 'w';
	m->executable = flags[2] == 'x';
	m->shared = flags[3] == 's';
	while ((size_t)used < n && line[used] == ' ')
		used++;
	set_path(a, m, line + used, n - (size_t)used);
	return true;
}

void proc_maps_parse(struct arena *a, const char *text, struct proc_maps *out)
{
	VEC(struct proc_map) list = { 0 };

	for (const char *at = text; *at;) {
		size_t n = strcspn(at, "\n");
		struct proc_map m = { 0 };

		if (parse_line(a, at, n, &m))
			vec_push(a, &list, m);
		at += n + (at[n] == '\n');
	}
	*out = (struct proc_maps){ .p = list.p, .n = list.n, .text = text };
}

struct error *proc_maps_read(struct arena *a, pid_t pid, struct proc_maps *out)
{
	struct buf text;
	struct error *e = proc_file_read(a, pid, "maps", &text);

	if (e)
		return e->saved_errno == EACCES ? proc_explain(pid, EACCES) : e;
	proc_maps_parse(a, buf_str(&text), out);
	return NULL;
}

const struct proc_map *proc_maps_find(const struct proc_maps *m, uint64_t address)
{
	uint32_t at = base_bound(i, 0, m->n, m->p[i].end <= address);

	return at < m->n && m->p[at].start <= address ? &m->p[at] : NULL;
}

/*
 * A file of a process that one read gives whole, into a buffer of SMALL_FILE bytes, with a 0 behind it; its
 * length, 0: it cannot be read.
 */
static size_t read_small(pid_t pid, const char *name, char *out)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, out, SMALL_FILE - 1);
	if (fd >= 0)
		close(fd);
	n = n < 0 ? 0 : n;
	out[n] = '\0';
	return (size_t)n;
}

uint64_t proc_auxiliary(pid_t pid, uint64_t type)
{
	char text[SMALL_FILE];
	size_t n = read_small(pid, "auxv", text);
	uint64_t pair[2];

	for (size_t at = 0; at + sizeof pair <= n; at += sizeof pair) {
		memcpy(pair, text + at, sizeof pair);
		if (pair[0] == type)
			return pair[1];
	}
	return 0;
}

/* A field of stat, counted from 1; the second may hold spaces and parentheses. */
static uint64_t stat_field(pid_t pid, int number)
{
	char text[SMALL_FILE];
	const char *at = read_small(pid, "stat", text) ? strrchr(text, ')') : NULL;

	for (int field = 2; at && field < number; field++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	return at ? strtoull(at, NULL, 10) : 0;
}

uint64_t proc_heap_start(pid_t pid)
{
	return stat_field(pid, 47);
}

uint64_t proc_start_ticks(pid_t pid)
{
	return stat_field(pid, 22);
}

/* The text behind "Name:" in a status file, NULL if there is none. */
static const char *status_value(const char *status, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = status; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, name, n) == 0 && at[n] == ':')
			return at + n + 1 + strspn(at + n + 1, "\t ");
	}
	return NULL;
}

/* The beginning of a status value into `out` (VALUE_SIZE); false: there is none. The list of groups may be long. */
static bool status_read(pid_t pid, const char *name, char *out)
{
	char text[SMALL_FILE];
	struct arena *a = NULL;
	const char *value;
	struct buf b;

	if (read_small(pid, "status", text) < SMALL_FILE - 1) {
		value = status_value(text, name);
	} else {
		a = arena_create();
		value = proc_file_read(a, pid, "status", &b) ? NULL : status_value(buf_str(&b), name);
	}
	snprintf(out, VALUE_SIZE, "%.*s", (int)VALUE_SIZE - 1, value ? value : "");
	if (a)
		arena_destroy(a);
	return value != NULL;
}

int64_t proc_status_number(pid_t pid, const char *name, int64_t fallback)
{
	char value[VALUE_SIZE];

	return status_read(pid, name, value) && isdigit((unsigned char)*value) ? strtoll(value, NULL, 10) : fallback;
}

bool proc_has_shadow_stack(pid_t pid)
{
	char value[VALUE_SIZE], *end;

	if (!status_read(pid, "x86_Thread_features", value))
		return false;
	end = strchr(value, '\n');
	if (end)
		*end = '\0';
	return strstr(value, "shstk") != NULL;
}

pid_t proc_pid_inside(pid_t pid)
{
	char value[VALUE_SIZE], *end;
	const char *last;

	if (!status_read(pid, "NSpid", value) || !(end = strchr(value, '\n')))
		return 0;
	*end = 0;
	last = strrchr(value, '\t');
	return (pid_t)strtol(last ? last : value, NULL, 10);
}

uint64_t proc_status_mask(pid_t pid, const char *name)
{
	char value[VALUE_SIZE];

	return status_read(pid, name, value) ? strtoull(value, NULL, 16) : 0;
}

char proc_state_of(pid_t pid, pid_t tid)
{
	char text[SMALL_FILE], name[64];
	const char *at;

	snprintf(name, sizeof name, "task/%d/stat", (int)tid);
	at = read_small(pid, name, text) ? strrchr(text, ')') : NULL;
	return at && at[1] ? at[2] : 0;
}

struct error *proc_threads_list(struct arena *a, pid_t pid, pid_t **out, uint32_t *n)
{
	VEC(pid_t) list = { 0 };
	const struct dirent *d;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? error_new(ERROR_NO_PROCESS, "no process %d", (int)pid)
				       : error_errno(errno, "cannot open %s", path);
	while ((d = readdir(dir)))
		if (isdigit((unsigned char)d->d_name[0]))
			vec_push(a, &list, (pid_t)atoi(d->d_name));
	closedir(dir);
	*out = list.p;
	*n = list.n;
	return NULL;
}
