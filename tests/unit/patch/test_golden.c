/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans of tests/patch: NAME.in against NAME.plan. UPDATE=1 rewrites the latter.
 *
 * NAME.in, one item per line, numbers in hex; '#' starts a comment, the first is the
 * assertion:
 *
 *	site ADDRESS
 *	function START END		left out: unknown
 *	free START END			room for trampolines; repeated
 *	trap				the trap rung is available
 *	expect ADDRESS			another site; repeated
 *	entry ADDRESS			control may come there; repeated, ascending
 *	near START END			a function beside; repeated
 *	data ADDRESS BYTES		what can be read there; once
 *	check				the site may lie inside an instruction
 *	from RUNG			cheaper ones are not tried
 *	full HANDLER NUMBER [generic]	a body; repeated
 *	inline BYTES
 *	code ADDRESS			then lines of bytes
 */
#include <ctype.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "patch/patch.h"

struct input {
	struct patch_request request;
	VEC(struct patch_range) free;
	VEC(struct patch_body) bodies;
	VEC(uint8_t) code;
	VEC(uint64_t) expected, entries;
	VEC(uint8_t) data;
	uint64_t data_address;
};

static const char *directory;
static struct arena *arena;

/* ---- reading --------------------------------------------------------------------- */

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	struct buf text;
	char part[4096];
	size_t n;

	if (!f)
		return NULL;
	buf_init(&text, arena);
	while ((n = fread(part, 1, sizeof part, f)) > 0)
		buf_add(&text, part, n);
	fclose(f);
	return arena_strdup(arena, buf_str(&text));
}

static void add_inline(struct input *in, char *text)
{
	struct patch_body body = { 0 };
	uint8_t *bytes = arena_alloc(arena, strlen(text));

	for (char *end = text; *text; text = end) {
		bytes[body.size] = (uint8_t)strtoul(text, &end, 16);
		if (end == text)
			break;
		body.size++;
	}
	body.bytes = bytes;
	vec_push(arena, &in->bodies, body);
}

static void add_code(struct input *in, char *text)
{
	for (char *end = text; *text; text = end) {
		uint8_t byte = (uint8_t)strtoul(text, &end, 16);

		if (end == text)
			return;
		vec_push(arena, &in->code, byte);
	}
}

static void add_data(struct input *in, char *text)
{
	char *end;

	for (in->data_address = strtoull(text, &end, 16); *end; text = end) {
		uint8_t byte;

		text = end;
		byte = (uint8_t)strtoul(text, &end, 16);
		if (end == text)
			return;
		vec_push(arena, &in->data, byte);
	}
}

static bool read_data(void *user, uint64_t address, void *to, uint32_t n)
{
	const struct input *in = user;
	uint64_t at = address - in->data_address;

	if (at >= in->data.n || n > in->data.n - at)
		return false;
	memcpy(to, in->data.p + at, n);
	return true;
}

static enum patch_rung rung_of(const char *name)
{
	for (int i = 0; i < RUNG_COUNT; i++)
		if (strcmp(patch_rung_name((enum patch_rung)i), name) == 0)
			return (enum patch_rung)i;
	fail_msg("no rung '%s'", name);
	return RUNG_TRAP;
}

static void add_line(struct input *in, char *line)
{
	struct patch_request *r = &in->request;
	unsigned long long a, b;
	char word[32];

	if (sscanf(line, "site %llx", &a) == 1)
		r->address = a;
	else if (sscanf(line, "function %llx %llx", &a, &b) == 2)
		r->function_start = a, r->function_end = b;
	else if (sscanf(line, "free %llx %llx", &a, &b) == 2)
		vec_push(arena, &in->free, (struct patch_range){ a, b });
	else if (sscanf(line, "expect %llx", &a) == 1)
		vec_push(arena, &in->expected, a);
	else if (sscanf(line, "entry %llx", &a) == 1)
		vec_push(arena, &in->entries, a);
	else if (sscanf(line, "near %llx %llx", &a, &b) == 2 && r->n_near < base_count(r->near))
		r->near[r->n_near++] = (struct patch_range){ a, b };
	else if (strncmp(line, "data ", 5) == 0)
		add_data(in, line + 5);
	else if (strncmp(line, "check", 5) == 0)
		r->check_start = true;
	else if (sscanf(line, "from %31s", word) == 1)
		r->first_rung = rung_of(word);
	else if (sscanf(line, "full %llx %llx", &a, &b) == 2)
		vec_push(arena, &in->bodies,
			 (struct patch_body){ .handler = a,
					      .site_number = (uint32_t)b,
					      .generic = strstr(line, "generic") != NULL });
	else if (sscanf(line, "code %llx", &a) == 1)
		r->code_address = a;
	else if (strncmp(line, "inline", 6) == 0)
		add_inline(in, line + 6);
	else if (strncmp(line, "trap", 4) == 0)
		r->allow_trap = true;
	else
		add_code(in, line);
}

static void read_input(const char *path, struct input *in)
{
	char *text = read_file(path), *line, *rest = text;

	assert_non_null(text);
	*in = (struct input){ 0 };
	while ((line = strsep(&rest, "\n"))) {
		line[strcspn(line, "#")] = '\0';
		if (*line)
			add_line(in, line);
	}
	in->request.code = in->code.p;
	in->request.code_size = in->code.n;
	in->request.read = in->data.n ? read_data : NULL;
	in->request.read_user = in;
	in->request.entries = in->entries.p;
	in->request.n_entries = in->entries.n;
	in->request.bodies = in->bodies.p;
	in->request.n_bodies = in->bodies.n;
}

/* ---- writing ------------------------------------------------------------------------- */

static void write_bytes(struct buf *out, const char *name, const uint8_t *bytes, uint32_t n)
{
	buf_adds(out, name);
	for (uint32_t i = 0; i < n; i++)
		buf_addf(out, " %02x", bytes[i]);
	buf_addc(out, '\n');
}

static uint8_t byte_at(struct patch_space *s, uint64_t address)
{
	uint32_t n;
	struct patch_page *pages = patch_space_pages(s, &n);

	for (uint32_t i = 0; i < n; i++)
		if (address - pages[i].address < ABI_PAGE)
			return pages[i].bytes[address - pages[i].address];
	fail_msg("0x%llx is in no page", (unsigned long long)address);
	return 0;
}

/* Behind the last instruction there may be literals. */
static void write_code(struct buf *out, const uint8_t *code, uint32_t size, uint64_t address,
		       const struct patch_plan *plan)
{
	struct x86_ins ins = { 0 };
	uint64_t literal;
	char text[128];

	for (uint32_t at = 0; at < size; at += ins.length) {
		if (address + at == plan->resume)
			buf_adds(out, "resume\n");
		if (ins.ends_flow && (size - at) % 8 == 0) {
			memcpy(&literal, code + at, 8);
			buf_addf(out, "  0x%llx  .quad 0x%llx\n",
				 (unsigned long long)(address + at), (unsigned long long)literal);
			ins.length = 8;
			continue;
		}
		assert_true(x86_decode(code + at, size - at, address + at, &ins));
		x86_format(&ins, text, sizeof text);
		buf_addf(out, "  0x%llx  %s\n", (unsigned long long)(address + at), text);
	}
}

static void write_plan(struct buf *out, struct patch_space *s, const struct patch_plan *plan)
{
	uint32_t size = (uint32_t)(plan->trampoline_end - plan->trampoline);
	uint8_t *code = arena_alloc(arena, size + 1);

	for (uint32_t i = 0; i < plan->n_before; i++) {
		buf_adds(out, "before\n");
		write_plan(out, s, &plan->before[i]);
		buf_adds(out, "then\n");
	}
	buf_addf(out, "rung %s\n", patch_rung_name(plan->rung));
	buf_addf(out, "address 0x%llx\n", (unsigned long long)plan->address);
	write_bytes(out, "original", plan->original, plan->size);
	write_bytes(out, "patched ", plan->patched, plan->size);
	if (plan->span > plan->size)
		write_bytes(out, "relies on", plan->patched + plan->size, plan->span - plan->size);
	if (size)
		buf_adds(out, "trampoline\n");
	for (uint32_t i = 0; i < size; i++)
		code[i] = byte_at(s, plan->trampoline + i);
	write_code(out, code, size, plan->trampoline, plan);
	for (uint32_t i = 0; i < plan->n_moved; i++)
		buf_addf(out, "moved 0x%llx to 0x%llx\n", (unsigned long long)plan->moved[i].from,
			 (unsigned long long)plan->moved[i].to);
}

static const char *plan_text(const struct input *in)
{
	struct patch_space *s = patch_space_create(arena);
	struct patch_plan plan;
	struct error *error;
	struct buf out;

	buf_init(&out, arena);
	patch_space_set_free(s, in->free.p, in->free.n);
	vec_each(site, &in->expected)
		patch_space_expect(s, *site);
	error = patch_plan_make(arena, s, &in->request, &plan);
	if (error)
		buf_addf(&out, "refused: %s\n", error_text(error));
	else
		write_plan(&out, s, &plan);
	return buf_str(&out);
}

/* ---- comparing ------------------------------------------------------------------------ */

static bool check(const char *name)
{
	const char *path = arena_printf(arena, "%s/%s.in", directory, name);
	const char *golden = arena_printf(arena, "%s/%s.plan", directory, name), *got, *wanted;
	struct input in;
	FILE *f;

	read_input(path, &in);
	got = plan_text(&in);
	if (getenv("UPDATE")) {
		f = fopen(golden, "w");
		assert_non_null(f);
		fputs(got, f);
		fclose(f);
	}
	wanted = read_file(golden);
	if (wanted && strcmp(got, wanted) == 0)
		return true;
	print_message("%s: wanted\n%sbut planned\n%s", name, wanted ? wanted : "(no file)\n", got);
	return false;
}

static void plans_are_as_recorded(void **state)
{
	struct dirent **names;
	int n = scandir(directory, &names, NULL, alphasort), checked = 0, wrong = 0;

	(void)state;
	assert_true(n >= 0);
	for (int i = 0; i < n; i++) {
		char *dot = strrchr(names[i]->d_name, '.');

		if (dot && strcmp(dot, ".in") == 0) {
			*dot = '\0';
			wrong += !check(names[i]->d_name);
			checked++;
		}
		free(names[i]);
	}
	free(names);
	print_message("%d plans\n", checked);
	assert_int_equal(wrong, 0);
	assert_true(checked > 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans_are_as_recorded),
	};
	int failed;

	if (argc != 2)
		return 2;
	directory = argv[1];
	arena = arena_create();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_destroy(arena);
	return failed;
}
