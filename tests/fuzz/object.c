/* SPDX-License-Identifier: Apache-2.0 */
/* Object files of any bytes: symbols, markers, extents of functions and landing pads, without a crash. */
#include "elf/elf.h"
#include "fuzz.h"

static bool ask_function(void *user, const struct elf_symbol *s)
{
	struct elf_file *f = user;
	uint64_t start, end, pads[8];
	const char *name;

	elf_function_at(f, s->address, &name, &start, &end);
	elf_landing_pads(f, s->address, pads, base_count(pads));
	return true;
}

static void ask(struct elf_file *f)
{
	uint64_t available, start, end;
	const char *name;
	uint32_t n = 0;
	const struct elf_mark *marks = elf_marks(f, &n);

	for (uint32_t i = 0; i < n; i++)
		elf_function_at(f, marks[i].address, &name, &start, &end);
	elf_each_function(f, "*", ask_function, f);
	elf_symbol_find(f, "main");
	elf_function_at(f, f->entry, &name, &start, &end);
	elf_bytes(f, f->entry, &available);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_create();
	struct elf_cache *cache = elf_cache_create(a);
	struct elf_file *f;

	if (!elf_open(cache, fuzz_file("", 0, data, size), &f))
		ask(f);
	elf_cache_destroy(cache);
	arena_destroy(a);
	return 0;
}
