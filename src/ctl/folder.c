/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder of a session's files: $XDG_RUNTIME_DIR/spile/PID, else /tmp/spile-UID/PID.
 *
 * A session holds a lock (flock) on its folder for as long as it lives; folders without one were left by killed
 * tools and are removed by the next that comes.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/folder.h"

#define PRIVATE 0700
#define OTHERS 0022 /* nobody else may write there */
#define MOST_FILES 16 /* descriptors for a walk */
#define TRIES 100 /* names for one number of a process: it may live in another namespace */

static bool is_mine(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
	       !(st.st_mode & OTHERS);
}

/* Where the sessions of the user have their folders. */
static const char *find_base(struct arena *a)
{
	const char *run = getenv("XDG_RUNTIME_DIR");

	if (run && *run == '/' && is_mine(run) && access(run, W_OK) == 0)
		return arena_printf(a, "%s/spile", run);
	return arena_printf(a, "/tmp/spile-%u", (unsigned)geteuid());
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *f)
{
	(void)st, (void)kind, (void)f;
	remove(path);
	return 0;
}

static void remove_tree(const char *path)
{
	nftw(path, remove_one, MOST_FILES, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* Holds the folder's lock; -1 and errno: another tool does, or it is no folder. */
static int take(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), saved;

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static void remove_left(struct arena *a, const char *base)
{
	DIR *dir = opendir(base);
	struct dirent *d;

	while (dir && (d = readdir(dir))) {
		const char *path = arena_printf(a, "%s/%s", base, d->d_name);
		int fd = *d->d_name == '.' ? -1 : take(path);

		if (fd < 0)
			continue;
		remove_tree(path);
		close(fd);
	}
	if (dir)
		closedir(dir);
}

/* mkdir whatever umask says: -1 and errno. */
int ctl_folder_mkdir(const char *path)
{
	mode_t before = umask(0);
	int result = mkdir(path, PRIVATE), saved = errno;

	umask(before);
	errno = saved;
	return result;
}

static bool is_there(const char *path, int fd)
{
	struct stat named, open;

	return lstat(path, &named) == 0 && fstat(fd, &open) == 0 && named.st_ino == open.st_ino && named.st_dev == open.st_dev;
}

/*
 * A new one with its lock, which some file systems do not have. False, and errno: that name cannot be had; another tool may have
 * taken the folder for one that was left, right when it was made.
 */
static bool make_own(struct ctl_folder *f)
{
	if (ctl_folder_mkdir(f->path))
		return false;
	f->lock = take(f->path);
	if (f->lock < 0 && errno != EWOULDBLOCK && errno != ENOENT)
		return true;
	if (f->lock >= 0 && is_there(f->path, f->lock))
		return true;
	if (f->lock >= 0)
		close(f->lock);
	f->lock = -1;
	errno = EEXIST;
	return false;
}

struct error *ctl_folder_make(struct arena *a, struct ctl_folder *out)
{
	const char *base = find_base(a);

	*out = (struct ctl_folder){ .lock = -1 };
	if (ctl_folder_mkdir(base) && errno != EEXIST)
		return error_errno(errno, "cannot make the folder %s", base);
	if (!is_mine(base))
		return error_hint(error_new(ERROR_OTHER, "%s is not a private folder of this user", base),
				  "remove it, or set XDG_RUNTIME_DIR");
	remove_left(a, base);
	for (int i = 0; i < TRIES; i++) {
		out->path = arena_printf(a, i ? "%s/%d.%d" : "%s/%d", base, (int)getpid(), i);
		if (make_own(out))
			return NULL;
		if (errno != EEXIST)
			break;
	}
	return error_errno(errno, "cannot make the folder %s", out->path);
}

void ctl_folder_remove(struct ctl_folder *f)
{
	if (f->path)
		remove_tree(f->path);
	if (f->lock >= 0)
		close(f->lock);
	*f = (struct ctl_folder){ .lock = -1 };
}
