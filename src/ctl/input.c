/* SPDX-License-Identifier: Apache-2.0 */
/*
 * input.char and input.line: what the tool reads from its standard input.
 *
 * It is opened a second time, so that what is set there (no waiting, a signal when there is something) is not set for
 * those we share it with.  A terminal gives single characters, without echo, while somebody asks for
 * them, else lines.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "ctl/procfs.h"

#define PIECE 4096
#define ROUNDS 16 /* pieces taken at once; the session has other things to do */

static bool is_in_front(const struct ctl_input *in)
{
	return !in->is_terminal || tcgetpgrp(in->fd) == getpgrp();
}

static const struct ctl_input *changed; /* the terminal whose settings are ours, for the end at once */

static void set_terminal(struct ctl_input *in)
{
	struct termios t;

	if (!in->is_terminal || !in->chars.n || !is_in_front(in) || tcgetattr(in->fd, &in->before))
		return;
	t = in->before;
	t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	changed = in;
	if (tcsetattr(in->fd, TCSANOW, &t))
		changed = NULL;
}

/* In the background the settings are another's, and who touches them is stopped. */
void ctl_input_restore(void)
{
	if (changed && is_in_front(changed))
		tcsetattr(changed->fd, TCSANOW, &changed->before);
	changed = NULL;
}

void ctl_input_open(struct ctl_session *s)
{
	struct ctl_input *in = &s->procfs->input;

	in->fd = -1;
	if (!in->chars.n && !in->lines.n)
		return;
	buf_init(&in->line, s->arena);
	in->fd = open("/proc/self/fd/0", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (in->fd < 0) /* a socket */
		in->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDIN_FILENO + 1);
	if (in->fd < 0)
		return;
	in->is_terminal = isatty(in->fd);
	fcntl(in->fd, F_SETOWN, getpid());
	fcntl(in->fd, F_SETFL, fcntl(in->fd, F_GETFL) | O_ASYNC | O_NONBLOCK);
	set_terminal(in);
}

static void give_line(struct ctl_session *s)
{
	struct ctl_input *in = &s->procfs->input;

	if (in->line.n)
		ctl_procfs_give(s, in->lines.p, in->lines.n, in->line.p, (uint32_t)in->line.n);
	in->line.n = 0;
}

/* A line that is longer than a string comes in pieces. */
static void give(struct ctl_session *s, const char *bytes, size_t n)
{
	struct ctl_input *in = &s->procfs->input;

	for (size_t i = 0; i < n && ctl_procfs_may_run(s); i++) {
		ctl_procfs_give(s, in->chars.p, in->chars.n, bytes + i, 1);
		if (!in->lines.n)
			continue;
		buf_addc(&in->line, bytes[i]);
		if (bytes[i] == '\n' || in->line.n + 1 >= s->region->max_string)
			give_line(s);
	}
}

static void forget(struct ctl_input *in)
{
	ctl_input_restore();
	if (in->fd >= 0)
		close(in->fd);
	in->fd = -1;
}

bool ctl_input_serve(struct ctl_session *s)
{
	struct ctl_input *in = &s->procfs->input;
	char bytes[PIECE];

	for (int i = 0; i < ROUNDS && in->fd >= 0 && is_in_front(in) && ctl_procfs_may_run(s); i++) {
		ssize_t n = read(in->fd, bytes, sizeof bytes);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return false;
		if (n > 0) {
			give(s, bytes, (size_t)n);
			continue;
		}
		forget(in);
		give_line(s);
	}
	return in->fd >= 0 && is_in_front(in) && ctl_procfs_may_run(s);
}

void ctl_input_close(struct ctl_session *s)
{
	forget(&s->procfs->input);
}
