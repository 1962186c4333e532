/* SPDX-License-Identifier: Apache-2.0 */
/* Sections with call frame information. */
#ifndef SPILE_ELF_UNWIND_SECTIONS_H
#define SPILE_ELF_UNWIND_SECTIONS_H

#include "elf/elf.h"

struct cfi_section {
	const uint8_t *start, *end;
	uint64_t address; /* of start; .debug_frame: 0 */
	bool eh;
};
/* By its section, or by PT_GNU_EH_FRAME. False: there is none. */
bool elf_eh_frame(const struct elf_file *f, struct cfi_section *out);
/* Of the file or its debug information; unpacked, in libelf's keeping. */
bool elf_debug_frame(struct elf_file *f, struct cfi_section *out);

#endif
