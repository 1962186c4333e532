/* SPDX-License-Identifier: Apache-2.0 */
/* What records say: text for the output, errors, warnings, commands. */
#include "ctl/print.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/format.h"

#define FLUSH_AT (64u << 10) /* bytes of text */
#define ROOM_SLICE 50 /* ms: a signal may come right before we wait */
#define FINISH_NAP 1000000 /* ns */
#define FINISH_NAPS 1000 /* for background commands at the end */

extern char **environ;

/* ---- text ----------------------------------------------------------------------------- */

/* The target may write to the same pipe or terminal. */
static bool is_shared_output(FILE *out)
{
	struct stat st;

	return fileno(out) >= 0 && fstat(fileno(out), &st) == 0 && !S_ISREG(st.st_mode);
}

/* How much to write at once: whole lines that a pipe takes in one piece, if there are any. */
static size_t piece_of(const char *p, size_t n)
{
	const char *end;

	if (n <= PIPE_BUF)
		return n;
	end = memrchr(p, '\n', PIPE_BUF);
	return end ? (size_t)(end - p) + 1 : PIPE_BUF;
}

/* Whoever reads no more (head) has what he wants; a full disk is told. Either ends the session. */
static void output_fails(struct ctl_session *s)
{
	const char *path = s->options->out_path;

	s->output_failed = true;
	if (errno == EPIPE)
		return;
	s->output_lost = true;
	fprintf(s->options->err, "ERROR: cannot write %s%s%s: %s\n", path ? "'" : "the output", path ? path : "",
		path ? "'" : "", strerror(errno));
}

/* The session is to end: what nobody takes waits in memory until it has left its processes. */
static bool is_held(const struct ctl_session *s)
{
	return !s->has_left && (ctl_signals_count() || (s->end_time && ctl_now() >= s->end_time) ||
				(s->region && s->region->request_exit));
}

/* A pipe may be full for as long as its reader pleases. False, and errno is 0: it is, and we do not wait. */
static bool wait_for_room(const struct ctl_session *s, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	for (;;) {
		int n = poll(&p, 1, is_held(s) ? 0 : ROOM_SLICE);

		if (n > 0 || (n < 0 && errno != EINTR))
			return true;
		if (is_held(s)) {
			errno = 0;
			return false;
		}
	}
}

/* How much of it was written: less if the file takes no more (errno), or nobody does now (errno is 0). Signals are no reason, nor is O_NONBLOCK. */
static size_t put(const struct ctl_session *s, FILE *to, const char *p, size_t n)
{
	int fd = fileno(to);
	size_t done = 0;

	if (fd < 0)
		return fwrite(p, 1, n, to);
	while (done < n) {
		ssize_t written;

		if (!wait_for_room(s, fd))
			break;
		written = write(fd, p + done, n - done);
		if (written < 0 && errno != EINTR && errno != EAGAIN)
			break;
		done += written > 0 ? (size_t)written : 0;
	}
	return done;
}

/* What cannot be written now stays. */
static void write_output(struct ctl_session *s)
{
	struct buf *b = &s->output;
	FILE *out = s->options->out;
	bool shared = b->n > PIPE_BUF && is_shared_output(out), held = false;
	size_t at = 0;

	while (at < b->n && !s->output_failed && !held) {
		size_t n = shared ? piece_of(b->p + at, b->n - at) : b->n - at, done = put(s, out, b->p + at, n);

		at += done;
		held = done < n && !errno;
		if (done < n && errno)
			output_fails(s);
	}
	if (s->output_failed)
		at = b->n;
	s->output_size += at;
	b->n -= at;
	if (b->n)
		memmove(b->p, b->p + at, b->n);
}

/* What comes now goes to PATH.1, PATH.2 ... of -o PATH; of -S the oldest is removed. */
static void next_output(struct ctl_session *s)
{
	const struct ctl_options *o = s->options;
	const char *path = arena_printf(s->arena, "%s.%u", o->out_path, ++s->output_files);

	s->output_size = 0;
	if (!freopen(path, "we", o->out)) {
		s->output_failed = s->output_lost = true;
		fprintf(o->err, "ERROR: cannot write '%s': %s\n", path, strerror(errno));
	}
	if (o->rotate_keep && s->output_files >= o->rotate_keep)
		unlink(arena_printf(s->arena, "%s.%u", o->out_path, s->output_files - o->rotate_keep));
}

void ctl_flush(struct ctl_session *s)
{
	uint64_t size = s->options->rotate_size;

	write_output(s);
	if (s->options->out_path && !s->output_failed &&
	    (ctl_signals_rotate() || (size && s->output_size >= size)))
		next_output(s);
}

/* The unfinished line waits for its end. */
static void flush_lines(struct ctl_session *s)
{
	struct buf *b = &s->output;
	const char *end = memrchr(b->p, '\n', b->n);
	size_t n = end ? (size_t)(end - b->p) + 1 : b->n, rest = b->n - n;

	b->n = n;
	ctl_flush(s);
	memmove(b->p + b->n, b->p + n, rest);
	b->n += rest;
}

static void write_text(void *to, const char *bytes, uint64_t length)
{
	buf_add(to, bytes, length);
}

/* Messages come behind the text that was printed before them. */
static void message(struct ctl_session *s, const char *head, const char *text, size_t n)
{
	struct arena_mark mark = arena_mark(s->scratch);
	const char *line = arena_printf(s->scratch, "%s%.*s\n", head, (int)n, text);

	ctl_flush(s);
	put(s, s->options->err, line, strlen(line));
	arena_reset(s->scratch, mark);
}

/* Once for each text. */
static void warn_text(struct ctl_session *s, const char *text, size_t n)
{
	struct arena_mark mark = arena_mark(s->scratch);
	const char *key = arena_strndup(s->scratch, text, n);

	if (!s->options->quiet && !map_find(s->warned, key)) {
		map_put(s->warned, arena_strdup(s->arena, key), s);
		message(s, "WARNING: ", text, n);
	}
	arena_reset(s->scratch, mark);
}

void ctl_warn(struct ctl_session *s, const char *fmt, ...)
{
	struct arena_mark mark = arena_mark(s->scratch);
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = arena_vprintf(s->scratch, fmt, ap);
	va_end(ap);
	warn_text(s, text, strlen(text));
	arena_reset(s->scratch, mark);
}

void ctl_complain(struct ctl_session *s, const char *text)
{
	message(s, "ERROR: ", text, strlen(text));
}

void ctl_verbose(struct ctl_session *s, int level, const char *fmt, ...)
{
	struct arena_mark mark;
	va_list ap;
	char *text;

	if (s->options->verbose < level)
		return;
	mark = arena_mark(s->scratch);
	va_start(ap, fmt);
	text = arena_vprintf(s->scratch, fmt, ap);
	va_end(ap);
	message(s, "", text, strlen(text));
	arena_reset(s->scratch, mark);
}

/* ---- commands ----------------------------------------------------------------------------- */

static void set_signals(posix_spawnattr_t *attributes)
{
	static const int ours[] = { SIGINT,  SIGTERM, SIGHUP,  SIGQUIT,
				    SIGCHLD, SIGPIPE, SIGSEGV, SIGBUS, SIGXFSZ,
				    SIGUSR1, SIGUSR2, SIGALRM, SIGXCPU };
	sigset_t defaults, none;

	sigemptyset(&none);
	sigemptyset(&defaults);
	for (size_t i = 0; i < base_count(ours); i++)
		sigaddset(&defaults, ours[i]);
	posix_spawnattr_setsigdefault(attributes, &defaults);
	posix_spawnattr_setsigmask(attributes, &none);
	posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
}

static void start_command(struct ctl_session *s, const struct abi_string *text)
{
	struct arena_mark mark = arena_mark(s->scratch);
	char *words[] = { (char *)"sh", (char *)"-c", arena_strndup(s->scratch, text->text, text->length), NULL };
	posix_spawnattr_t attributes;
	pid_t pid;
	int bad;

	ctl_flush(s);
	if (posix_spawnattr_init(&attributes))
		base_oom();
	set_signals(&attributes);
	ctl_descriptors_lower(s);
	bad = posix_spawn(&pid, "/bin/sh", NULL, &attributes, words, environ);
	ctl_descriptors_raise(s);
	posix_spawnattr_destroy(&attributes);
	if (bad)
		ctl_warn(s, "cannot run \"%s\": %s", words[2], strerror(bad));
	else
		vec_push(s->arena, &s->commands, pid);
	arena_reset(s->scratch, mark);
}

void ctl_commands_reap(struct ctl_session *s)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < s->commands.n; i++)
		if (waitpid(s->commands.p[i], NULL, WNOHANG) == 0)
			s->commands.p[kept++] = s->commands.p[i];
	s->commands.n = kept;
}

void ctl_commands_finish(struct ctl_session *s)
{
	for (uint32_t i = 0; i < FINISH_NAPS && s->commands.n; i++) {
		ctl_commands_reap(s);
		if (s->commands.n)
			nanosleep(&(struct timespec){ 0, FINISH_NAP }, NULL);
	}
}

static void switch_output(struct ctl_session *s)
{
	if (!s->options->out_path)
		return;
	write_output(s);
	next_output(s);
}

/* ---- records --------------------------------------------------------------------------------- */

static const char *position(const struct ctl_session *s, uint32_t number)
{
	return number < s->bundle->positions.n ? s->bundle->positions.p[number] : "";
}

static void print_error(struct ctl_session *s, const struct abi_record *r, const struct abi_string *text)
{
	uint32_t n;
	const uint32_t *places = rt_record_places(r, &n);
	const char *near = position(s, places[0]);
	struct arena_mark mark = arena_mark(s->scratch);
	struct buf line;

	buf_init(&line, s->scratch);
	buf_add(&line, text->text, text->length);
	if (*near)
		buf_addf(&line, " near %s", near);
	for (uint32_t i = 0; i < n; i++)
		buf_addf(&line, " (called from %s)", position(s, places[2 + i]));
	message(s, "ERROR: ", line.p, line.n);
	arena_reset(s->scratch, mark);
}

static bool print_format(struct ctl_session *s, const struct abi_record *r)
{
	const struct bundle *b = s->bundle;

	if (r->format >= b->formats.n)
		return false;
	return rt_format_record((const void *)(b->code + b->formats.p[r->format]), r, write_text,
				&s->output);
}

static bool print_string(struct ctl_session *s, const struct abi_record *r)
{
	const struct abi_string *text = rt_record_text(r);

	if (!text)
		return false;
	switch (r->kind) {
	case ABI_RECORD_ERROR:
		print_error(s, r, text);
		break;
	case ABI_RECORD_WARN:
		warn_text(s, text->text, text->length);
		break;
	case ABI_RECORD_SYSTEM:
		start_command(s, text);
		break;
	case ABI_RECORD_SWITCH:
		switch_output(s);
		break;
	default:
		buf_add(&s->output, text->text, text->length);
		break;
	}
	return true;
}

/* A copy that no target can change. */
static const struct abi_record *keep(struct ctl_session *s, const struct abi_record *r,
				     uint32_t size)
{
	struct abi_record *copy;

	if (size > s->record_cap) {
		free(s->record);
		s->record_cap = base_max((size_t)size * 2, (size_t)4096);
		s->record = malloc(s->record_cap);
		if (!s->record)
			base_oom();
	}
	memcpy(s->record, r, size);
	copy = (void *)s->record;
	copy->size = size;
	return copy;
}

void ctl_print_record(struct ctl_session *s, const struct abi_record *r, uint32_t size)
{
	const struct abi_record *copy = keep(s, r, size);
	bool good;

	switch (copy->kind) {
	case ABI_RECORD_PRINT:
		good = print_format(s, copy);
		break;
	case ABI_RECORD_HIST:
		good = rt_format_hist_record(copy, s->bundle->hist_width, s->bundle->hist_elision,
					     write_text, &s->output);
		break;
	case ABI_RECORD_STACK:
		good = ctl_print_stack(s, copy);
		break;
	case ABI_RECORD_ERROR:
	case ABI_RECORD_WARN:
	case ABI_RECORD_TEXT:
	case ABI_RECORD_SYSTEM:
	case ABI_RECORD_SWITCH:
		good = print_string(s, copy);
		break;
	default:
		good = false;
		break;
	}
	s->dropped += !good;
	if (s->output.n >= FLUSH_AT)
		flush_lines(s);
}
