/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many probe sites of installed programs end on which rung of the ladder.
 *
 *	rungs [-j PROCESSES] [-v] [-b] FILE-OR-FOLDER...
 *	rungs -l FILE			the addresses of its function entries
 *
 * For every ELF file: function entries (symbols and starts of frame descriptions), statements
 * of line tables where there is debug information, and markers.  Each site is planned as if it
 * were alone; the entries of a file are then planned together, as one session would.
 * The process around is imagined: where the kernel would put the file, with its heap, its
 * libraries and its stack.
 *
 * -v names the sites that trap or are refused; -b checks the bounds that the project promises and
 * says so by the exit status.
 */
#include <dirent.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "elf/elf.h"
#include "patch/patch.h"
#include "patch/space.h"
#include "patch/text.h"

#define GIB (1ull << 30)
#define MIB (1ull << 20)
#define PIE_BASE 0x555555554000ull
#define LIBRARY_BASE 0x7f1234560000ull
#define HEAP_ROOM (GIB + 32 * MIB) /* what ctl keeps free above a program, and the kernel's random part */
#define LIBRARIES (48 * MIB) /* that stand around a library */
#define CODE_BEHIND 16u
#define CODE_UNKNOWN 64u
#define NEAR_SMALL 32u
#define NEAR_MOST 65536u
#define FILES_MOST 65536u
#define BODY_SITE 7
#define TOUCHED 256u /* bytes around a site that its plan may write */
#define RENEWED 4096u /* plans alone before their trampolines are given up */

enum kind { ENTRY, ENTRY_TOGETHER, STATEMENT, MARK, KINDS };
static const char *const kind_names[] = { "function entries, each alone", "function entries, together",
					  "statements, each alone", "markers, each alone" };
/* Most sites of 1000 that may trap. */
static const double bounds[] = { 1, 1, 5, 5 };

struct result {
	_Atomic uint64_t rungs[KINDS][RUNG_COUNT], refused[KINDS];
	_Atomic uint64_t no_code[KINDS]; /* line tables name addresses that are no instruction */
	_Atomic uint32_t next, files;
};
static struct result *result;
static const char *paths[FILES_MOST];
static uint64_t sizes[FILES_MOST];
static uint32_t n_paths;
static bool verbose;

/* ---- the process around ----------------------------------------------------------------------- */

struct world {
	struct elf_file *file;
	uint64_t bias, start, end;
	struct patch_range free[2];
	uint64_t handler;
	Dwarf *dwarf;
};

static void imagine(struct world *w)
{
	const struct elf_file *f = w->file;
	uint64_t first = UINT64_MAX, last = 0, below;
	bool program = !f->is_shared || f->is_pie;

	for (uint32_t i = 0; i < f->n_segments; i++) {
		first = base_min(first, f->segments[i].address & ~(uint64_t)(ABI_PAGE - 1));
		last = base_max(last, f->segments[i].address + f->segments[i].memory_size);
	}
	w->bias = !f->is_shared ? 0 : (program ? PIE_BASE : LIBRARY_BASE) - first;
	w->start = first + w->bias;
	w->end = base_align(last + w->bias, (uint64_t)ABI_PAGE);
	below = program ? ABI_PAGE : LIBRARIES;
	w->free[0] = (struct patch_range){ w->start > 2 * GIB ? w->start - 2 * GIB : 0x11000,
					   w->start - below };
	w->free[1] = (struct patch_range){ w->end + (program ? HEAP_ROOM : LIBRARIES),
					   w->end + 2 * GIB };
	w->handler = w->start > GIB ? w->start - GIB / 2 : base_align(w->end, MIB) + GIB + GIB / 4;
}

static bool read_file(void *user, uint64_t address, void *to, uint32_t n)
{
	const struct world *w = user;
	uint64_t available;
	const uint8_t *bytes = elf_bytes(w->file, address - w->bias, &available);

	if (!bytes || available < n)
		return false;
	memcpy(to, bytes, n);
	return true;
}

/* ---- sites ------------------------------------------------------------------------------------------ */

struct site {
	uint64_t address, start, end; /* link-time; extent 0 0: unknown */
};
struct sites {
	struct arena *arena;
	struct elf_file *file;
	VEC(struct site) list;
};

static int by_address(const void *a, const void *b)
{
	const struct site *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return x->end > y->end ? -1 : x->end < y->end;
}

static void sites_sort(struct sites *s)
{
	uint32_t n = 0;

	if (s->list.n)
		qsort(s->list.p, s->list.n, sizeof *s->list.p, by_address);
	for (uint32_t i = 0; i < s->list.n; i++)
		if (!n || s->list.p[n - 1].address != s->list.p[i].address)
			s->list.p[n++] = s->list.p[i];
	s->list.n = n;
}

static bool is_code(const struct elf_file *f, uint64_t address)
{
	for (uint32_t i = 0; i < f->n_segments; i++)
		if (f->segments[i].executable &&
		    address - f->segments[i].address < f->segments[i].file_size)
			return true;
	return false;
}

static void site_add(struct sites *s, uint64_t address)
{
	struct site site = { .address = address };
	const char *name;

	if (!is_code(s->file, address))
		return;
	if (!elf_function_at(s->file, address, &name, &site.start, &site.end) ||
	    address < site.start || address >= site.end)
		site.start = site.end = 0;
	vec_push(s->arena, &s->list, site);
}

static bool add_symbol(void *user, const struct elf_symbol *symbol)
{
	struct sites *s = user;

	if (symbol->size && is_code(s->file, symbol->address))
		vec_push(s->arena, &s->list,
			 (struct site){ symbol->address, symbol->address,
					symbol->address + symbol->size });
	else
		site_add(s, symbol->address);
	return true;
}

/* Starts of frame descriptions, by the sorted table. */
/* The description of the trampoline of signals begins a byte early. */
static uint64_t code_start(struct elf_file *f, uint64_t address)
{
	uint64_t start, end;
	const char *name;

	return elf_function_at(f, address + 1, &name, &start, &end) && start == address + 1 ? start : address;
}

static void add_frames(struct sites *s)
{
	const uint8_t *image = s->file->image;
	const Elf64_Ehdr *header = (const void *)image;
	const Elf64_Phdr *program = (const void *)(image + header->e_phoff);

	for (uint32_t i = 0; i < header->e_phnum; i++) {
		uint64_t available, at = program[i].p_vaddr;
		const uint8_t *p = program[i].p_type == PT_GNU_EH_FRAME ?
					   elf_bytes(s->file, at, &available) :
					   NULL;
		uint32_t n;
		int32_t start;

		if (!p || available < 12 || p[2] != 0x03 || p[3] != 0x3b)
			continue;
		memcpy(&n, p + 8, 4);
		for (uint32_t k = 0; k < n && 12 + (uint64_t)k * 8 + 8 <= available; k++) {
			memcpy(&start, p + 12 + (size_t)k * 8, 4);
			site_add(s, code_start(s->file, at + (uint64_t)(int64_t)start));
		}
	}
}

static void add_statements(struct sites *s, Dwarf *dwarf)
{
	Dwarf_Off at = 0, next;
	size_t header;

	while (dwarf && dwarf_nextcu(dwarf, at, &next, &header, NULL, NULL, NULL) == 0) {
		Dwarf_Die die;
		Dwarf_Lines *lines;
		size_t n;

		if (dwarf_offdie(dwarf, at + header, &die) &&
		    dwarf_getsrclines(&die, &lines, &n) == 0)
			for (size_t i = 0; i < n; i++) {
				Dwarf_Line *line = dwarf_onesrcline(lines, i);
				Dwarf_Addr address;
				bool statement, end;

				if (!dwarf_linebeginstatement(line, &statement) && statement &&
				    !dwarf_lineendsequence(line, &end) && !end &&
				    !dwarf_lineaddr(line, &address))
					site_add(s, address);
			}
		at = next;
	}
}

/* ---- planning --------------------------------------------------------------------------------------- */

/* As ctl does for small functions. */
static void add_near(const struct world *w, const struct site *site, struct patch_request *r)
{
	uint64_t first = site->start, last = site->end, sides[] = { site->start - 1, site->end };
	const char *name;

	for (int i = 0; i < 2 && site->end - site->start < NEAR_SMALL; i++) {
		struct patch_range *n = &r->near[r->n_near];

		if (!elf_function_at(w->file, sides[i], &name, &n->start, &n->end) ||
		    n->end - n->start > NEAR_MOST || sides[i] - n->start >= n->end - n->start)
			continue;
		first = base_min(first, n->start);
		last = base_max(last, n->end);
		n->start += w->bias;
		n->end += w->bias;
		r->n_near++;
	}
	r->code_address = first;
	r->code_size = (uint32_t)(last - first);
}

static void plan(struct arena *a, const struct world *w, struct patch_space *space,
		 const struct site *site, enum kind kind)
{
	struct patch_body body = { .handler = w->handler,
				   .site_number = BODY_SITE,
				   .generic = kind != ENTRY && kind != ENTRY_TOGETHER };
	struct patch_request r = { .address = site->address + w->bias,
				   .allow_trap = true,
				   .own_int3 = true,
				   .check_start = kind == STATEMENT,
				   .read = read_file,
				   .read_user = (void *)(uintptr_t)w,
				   .bodies = &body,
				   .n_bodies = 1 };
	struct patch_plan out;
	struct error *e;
	uint64_t available, start = site->address, size = CODE_UNKNOWN, pads[1024];

	if (site->end > site->start) {
		r.function_start = site->start + w->bias;
		r.function_end = site->end + w->bias;
		add_near(w, site, &r);
		start = r.code_address;
		size = r.code_size + CODE_BEHIND;
	}
	if (kind == STATEMENT) {
		r.entries = pads;
		r.n_entries = elf_landing_pads(w->file, site->address, pads, base_count(pads));
		for (uint32_t i = 0; i < r.n_entries; i++)
			pads[i] += w->bias;
	}
	r.code = elf_bytes(w->file, start, &available);
	r.code_address = start + w->bias;
	if (!r.code) {
		result->no_code[kind]++;
		return;
	}
	r.code_size = (uint32_t)base_min(available, size);
	e = patch_plan_make(a, space, &r, &out);
	if (e && (strstr(error_text(e), "inside an instruction") || strstr(error_text(e), "no instruction"))) {
		result->no_code[kind]++;
		return;
	}
	if (e)
		result->refused[kind]++;
	else
		result->rungs[kind][out.rung]++;
	if (verbose && (e || out.rung == RUNG_TRAP))
		printf("%s: 0x%llx in 0x%llx..0x%llx: %s: %s\n", w->file->path,
		       (unsigned long long)site->address, (unsigned long long)site->start,
		       (unsigned long long)site->end, kind_names[kind], e ? error_text(e) : "trap");
}

static struct patch_space *space_new(struct arena *a, const struct world *w)
{
	struct patch_space *s = patch_space_create(a);

	patch_space_set_free(s, w->free, base_count(w->free));
	return s;
}

/* Plans leave the text as it was; what is known of a function's flow stays. */
static void plan_alone(struct arena *a, const struct world *w, const struct sites *s, enum kind kind)
{
	struct patch_space *space = space_new(a, w);

	vec_each(site, &s->list) {
		uint64_t at = site->address + w->bias;

		if ((site - s->list.p) % RENEWED == 0)
			space = space_new(a, w);
		plan(a, w, space, site, kind);
		patch_text_forget(patch_space_text(space), at - TOUCHED, at + TOUCHED);
	}
}

static void plan_together(struct arena *a, const struct world *w, const struct sites *s)
{
	struct patch_space *space = space_new(a, w);

	vec_each(site, &s->list)
		patch_space_expect(space, site->address + w->bias);
	for (uint32_t i = s->list.n; i-- > 0;)
		plan(a, w, space, &s->list.p[i], ENTRY_TOGETHER);
}

/* ---- files --------------------------------------------------------------------------------------------- */

/* The file's own line tables, or those of a separate file found by build-id. */
static Dwarf *dwarf_of(const struct elf_file *f, int *fd)
{
	char path[4096];
	Dwarf *d;

	*fd = open(f->path, O_RDONLY | O_CLOEXEC);
	d = *fd < 0 ? NULL : dwarf_begin(*fd, DWARF_C_READ);
	if (d || !f->build_id)
		return d;
	close(*fd);
	snprintf(path, sizeof path, "/usr/lib/debug/.build-id/%.2s/%s.debug", f->build_id,
		 f->build_id + 2);
	*fd = open(path, O_RDONLY | O_CLOEXEC);
	return *fd < 0 ? NULL : dwarf_begin(*fd, DWARF_C_READ);
}

static void cover(const char *path)
{
	struct arena *a = arena_create(), *scratch = arena_create();
	struct elf_cache *cache = elf_cache_create(a);
	struct world w = { 0 };
	struct sites entries = { .arena = a }, statements = { .arena = a }, marks = { .arena = a };
	struct error *e = elf_open(cache, path, &w.file);
	const struct elf_mark *mark;
	uint32_t n;
	int fd = -1;

	if (!e && w.file->n_segments) {
		imagine(&w);
		entries.file = statements.file = marks.file = w.file;
		elf_each_function(w.file, "*", add_symbol, &entries);
		add_frames(&entries);
		w.dwarf = dwarf_of(w.file, &fd);
		add_statements(&statements, w.dwarf);
		mark = elf_marks(w.file, &n);
		for (uint32_t i = 0; i < n; i++)
			site_add(&marks, mark[i].address);
		sites_sort(&entries);
		sites_sort(&statements);
		sites_sort(&marks);
		plan_alone(scratch, &w, &entries, ENTRY);
		plan_alone(scratch, &w, &statements, STATEMENT);
		plan_alone(scratch, &w, &marks, MARK);
		plan_together(scratch, &w, &entries);
		result->files++;
	}
	if (w.dwarf)
		dwarf_end(w.dwarf);
	if (fd >= 0)
		close(fd);
	elf_cache_destroy(cache);
	arena_destroy(scratch);
	arena_destroy(a);
}

static int list_entries(const char *path)
{
	struct arena *a = arena_create();
	struct elf_cache *cache = elf_cache_create(a);
	struct sites entries = { .arena = a };
	struct error *e = elf_open(cache, path, &entries.file);

	if (!e) {
		elf_each_function(entries.file, "*", add_symbol, &entries);
		add_frames(&entries);
		sites_sort(&entries);
		vec_each(site, &entries.list)
			printf("0x%llx\n", (unsigned long long)site->address);
	}
	elf_cache_destroy(cache);
	arena_destroy(a);
	return e ? 1 : 0;
}

static bool is_elf(const char *path)
{
	unsigned char head[20];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool is = fd >= 0 && read(fd, head, sizeof head) == sizeof head &&
		  memcmp(head, ELFMAG "\2\1\1", 7) == 0 && (head[16] == ET_EXEC || head[16] == ET_DYN) &&
		  head[18] == EM_X86_64;

	if (fd >= 0)
		close(fd);
	return is;
}

static void find(const char *path, bool named)
{
	struct stat st;
	DIR *dir;
	const struct dirent *d;

	if ((named ? stat(path, &st) : lstat(path, &st)) || n_paths == FILES_MOST)
		return;
	if (S_ISREG(st.st_mode) && is_elf(path)) {
		sizes[n_paths] = (uint64_t)st.st_size;
		paths[n_paths++] = strdup(path);
	}
	if (!S_ISDIR(st.st_mode) || !(dir = opendir(path)))
		return;
	while ((d = readdir(dir))) {
		char inner[4096];

		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 ||
		    strcmp(d->d_name, ".build-id") == 0)
			continue;
		snprintf(inner, sizeof inner, "%s/%s", path, d->d_name);
		find(inner, false);
	}
	closedir(dir);
}

/* Large files first, so that all processes end at one time. */
static uint32_t largest(void)
{
	static uint32_t order[FILES_MOST];
	static bool sorted;

	if (!sorted) {
		for (uint32_t i = 0; i < n_paths; i++) {
			uint32_t k = i;

			for (; k && sizes[order[k - 1]] < sizes[i]; k--)
				order[k] = order[k - 1];
			order[k] = i;
		}
		sorted = true;
	}
	uint32_t next = result->next++;

	return next < n_paths ? order[next] : UINT32_MAX;
}

static void work(void)
{
	for (uint32_t i; (i = largest()) != UINT32_MAX;)
		cover(paths[i]);
	fflush(stdout);
}

/* ---- the table --------------------------------------------------------------------------------------------- */

static bool tell(bool check)
{
	bool good = true;

	printf("%u files\n%-30s %9s", result->files, "", "sites");
	for (int i = 0; i < RUNG_COUNT; i++)
		printf(" %8s", patch_rung_name((enum patch_rung)i));
	printf(" %8s %8s\n", "refused", "no code");
	for (int k = 0; k < KINDS; k++) {
		uint64_t sum = result->refused[k], trap = result->rungs[k][RUNG_TRAP];

		for (int i = 0; i < RUNG_COUNT; i++)
			sum += result->rungs[k][i];
		printf("%-30s %9llu", kind_names[k], (unsigned long long)sum);
		for (int i = 0; i < RUNG_COUNT; i++)
			printf(" %7.3f%%", sum ? 100.0 * (double)result->rungs[k][i] / (double)sum : 0.0);
		printf(" %8llu %8llu\n", (unsigned long long)result->refused[k],
		       (unsigned long long)result->no_code[k]);
		if (check && (result->refused[k] || (double)trap * 1000 > bounds[k] * (double)sum)) {
			printf("too many: %llu trap, %llu refused\n", (unsigned long long)trap,
			       (unsigned long long)result->refused[k]);
			good = false;
		}
		if (check && k != MARK && !sum)
			good = false;
	}
	return good;
}

int main(int argc, char **argv)
{
	int processes = 2, option;
	bool check = false;

	while ((option = getopt(argc, argv, "j:vbl:")) != -1) {
		if (option == 'j')
			processes = atoi(optarg);
		else if (option == 'l')
			return list_entries(optarg);
		else if (option == 'v')
			verbose = true;
		else if (option == 'b')
			check = true;
		else
			return 2;
	}
	for (int i = optind; i < argc; i++)
		find(argv[i], true);
	result = mmap(NULL, sizeof *result, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < processes; i++)
		if (fork() == 0) {
			work();
			_exit(0);
		}
	for (int status; wait(&status) > 0;)
		if (status)
			check = true, result->refused[ENTRY]++; /* a process died: not good */
	return tell(check) ? 0 : 1;
}
