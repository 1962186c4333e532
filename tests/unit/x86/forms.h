/* SPDX-License-Identifier: Apache-2.0 */
/* forms: distinct instruction forms found in the text of installed programs. */
#ifndef TEST_X86_FORMS_H
#define TEST_X86_FORMS_H

#include "base/base.h"

struct form {
	uint8_t bytes[15];
	uint8_t length;
};
struct forms {
	struct arena *arena;
	struct map *seen;
	VEC(struct form) list;
	uint64_t instructions; /* looked at */
	uint32_t files; /* of folders */
};

void forms_init(struct forms *f, struct arena *a);
/* Adds those of one ELF file's executable segments, at most `limit` bytes. false: no such file. */
bool forms_add_file(struct forms *f, const char *path, size_t limit);
/* Adds those of all ELF files below a folder. */
void forms_add_folder(struct forms *f, const char *path);

#endif
