/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks as /proc and the kernel's own calls tell of them: names, counters, limits. */
#include "runtime/arch/arch.h"
#include "runtime/core/core.h"
#include "runtime/core/proc.h"
#include "runtime/core/sample.h"
#include "runtime/rt_api.h"

/* ---- numbers in text --------------------------------------------------------------- */

static const char *skip_blanks(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

/* A decimal number or, for a word, the code of its first byte. */
static int64_t value_at(const char *p)
{
	bool negative = *p == '-';
	uint64_t value = 0;

	p += negative;
	if (*p > '9')
		return *p;
	for (; *p >= '0' && *p <= '9'; p++)
		value = value * 10 + (uint64_t)(*p - '0');
	return (int64_t)(negative ? 0 - value : value);
}

/* The word number `column`, from 0; NULL when the line is shorter. */
static const char *word_at(const char *p, int64_t column)
{
	for (p = skip_blanks(p); column > 0 && *p && *p != '\n'; column--) {
		while (*p && *p != ' ' && *p != '\t' && *p != '\n')
			p++;
		p = skip_blanks(p);
	}
	return *p && *p != '\n' ? p : NULL;
}

static int64_t column_of(const char *line, int64_t column)
{
	const char *word = column < 0 ? NULL : word_at(line, column);

	return word ? value_at(word) : 0;
}

static int64_t hex_of(const char *p)
{
	uint64_t value = 0;

	for (p = skip_blanks(p); (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'f'); p++)
		value = value << 4 | (uint64_t)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
	return (int64_t)value;
}

/* ---- files of a task ----------------------------------------------------------------- */

static bool read_task(struct abi_slot *s, int64_t pid, const char *name, char text[RT_PROC_SMALL])
{
	if (pid >= 0 && rt_proc_small(rt_own_process(s, pid), name, text) > 0)
		return true;
	RT_RAISE(s, "no such task");
	return false;
}

int64_t rt_task_stat(struct abi_slot *s, int64_t pid, int64_t field)
{
	char text[RT_PROC_SMALL];
	const char *behind = text;

	if (!read_task(s, pid, "stat", text))
		return 0;
	/* the name in parentheses may hold anything: the fields begin behind the last one */
	for (const char *p = text; *p; p++)
		if (*p == ')')
			behind = p + 1;
	return column_of(behind, field - 3);
}

int64_t rt_task_pages(struct abi_slot *s, int64_t pid, int64_t column)
{
	char text[RT_PROC_SMALL];

	return read_task(s, pid, "statm", text) ? column_of(text, column) : 0;
}

static bool line_has_key(const char *line, const char *key, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (line[i] != key[i])
			return false;
	return line[n] == ':';
}

static const char *next_line(const char *line)
{
	while (*line && *line != '\n')
		line++;
	return line + (*line == '\n');
}

/* Of the line that begins with the key; column -1: one in hexadecimal. */
static int64_t column_of_key(const char *line, const char *key, uint32_t n, int64_t column)
{
	while (*line) {
		if (line_has_key(line, key, n))
			return column < 0 ? hex_of(line + n + 1) : column_of(line + n + 1, column);
		line = next_line(line);
	}
	return 0;
}

int64_t rt_task_status(struct abi_slot *s, int64_t pid, rt_str key, int64_t column)
{
	char text[RT_PROC_SMALL];

	return read_task(s, pid, "status", text) ? column_of_key(text, key->text, key->length, column) : 0;
}

int64_t rt_proc_status(int64_t pid, const char *key, int64_t column)
{
	char text[RT_PROC_SMALL];
	uint32_t n = 0;

	while (key[n])
		n++;
	return rt_proc_small(pid, "status", text) > 0 ? column_of_key(text, key, n, column) : 0;
}

int64_t rt_load_average(struct abi_slot *s, int64_t which)
{
	char text[RT_PROC_SMALL];
	const char *word;
	int64_t whole = 0, hundredths = 0;

	(void)s;
	if (rt_proc_small(-1, "loadavg", text) <= 0)
		return 0;
	word = which >= 0 && which < 3 ? word_at(text, which) : NULL;
	if (!word)
		return 0;
	whole = value_at(word);
	while (*word >= '0' && *word <= '9')
		word++;
	if (*word == '.')
		hundredths = value_at(word + 1);
	return whole * 100 + hundredths;
}

/* ---- calls of the kernel ------------------------------------------------------------------ */

#define LIMIT_KINDS 16

int64_t rt_task_limit(struct abi_slot *s, int64_t pid, int64_t kind)
{
	uint64_t limit[2] = { 0, 0 };

	if (kind < 0 || kind >= LIMIT_KINDS || pid < 0 ||
	    rt_syscall(RT_SYS_PRLIMIT64, rt_own_process(s, pid), kind, 0, (long)limit, 0, 0) < 0) {
		RT_RAISE(s, "no such limit or task");
		return 0;
	}
	return (int64_t)limit[0];
}

#define SECOND 1000000000ll
#define TICK (SECOND / 100) /* of the counters in /proc */
#define OF_THIS_THREAD 1
#define STAT_USER 14 /* field of stat; the system's follows */

int64_t rt_task_time(struct abi_slot *s, int64_t tid, int64_t system)
{
	/* two times of seconds and microseconds, then 14 counters */
	int64_t usage[18] = { 0 };
	const int64_t *time = usage + (system ? 2 : 0);

	if (s->sample || (tid && tid != rt_tid(s)))
		return rt_task_stat(s, tid ? tid : rt_tid(s), STAT_USER + (system ? 1 : 0)) * TICK;
	rt_syscall(RT_SYS_GETRUSAGE, OF_THIS_THREAD, (long)usage, 0, 0, 0, 0);
	return time[0] * SECOND + time[1] * 1000;
}

/* As the kernel's software events count: PERF_COUNT_SW_ of linux/perf_event.h. */
enum { CPU_CLOCK, TASK_CLOCK, PAGE_FAULTS, CONTEXT_SWITCHES, CPU_MIGRATIONS, FAULTS_MINOR, FAULTS_MAJOR };
#define CLOCK_OF_THREAD 3
/* of struct rusage, in words */
#define USAGE_FAULTS_MINOR 8
#define USAGE_FAULTS_MAJOR 9
#define USAGE_SWITCHES_WANTED 16
#define USAGE_SWITCHES_FORCED 17

#define MIGRATIONS "se.nr_migrations"

/* /proc/TID/sched counts it where the event does; its keys have blanks in front of the colon. */
static int64_t migrations_of(int64_t tid)
{
	char text[RT_PROC_SMALL];

	if (rt_proc_small(tid, "sched", text) <= 0)
		return 0;
	for (const char *line = text; *line;) {
		const char *p = line;
		uint32_t n = 0;

		while (MIGRATIONS[n] && p[n] == MIGRATIONS[n])
			n++;
		p = skip_blanks(p + n);
		if (!MIGRATIONS[n] && *p == ':')
			return value_at(skip_blanks(p + 1));
		line = next_line(line);
	}
	return 0;
}

int64_t rt_counter(struct abi_slot *s, int64_t event)
{
	int64_t usage[18] = { 0 }, time[2] = { 0 };

	if (event == CPU_MIGRATIONS)
		return migrations_of(rt_tid(s));
	if (event == CPU_CLOCK || event == TASK_CLOCK) {
		rt_syscall(RT_SYS_CLOCK_GETTIME, CLOCK_OF_THREAD, (long)time, 0, 0, 0, 0);
		return time[0] * SECOND + time[1];
	}
	rt_syscall(RT_SYS_GETRUSAGE, OF_THIS_THREAD, (long)usage, 0, 0, 0, 0);
	switch (event) {
	case PAGE_FAULTS:
		return usage[USAGE_FAULTS_MINOR] + usage[USAGE_FAULTS_MAJOR];
	case FAULTS_MINOR:
		return usage[USAGE_FAULTS_MINOR];
	case FAULTS_MAJOR:
		return usage[USAGE_FAULTS_MAJOR];
	case CONTEXT_SWITCHES:
		return usage[USAGE_SWITCHES_WANTED] + usage[USAGE_SWITCHES_FORCED];
	default:
		return 0;
	}
}

/* ---- open files ----------------------------------------------------------------------------- */

#define MOST_READS 4096

/* Names but "." and "..": each begins with the inode, an offset, its size and a type. */
static int64_t count_names(const char *entries, long n)
{
	int64_t count = 0;

	for (long at = 0; at + 20 < n;) {
		uint16_t size = *(const uint16_t *)(const void *)(entries + at + 16);

		count += entries[at + 19] != '.';
		at += size ? size : n;
	}
	return count;
}

int64_t rt_task_files(struct abi_slot *s, int64_t pid)
{
	struct rt_proc_file f;
	_Alignas(8) char entries[1024];
	int64_t count = 0;
	long n = 1;

	if (pid < 0 || !rt_proc_open(&f, rt_own_process(s, pid), "fd")) {
		RT_RAISE(s, "no such task");
		return 0;
	}
	for (int i = 0; i < MOST_READS && n > 0; i++) {
		n = rt_syscall(RT_SYS_GETDENTS64, f.fd, (long)entries, sizeof entries, 0, 0, 0);
		count += count_names(entries, n);
	}
	rt_proc_close(&f);
	/* the reader's own is among them */
	return count - (!s->sample && (pid == 0 || pid == rt_pid(s)));
}

int64_t rt_task_exists(struct abi_slot *s, int64_t pid)
{
	struct rt_proc_path path;

	(void)s;
	if (pid <= 0)
		return 0;
	rt_proc_path(&path, pid, "stat");
	return rt_syscall(RT_SYS_ACCESS, (long)path.text, 0, 0, 0, 0, 0) == 0;
}
