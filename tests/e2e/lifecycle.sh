# SPDX-License-Identifier: Apache-2.0
# Coming and going: a target killed in the middle, many attach-leave rounds, Ctrl-C, probes in malloc and write.
. "$ROOT/tests/lib/e2e.sh"

target count-pie count.c gcc -O2 -pthread -fPIE -pie || exit 1

t kill-in-the-middle
start "$T/count-pie" 4 0
spile_background() {
	: >"$W/out"; chmod 666 "$W/out"
	"${RUN_AS[@]}" env --default-signal=INT "$SPILE" -o "$W/out" "$@" >"$W/target" 2>"$W/err" </dev/null &
	TOOL=$!
	PIDS="$PIDS $TOOL"
}
wait_for() { for _ in $(seq 100); do grep -qE "$2" "$1" && return; sleep 0.1; done; bad "no '$2' in $1"; }
spile_background -e 'global n probe begin { println("begun") } probe process.function("work") { if (++n % 1000 == 0) printf("%d\n", n) }
	probe end { println("end") }' -x "$PID"
wait_for "$W/out" '^3000$'
kill -KILL "$PID"
for _ in $(seq 100); do kill -0 $TOOL 2>/dev/null || break; sleep 0.1; done
wait $TOOL
is "last line" "$(tail -1 "$W/out")" end
awk '$1 ~ /^[0-9]+$/ { if ($1 != last + 1000) bad = 1; last = $1 } END { exit bad }' "$W/out" || bad "a record is missing or out of order"
done_t

t interrupt
start "$T/count-pie" 8 0
snapshot "$PID" >"$W/before"
spile_background -e 'global n, told probe timer.ms(20) { if (@count(n) && !told++) println("begun") } probe process.function("work") { n <<< 1 }
	probe end { printf("%d\n", @count(n) > 0) }' -x "$PID"
wait_for "$W/out" begun
kill -INT $TOOL
wait $TOOL
is "status of an interrupted run" $? 0
is "end ran" "$(tail -1 "$W/out")" 1
attached_clean
done_t

t rounds
rounds=${ROUNDS:-100}
r=0
while [ $r -lt "$rounds" ] && [ -z "$BAD" ]; do
	spile -x "$PID" -e 'global n probe process.function("work") { n++ } probe timer.ms(10) { if (n > 100) exit() } probe end { println(n > 100) }'
	ok_rc
	is "round $r" "$(cat "$W/out")" 1
	r=$((r + 1))
done
attached_clean
target_unharmed
done_t

t malloc-and-write
LIBC=$(ldd /bin/ls | awk '/libc\.so\.6/ {print $3}')
launch_same "/bin/ls -l /usr/bin" -e "global m, w
	probe process(\"$LIBC\").function(\"malloc\") { m <<< ulong_arg(1) }
	probe process(\"$LIBC\").function(\"write\") { w[long_arg(1)] <<< ulong_arg(3) }
	probe end { printf(\"%d %d %d\n\", @count(m) > 100, @min(m) >= 0, @sum(w[1])) }"
is "bytes written" "$(cut -d' ' -f3 "$W/out")" "$(wc -c <"$W/target" | tr -d ' ')"
is "allocations" "$(cut -d' ' -f1,2 "$W/out")" "1 1"
done_t
