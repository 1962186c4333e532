# SPDX-License-Identifier: Apache-2.0
# Leaving while functions are under way whose returns are probed: on threads, on stacks of coroutines, below signal handlers.
. "$ROOT/tests/lib/e2e.sh"
target under-way under_way.cc g++ -O2 || exit 1
counts='global n
	probe process.function("f_deep").return { n++ }
	probe timer.ms(300) { if (left()) exit() }
	probe end { println(n) }'
# left: a while after the functions have been entered
left='global ticks
	function left() { return ++ticks > 4 }'

for mode in throws waits signal; do
	t "$mode"
	start "$T/under-way" "$mode" 20
	spile -x "$PID" -e "$left $counts"
	ok_rc
	wait "$PID"
	is "its end" "$?" 0
	is "its result" "$(tail -1 "$W/bg")" "$([ "$mode" = throws ] && echo "result 5 cleaned 11" || echo "result 42 cleaned 11")"
	done_t
done

# A coroutine that waits longer than we do: our memory stays, and is taken out later.
t waits-long
start "$T/under-way" waits 60 stay
spile -x "$PID" -e "$left $counts"
is "exit status" "$RC" 1
has "$W/err" 'calls under way in process [0-9]+ will return into probes'
has "$W/err" 'spile --cleanup'
grep -q memfd:spile "/proc/$PID/maps" || bad "our memory is gone"
for _ in $(seq 100); do grep -q result "$W/bg" && break; sleep 0.1; done
is "its result" "$(tail -1 "$W/bg")" "result 42 cleaned 11"
spile --cleanup "$PID"
ok_rc
grep -q memfd:spile "/proc/$PID/maps" && bad "a mapping of ours is left"
text_is_file "$PID"
wait "$PID"
is "its end" "$?" 0
done_t

# killed SECONDS SCRIPT: a session on $PID that is killed after so many seconds, and cleaned up
killed() {
	local tool
	"${RUN_AS[@]}" "$SPILE" -o "$W/out" -x "$PID" -e "$2" >"$W/target" 2>"$W/err" </dev/null &
	tool=$!
	sleep "$1"
	kill -9 "$tool" 2>/dev/null
	wait "$tool" 2>/dev/null
	spile --cleanup "$PID"
	ok_rc
}

# The same after the tool's death, and with an exception through the frames.
for mode in throws waits; do
	t "$mode-killed"
	start "$T/under-way" "$mode" 25 stay
	killed 1.5 'global n probe process.function("f_deep").return { n++ }'
	grep -q memfd:spile "/proc/$PID/maps" && bad "a mapping of ours is left"
	text_is_file "$PID"
	wait "$PID"
	is "its end" "$?" 0
	is "its result" "$(tail -1 "$W/bg")" "$([ "$mode" = throws ] && echo "result 5 cleaned 11" || echo "result 42 cleaned 11")"
	done_t
done

# Two sessions on the same functions: the one that was there first ends first, with frames of both under way.
target under-way-cet under_way.cc g++ -O2 -fcf-protection || exit 1
t throws-two-sessions
start "$T/under-way-cet" throws 30
"${RUN_AS[@]}" "$SPILE" -o "$W/first" -x "$PID" -e "$left $counts" >/dev/null 2>"$W/first.err" </dev/null &
first=$!
sleep 0.4
spile -x "$PID" -e 'global n probe process.function("f_deep").return { n++ } probe end { println(n) }'
wait "$first"
is "first's end" "$?" 0
ok_rc
wait "$PID"
is "its end" "$?" 0
is "its result" "$(tail -1 "$W/bg")" "result 5 cleaned 11"
done_t

# Threads that block in functions probed at their returns hold nobody up: the calls are given back to the program at once.
target blocked blocked.cc g++ -O2 -pthread || exit 1
given_back() {
	grep -q sum "$W/bg" && bad "it was waited for: $(cat "$W/bg")"
	grep -q memfd:spile "/proc/$PID/maps" && bad "a mapping of ours is left"
	text_is_file "$PID"
	if have gdb; then
		gdb -q -batch -p "$PID" -ex 'thread apply all bt' >"$W/bt" 2>/dev/null
		is "stacks that gdb sees whole" "$(grep -cE ' f_deep ' "$W/bt")/$(grep -cE ' f_many ' "$W/bt")/$(grep -cE ' f_wait ' "$W/bt")" 24/20/4
	fi
	wait "$PID"
	is "its end" "$?" 0
	is "its result" "$(tail -1 "$W/bg")" "$1"
}
PROBES='global n, seen
	probe process.function("f_*").return { n++; if (@entry(tid()) != tid()) seen++ }'
for mode in "returns sum 664 cleaned 24" "throws sum 204 cleaned 24" "jumps sum 280 cleaned 0"; do
	t "blocked-${mode%% *}"
	start "$T/blocked" "${mode%% *}" 30
	spile -x "$PID" -e "$PROBES probe timer.ms(1000) { exit() } probe end { println(n, seen) }"
	ok_rc
	is "returns so far" "$(cat "$W/out")" 00
	given_back "${mode#* }"
	done_t

	t "blocked-${mode%% *}-killed"
	start "$T/blocked" "${mode%% *}" 40
	killed 1 "$PROBES"
	given_back "${mode#* }"
	done_t
done
