/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of the processor that a thread reads for itself: whether this machine has them, and lets programs read them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc/perf.h"

#define PAGE 4096u
#define RDPMC_FILE "/sys/bus/event_source/devices/cpu/rdpmc"
#define PARANOID_MOST 2 /* of perf_event_paranoid: above it ordinary users get nothing */

/*
 * Machines without counters test with what stands in for them: the path of a file whose first page is every counter's, or
 * "TYPE.CONFIG" of an event that need not be readable.
 */
static const char *stand_in(void)
{
	const char *other = getenv("SPILE_COUNTER_PAGE");

	return other && *other ? other : NULL;
}

static int open_for_ourselves(const struct proc_counter *c)
{
	struct perf_event_attr a = { .size = sizeof a, .type = c->type, .config = c->config };

	a.exclude_kernel = a.exclude_hv = c->user_only;
	if (getenv("SPILE_PERF_EVENT_PARANOID") && proc_perf_paranoid() > PARANOID_MOST) {
		errno = EACCES;
		return -1;
	}
	return (int)syscall(SYS_perf_event_open, &a, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static struct error *not_readable(const struct proc_counter *c)
{
	return error_hint(error_new(ERROR_UNSUPPORTED, "%s: programs may not read this counter from the processor", c->name),
			  "it is none of the processor's cores, or %s is 0; it may be sampled", RDPMC_FILE);
}

static struct error *check_page(const struct proc_counter *c, int fd)
{
	struct perf_event_mmap_page *page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	bool readable;

	if (page == MAP_FAILED)
		return error_hint(error_errno(errno, "%s: cannot map its page", c->name),
				  "other tools may use up what may be locked: /proc/sys/kernel/perf_event_mlock_kb, ulimit -l");
	readable = page->cap_user_rdpmc;
	munmap(page, PAGE);
	return readable || stand_in() ? NULL : not_readable(c);
}

struct error *proc_counter_check(struct proc_counter *c)
{
	const char *other = stand_in();
	struct error *e;
	char *end;
	int fd;

	c->user_only = false;
	if (other && *other == '/') {
		c->file = other;
		return NULL;
	}
	if (other) {
		c->type = (uint32_t)strtoul(other, &end, 10);
		c->config = strtoull(end + (*end == '.'), NULL, 10);
	}
	fd = open_for_ourselves(c);
	if (fd < 0 && (errno == EACCES || errno == EPERM)) {
		c->user_only = true;
		fd = open_for_ourselves(c);
	}
	if (fd < 0)
		return proc_perf_explain(c->name, errno);
	e = check_page(c, fd);
	close(fd);
	return e;
}
