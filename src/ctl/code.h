/* SPDX-License-Identifier: Apache-2.0 */
/* Code of a process: which file a mapping is of, bytes without patches, and what the planner wants to know around a site. */
#ifndef SPILE_CTL_CODE_H
#define SPILE_CTL_CODE_H

#include "ctl/session.h"

/* The very file that is mapped, by whatever path it opens here; NULL: none. */
struct elf_file *ctl_map_file(const struct ctl_process *p, const struct proc_map *m);
/* Where its first byte is mapped, at or below the mapping; 0 unknown. */
uint64_t ctl_map_base(const struct ctl_process *p, const struct proc_map *m);
/* Load bias of the file by an executable mapping of it; false if no segment of it is there. */
bool ctl_bias_in(const struct elf_file *f, const struct proc_map *m, uint64_t *out);
/* The same of the mapping's file; 0 if that cannot be opened. */
uint64_t ctl_bias_of(const struct ctl_process *p, const struct proc_map *m);

/*
 * Fills what a request for a site of the module says of the code around r->address; r->check_start is
 * given. The bytes are scratch memory's, and as they were before any session's patches.
 */
void ctl_code_read(struct ctl_process *p, const struct ctl_module *m, const struct bundle_site *site,
		   struct patch_request *r);
/*
 * The file's code, decoded from where an instruction is known to begin, has none at the address. False as well if
 * data stand before it, or nothing is known. For addresses whose function is not known.
 */
bool ctl_code_is_inside(struct ctl_process *p, const struct ctl_module *m, uint64_t address);
/* Code as it is without anybody's patches: reads up to size bytes, returns how many there were. */
uint32_t ctl_code_original(const struct ctl_process *p, uint64_t address, uint8_t *bytes, uint64_t size);
/* The same for a whole mapping: bytes of the file, or in s->scratch. */
const uint8_t *ctl_mapping_original(struct ctl_process *p, const struct proc_map *m, uint64_t *size);
/* An endbr64 is at the address: patches of what begins there go behind it. */
#define CTL_ENDBR_SIZE 4u
bool ctl_code_is_endbr(const struct ctl_process *p, uint64_t address);

#endif
