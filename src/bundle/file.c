/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saving and loading bundles.
 *
 * A file is a head and a payload:
 *
 *	magic 8 | format 4 | abi 4 | payload size 8 | hash of the payload 8 | payload
 *
 * One function per struct moves its members in order, in whichever direction
 * the transfer goes, so saving and loading cannot drift apart.  Integers are
 * little-endian as in memory: the code is of this machine's kind anyway.
 * Texts are a u32 length + 1 (0: NULL) and bytes; arrays a u32 count.
 * Reading never believes a count that the bytes left could not fill.
 */
#include "bundle/bundle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bundle/check.h"

#define FILE_MAGIC 0x444e42454c495053ull /* "SPILEBND" */
#define FILE_FORMAT 5u
#define FILE_MOST ((size_t)1 << 30)

struct head {
	uint64_t magic;
	uint32_t format, abi;
	uint64_t size, hash;
};

struct transfer {
	struct arena *arena;
	struct buf out; /* saving */
	const uint8_t *in; /* loading */
	size_t left;
	bool loading, failed;
};

static void move_bytes(struct transfer *t, void *p, size_t n)
{
	if (!t->loading) {
		buf_add(&t->out, p, n);
		return;
	}
	if (t->left < n) {
		t->failed = true;
		t->left = 0;
		memset(p, 0, n);
		return;
	}
	memcpy(p, t->in, n);
	t->in += n;
	t->left -= n;
}

#define MOVE(t, member) move_bytes((t), &(member), sizeof(member))

static void move_bool(struct transfer *t, bool *b)
{
	uint8_t value = *b;

	MOVE(t, value);
	*b = value != 0;
}

/* Bytes with a count; loaded ones get a NUL behind them. */
static void move_counted(struct transfer *t, const char **p, uint32_t *n)
{
	char *bytes;

	MOVE(t, *n);
	if (!t->loading) {
		buf_add(&t->out, *p, *n);
		return;
	}
	if (*n > t->left) {
		t->failed = true;
		*n = 0;
	}
	bytes = arena_alloc(t->arena, (size_t)*n + 1);
	move_bytes(t, bytes, *n);
	*p = bytes;
}

static void move_text(struct transfer *t, const char **text)
{
	uint32_t n = !t->loading && *text ? (uint32_t)strlen(*text) : 0;
	uint8_t present = !t->loading && *text;

	MOVE(t, present);
	if (present)
		move_counted(t, text, &n);
	else
		*text = NULL;
}

static void move_reloc(struct transfer *t, struct bundle_reloc *r)
{
	MOVE(t, *r);
}

static void move_u32(struct transfer *t, uint32_t *v)
{
	MOVE(t, *v);
}

static void move_handler(struct transfer *t, struct bundle_handler *h)
{
	MOVE(t, *h);
}

static void move_probe(struct transfer *t, struct bundle_probe *p)
{
	MOVE(t, p->event);
	MOVE(t, p->handler);
	MOVE(t, p->sequence);
	MOVE(t, p->interval_ns);
	MOVE(t, p->randomize_ns);
	move_text(t, &p->path);
	MOVE(t, p->mode);
	MOVE(t, p->max_size);
	MOVE(t, p->record);
	MOVE(t, p->record_type);
	MOVE(t, p->record_config);
	MOVE(t, p->record_period);
	move_bool(t, &p->record_is_frequency);
	move_text(t, &p->record_process);
	MOVE(t, p->counter);
	move_text(t, &p->record_tracepoint);
	move_text(t, &p->name);
	move_text(t, &p->point);
	move_text(t, &p->place);
	MOVE(t, p->pid);
	move_bool(t, &p->target_only);
	MOVE(t, p->condition);
	MOVE(t, p->life);
	move_text(t, &p->program);
	MOVE(t, p->point_text);
}

static void move_site(struct transfer *t, struct bundle_site *s)
{
	move_text(t, &s->module);
	move_text(t, &s->build_id);
	MOVE(t, s->address);
	MOVE(t, s->function_start);
	MOVE(t, s->function_end);
	MOVE(t, s->semaphore);
	MOVE(t, s->flags);
	MOVE(t, s->syscall);
	MOVE(t, s->probe);
	MOVE(t, s->handler);
	MOVE(t, s->saver);
	MOVE(t, s->frame);
	MOVE(t, s->watch_length);
	MOVE(t, s->watch_reads);
	MOVE(t, s->point);
	MOVE(t, s->function);
	MOVE(t, s->name);
	MOVE(t, s->provider);
}

static void move_global(struct transfer *t, struct bundle_global *g)
{
	uint8_t has_string = !t->loading && g->init_string;

	move_text(t, &g->name);
	MOVE(t, g->layout);
	MOVE(t, g->map);
	MOVE(t, g->init_long);
	MOVE(t, has_string);
	if (has_string)
		move_counted(t, &g->init_string, &g->init_length);
	MOVE(t, g->n_keys);
	MOVE(t, g->string_keys);
}

/* An array of items that take at least `least` bytes each; loaded ones go to the bundle's arena. */
#define MOVE_ARRAY(t, v, least, mover)                                            \
	do {                                                                      \
		uint32_t count = (v)->n;                                          \
		MOVE(t, count);                                                   \
		if ((t)->loading && count > (t)->left / (least))                  \
			count = 0, (t)->failed = true;                            \
		if ((t)->loading) {                                               \
			(v)->p = arena_alloc((t)->arena, count * sizeof *(v)->p); \
			(v)->n = (v)->cap = count;                                \
		}                                                                 \
		for (uint32_t at = 0; at < count; at++)                           \
			mover(t, &(v)->p[at]);                                    \
	} while (0)

static void move_inline(struct transfer *t, struct bundle_inline *i)
{
	move_counted(t, (const char **)&i->bytes, &i->size);
	MOVE_ARRAY(t, &i->relocs, sizeof(struct bundle_reloc), move_reloc);
}

static void move_numbers(struct transfer *t, struct bundle *b)
{
	MOVE(t, b->globals_offset);
	MOVE(t, b->globals_size);
	MOVE(t, b->shards_size);
	MOVE(t, b->frame_size);
	MOVE(t, b->match_offset);
	MOVE(t, b->timing_offset);
	MOVE(t, b->max_string);
	MOVE(t, b->max_map_entries);
	MOVE(t, b->max_nesting);
	MOVE(t, b->max_action);
	MOVE(t, b->max_errors);
	MOVE(t, b->max_skipped);
	MOVE(t, b->hist_width);
	MOVE(t, b->hist_elision);
	MOVE(t, b->max_backtrace);
	move_bool(t, &b->reads_memory);
	move_bool(t, &b->keeps_texts);
	MOVE(t, b->text_offset);
	MOVE(t, b->stack_size);
}

static void move_bundle(struct transfer *t, struct bundle *b)
{
	move_counted(t, (const char **)&b->code, &b->code_size);
	MOVE_ARRAY(t, &b->relocs, sizeof(struct bundle_reloc), move_reloc);
	MOVE_ARRAY(t, &b->runtime_symbols, 1, move_text);
	MOVE_ARRAY(t, &b->inlines, 8, move_inline);
	MOVE_ARRAY(t, &b->handlers, sizeof(struct bundle_handler), move_handler);
	MOVE_ARRAY(t, &b->probes, 94, move_probe);
	MOVE_ARRAY(t, &b->sites, 78, move_site);
	MOVE_ARRAY(t, &b->globals, sizeof(struct abi_global) + sizeof(struct abi_map), move_global);
	MOVE_ARRAY(t, &b->formats, 4, move_u32);
	MOVE_ARRAY(t, &b->positions, 1, move_text);
	move_numbers(t, b);
	move_text(t, &b->listing);
}

static struct error *write_file(const char *path, const struct head *h, const struct buf *payload)
{
	FILE *to = fopen(path, "wbe");
	bool ok;

	if (!to)
		return error_errno(errno, "cannot create %s", path);
	ok = fwrite(h, sizeof *h, 1, to) == 1 && fwrite(payload->p, payload->n, 1, to) == 1;
	if (fclose(to) != 0 || !ok)
		return error_errno(errno, "cannot write %s", path);
	return NULL;
}

struct error *bundle_save(const struct bundle *b, const char *path)
{
	struct arena *scratch = arena_create();
	struct transfer t = { .arena = scratch };
	struct bundle copy = *b; /* not changed, but moved through like one being loaded */
	struct head h = { .magic = FILE_MAGIC, .format = FILE_FORMAT, .abi = ABI_VERSION };
	struct error *e;

	buf_init(&t.out, scratch);
	move_bundle(&t, &copy);
	h.size = t.out.n;
	h.hash = base_hash(t.out.p, t.out.n);
	e = write_file(path, &h, &t.out);
	arena_destroy(scratch);
	return e;
}

/* What is read from a pipe is gone: a script would lack its begin. */
bool bundle_is_file(const char *path)
{
	struct stat st;
	FILE *f = stat(path, &st) == 0 && S_ISREG(st.st_mode) ? fopen(path, "rbe") : NULL;
	uint64_t magic = 0;
	bool same = f && fread(&magic, sizeof magic, 1, f) == 1 && magic == FILE_MAGIC;

	if (f)
		fclose(f);
	return same;
}

static struct error *check_head(const struct head *h, const char *path, const void *payload,
				size_t size)
{
	if (h->magic != FILE_MAGIC)
		return error_new(ERROR_BAD_FILE, "%s is not a bundle", path);
	if (h->format != FILE_FORMAT || h->abi != ABI_VERSION)
		return error_hint(
			error_new(ERROR_BAD_FILE, "%s was made by another version of spile", path),
			"translate the script again");
	if (h->size != size || h->hash != base_hash(payload, size))
		return error_new(ERROR_BAD_FILE, "%s is damaged", path);
	return NULL;
}

static struct error *read_file(struct arena *a, const char *path, struct buf *to)
{
	FILE *from = fopen(path, "rbe");
	char piece[16384];
	size_t n;
	int failed;

	if (!from)
		return error_errno(errno, "cannot open %s", path);
	buf_init(to, a);
	while (to->n <= FILE_MOST && (n = fread(piece, 1, sizeof piece, from)) > 0)
		buf_add(to, piece, n);
	failed = ferror(from) ? errno : 0;
	fclose(from);
	if (failed)
		return error_errno(failed, "cannot read %s", path);
	if (to->n < sizeof(struct head) || to->n > FILE_MOST)
		return error_new(ERROR_BAD_FILE, "%s is not a bundle", path);
	return NULL;
}

struct error *bundle_load(struct arena *a, const char *path, struct bundle **out)
{
	struct transfer t = { .arena = a, .loading = true };
	struct bundle *b = bundle_create(a);
	struct buf bytes;
	struct head h;
	struct error *e = read_file(a, path, &bytes);
	const char *wrong;

	if (e)
		return e;
	memcpy(&h, bytes.p, sizeof h);
	t.in = (const uint8_t *)bytes.p + sizeof h;
	t.left = bytes.n - sizeof h;
	e = check_head(&h, path, t.in, t.left);
	if (e)
		return e;
	move_bundle(&t, b);
	if (t.failed || t.left)
		return error_new(ERROR_BAD_FILE, "%s is damaged", path);
	wrong = bundle_check(b);
	if (wrong)
		return error_new(ERROR_BAD_FILE, "%s is damaged: %s", path, wrong);
	*out = b;
	return NULL;
}
