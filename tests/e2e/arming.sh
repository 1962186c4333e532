# SPDX-License-Identifier: Apache-2.0
# Conditions of probes: sites are disarmed while they are false, under running threads; the tool killed meanwhile.
. "$ROOT/tests/lib/e2e.sh"

target count-pie count.c gcc -O2 -pthread -fPIE -pie || exit 1

background() {
	: >"$W/out"; chmod 666 "$W/out"
	"${RUN_AS[@]}" env --default-signal=INT "$SPILE" -o "$W/out" -x "$PID" "$@" >/dev/null 2>"$W/err" </dev/null &
	TOOL=$!
	PIDS="$PIDS $TOOL"
	for _ in $(seq 100); do grep -q . "$W/out" && break; sleep 0.1; done
}
# own_text: the program's own text is changed (the C library's is, where the session follows its signals)
own_text() { "$ROOT/tests/lib/text-is-file" "$PID" 2>/dev/null | grep -q count-pie; }
t disarmed-while-false
start "$T/count-pie" 4 0
snapshot "$PID" >"$W/before"
background -e 'global on, hits, told
	probe begin { println("begun") }
	probe process.function("work") if (on) { hits <<< 1 }
	probe timer.ms(2000) { on = 1 }
	probe timer.ms(50) { if (@count(hits) && !told++) println("hit") }'
own_text && bad "armed while its condition is false"
for _ in $(seq 100); do grep -q hit "$W/out" && break; sleep 0.1; done
is "output" "$(tr '\n' ' ' <"$W/out")" "begun hit "
own_text || bad "not armed while its condition holds"
kill -INT $TOOL
wait $TOOL
is "status" $? 0
attached_clean
target_unharmed
done_t

# The handler of another site decides: exactly its hits between two of its own are seen.
t by-a-handler-in-the-target
start "$T/count-pie" 1 0
attach_run -e 'global n, seen, on
	probe process.function("work") { n++; if (n == 1000 || n == 200000) on = !on }
	probe process("'"$(ldd "$T/count-pie" | awk '/libc\.so/ {print $3}')"'").function("clock_nanosleep") if (on) { seen++ }
	probe timer.ms(1500) { exit() } probe end { printf("%d %d\n", seen > 50, seen <= 200) }'
ok_rc
is "naps seen while on" "$(cat "$W/out")" "1 1"
target_unharmed
done_t

t toggled-fast
start "$T/count-pie" 8 0
attach_run -vv -e 'global on, hits, n
	probe process.function("work") if (on) { hits <<< 1 }
	probe timer.ms(2) { on = !on; n++ }
	probe timer.ms(3000) { exit() }
	probe end { printf("%d %d\n", @count(hits) > 0, n > 100) }'
ok_rc
is "hits" "$(cat "$W/out")" "1 1"
between "changes" "$(grep -c 'patches armed or disarmed in [0-9.]* us$' "$W/err")" 100 100000
hasnot "$W/err" 'us .window'
target_unharmed
done_t

t killed-while-toggling
for r in 1 2 3 4 5; do
	start "$T/count-pie" 8 0
	snapshot "$PID" >"$W/before"
	background -e 'global on, hits
		probe begin { println("begun") }
		probe process.function("work") if (on) { hits <<< 1 }
		probe timer.ms(1) { on = !on }'
	sleep 0.$r
	kill -KILL $TOOL
	wait $TOOL 2>/dev/null
	as_user timeout 60 "$SPILE" --cleanup "$PID" >"$W/clean" 2>&1 || bad "cleanup: $(cat "$W/clean")"
	attached_clean
	target_unharmed
done
done_t

# The child has what stood there at that moment, and nobody who goes on with it.
t forked-while-toggling
target forker forker.c gcc -O1 || exit 1
for how in "INT yes" "INT no" "KILL yes"; do
	read -r left_by follow <<<"$how"
	start "$T/forker"
	snapshot "$PID" >"$W/before"
	background --follow="$follow" -e 'global on, hits
		probe begin { println("begun") }
		probe process.function("place_*") if (on) { hits <<< 1 }
		probe timer.ms(1) { on = !on }'
	"$ROOT/tests/lib/stop-between" "$TOOL" "$PID" "$(head -1 "$W/bg")" 64 256 || bad "the tool was never between"
	kill -USR1 "$PID"
	for _ in $(seq 100); do grep -q child "$W/bg" && break; sleep 0.1; done
	CHILD=$(awk '/^child/ {print $2}' "$W/bg")
	kill -CONT "$TOOL"
	kill "-$left_by" "$TOOL"
	wait "$TOOL" 2>/dev/null
	for p in "$PID" "$CHILD"; do
		[ "$left_by" = INT ] || as_user timeout 60 "$SPILE" --cleanup "$p" >"$W/clean" 2>&1 || bad "cleanup: $(cat "$W/clean")"
		grep -q memfd:spile "/proc/$p/maps" && bad "a mapping of ours is left in $p ($how)"
		text_is_file "$p"
	done
	attached_clean
	target_unharmed
	has "$W/bg" "^child's status 0 "
done
done_t
