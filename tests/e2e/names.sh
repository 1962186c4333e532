# SPDX-License-Identifier: Apache-2.0
# O_LARGEFILE is left out: the headers of a 64-bit program say 0.
# The names of numbers (runtime/core/names.def) against the system's own headers.
. "$ROOT/tests/lib/e2e.sh"

t names-against-headers
{
	echo '#define _GNU_SOURCE'
	for h in fcntl.h linux/futex.h linux/membarrier.h linux/mempolicy.h linux/keyctl.h netinet/in.h netinet/tcp.h sched.h \
		signal.h sys/epoll.h sys/eventfd.h sys/fanotify.h sys/file.h sys/inotify.h sys/mman.h sys/mount.h sys/msg.h \
		sys/prctl.h sys/resource.h sys/sem.h sys/shm.h sys/signalfd.h sys/socket.h sys/stat.h sys/syscall.h sys/time.h \
		sys/wait.h time.h unistd.h errno.h linux/reboot.h linux/seccomp.h linux/perf_event.h linux/fs.h; do echo "#include <$h>"; done
	echo '#include <stdio.h>'
	printf '%s\n' 'static int n, bad; static void check(const char *name, unsigned have, unsigned want) { n++; if (have != want) { bad++; printf("%s: %#x, header %#x\n", name, have, want); } }'
	echo 'int main(void) {'
	sed -n 's/^NAME([0-9]*, "\([A-Z_][A-Za-z0-9_]*\)", \(.*\))$/\1 \2/p' "$ROOT/runtime/core/names.def" | sort -u | grep -v '^O_LARGEFILE ' | while read -r name value; do
		printf '#ifdef %s\ncheck("%s", (unsigned)(%s), (unsigned)(%s));\n#endif\n' "$name" "$name" "$value" "$name"
	done
	sed -n 's/^NAME(96, "\(.*\)", \(.*\))$/check("\1", \2, __NR_\1);/p' "$ROOT/runtime/core/names.def"
	printf '%s\n' 'printf("%s\n", bad ? "differ" : n > 900 ? "same" : "too few"); return bad != 0; }'
} >"$W/names.c"
if gcc -w -o "$W/names" "$W/names.c" 2>"$W/cc.log"; then
	"$W/names" >"$W/out"
	is compared "$(tr '\n' '~' <"$W/out")" "same~"
else
	bad "$(head -3 "$W/cc.log")"
fi
done_t
