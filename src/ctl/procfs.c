/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of the session: a script answers those who read them and takes what is written to them.
 *
 * They are regular files, each under a lease of ours (fcntl(2), F_SETLEASE): who opens one waits until we let it.
 *
 *	reader	open ----------------(waits)---------------. read, end of file
 *	tool	      signal; a new file takes the name;    |
 *	              the handler runs, fills the old one; lets go
 *
 * So every reader has a file of its own, whose content is made for it; it has a size and an end, and nobody hangs
 * when the tool has died: the kernel takes its leases back.  A FIFO has neither, and what two write there runs
 * into one.  A writer gets an empty file and goes on at once; inotify tells when there is something in it.
 *
 * Who has finished writing before another opens to read is heard first.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/procfs.h"

#define SCRATCH_PROCFS 3 /* RT_SCRATCH_PROCFS */
#define PRIVATE 0700
#define INPUT "__stdin"
#define INPUT_LINES "__stdin.line"
#define PIECES 64 /* of one writer, taken at once; the session has other things to do */
#define DELAYS 16u /* rounds that whoever opens a file waits for those who write without end */
#define KEPT 64u /* files that writers may have open, before it is asked who still does */

/* ---- running handlers ---------------------------------------------------------------------- */

bool ctl_procfs_may_run(const struct ctl_session *s)
{
	return !s->region->request_exit && s->region->state == ABI_STATE_RUNNING;
}

/* Room for a $value of `most` bytes. */
static void reserve(struct ctl_procfs *p, uint32_t most)
{
	if (most > p->room) {
		p->text = realloc(p->text, most);
		p->room = most;
		if (!p->text)
			base_oom();
	}
	p->value.text = (uint64_t)p->text;
	p->value.most = most;
	p->value.length = 0;
}

static void run(struct ctl_session *s, uint32_t probe)
{
	ctl_tool_run(s, probe);
	s->procfs->value.text = 0;
}

void ctl_procfs_give(struct ctl_session *s, const uint32_t *probes, uint32_t n, const char *text,
		     uint32_t length)
{
	struct ctl_procfs *p = s->procfs;

	length = base_min(length, s->region->max_string - 1);
	for (uint32_t i = 0; i < n && ctl_procfs_may_run(s); i++) {
		reserve(p, s->region->max_string);
		memcpy(p->text, text, length);
		p->value.length = length;
		run(s, probes[i]);
	}
}

/* ---- one file ------------------------------------------------------------------------------ */

static struct error *fail(const struct ctl_procfs_file *f, int fd, const char *what)
{
	struct error *e = error_errno(errno, "cannot %s %s", what, f->path);

	if (fd >= 0)
		close(fd);
	return e;
}

/* A new file takes the name, under a lease from the start. */
static struct error *renew(struct ctl_session *s, struct ctl_procfs_file *f)
{
	const char *new = arena_printf(s->scratch, "%s/.new", s->procfs->folder.path);
	int fd = open(new, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	f->fd = -1;
	if (fd < 0 || fchmod(fd, f->mode))
		return fail(f, fd, "make");
	if (fcntl(fd, F_SETLEASE, F_WRLCK))
		return error_hint(fail(f, fd, "take a lease on"),
				  "set XDG_RUNTIME_DIR to a folder of a local file system, such as tmpfs");
	if (rename(new, f->path))
		return fail(f, fd, "make");
	f->fd = fd;
	return NULL;
}

/* Folders on the way to the file. */
static struct error *make_way(struct ctl_session *s, const struct ctl_procfs_file *f)
{
	char *path = arena_strdup(s->arena, f->path);
	char *at = path + strlen(s->procfs->folder.path) + 1;

	while ((at = strchr(at, '/'))) {
		*at = 0;
		if (ctl_folder_mkdir(path) && errno != EEXIST)
			return error_errno(errno, "cannot make the folder %s", path);
		*at++ = '/';
	}
	return NULL;
}

/* What the script says, for those who wait to read. */
static void fill(struct ctl_session *s, const struct ctl_procfs_file *f, int fd)
{
	struct ctl_procfs *p = s->procfs;
	uint32_t most = s->bundle->probes.p[f->read].max_size;

	if (!ctl_procfs_may_run(s))
		return;
	reserve(p, most ? most : s->region->max_string - 1);
	run(s, (uint32_t)f->read);
	for (uint32_t at = 0; at < p->value.length;) {
		ssize_t n = pwrite(fd, p->text + at, p->value.length - at, at);

		if (n <= 0) {
			ctl_warn(s, "cannot write %s: %s", f->path, strerror(errno));
			break;
		}
		at += (uint32_t)n;
	}
}

/* ---- those who write ----------------------------------------------------------------------- */

/* What is taken gives its room back. True: there may be more. */
static bool take_new(struct ctl_session *s, struct ctl_procfs_written *w)
{
	const struct ctl_procfs_file *f = w->file;
	uint32_t most = s->region->max_string - 1;
	char *text = arena_alloc(s->scratch, most);
	uint64_t before = w->at;
	bool more = true;

	for (int i = 0; i < PIECES && more; i++) {
		ssize_t n = ctl_procfs_may_run(s) ? pread(w->fd, text, most, (off_t)w->at) : 0;

		more = n > 0;
		if (!more)
			break;
		w->at += (uint64_t)n;
		ctl_procfs_give(s, f->writes.p, f->writes.n, text, (uint32_t)n);
	}
	if (w->at > before)
		fallocate(w->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)before,
			  (off_t)(w->at - before));
	return more;
}

static void close_written(struct ctl_procfs *p, struct ctl_procfs_written *w)
{
	if (w->watch >= 0)
		inotify_rm_watch(p->notes, w->watch);
	close(w->fd);
	w->done = true;
}

/* A lease is given to who is the only one that has it open. */
static bool is_open_elsewhere(const struct ctl_procfs_written *w)
{
	if (fcntl(w->fd, F_SETLEASE, F_WRLCK))
		return true;
	fcntl(w->fd, F_SETLEASE, F_UNLCK);
	return false;
}

static void drop_done(struct ctl_procfs *p)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < p->written.n; i++)
		if (!p->written.p[i].done)
			p->written.p[kept++] = p->written.p[i];
	p->written.n = kept;
}

/* Writers that were killed before they had it open leave no trace. */
static void drop_abandoned(struct ctl_procfs *p)
{
	if (p->written.n < KEPT)
		return;
	vec_each(w, &p->written)
		if (!is_open_elsewhere(w))
			close_written(p, w);
	drop_done(p);
}

static void let_write(struct ctl_session *s, struct ctl_procfs_file *f, int fd)
{
	struct ctl_procfs *p = s->procfs;
	struct ctl_procfs_written w = { .file = f, .fd = fd };
	char path[64];

	drop_abandoned(p);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	w.watch = inotify_add_watch(p->notes, path, IN_MODIFY | IN_CLOSE_WRITE);
	vec_push(s->arena, &p->written, w);
	fcntl(fd, F_SETLEASE, F_UNLCK);
}

static bool has_closed(struct ctl_procfs *p)
{
	_Alignas(struct inotify_event) char notes[4096];
	bool closed = false;
	ssize_t n;

	while ((n = read(p->notes, notes, sizeof notes)) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *e = (const void *)(notes + at);

			closed |= (e->mask & (IN_CLOSE_WRITE | IN_Q_OVERFLOW)) != 0;
			at += (ssize_t)(sizeof *e + e->len);
		}
	return closed;
}

/* What they wrote before they closed it is there when they are told to have done so. */
static bool serve_writers(struct ctl_session *s)
{
	struct ctl_procfs *p = s->procfs;
	bool closed = p->written.n && has_closed(p), more = false;

	p->closed |= closed;
	for (uint32_t i = 0; i < p->written.n; i++)
		more |= take_new(s, &p->written.p[i]);
	if (!p->closed || more)
		return more;
	vec_each(w, &p->written)
		if (!is_open_elsewhere(w))
			close_written(p, w);
	drop_done(p);
	p->closed = false;
	return false;
}

/* ---- serving ------------------------------------------------------------------------------- */

/* What the lease shall become for somebody who waits; F_WRLCK: nobody does. */
static int wanted(const struct ctl_procfs_file *f)
{
	return f->fd < 0 ? F_WRLCK : fcntl(f->fd, F_GETLEASE);
}

static void serve_file(struct ctl_session *s, struct ctl_procfs_file *f, int who)
{
	int old = f->fd;
	struct error *e = renew(s, f);

	if (e && !f->warned)
		ctl_warn(s, "%s", error_text(e));
	f->warned |= e != NULL;
	if (who != F_RDLCK && f->writes.n) {
		let_write(s, f, old);
		return;
	}
	if (f->read >= 0)
		fill(s, f, old);
	fcntl(old, F_SETLEASE, F_UNLCK);
	close(old);
}

bool ctl_procfs_serve(struct ctl_session *s)
{
	struct arena_mark mark = arena_mark(s->scratch);
	struct ctl_procfs *p = s->procfs;
	bool more;
	int *who;

	if (!p)
		return false;
	/* Whoever waits now comes after those who have written. */
	who = arena_array(s->scratch, int, p->files.n);
	for (uint32_t i = 0; i < p->files.n; i++)
		who[i] = wanted(&p->files.p[i]);
	more = serve_writers(s);
	p->delayed = more ? p->delayed + 1 : 0;
	for (uint32_t i = 0; i < p->files.n && p->delayed % DELAYS == 0; i++)
		if (who[i] != F_WRLCK)
			serve_file(s, &p->files.p[i], who[i]);
	more |= ctl_input_serve(s);
	arena_reset(s->scratch, mark);
	if (more) /* nobody sleeps now */
		__atomic_add_fetch(&s->region->event, 1, __ATOMIC_SEQ_CST);
	return more;
}

/* ---- coming and going ----------------------------------------------------------------------- */

static struct ctl_procfs_file *file_named(struct ctl_session *s, const char *name)
{
	struct ctl_procfs *p = s->procfs;
	const char *path = arena_printf(s->arena, "%s/%s", p->folder.path, name);

	vec_each(f, &p->files)
		if (strcmp(f->path, path) == 0)
			return f;
	vec_push(s->arena, &p->files, (struct ctl_procfs_file){ .path = path, .read = -1, .fd = -1 });
	return &p->files.p[p->files.n - 1];
}

static void add_probe(struct ctl_session *s, uint32_t probe)
{
	const struct bundle_probe *b = &s->bundle->probes.p[probe];
	struct ctl_input *in = &s->procfs->input;
	struct ctl_procfs_file *f;

	if (b->event == CTL_WRITE && strcmp(b->path, INPUT) == 0) {
		vec_push(s->arena, &in->chars, probe);
	} else if (b->event == CTL_WRITE && strcmp(b->path, INPUT_LINES) == 0) {
		vec_push(s->arena, &in->lines, probe);
	} else {
		f = file_named(s, b->path);
		f->mode |= b->mode;
		if (b->event == CTL_READ)
			f->read = (int)probe;
		else
			vec_push(s->arena, &f->writes, probe);
	}
}

static struct error *make_files(struct ctl_session *s)
{
	struct ctl_procfs *p = s->procfs;
	struct error *e = NULL;

	p->notes = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (p->notes < 0)
		return error_errno(errno, "cannot watch files");
	fcntl(p->notes, F_SETOWN, getpid());
	fcntl(p->notes, F_SETFL, fcntl(p->notes, F_GETFL) | O_ASYNC);
	for (uint32_t i = 0; i < p->files.n && !e; i++) {
		e = make_way(s, &p->files.p[i]);
		if (!e)
			e = renew(s, &p->files.p[i]);
	}
	return e;
}

static void publish(struct ctl_session *s)
{
	struct ctl_procfs *p = s->procfs;
	size_t n = strlen(p->folder.path);
	struct abi_string *folder = arena_alloc(s->arena, ABI_STRING_HEAD + n + 1);

	folder->length = (uint32_t)n;
	memcpy(folder->text, p->folder.path, n + 1);
	p->value.folder = (uint64_t)folder;
	s->tool.slot->scratch[SCRATCH_PROCFS] = (uint64_t)&p->value;
}

static bool is_file_event(const struct bundle_probe *b)
{
	return b->event == CTL_READ || b->event == CTL_WRITE;
}

struct error *ctl_procfs_open(struct ctl_session *s)
{
	const struct bundle *b = s->bundle;
	struct error *e = NULL;

	for (uint32_t i = 0; i < b->probes.n && !e; i++) {
		if (!is_file_event(&b->probes.p[i]))
			continue;
		if (!s->procfs) {
			s->procfs = arena_new(s->arena, struct ctl_procfs);
			*s->procfs = (struct ctl_procfs){ .notes = -1, .input.fd = -1 };
			e = ctl_folder_make(s->arena, &s->procfs->folder);
		}
		if (!e)
			add_probe(s, i);
	}
	if (!s->procfs || e)
		return e;
	publish(s);
	e = make_files(s);
	if (e)
		return e;
	if (s->procfs->files.n)
		ctl_verbose(s, 1, "procfs files are in %s", s->procfs->folder.path);
	ctl_input_open(s);
	return NULL;
}

void ctl_procfs_close(struct ctl_session *s)
{
	struct ctl_procfs *p = s->procfs;

	if (!p)
		return;
	ctl_input_close(s);
	vec_each(f, &p->files)
		if (f->fd >= 0)
			close(f->fd);
	vec_each(w, &p->written)
		close(w->fd);
	p->files.n = p->written.n = 0;
	if (p->notes >= 0)
		close(p->notes);
	p->notes = -1;
	ctl_folder_remove(&p->folder);
	free(p->text);
	p->text = NULL;
	p->room = 0;
}
