/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/file_calls.h"

struct ctl_file_calls *ctl_file_calls_of(struct ctl_session *s, const struct proc_map *m, const struct elf_file *file)
{
	struct ctl_file_calls like = { .device = m->device,
				       .inode = m->inode,
				       .offset = m->offset,
				       .size = m->end - m->start,
				       .changed = file ? file->changed : 0 };
	struct ctl_file_calls *made;

	vec_each(c, &s->file_calls)
		if ((*c)->inode == like.inode && (*c)->device == like.device && (*c)->offset == like.offset &&
		    (*c)->size == like.size && (*c)->changed == like.changed)
			return *c;
	made = arena_new(s->arena, struct ctl_file_calls);
	*made = like;
	vec_push(s->arena, &s->file_calls, made);
	return made;
}
