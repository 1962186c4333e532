/* SPDX-License-Identifier: Apache-2.0 */
/* forms: distinct instruction forms found in the text of installed programs. */
#include "forms.h"

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <Zydis/Zydis.h>

void forms_init(struct forms *f, struct arena *a)
{
	*f = (struct forms){ .arena = a, .seen = map_create(a) };
}

/* What makes two instructions the same form. */
struct form_key {
	uint16_t mnemonic;
	uint8_t encoding, operand_width, address_width, n_operands, disp_size, imm_size;
	uint64_t prefixes;
	struct {
		uint8_t type, register_class, base, index, scale, segment;
		uint16_t size;
	} operand[5];
};

/* Registers that have encodings or meanings of their own; others are alike. */
static uint8_t register_kind(ZydisRegister r)
{
	ZydisRegister wide = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, r);

	switch ((int)wide) {
	case ZYDIS_REGISTER_NONE:
		return 0;
	case ZYDIS_REGISTER_RIP:
		return 1;
	case ZYDIS_REGISTER_RSP:
		return 2;
	case ZYDIS_REGISTER_RBP:
	case ZYDIS_REGISTER_R13:
		return 3;
	case ZYDIS_REGISTER_R12:
		return 4;
	case ZYDIS_REGISTER_RAX:
		return 5;
	default:
		return 6;
	}
}

static void key_operand(struct form_key *key, uint32_t i, const ZydisDecodedOperand *o)
{
	key->operand[i].type = (uint8_t)o->type;
	key->operand[i].size = o->size;
	if (o->type == ZYDIS_OPERAND_TYPE_REGISTER) {
		key->operand[i].register_class = (uint8_t)ZydisRegisterGetClass(o->reg.value);
		key->operand[i].base = register_kind(o->reg.value) == 2;
	} else if (o->type == ZYDIS_OPERAND_TYPE_MEMORY) {
		key->operand[i].base = register_kind(o->mem.base);
		key->operand[i].index = o->mem.index != ZYDIS_REGISTER_NONE;
		key->operand[i].scale = o->mem.scale;
		key->operand[i].segment = o->mem.segment == ZYDIS_REGISTER_FS ||
					  o->mem.segment == ZYDIS_REGISTER_GS;
	}
}

static void add_instruction(struct forms *f, const uint8_t *bytes,
			    const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operands)
{
	struct form_key key;
	struct form form = { .length = z->length };
	uint64_t hash;

	memset(&key, 0, sizeof key); /* padding too: it is hashed */
	key.mnemonic = (uint16_t)z->mnemonic;
	key.encoding = (uint8_t)z->encoding;
	key.operand_width = z->operand_width;
	key.address_width = z->address_width;
	key.n_operands = z->operand_count_visible;
	key.disp_size = z->raw.disp.size;
	key.imm_size = z->raw.imm[0].size;
	key.prefixes = z->attributes & (ZYDIS_ATTRIB_HAS_LOCK | ZYDIS_ATTRIB_HAS_REP |
					ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE |
					ZYDIS_ATTRIB_HAS_NOTRACK | ZYDIS_ATTRIB_HAS_OPERANDSIZE);
	for (uint32_t i = 0; i < z->operand_count_visible && i < base_count(key.operand); i++)
		key_operand(&key, i, &operands[i]);
	hash = base_hash(&key, sizeof key); /* of different forms, equal once in 2^40 or so */
	if (map_find_u64(f->seen, hash))
		return;
	map_put_u64(f->seen, hash, f);
	memcpy(form.bytes, bytes, z->length);
	vec_push(f->arena, &f->list, form);
}

static void add_text(struct forms *f, const uint8_t *text, size_t size)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction z;
	ZydisDecoder decoder;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (size_t at = 0; at < size;) {
		if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, text + at, size - at, &z,
						       operands))) {
			at++;
			continue;
		}
		add_instruction(f, text + at, &z, operands);
		f->instructions++;
		at += z.length;
	}
}

/* Through the section headers: segments hold data too. */
static void add_sections(struct forms *f, const uint8_t *file, size_t size, size_t limit)
{
	const Elf64_Ehdr *e = (const Elf64_Ehdr *)file;
	const Elf64_Shdr *s;

	/* Objects of other sorts: kernel modules, intermediate files. */
	if (size >= sizeof *e && e->e_type != ET_EXEC && e->e_type != ET_DYN)
		return;
	if (size < sizeof *e || memcmp(e->e_ident, ELFMAG, SELFMAG) != 0 ||
	    e->e_ident[EI_CLASS] != ELFCLASS64 || e->e_machine != EM_X86_64 ||
	    e->e_shoff > size || size - e->e_shoff < (size_t)e->e_shnum * sizeof *s)
		return;
	s = (const Elf64_Shdr *)(file + e->e_shoff);
	for (int i = 0; i < e->e_shnum; i++) {
		if (s[i].sh_type != SHT_PROGBITS || !(s[i].sh_flags & SHF_EXECINSTR) ||
		    s[i].sh_offset > size || s[i].sh_size > size - s[i].sh_offset)
			continue;
		add_text(f, file + s[i].sh_offset, base_min((size_t)s[i].sh_size, limit));
	}
}

bool forms_add_file(struct forms *f, const char *path, size_t limit)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *file;

	if (fd < 0)
		return false;
	if (fstat(fd, &st) != 0 || st.st_size == 0) {
		close(fd);
		return false;
	}
	file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (file == MAP_FAILED)
		return false;
	add_sections(f, file, (size_t)st.st_size, limit);
	munmap(file, (size_t)st.st_size);
	return true;
}

void forms_add_folder(struct forms *f, const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *d;
	struct stat st;

	while (dir && (d = readdir(dir))) {
		char inner[4096];

		snprintf(inner, sizeof inner, "%s/%s", path, d->d_name);
		if (d->d_name[0] == '.' || lstat(inner, &st))
			continue;
		if (S_ISDIR(st.st_mode))
			forms_add_folder(f, inner);
		else if (S_ISREG(st.st_mode))
			f->files += forms_add_file(f, inner, SIZE_MAX);
	}
	if (dir)
		closedir(dir);
}
