/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of a task: its name, what it was started with, what its links lead to. */
#include "runtime/arch/arch.h"
#include "runtime/core/core.h"
#include "runtime/core/proc.h"
#include "runtime/core/sample.h"
#include "runtime/rt_api.h"

static void clear(struct abi_string *out)
{
	out->length = 0;
	out->text[0] = 0;
}

void rt_task_name(struct abi_slot *s, int64_t pid, struct abi_string *out)
{
	char text[RT_PROC_SMALL];
	int64_t n = pid > 0 ? rt_proc_small(pid, "comm", text) : -1;

	clear(out);
	if (n > 0) /* without the newline */
		rt_string_set(out, text, (uint64_t)n - 1, rt_string_most(s));
}

/* The kernel lists them per thread; those that the process' first thread started are shown. */
void rt_task_children(struct abi_slot *s, int64_t pid, struct abi_string *out)
{
	char text[RT_PROC_SMALL];
	struct rt_proc_path path, name;
	int64_t n;

	clear(out);
	if (pid <= 0)
		return;
	/* task/PID/children: as the path of PID, from behind "/proc/" */
	rt_proc_path(&path, pid, "children");
	memcpy(name.text, "task/", 5);
	memcpy(name.text + 5, path.text + 6, path.n - 5);
	n = rt_proc_small(pid, name.text, text);
	if (n > 0)
		rt_string_set(out, text, (uint64_t)n, rt_string_most(s));
}

#define LINK_NAME_MOST 31

void rt_task_link(struct abi_slot *s, int64_t pid, rt_str name, struct abi_string *out)
{
	struct rt_proc_path path;
	char link[LINK_NAME_MOST + 1];
	uint32_t n = name->length < LINK_NAME_MOST ? name->length : LINK_NAME_MOST;
	long length = -1;

	memcpy(link, name->text, n);
	link[n] = 0;
	clear(out);
	if (pid < 0)
		return;
	rt_proc_path(&path, rt_own_process(s, pid), link);
	length = rt_syscall(RT_SYS_READLINK, (long)path.text, (long)out->text, rt_string_most(s), 0,
			    0, 0);
	out->length = length > 0 ? (uint32_t)length : 0;
	out->text[out->length] = 0;
}

/* ---- lists of texts that end in NUL ---------------------------------------------------- */

static void put(struct abi_string *out, uint32_t most, const char *text, uint32_t n)
{
	if (n > most - out->length)
		n = most - out->length;
	memcpy(out->text + out->length, text, n);
	out->length += n;
}

/* Arguments first to last, none last when that is negative. A delimiter stands between two. */
void rt_task_arguments(struct abi_slot *s, int64_t first, int64_t last, rt_str delimiter,
		       struct abi_string *out)
{
	struct rt_proc_file f;
	uint32_t most = rt_string_most(s);
	bool pending = false;
	int64_t at = 0;
	char byte;
	int c;

	clear(out);
	if (!rt_proc_open(&f, rt_own_process(s, 0), "cmdline"))
		return;
	while ((last < 0 || at <= last) && out->length < most && (c = rt_proc_byte(&f)) >= 0) {
		if (pending)
			put(out, most, delimiter->text, delimiter->length);
		pending = c == 0 && at >= first;
		at += c == 0;
		byte = (char)c;
		if (c && at >= first)
			put(out, most, &byte, 1);
	}
	rt_proc_close(&f);
	out->text[out->length] = 0;
}

/* The value up to its NUL. */
static void take_value(struct rt_proc_file *f, struct abi_string *out, uint32_t most)
{
	int c = rt_proc_byte(f);

	for (; c > 0 && out->length < most; c = rt_proc_byte(f))
		out->text[out->length++] = (char)c;
	out->text[out->length] = 0;
}

/* Whether the entry here is name's; then its value is next, else the next entry. */
static bool at_variable(struct rt_proc_file *f, rt_str name, int *c)
{
	uint32_t i = 0;

	for (*c = rt_proc_byte(f); *c > 0 && i < name->length && *c == (unsigned char)name->text[i];
	     i++)
		*c = rt_proc_byte(f);
	if (i == name->length && *c == '=')
		return true;
	while (*c > 0)
		*c = rt_proc_byte(f);
	return false;
}

void rt_environment(struct abi_slot *s, rt_str name, struct abi_string *out)
{
	struct rt_proc_file f;
	int c = 0;

	clear(out);
	if (!name->length || !rt_proc_open(&f, rt_own_process(s, 0), "environ"))
		return;
	while (c >= 0)
		if (at_variable(&f, name, &c)) {
			take_value(&f, out, rt_string_most(s));
			break;
		}
	rt_proc_close(&f);
}

/* ---- mappings ------------------------------------------------------------------------------- */

struct mapping {
	uint64_t start, end, offset;
	char path[512];
	uint32_t length;
};

static uint64_t read_hex(struct rt_proc_file *f, int *c)
{
	uint64_t value = 0;

	for (;;) {
		*c = rt_proc_byte(f);
		if (*c >= '0' && *c <= '9')
			value = value << 4 | (uint64_t)(*c - '0');
		else if (*c >= 'a' && *c <= 'f')
			value = value << 4 | (uint64_t)(*c - 'a' + 10);
		else
			return value;
	}
}

static int skip_word(struct rt_proc_file *f)
{
	int c = rt_proc_byte(f);

	while (c > ' ')
		c = rt_proc_byte(f);
	return c;
}

/* start-end permissions offset device inode    path */
static bool read_mapping(struct rt_proc_file *f, struct mapping *m)
{
	int c;

	m->length = 0;
	m->start = read_hex(f, &c);
	if (c != '-')
		return false;
	m->end = read_hex(f, &c);
	skip_word(f);
	m->offset = read_hex(f, &c);
	skip_word(f);
	c = skip_word(f);
	while (c == ' ')
		c = rt_proc_byte(f);
	for (; c >= 0 && c != '\n'; c = rt_proc_byte(f))
		if (m->length < sizeof m->path)
			m->path[m->length++] = (char)c;
	return true;
}

/* The mapping of a file that holds the address; *base is where the file's beginning is mapped. */
static bool find_mapping(const struct abi_slot *s, uint64_t address, struct mapping *m, uint64_t *base)
{
	struct rt_proc_file f;
	bool found = false;

	if (!rt_proc_open(&f, rt_own_process(s, 0), "maps"))
		return false;
	while (!found && read_mapping(&f, m)) {
		if (m->length && m->offset == 0)
			*base = m->start;
		found = address >= m->start && address < m->end;
	}
	rt_proc_close(&f);
	return found && m->length && (m->path[0] == '/' || m->path[0] == '[');
}

void rt_module_path(struct abi_slot *s, int64_t address, struct abi_string *out)
{
	struct mapping m;
	uint64_t base = 0;

	clear(out);
	if (find_mapping(s, (uint64_t)address, &m, &base))
		rt_string_set(out, m.path, m.length, rt_string_most(s));
}

int64_t rt_module_offset(struct abi_slot *s, int64_t address)
{
	struct mapping m;
	uint64_t base = 0;

	return find_mapping(s, (uint64_t)address, &m, &base) ? (int64_t)((uint64_t)address - base)
							  : -1;
}

/* A program's first page may be mapped more than once; the lowest is where it begins. */
int64_t rt_module_base(struct abi_slot *s, rt_str path)
{
	struct rt_proc_file f;
	struct mapping m;
	bool found = false;

	if (rt_proc_open(&f, s->in_tool && !s->sample ? rt_target(s) : rt_own_process(s, 0), "maps")) {
		while (!found && read_mapping(&f, &m))
			found = m.offset == 0 && m.length == path->length &&
				memcmp(m.path, path->text, m.length) == 0;
		rt_proc_close(&f);
	}
	if (found)
		return (int64_t)m.start;
	RT_RAISE(s, "the module of the variable is not loaded in this process");
	return 0;
}
