# SPDX-License-Identifier: Apache-2.0
# Files that are not what their path means to the tool: of processes with mounts of their own, and replaced since. What is known of
# the one must not be done to the other.
. "$ROOT/tests/lib/e2e.sh"

# library NAME NUMBER FLAGS...
library() {
	local name=$1 number=$2
	shift 2
	gcc -shared -nostdlib -DLIBRARY="$number" "$@" -o "$T/$name" "$ROOT/tests/e2e/targets/pair.c" && chmod 755 "$T/$name"
}
mkdir -p "$T/pair"
chmod 755 "$T/pair"
library pair/libpair.so 1 && library second.so 2 -Wl,--build-id=none && library second-id.so 2 || exit 1
library first.so 1 -Wl,--build-id=none && library first-id.so 1 || exit 1
[ -e "$T/pair-program" ] || target pair-program pair.c gcc -O1 -fno-inline -Wl,--no-as-needed "$T/pair/libpair.so" -Wl,-rpath,"$T/pair" || exit 1
RETURNS="global n probe process(\"$T/pair-program\").function(\"tick\").return { n[pid()]++ } probe timer.ms(500) { exit() }
	probe end { foreach (p+ in n) println(p, \" \", n[p] > 0) }"
WORK_HITS="global n probe process(\"$T/pair/libpair.so\").function(\"work\") { n[pid()]++ } probe timer.ms(500) { exit() }
	probe end { foreach (p+ in n) println(p, \" \", n[p] > 0) }"

# ends NAME PID: the program was not harmed
ends() {
	kill -TERM "$2"
	wait "$2"
	is "status of $1" $? 0
	has "$W/$1" '^wrong=0 ticks=1$'
}
# run NAME COMMAND...: its output in $W/NAME, its number in $!
run() {
	local name=$1
	shift
	"$@" >"$W/$name" 2>&1 </dev/null &
	PIDS="$PIDS $!"
	for _ in $(seq 100); do grep -q begin "$W/$name" && break; sleep 0.05; done
}
# both WITH SCRIPT HITS: two processes, in the mounts of one of which library WITH stands for ours; HITS: who is hit
both() {
	local outside inside want
	run outside "${RUN_AS[@]}" "$T/pair-program"
	outside=$!
	run inside unshare -m bash -c "mount --bind '$1' '$T/pair/libpair.so' && exec $(printf '%q ' "${RUN_AS[@]}") '$T/pair-program'"
	inside=$!
	want="$outside 1"
	[ "$3" = both ] && want=$(printf '%s 1\n' "$outside" "$inside" | sort -n)
	spile -x "$outside" -x "$inside" -e "$2"
	ok_rc
	is "hits" "$(cat "$W/out")" "$want"
	ends outside "$outside"
	ends inside "$inside"
}

if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
	for id in "" -id; do
		cp "$T/first$id.so" "$T/pair/libpair.so"
		t "unwinders-of-another-library$id"
		both "$T/second$id.so" "$RETURNS" both
		done_t
		t "sites-of-another-library$id"
		both "$T/second$id.so" "$WORK_HITS" outside
		has "$W/err" "another build of $T/pair/libpair.so"
		done_t
		t "the-same-library-mounted$id"
		cp "$T/first$id.so" "$T/copy.so"
		both "$T/copy.so" "$RETURNS" both
		hasnot "$W/err" .
		done_t
	done
else
	skip_t another-library "needs root and unshare"
fi

# Replaced under the running program, as packages are upgraded: its own file has no name any more.
for id in "" -id; do
	t "a-replaced-library$id"
	for script in "$RETURNS" "$WORK_HITS"; do
		cp "$T/second$id.so" "$T/pair/libpair.so"
		start "$T/pair-program"
		cp "$T/first$id.so" "$T/pair/new.so"
		mv "$T/pair/new.so" "$T/pair/libpair.so"
		attach_run -e "$script"
		ok_rc
		is "hits" "$(cat "$W/out")" "$([ "$script" = "$RETURNS" ] && echo "$PID 1")"
		target_unharmed
	done
	done_t
done
