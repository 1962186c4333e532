/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --user: every process of the calling user that maps a file with probes, now and to come.
 *
 * Nobody tells an ordinary user of processes to come: /proc is looked through now and then. A process is looked at
 * again when it runs another program, while it is young (its libraries may be on their way), and else once a second.
 * Its maps are read only then.  What those attached to start themselves is followed, and missed nowhere.
 */
#include "ctl/family.h"
#include "ctl/records.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define EVERY 20000000ll /* ns between looks */
#define YOUNG 500000000ll
#define AGAIN 1000000000ll

struct neighbour {
	uint64_t started; /* clock ticks: numbers of processes come back */
	struct ctl_program program;
	int64_t met, looked;
	bool refused;
};
struct ctl_everybody {
	struct map *known; /* by number: struct neighbour */
	int64_t looked;
};

static bool runs_probed(struct ctl_session *s, struct arena *a, pid_t pid, const struct ctl_program *program)
{
	struct proc_maps maps;

	vec_each(p, &s->bundle->probes)
		if (p->life && (p->program || p->pid) && ctl_life_matches(p, program, pid))
			return true;
	if (!s->files.n || proc_maps_read(a, pid, &maps))
		return false;
	for (uint32_t i = 0; i < maps.n; i++)
		vec_each(f, &s->files)
			if (f->inode && f->inode == maps.p[i].inode && f->device == maps.p[i].device)
				return true;
	return false;
}

static struct neighbour *neighbour_of(struct ctl_session *s, pid_t pid)
{
	struct neighbour *n = map_find_u64(s->everybody->known, (uint64_t)pid);
	uint64_t started = proc_start_ticks(pid);

	if (!n) {
		n = arena_new(s->arena, struct neighbour);
		map_put_u64(s->everybody->known, (uint64_t)pid, n);
	} else if (n->started == started) {
		return n;
	}
	*n = (struct neighbour){ .started = started, .met = ctl_now() };
	return n;
}

static void look_at(struct ctl_session *s, pid_t pid)
{
	struct ctl_program program = ctl_program_of(pid);
	struct neighbour *n = neighbour_of(s, pid);
	bool changed = program.inode != n->program.inode || program.device != n->program.device;
	int64_t now = ctl_now();
	struct arena *a;

	if (n->refused || !program.inode || (!changed && now - n->met > YOUNG && now - n->looked < AGAIN))
		return;
	if (changed)
		n->met = now;
	n->looked = now;
	n->program = program;
	if (!s->bundle->sites.n)
		ctl_records_join(s, pid);
	a = arena_create();
	if (runs_probed(s, a, pid, &program) && !ctl_family_has(s, pid))
		n->refused = !ctl_family_join_running(s, pid);
	arena_destroy(a);
}

static bool is_own(pid_t pid)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof path, "/proc/%d", (int)pid);
	return pid > 0 && pid != getpid() && stat(path, &st) == 0 && st.st_uid == geteuid();
}

void ctl_everybody_look(struct ctl_session *s)
{
	const struct dirent *d;
	DIR *dir;

	if (!s->options->user || (s->everybody && ctl_now() - s->everybody->looked < EVERY))
		return;
	if (!s->everybody) {
		s->everybody = arena_new(s->arena, struct ctl_everybody);
		s->everybody->known = map_create(s->arena);
	}
	s->everybody->looked = ctl_now();
	dir = opendir("/proc");
	while (dir && (d = readdir(dir)))
		if (is_own((pid_t)atoi(d->d_name)))
			look_at(s, (pid_t)atoi(d->d_name));
	if (dir)
		closedir(dir);
}
