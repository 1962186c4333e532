/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where symbols come from: .symtab (of the file or of its separate debug file), .gnu_debugdata and
 * .dynsym, each as a checked table.
 */
#include "elf/debug.h"
#include "elf/symbol.h"

static bool table_from_section(const struct elf_file *f, uint32_t type, struct symbol_table *out)
{
	uint64_t size, strings_size;
	const uint8_t *strings;
	Elf64_Shdr s, link;

	for (uint32_t i = 1; elf_section_at(f, i, &s); i++) {
		if (s.sh_type != type || !elf_section_at(f, s.sh_link, &link))
			continue;
		out->symbols = elf_section_bytes(f, &s, &size);
		strings = elf_section_bytes(f, &link, &strings_size);
		if (!out->symbols || !strings)
			continue;
		out->n = (uint32_t)(size / sizeof(Elf64_Sym));
		out->strings = (const char *)strings;
		out->strings_size = elf_strings_trim(out->strings, strings_size);
		return true;
	}
	return false;
}

static uint32_t word_at(const uint8_t *p, uint64_t index)
{
	uint32_t v;

	memcpy(&v, p + index * sizeof v, sizeof v);
	return v;
}

/* The table's length is not in the dynamic section: DT_HASH has it as its number of chains. */
static uint32_t count_by_hash(const struct elf_file *f, uint64_t address)
{
	uint64_t available;
	const uint8_t *p = elf_bytes(f, address, &available);

	return p && available >= 8 ? word_at(p, 1) : 0;
}

/* DT_GNU_HASH: the end of the chain of the highest bucket is the last symbol. */
static uint32_t count_by_gnu_hash(const struct elf_file *f, uint64_t address)
{
	uint64_t available, words, buckets, chains;
	const uint8_t *p = elf_bytes(f, address, &available);
	uint32_t n_buckets, first, last = 0;

	if (!p || available < 16)
		return 0;
	words = available / 4;
	n_buckets = word_at(p, 0);
	first = word_at(p, 1);
	buckets = 4 + 2 * (uint64_t)word_at(p, 2);
	chains = buckets + n_buckets;
	if (chains > words)
		return 0;
	for (uint32_t i = 0; i < n_buckets; i++)
		last = base_max(last, word_at(p, buckets + i));
	if (last < first)
		return first;
	for (; chains + (last - first) < words; last++)
		if (word_at(p, chains + (last - first)) & 1)
			return last + 1;
	return 0;
}

/* For files whose section headers were cut off. */
static bool table_from_dynamic(const struct elf_file *f, struct symbol_table *out)
{
	const struct dynamic_facts *d = &private_of(f)->dynamic;
	uint64_t available, strings_available;
	const char *strings = (const char *)elf_bytes(f, d->strings, &strings_available);
	const uint8_t *symbols = elf_bytes(f, d->symbols, &available);
	uint64_t n = 0;

	if (!d->strings || !d->symbols || !strings || !symbols)
		return false;
	if (d->hash)
		n = count_by_hash(f, d->hash);
	else if (d->gnu_hash)
		n = count_by_gnu_hash(f, d->gnu_hash);
	out->symbols = symbols;
	out->n = (uint32_t)base_min(n, available / sizeof(Elf64_Sym));
	out->strings = strings;
	out->strings_size = elf_strings_trim(strings, base_min(d->strings_size, strings_available));
	return true;
}

/* strip leaves .symtab to the separate file; its bytes stay with the handle. */
static bool table_from_debug(struct elf_file *f, struct symbol_table *out)
{
	struct elf_debug *d = elf_debug_file_of(f);
	Elf_Data *symbols, *strings;
	GElf_Shdr h = { 0 };
	Elf_Scn *s = NULL;

	if (!d)
		return false;
	while ((s = elf_nextscn(d->elf, s)))
		if (gelf_getshdr(s, &h) && h.sh_type == SHT_SYMTAB)
			break;
	symbols = s ? elf_rawdata(s, NULL) : NULL;
	strings = s ? elf_rawdata(elf_getscn(d->elf, h.sh_link), NULL) : NULL;
	if (!symbols || !strings || !symbols->d_buf || !strings->d_buf)
		return false;
	out->symbols = symbols->d_buf;
	out->n = (uint32_t)(symbols->d_size / sizeof(Elf64_Sym));
	out->strings = strings->d_buf;
	out->strings_size = elf_strings_trim(out->strings, strings->d_size);
	return true;
}

const struct symbol_index *elf_symbol_tables(struct elf_file *f)
{
	struct symbol_index *x = &private_of(f)->index;
	struct symbol_table t = { 0 };

	if (x->tables_loaded)
		return x;
	x->tables_loaded = true;
	if (table_from_section(f, SHT_SYMTAB, &t) || table_from_debug(f, &t) ||
	    elf_minidebug_read(f, &t))
		x->tables[x->n_tables++] = t;
	t = (struct symbol_table){ .is_dynamic = true };
	if (table_from_section(f, SHT_DYNSYM, &t) || table_from_dynamic(f, &t))
		x->tables[x->n_tables++] = t;
	return x;
}

bool elf_is_stripped(struct elf_file *f)
{
	const struct symbol_index *x = elf_symbol_tables(f);

	return !x->n_tables || x->tables[0].is_dynamic;
}
