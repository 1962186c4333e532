# SPDX-License-Identifier: Apache-2.0
# Sessions come and go while a thread has executed a byte of a patch that traps and its signal is on the way: pending, or its frame built.
# The program is stopped there, so that each case is the same every time.
. "$ROOT/tests/lib/e2e.sh"
. "$ROOT/tests/lib/sessions.sh"
EVERY='probe begin { println("begins") } probe end { println("end") }'

target mid-trap mid_trap.c gcc -O2 -pthread -fPIE -pie || exit 1
# Below 0x400000 is nothing: the top byte of a jump cannot be int3 but is a byte that faults.
target mid-fault mid_trap.c gcc -O2 -pthread -no-pie || exit 1

# begin_at PROGRAM FUNCTION: the program runs; what the thread traps on is at $ENTRY
begin_at() {
	start "$T/$1" "$2"
	ENTRY=$(head -1 "$W/bg")
	snapshot "$PID" >"$W/before"
}
# session_at NAME FUNCTION: it is armed, though no handler may have run
session_at() {
	local tool=TOOL_$1
	session "$1" "global n probe process.function(\"$2\") { n++ }"
	for _ in $(seq 400); do
		grep -q "memfd:spile:code:${!tool}\b" "/proc/$PID/maps" && grep -q '^TracerPid:	0$' "/proc/$PID/status" && return
		sleep 0.05
	done
	bad "session $1 is not there"
}
stop_at() { "$ROOT/tests/lib/stop-at" "$PID" "$@" || bad "no thread came to stand at a $1 $2"; }
behind() { printf '%#x' $((ENTRY + 1)); }
# leave_stopped NAME: the session ends while the program stands still: it may stay, but must say so then
leave_stopped() {
	local tool=TOOL_$1
	kill -INT "${!tool}"
	wait "${!tool}" || has "$W/err-$1" 'stays in a probe'
	kill -CONT "$PID"
}
clean_up() {
	grep -q memfd:spile "/proc/$PID/maps" || return
	as_user timeout 60 "$SPILE" --cleanup "$PID" >"$W/clean" 2>&1 || bad "cleanup: $(cat "$W/clean")"
}

# comes PROGRAM FUNCTION SIGNAL PC: another session comes to the place of the trap
comes() {
	t "comes: $1 $3"
	begin_at "$1" "$2"
	session_at A "$2"
	stop_at "$3" pending "$($4)"
	session_at B "$2"
	kill -CONT "$PID"
	quit B A
	end_target
	done_t
}
at() { echo "$ENTRY"; }
comes mid-trap trapped SIGTRAP behind
comes mid-fault faulted SIGSEGV at

# leaves PROGRAM FUNCTION SIGNAL PC HOW [KEEPER'S FUNCTION]: the session whose trap it is leaves, that of another session's handler perhaps
leaves() {
	t "leaves: $1 $3 $5${6:+ to another session}"
	begin_at "$1" "$2"
	[ -n "${6:-}" ] && session_at A "$6"
	session_at B "$2"
	stop_at "$3" "$5" "$($4)"
	leave_stopped B
	[ -n "${6:-}" ] && quit A
	clean_up
	end_target
	done_t
}
leaves mid-trap trapped SIGTRAP behind pending other
leaves mid-trap trapped SIGTRAP behind delivered other
leaves mid-fault faulted SIGSEGV at pending
leaves mid-fault faulted SIGSEGV at delivered other

# The keeper of the signals leaves, and another session stays that needs them.
t "leaves: the keeper"
begin_at mid-trap trapped
session_at A trapped
session_at B other
stop_at SIGTRAP delivered "$(behind)"
leave_stopped A
quit B
clean_up
end_target
done_t

t killed
begin_at mid-trap trapped
session_at A trapped
stop_at SIGTRAP pending "$(behind)"
kill -KILL "$TOOL_A"
wait "$TOOL_A" 2>/dev/null
as_user timeout 60 "$SPILE" --cleanup "$PID" >"$W/clean" 2>&1 || has "$W/clean" 'stays in a probe'
kill -CONT "$PID"
clean_up
end_target
done_t
