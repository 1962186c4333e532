/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of /proc: what the kernel tells of processes.
 *
 * They are read with raw system calls through a buffer on the stack, at most
 * MOST_BYTES of each, and closed before the function returns; the descriptor
 * does not survive an exec by another thread meanwhile.
 */
#include "runtime/core/proc.h"

#include "runtime/arch/arch.h"

#define MOST_BYTES (1u << 20)
#define CLOSE_ON_EXEC 02000000
#define AT_CURRENT_FOLDER (-100)

/* ---- paths --------------------------------------------------------------------- */

static void add_text(struct rt_proc_path *p, const char *text)
{
	while (*text && p->n < sizeof p->text - 1)
		p->text[p->n++] = *text++;
	p->text[p->n] = 0;
}

static void add_number(struct rt_proc_path *p, uint64_t value)
{
	char digits[24];
	uint32_t n = sizeof digits;

	digits[--n] = 0;
	do
		digits[--n] = (char)('0' + value % 10);
	while (value /= 10);
	add_text(p, digits + n);
}

void rt_proc_path(struct rt_proc_path *p, int64_t pid, const char *name)
{
	p->n = 0;
	add_text(p, "/proc/");
	if (pid > 0)
		add_number(p, (uint64_t)pid);
	else if (!pid)
		add_text(p, "self");
	if (pid >= 0)
		add_text(p, "/");
	add_text(p, name);
}

/* ---- reading ---------------------------------------------------------------------- */

bool rt_proc_open(struct rt_proc_file *f, int64_t pid, const char *name)
{
	struct rt_proc_path path;

	rt_proc_path(&path, pid, name);
	f->at = f->n = f->taken = 0;
	f->fd = rt_syscall(RT_SYS_OPENAT, AT_CURRENT_FOLDER, (long)path.text, CLOSE_ON_EXEC, 0, 0,
			   0);
	return f->fd >= 0;
}

void rt_proc_close(struct rt_proc_file *f)
{
	rt_syscall(RT_SYS_CLOSE, f->fd, 0, 0, 0, 0, 0);
}

static long fill(struct rt_proc_file *f, char *to, uint32_t room)
{
	return rt_syscall(RT_SYS_READ, f->fd, (long)to, room, 0, 0, 0);
}

int rt_proc_byte(struct rt_proc_file *f)
{
	long n;

	if (f->at == f->n) {
		n = f->taken < MOST_BYTES ? fill(f, f->buffer, sizeof f->buffer) : 0;
		if (n <= 0)
			return -1;
		f->at = 0;
		f->n = (uint32_t)n;
		f->taken += (uint32_t)n;
	}
	return (unsigned char)f->buffer[f->at++];
}

int64_t rt_proc_small(int64_t pid, const char *name, char text[RT_PROC_SMALL])
{
	struct rt_proc_file f;
	uint32_t length = 0;
	long n;

	if (!rt_proc_open(&f, pid, name))
		return -1;
	do {
		n = fill(&f, text + length, RT_PROC_SMALL - 1 - length);
		length += n > 0 ? (uint32_t)n : 0;
	} while (n > 0 && length < RT_PROC_SMALL - 1);
	rt_proc_close(&f);
	text[length] = 0;
	return length;
}
