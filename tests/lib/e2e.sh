# SPDX-License-Identifier: Apache-2.0
# Sourced by every end-to-end test. A test is `t NAME` ... checks ... `done_t`.
set -u
export LC_ALL=C
: "${ROOT:?}" "${WORK:?}" "${BUILD:?}"
. "$ROOT/tests/lib/user.sh"
W=$WORK/e2e-$$
mkdir -p "$W"
chmod 1777 "$W"
T=$WORK/targets
mkdir -p "$T"
chmod 755 "$T"
NAME= BAD=
PIDS=
# Numbers of processes come back, soon where many are made: one that descends from this shell, or a program of this run.
is_own() {
	local p=$1
	[[ $(readlink "/proc/$1/exe") = "$WORK"/* ]] && return
	while [ -e "/proc/${p:-0}/status" ]; do
		[ "$p" = $$ ] && return
		p=$(awk '/^PPid:/ { print $2 }' "/proc/$p/status" 2>/dev/null)
	done
	return 1
}
finish_e2e() {
	local p own=
	for p in $PIDS; do is_own "$p" && own="$own $p"; done
	for p in $own; do kill -9 "$p" 2>/dev/null; done
	rm -rf "$W"
}
trap finish_e2e EXIT

t() { NAME=$1; BAD=; }
bad() { BAD="$BAD
# $*"; }
done_t() { if [ -z "$BAD" ]; then echo "ok $NAME"; else echo "not ok $NAME$BAD"; fi; NAME= BAD=; }
skip_t() { echo "skip $1: $2"; }
is() { [ "$2" = "$3" ] || bad "$1: got '$2', want '$3'"; }
between() { { [ -n "$2" ] && [ "$2" -ge "$3" ] && [ "$2" -le "$4" ]; } 2>/dev/null || bad "$1: got '$2', want $3..$4"; }
has() { grep -qE -- "$2" "$1" || bad "no line like '$2' in $(basename "$1"): $(head -c 400 "$1" | tr '\n' '~')"; }
hasnot() { ! grep -qE -- "$2" "$1" || bad "unwanted '$2' in $(basename "$1"): $(head -c 400 "$1" | tr '\n' '~')"; }
have() { command -v "$1" >/dev/null 2>&1; }

# target NAME SOURCE COMPILER-AND-FLAGS...: builds once a run; $T/NAME
target() {
	local name=$1 source=$2
	shift 2
	[ -e "$T/$name" ] && return 0
	"$@" -o "$T/$name" "$ROOT/tests/e2e/targets/$source" >"$W/cc.log" 2>&1 || { cat "$W/cc.log" >&2; return 1; }
	chmod 755 "$T/$name"
}

# spile ARGS...: output to $W/out, the target's own to $W/target, messages to $W/err, status $RC
spile() {
	: >"$W/out"
	chmod 666 "$W/out"
	as_user timeout -k 5 "${LIMIT:-60}" "$SPILE" -o "$W/out" "$@" >"$W/target" 2>"$W/err" </dev/null
	RC=$?
}
ok_rc() { is "exit status ($(tail -c 300 "$W/err" | tr '\n' '~'))" "$RC" 0; }

# launch_same COMMAND SPILE-ARGS...: the target's output and status equal those of its unprobed run
launch_same() {
	local command=$1
	shift
	# shellcheck disable=SC2086 # words
	as_user timeout -k 5 60 $command >"$W/plain" 2>/dev/null </dev/null
	PLAIN_RC=$?
	spile "$@" -c "$command"
	cmp -s "$W/plain" "$W/target" || bad "the target's output changed: $(diff "$W/plain" "$W/target" | head -5 | tr '\n' '~')"
	[ $PLAIN_RC = 0 ] && ok_rc
}

# start PROGRAM ARGS...: in the background as the ordinary user; $PID, its output in $W/bg
start() {
	: >"$W/bg"
	"${RUN_AS[@]}" "$@" >"$W/bg" 2>"$W/bg.err" </dev/null &
	PID=$!
	PIDS="$PIDS $PID"
	local i
	# setpriv and env exec the program: wait until it is itself
	for i in $(seq 100); do
		[ "$(readlink "/proc/$PID/exe" 2>/dev/null)" = "$(realpath "$1")" ] && grep -q . "$W/bg" && break
		sleep 0.05
	done
	settle "$PID"
}
# snapshot PID: what must be the same before and after: mappings by name, threads, descriptors, dispositions. A
# runtime that starts threads when it likes (Go) sets RESTLESS=1: its threads and anonymous memory are its own matter.
snapshot() {
	awk -v restless="${RESTLESS:-}" '$6 != "" || !restless {print $6}' "/proc/$1/maps" | sort | uniq -c
	ls "/proc/$1/fd" | wc -l
	awk -v restless="${RESTLESS:-}" '/^(TracerPid|SigCgt|SigIgn)/ || /^Threads/ && !restless' "/proc/$1/status"
}
# settle PID: waits until the number of threads no longer changes
settle() {
	local before=0 now
	for _ in $(seq 50); do
		now=$(ls "/proc/$1/task" 2>/dev/null | wc -l)
		[ "$now" = "$before" ] && return
		before=$now
		sleep 0.2
	done
}
text_is_file() { "$ROOT/tests/lib/text-is-file" "$1" >"$W/text" 2>&1 || bad "text differs from the file: $(head -3 "$W/text" | tr '\n' '~')"; }
# attached_clean: call after leaving $PID: nothing of ours is left
attached_clean() {
	snapshot "$PID" >"$W/after"
	cmp -s "$W/before" "$W/after" || bad "left behind: $(diff "$W/before" "$W/after" | head -6 | tr '\n' '~')"
	grep -q memfd:spile "/proc/$PID/maps" && bad "a mapping of ours is left"
	text_is_file "$PID"
}
# target_unharmed: ends $PID, a program of tests/e2e/targets that checks itself
target_unharmed() {
	kill -TERM "$PID"
	wait "$PID"
	is "the program's status" $? 0
	has "$W/bg" 'wrong=0'
}
# attach_run SPILE-ARGS...: attaches to $PID with checks
attach_run() {
	snapshot "$PID" >"$W/before"
	spile -x "$PID" "$@"
	attached_clean
}
