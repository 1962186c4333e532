# SPDX-License-Identifier: Apache-2.0
# Several sessions on one process, at the same sites, ended in any order, by Ctrl-C or killed.
. "$ROOT/tests/lib/e2e.sh"
ENDED='^end [1-9]'
. "$ROOT/tests/lib/sessions.sh"

target count-pie count.c gcc -O2 -pthread -fPIE -pie || exit 1
LIBC=$(ldd "$T/count-pie" | awk '/libc\.so/ {print $3}')

# counts NAME...: their counters go on; a first change may have been on its way before
counts() {
	local name turn before
	for name in "$@"; do
		for turn in first second; do
			before=$(tail -1 "$W/out-$name")
			for _ in $(seq 100); do
				[ "$(tail -1 "$W/out-$name")" = "$before" ] || continue 2
				sleep 0.1
			done
			bad "$name does not count any more: no $turn change of $before"
		done
	done
}
COUNT='global n probe process.function("work") { n++ } probe timer.ms(50) { if (n) println(n) } probe end { printf("end %d\n", n) }'
READS='global n, b probe process.function("work") { n++; try { b += user_int8(int_arg(1)) } catch { b++ } } probe timer.ms(50) { if (n) println(n) } probe end { printf("end %d %d\n", n, b) }'
LIBRARY='global n, b probe process("'$LIBC'").function("clock_nanosleep") { n++; try { b += user_int8(4) } catch { b++ } } probe timer.ms(50) { if (n) println(n) } probe end { printf("end %d %d\n", n, b) }'

every() {
	local scripts=$1 order s1 s2 s3 first second third
	shift
	read -r s1 s2 s3 <<<"$scripts"
	for order in "$@"; do
		read -r first second third <<<"$order"
		t "$scripts ended as $order"
		start "$T/count-pie" 4 0
		snapshot "$PID" >"$W/before"
		session A "${!s1}"
		session B "${!s2}"
		session C "${!s3}"
		counts A B C
		quit "$first"
		counts "$second" "$third"
		quit "$second"
		counts "$third"
		quit "$third"
		end_target
		done_t
	done
}
every "COUNT COUNT COUNT" "A B C" "B A C"
every "READS READS READS" "A B C" "C B A" "B A C" "C A B" "A C B"
every "COUNT READS LIBRARY" "A B C" "C B A" "B A C" "C A B"

t rolling
start "$T/count-pie" 4 0
snapshot "$PID" >"$W/before"
session A "$READS"
for _ in 1 2 3; do
	session B "$READS"
	quit A
	counts B
	session A "$READS"
	quit B
	counts A
done
quit A
end_target
done_t

t killed-below
start "$T/count-pie" 4 0
snapshot "$PID" >"$W/before"
session A "$READS"
session B "$READS"
kill -KILL "$TOOL_A"
wait "$TOOL_A" 2>/dev/null
counts B
session C "$COUNT"
counts B C
quit B C
end_target
done_t

t killed-above
start "$T/count-pie" 4 0
snapshot "$PID" >"$W/before"
session A "$READS"
session B "$READS"
kill -KILL "$TOOL_B"
wait "$TOOL_B" 2>/dev/null
counts A
as_user timeout 60 "$SPILE" --cleanup "$PID" >"$W/clean" 2>&1 || bad "cleanup: $(cat "$W/clean")"
counts A
quit A
end_target
done_t

# Both trap there: the later one's handlers run, whether those of the earlier one are armed or not.
t traps
target crowd crowd.c gcc -O2 -no-pie || exit 1
start "$T/crowd"
snapshot "$PID" >"$W/before"
crowd() {
	local condition=$1 at offset
	at=$(($(head -1 "$W/bg")))
	shift
	for offset; do printf 'probe process.statement(%d) %s { n[%d]++ } ' $((at + offset)) "$condition" "$offset"; done
	echo 'probe timer.ms(50) { foreach (o+ in n) printf("%d ", o); println("hit") } probe end { println("end 1") }'
}
session A "global on, n $(crowd 'if (on)' 0 2 4 6 8) probe timer.s(1000) { on = 1 }"
session B "global n $(crowd '' 0 2 4)"
for _ in $(seq 100); do grep -q '^0 2 4 hit' "$W/out-B" && break; sleep 0.1; done
has "$W/out-B" '^0 2 4 hit'
quit B A
end_target
done_t
