/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SDT markers: notes of type 3 in .note.stapsdt sections.
 *
 *	u64 address, u64 base, u64 semaphore, provider\0 name\0 operands\0
 *
 * base is where the linker put .stapsdt.base; when prelink moved the file
 * since, its section header tells by how much.  Format: the comment in
 * <sys/sdt.h> and the SystemTap wiki's page on user-space probe notes.
 */
#include "elf/file.h"

#define STAPSDT_TYPE 3
#define STAPSDT_NAME "stapsdt"

struct mark_list {
	VEC(struct elf_mark) list;
	uint64_t base; /* of .stapsdt.base now, 0 unknown */
};

/* One text of a note; moves *p behind its NUL. NULL if it has none. */
static const char *take_text(const char **p, const char *end)
{
	const char *text = *p, *nul = memchr(text, 0, (size_t)(end - text));

	if (!nul)
		return NULL;
	*p = nul + 1;
	return text;
}

/* Operands stand between blanks; those of x86 have none inside. */
static void operands_read(struct elf_file *f, const char *text, struct elf_mark *m)
{
	struct arena *a = private_of(f)->arena;
	VEC(struct elf_operand) args = { 0 };

	for (;;) {
		struct elf_operand o;
		size_t length;

		text += strspn(text, " \t");
		length = strcspn(text, " \t");
		if (!length)
			break;
		elf_operand_parse(a, f, text, length, &o);
		vec_push(a, &args, o);
		text += length;
	}
	m->args = args.p;
	m->n_args = args.n;
}

static void mark_read(struct elf_file *f, struct mark_list *to, const uint8_t *desc, size_t size)
{
	const char *text = (const char *)desc + 24, *end = (const char *)desc + size, *operands;
	struct elf_mark m = { 0 };
	uint64_t head[3], move = 0;

	if (size < sizeof head)
		return;
	memcpy(head, desc, sizeof head);
	m.provider = take_text(&text, end);
	m.name = m.provider ? take_text(&text, end) : NULL;
	operands = m.name ? take_text(&text, end) : NULL;
	if (!operands)
		return;
	if (to->base && head[1])
		move = to->base - head[1];
	m.address = head[0] + move;
	m.semaphore = head[2] ? head[2] + move : 0;
	operands_read(f, operands, &m);
	vec_push(private_of(f)->arena, &to->list, m);
}

static void notes_read(struct elf_file *f, struct mark_list *to, const uint8_t *p, uint64_t size)
{
	Elf64_Nhdr n;

	while (size >= sizeof n) {
		uint64_t head, whole;

		memcpy(&n, p, sizeof n);
		head = sizeof n + base_align((uint64_t)n.n_namesz, 4);
		whole = head + base_align((uint64_t)n.n_descsz, 4);
		if (head + n.n_descsz > size)
			return;
		if (n.n_type == STAPSDT_TYPE && n.n_namesz == sizeof STAPSDT_NAME &&
		    memcmp(p + sizeof n, STAPSDT_NAME, sizeof STAPSDT_NAME) == 0)
			mark_read(f, to, p + head, n.n_descsz);
		if (whole >= size)
			return;
		p += whole;
		size -= whole;
	}
}

const struct elf_mark *elf_marks(struct elf_file *f, uint32_t *n)
{
	struct elf_private *p = private_of(f);
	struct mark_list found = { 0 };
	Elf64_Shdr s;

	if (!p->marks_loaded) {
		p->marks_loaded = true;
		if (elf_section_find(f, ".stapsdt.base", &s))
			found.base = s.sh_addr;
		for (uint32_t i = 1; elf_section_at(f, i, &s); i++) {
			uint64_t size;
			const uint8_t *bytes = elf_section_bytes(f, &s, &size);

			if (s.sh_type == SHT_NOTE && bytes &&
			    strcmp(elf_section_name(f, &s), ".note.stapsdt") == 0)
				notes_read(f, &found, bytes, size);
		}
		p->marks = found.list.p;
		p->n_marks = found.list.n;
	}
	*n = p->n_marks;
	return p->marks;
}
