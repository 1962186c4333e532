# SPDX-License-Identifier: Apache-2.0
# The tool killed by SIGKILL at random moments of coming and leaving: the target goes on, and can be cleaned up.
# KILLS: rounds, 8 by default; many by `make torture`.
. "$ROOT/tests/lib/e2e.sh"
KILLS=${KILLS:-8}

target torture torture.c gcc -O2 -pthread -Wa,--no-warn || exit 1
target waits waits.c gcc -O1 -pthread || exit 1

# kills SCRIPT MOST: with a random pause of up to MOST microseconds before the SIGKILL
kills() {
	local round tool threads
	threads=$(ls "/proc/$PID/task" | wc -l)
	for round in $(seq "$KILLS"); do
		"${RUN_AS[@]}" "$SPILE" -o /dev/null -x "$PID" -e "$1" >/dev/null 2>&1 </dev/null &
		tool=$!
		sleep "0.$(printf %06d $(((RANDOM * 32768 + RANDOM) % $2)))"
		kill -KILL "$tool" 2>/dev/null
		wait "$tool" 2>/dev/null
		sleep 0.02
		kill -0 "$PID" 2>/dev/null || { bad "the target died in round $round"; return; }
		is "threads in round $round" "$(ls "/proc/$PID/task" | wc -l)" "$threads"
		[ $((round % 4)) != 0 ] || as_user timeout 60 "$SPILE" --cleanup "$PID" >"$W/clean" 2>&1 ||
			grep -q 'nothing of a session' "$W/clean" || bad "cleanup: $(cat "$W/clean")"
	done
	as_user timeout 60 "$SPILE" --cleanup "$PID" >"$W/clean" 2>&1
	text_is_file "$PID"
	# it can be probed as before
	spile -x "$PID" -e "$1"
	ok_rc
	text_is_file "$PID"
	grep '^SigCgt' "/proc/$PID/status" >"$W/after"
	cmp -s "$W/before" "$W/after" || bad "other handlers: $(cat "$W/before" "$W/after" | tr '\n' '~')"
}
begin() {
	start "$@"
	grep '^SigCgt' "/proc/$PID/status" >"$W/before"
}
end_target() {
	kill -TERM "$PID"
	wait "$PID"
	is "the program's status" $? 0
}

t threads
begin "$T/torture" 8
kills 'global hits, m probe process.function("t_*") { hits <<< 1; m += user_int8(8) } probe timer.ms(20) { exit() }' 70000
end_target
has "$W/bg" 'wrong=0'
done_t

t waits
begin "$T/waits" stay
kills 'global good, bad probe process.function("look") { try { s = user_string(pointer_arg(1)); good[s]++ } catch { bad++ } } probe timer.ms(15) { exit() }' 50000
end_target
has "$W/bg" '^end: segv=1 bus=1 trap=1 usr1=1 alrm=1'
done_t
