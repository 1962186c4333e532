/* SPDX-License-Identifier: Apache-2.0 */
/* A session's folder for files that others read and write. */
#ifndef SPILE_CTL_FOLDER_H
#define SPILE_CTL_FOLDER_H

#include "base/base.h"

struct ctl_folder {
	const char *path; /* in the arena; NULL: none */
	int lock; /* descriptor of the folder, locked */
};
/* Makes it, private to the user, and removes what killed tools left. */
struct error *ctl_folder_make(struct arena *a, struct ctl_folder *out) BASE_MUST_CHECK;
/* A private folder, whatever umask says; -1 and errno as mkdir(2). */
int ctl_folder_mkdir(const char *path);
/* With all that is in it. */
void ctl_folder_remove(struct ctl_folder *f);

#endif
