# SPDX-License-Identifier: Apache-2.0
# Leaving while functions are under way whose returns are probed: on threads, on stacks of coroutines, below signal handlers.
. "$ROOT/tests/lib/e2e.sh"
. "$ROOT/tests/lib/sessions.sh"
target under-way under_way.cc g++ -O2 || exit 1
EVERY='probe begin { println("begun") } probe end { println("end") }'
COUNTS='global n probe process.function("f_deep").return { n++ }'

# deep: the program enters the functions, now that all sessions have begun
deep() {
	kill -USR2 "$PID"
	for _ in $(seq 300); do grep -q deep "$W/bg" && return; sleep 0.1; done
	bad "it does not enter them: $(cat "$W/bg")"
}
# soon: the program leaves them while we wait for that
soon() { (sleep 0.7; kill -USR2 "$PID") & }
# ended RESULT: so the program does
ended() {
	wait "$PID"
	is "its end" "$?" 0
	is "its result" "$(tail -1 "$W/bg")" "$1"
}
# result_of MODE
result_of() { if [ "$1" = throws ]; then echo "result 5 cleaned 11"; else echo "result 42 cleaned 11"; fi; }
nothing_left() {
	grep -q memfd:spile "/proc/$PID/maps" && bad "a mapping of ours is left"
	text_is_file "$PID"
}

for mode in throws waits signal; do
	t "$mode"
	start "$T/under-way" "$mode" stay
	session A "$COUNTS"
	deep
	soon
	quit A
	for _ in $(seq 100); do grep -q result "$W/bg" && break; sleep 0.1; done
	nothing_left
	kill -USR2 "$PID"
	ended "$(result_of "$mode")"
	done_t
done

# A coroutine that waits longer than we do: our memory stays, and is taken out later.
t waits-long
start "$T/under-way" waits stay
session A "$COUNTS"
deep
kill -INT "$TOOL_A"
wait "$TOOL_A"
is "exit status" $? 1
has "$W/err-A" 'calls under way in process [0-9]+ will return into probes'
has "$W/err-A" 'spile --cleanup'
grep -q memfd:spile "/proc/$PID/maps" || bad "our memory is gone"
kill -USR2 "$PID"
for _ in $(seq 100); do grep -q result "$W/bg" && break; sleep 0.1; done
is "its result" "$(tail -1 "$W/bg")" "result 42 cleaned 11"
spile --cleanup "$PID"
ok_rc
nothing_left
kill -USR2 "$PID"
ended "result 42 cleaned 11"
done_t

# killed: A's tool dies; what it left is cleaned up
killed() {
	kill -KILL "$TOOL_A"
	wait "$TOOL_A" 2>/dev/null
	spile --cleanup "$PID"
	ok_rc
}

# The same after the tool's death, and with an exception through the frames.
for mode in throws waits; do
	t "$mode-killed"
	start "$T/under-way" "$mode" stay
	session A "$COUNTS"
	deep
	soon
	killed
	nothing_left
	for _ in $(seq 100); do grep -q result "$W/bg" && break; sleep 0.1; done
	kill -USR2 "$PID"
	ended "$(result_of "$mode")"
	done_t
done

# Two sessions on the same functions: the one that was there first ends first, with frames of both under way.
target under-way-cet under_way.cc g++ -O2 -fcf-protection || exit 1
t throws-two-sessions
start "$T/under-way-cet" throws
session A "$COUNTS"
session B "$COUNTS"
deep
soon
quit A
wait "$TOOL_B"
is "the second's end" "$?" 0
ended "result 5 cleaned 11"
done_t

# Threads that block in functions probed at their returns hold nobody up: the calls are given back to the program at once.
target blocked blocked.cc g++ -O2 -pthread || exit 1
given_back() {
	grep -q sum "$W/bg" && bad "it was waited for: $(cat "$W/bg")"
	nothing_left
	if have gdb; then
		gdb -q -batch -p "$PID" -ex 'thread apply all bt' >"$W/bt" 2>/dev/null
		is "stacks that gdb sees whole" "$(grep -cE ' f_deep ' "$W/bt")/$(grep -cE ' f_many ' "$W/bt")/$(grep -cE ' f_wait ' "$W/bt")" 24/20/4
	fi
	kill -USR2 "$PID"
	ended "$1"
}
EVERY='probe begin { println("begun") } probe end { println(n, seen) }'
ENDED='^00$' # none has returned
PROBES='global n, seen
	probe process.function("f_*").return { n++; if (@entry(tid()) != tid()) seen++ }'
for mode in "returns sum 664 cleaned 24" "throws sum 204 cleaned 24" "jumps sum 280 cleaned 0"; do
	t "blocked-${mode%% *}"
	start "$T/blocked" "${mode%% *}"
	session A "$PROBES"
	deep
	quit A
	given_back "${mode#* }"
	done_t

	t "blocked-${mode%% *}-killed"
	start "$T/blocked" "${mode%% *}"
	session A "$PROBES"
	deep
	killed
	given_back "${mode#* }"
	done_t
done
