/* SPDX-License-Identifier: Apache-2.0 */
/* Building the index: units dealt out to threads, what they found sorted into one image. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "elf/index.h"
#include "elf/kept.h"

#define WORKERS 8u
/* Smaller debug information is read again faster than a thread starts. */
#define SERIAL_BYTES (256u << 10)

/* ---- the workers ---------------------------------------------------------------------------- */

struct crew {
	struct index_sources *sources;
	atomic_uint next, all; /* units */
	uint64_t packed, before; /* bytes that sections take when they are unpacked, and that the process had before */
	uint32_t n;
	struct index_worker workers[WORKERS];
	pthread_t threads[WORKERS];
};

struct crew_member {
	struct crew *crew;
	struct index_worker *worker;
};

static void *work(void *user)
{
	struct crew_member *m = user;
	uint32_t number;

	while ((number = atomic_fetch_add(&m->crew->next, 1)) < m->crew->sources->units.n)
		elf_index_unit(m->worker, number);
	return NULL;
}

static uint32_t processors(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof set, &set) != 0)
		return 1;
	return base_min((uint32_t)base_max(CPU_COUNT(&set), 1), WORKERS);
}

static void crew_run(struct crew *c)
{
	struct crew_member members[WORKERS];
	uint32_t started = 0;

	c->n = c->sources->main.sections[SCAN_INFO].n < SERIAL_BYTES ? 1 : processors();
	for (uint32_t i = 0; i < c->n; i++) {
		elf_index_worker_init(&c->workers[i], c->sources);
		members[i] = (struct crew_member){ c, &c->workers[i] };
	}
	for (uint32_t i = 1; i < c->n; i++, started++)
		if (pthread_create(&c->threads[i], NULL, work, &members[i]) != 0)
			break;
	work(&members[0]);
	for (uint32_t i = 1; i <= started; i++)
		pthread_join(c->threads[i], NULL);
}

/* ---- telling how far it is, when it takes long --------------------------------------------------- */

#define QUIET_NS 1000000000
#define STEP_NS 200000000

struct ticker {
	elf_progress_fn *hook;
	const char *what;
	struct crew *crew;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool started, over;
};

static void wait_a_while(struct ticker *t, long ns)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += ns;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_cond_timedwait(&t->ended, &t->lock, &until);
}

/* Memory of the process that is no file's. */
static uint64_t own_bytes(void)
{
	unsigned long resident = 0, shared = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (!f || fscanf(f, "%*u %lu %lu", &resident, &shared) != 2)
		resident = shared = 0;
	if (f)
		fclose(f);
	return (uint64_t)(resident - base_min(resident, shared)) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/*
 * Units are half of the work where sections have to be unpacked first. That is one call of libelf for each: how far it is
 * shows the memory that it has filled.
 */
static unsigned percent_of(const struct crew *c)
{
	uint32_t all = atomic_load(&c->all), next = atomic_load(&((struct crew *)(uintptr_t)c)->next);
	unsigned first = c->packed ? 50 : 0;
	uint64_t now;

	if (all)
		return first + (unsigned)(base_min(next, all) * (99ull - first) / all);
	if (!c->packed)
		return 0;
	now = own_bytes();
	return (unsigned)base_min((now - base_min(now, c->before)) * 50 / c->packed, 49u);
}

static void *tick(void *user)
{
	struct ticker *t = user;
	bool told = false;

	pthread_mutex_lock(&t->lock);
	wait_a_while(t, QUIET_NS);
	while (!t->over) {
		t->hook(t->what, percent_of(t->crew));
		told = true;
		wait_a_while(t, STEP_NS);
	}
	pthread_mutex_unlock(&t->lock);
	if (told)
		t->hook(t->what, 100);
	return NULL;
}

static void ticker_start(struct ticker *t, const struct elf_file *f, struct crew *c)
{
	*t = (struct ticker){ .hook = private_of(f)->progress, .what = f->path, .crew = c,
			      .lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER };
	t->started = t->hook && pthread_create(&t->thread, NULL, tick, t) == 0;
}

static void ticker_end(struct ticker *t)
{
	if (!t->started)
		return;
	pthread_mutex_lock(&t->lock);
	t->over = true;
	pthread_cond_signal(&t->ended);
	pthread_mutex_unlock(&t->lock);
	pthread_join(t->thread, NULL);
}

/* ---- strings: each once, numbered in order of the alphabet ---------------------------------------- */

struct text_entry {
	const char *text;
	uint32_t offset, rank;
};

struct texts {
	struct arena *arena;
	struct map *by_pointer, *by_text; /* to struct text_entry */
	VEC(struct text_entry *) list;
};

static struct text_entry *text_of(struct texts *t, const char *text)
{
	struct text_entry *e;

	text = text ? text : "";
	e = map_find_u64(t->by_pointer, (uintptr_t)text);
	if (e)
		return e;
	e = map_find(t->by_text, text);
	if (!e) {
		e = arena_new(t->arena, struct text_entry);
		e->text = text;
		map_put(t->by_text, text, e);
		vec_push(t->arena, &t->list, e);
	}
	map_put_u64(t->by_pointer, (uintptr_t)text, e);
	return e;
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp((*(struct text_entry *const *)a)->text, (*(struct text_entry *const *)b)->text);
}

/* ---- the image ------------------------------------------------------------------------------- */

struct row {
	struct text_entry *name, *linkage, *scope, *file;
	const struct index_found *found;
	uint32_t copies;
	bool scattered;
};

struct image {
	struct arena *arena;
	struct crew *crew;
	struct texts texts;
	struct row *rows;
	uint32_t n;
	struct index_function *functions; /* in the image */
};

/* Copies that other units hold, over all workers. */
static uintptr_t scattered_copies(const struct crew *c, const struct index_found *f)
{
	const struct index_sources *s = c->sources;
	bool alternate = f->unit >= s->n_main && f->unit < s->n_main + s->n_alternate;
	uintptr_t n = 0;

	for (uint32_t i = 0; i < c->n; i++)
		n += (uintptr_t)map_find_u64(c->workers[i].scattered, f->entry * 2 + alternate);
	return n;
}

static void row_add(struct image *m, const struct index_found *f)
{
	struct row *r = &m->rows[m->n];
	uintptr_t elsewhere = f->flags & INDEX_INLINED ? scattered_copies(m->crew, f) : 0;

	if (f->flags & INDEX_INLINED && !f->copies && !elsewhere)
		return;
	*r = (struct row){
		.name = text_of(&m->texts, f->name), .linkage = text_of(&m->texts, f->linkage),
		.scope = text_of(&m->texts, f->scope), .file = text_of(&m->texts, f->file),
		.found = f, .copies = f->copies + (uint32_t)elsewhere, .scattered = elsewhere > 0,
	};
	m->n++;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int c = compare_numbers(x->name->rank, y->name->rank);

	c = c ? c : compare_numbers(x->file->rank, y->file->rank);
	c = c ? c : compare_numbers(x->found->line, y->found->line);
	c = c ? c : compare_numbers(x->found->unit, y->found->unit);
	return c ? c : compare_numbers(x->found->entry, y->found->entry);
}

static void rows_make(struct image *m)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->crew->n; i++)
		n += m->crew->workers[i].found.n;
	m->rows = arena_array(m->arena, struct row, n + 1);
	text_of(&m->texts, "");
	for (uint32_t i = 0; i < m->crew->n; i++)
		vec_each(f, &m->crew->workers[i].found)
			row_add(m, f);
	qsort(m->texts.list.p, m->texts.list.n, sizeof *m->texts.list.p, compare_texts);
	for (uint32_t i = 0; i < m->texts.list.n; i++)
		m->texts.list.p[i]->rank = i;
	qsort(m->rows, m->n, sizeof *m->rows, compare_rows);
}

static uint64_t strings_place(struct image *m)
{
	uint64_t n = 0;

	vec_each(e, &m->texts.list) {
		(*e)->offset = (uint32_t)n;
		n += strlen((*e)->text) + 1;
	}
	return n;
}

static void functions_fill(struct image *m, uint8_t *image, const struct index_header *h)
{
	m->functions = (void *)(image + h->functions);
	for (uint32_t i = 0; i < m->n; i++) {
		const struct row *r = &m->rows[i];

		m->functions[i] = (struct index_function){
			.name = r->name->offset, .linkage = r->linkage->offset,
			.scope = r->scope->offset, .file = r->file->offset, .line = r->found->line,
			.unit = r->found->unit, .copies = r->copies, .entry = r->found->entry,
			.flags = r->found->flags | (r->scattered ? INDEX_SCATTERED : 0),
			.address = r->found->address,
		};
	}
}

static int compare_linkage(const void *a, const void *b, void *user)
{
	const struct image *m = user;

	return compare_numbers(m->rows[*(const uint32_t *)a].linkage->rank,
			       m->rows[*(const uint32_t *)b].linkage->rank);
}

static int compare_address(const void *a, const void *b, void *user)
{
	const struct image *m = user;

	return compare_numbers(m->functions[*(const uint32_t *)a].address,
			       m->functions[*(const uint32_t *)b].address);
}

static void orders_fill(struct image *m, uint8_t *image, const struct index_header *h)
{
	uint32_t *linkage = (void *)(image + h->by_linkage), *address = (void *)(image + h->by_address);

	for (uint32_t i = 0; i < m->n; i++)
		linkage[i] = address[i] = i;
	qsort_r(linkage, m->n, sizeof *linkage, compare_linkage, m);
	qsort_r(address, m->n, sizeof *address, compare_address, m);
}

static void identity_fill(struct index_header *h, const struct elf_file *f,
			  const struct elf_debug *d)
{
	memcpy(h->magic, INDEX_MAGIC, sizeof h->magic);
	h->version = INDEX_VERSION;
	elf_debug_identity(d, &h->debug_size, &h->debug_time);
	if (f->build_id)
		memcpy(h->build_id, f->build_id,
		       base_min(strlen(f->build_id), sizeof h->build_id - 1));
}

static void header_fill(struct image *m, struct index_header *h)
{
	uint64_t strings = strings_place(m);

	h->n_functions = m->n;
	h->n_units = m->crew->sources->units.n;
	h->functions = sizeof *h;
	h->by_linkage = h->functions + m->n * sizeof(struct index_function);
	h->by_address = h->by_linkage + m->n * sizeof(uint32_t);
	h->units = base_align(h->by_address + m->n * sizeof(uint32_t), 8);
	h->strings = h->units + h->n_units * sizeof(struct index_unit);
	h->strings_size = strings;
	h->size = h->strings + strings;
}

/* The whole image, in memory of its own: it outlives the workers and is as long as the file. */
static const uint8_t *image_make(struct image *m, const struct elf_file *f,
				 const struct elf_debug *d, size_t *size)
{
	struct index_header h = { 0 };
	uint8_t *image;

	identity_fill(&h, f, d);
	header_fill(m, &h);
	if (h.strings_size > UINT32_MAX)
		return NULL;
	image = mmap(NULL, h.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (image == MAP_FAILED)
		return NULL;
	functions_fill(m, image, &h);
	orders_fill(m, image, &h);
	if (h.n_units)
		memcpy(image + h.units, m->crew->sources->places.p,
		       h.n_units * sizeof(struct index_unit));
	vec_each(e, &m->texts.list)
		strcpy((char *)image + h.strings + (*e)->offset, (*e)->text);
	h.hash = elf_kept_hash(image + sizeof h, h.size - sizeof h);
	memcpy(image, &h, sizeof h);
	*size = h.size;
	return image;
}

static bool index_build(struct elf_index *x, struct elf_file *f, struct elf_debug *d)
{
	struct arena *scratch = arena_create();
	struct crew *crew = arena_new(scratch, struct crew);
	struct image m = { .arena = scratch, .crew = crew };
	struct ticker ticker;
	const uint8_t *image;
	size_t size = 0;

	crew->packed = elf_debug_packed(d);
	crew->before = crew->packed ? own_bytes() : 0;
	ticker_start(&ticker, f, crew);
	crew->sources = elf_index_sources(scratch, f, d);
	atomic_store(&crew->all, crew->sources->units.n);
	crew_run(crew);
	m.texts = (struct texts){ .arena = scratch, .by_pointer = map_create(scratch),
				  .by_text = map_create(scratch) };
	rows_make(&m);
	image = image_make(&m, f, d, &size);
	ticker_end(&ticker);
	for (uint32_t i = 0; i < crew->n; i++)
		elf_index_worker_end(&crew->workers[i]);
	arena_destroy(scratch);
	if (!image)
		return false;
	x->map = (void *)(uintptr_t)image;
	x->map_size = size;
	return elf_index_attach(x, image, size);
}

struct elf_index *elf_index_of(struct elf_file *f)
{
	struct elf_private *p = private_of(f);
	struct elf_debug *d = elf_debug_file_of(f);

	if (!d || p->index_tried)
		return p->functions;
	p->index_tried = true;
	p->functions = arena_new(p->arena, struct elf_index);
	if (elf_index_load(p->functions, f, d))
		return p->functions;
	if (!index_build(p->functions, f, d)) {
		p->functions = NULL;
		return NULL;
	}
	elf_index_save(p->functions, f);
	return p->functions;
}

void elf_index_close(struct elf_index *x)
{
	if (x && x->map)
		munmap(x->map, x->map_size);
}
