/* SPDX-License-Identifier: Apache-2.0 */
/* The target's memory through /proc/PID/mem. */
#include "proc/proc.h"

#include <errno.h>
#include <unistd.h>

size_t proc_read(const struct proc *p, uint64_t address, void *to, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got =
			pread(p->memory, (char *)to + done, n - done, (off_t)(address + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	return done;
}

struct error *proc_write(const struct proc *p, uint64_t address, const void *from, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t put = pwrite(p->memory, (const char *)from + done, n - done,
				     (off_t)(address + done));

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return error_errno(put ? errno : ESRCH,
					   "cannot write to process %d at 0x%lx", (int)p->pid,
					   (unsigned long)(address + done));
		done += (size_t)put;
	}
	return NULL;
}
