# SPDX-License-Identifier: Apache-2.0
# The end of a session by exit(), by a signal, by an output that takes no more; where the output goes.
. "$ROOT/tests/lib/e2e.sh"

target count-pie count.c gcc -O2 -pthread -fPIE -pie || exit 1

# say ARGS...: spile with its output to $W/said and messages to $W/err
say() { as_user timeout -k 5 60 "$SPILE" "$@" >"$W/said" 2>"$W/err" </dev/null; RC=$?; }
# tool ARGS...: in the background; $TOOL
tool() {
	"${RUN_AS[@]}" env --default-signal=INT "$SPILE" "$@" >"$W/said" 2>"$W/err" </dev/null &
	TOOL=$!
	PIDS="$PIDS $TOOL"
}
wait_for() { for _ in $(seq 100); do grep -qE "$2" "$1" 2>/dev/null && return; sleep 0.1; done; bad "no '$2' in $1"; }

t no-handler-begins-behind-exit
start "$T/count-pie" 4 0
snapshot "$PID" >"$W/before"
spile -x "$PID" -e 'global n probe process.function("work") { n++; printf("hit %d\n", n); exit() } probe end { println("end ", n) }'
ok_rc
between "hits" "$(grep -c '^hit' "$W/out")" 1 4 # one for each thread that was in its handler
has "$W/out" "^end [1-4]$"
spile -x "$PID" -e 'global n, m, s probe process.function("work") { if (++n == 900) exit() }
	probe process.function("work") { m++; s <<< 1 } probe end { printf("%d %d %d\n", n, m, @count(s)) }'
ok_rc
read -r n m s <"$W/out"
between "counted" "$n" 900 904
between "by short handlers" "$m" "$((n - 5))" "$((n + 5))"
between "values" "$s" "$((n - 5))" "$((n + 5))"
spile -x "$PID" -e 'global n, m probe process.function("work") { if (++n == 900) error("enough") }
	probe process.function("work") { m++ } probe error { printf("%d %d\n", n, m) }'
is "status of an error" $RC 1
read -r n m <"$W/out"
between "behind an error" "$m" "$((n - 5))" "$((n + 5))"
attached_clean
target_unharmed
done_t

t lossless-to-the-last
spile --lossless -s 1 -e 'global n probe process.function("work") { println(n); if (++n == 200000) exit() }' -c "$T/count-pie 2 400000"
ok_rc
between lines "$(wc -l <"$W/out")" 200000 200002
is messages "$(cat "$W/err")" ""
done_t

t full-disk
for script in 'probe begin { println("x") exit() }' 'probe timer.ms(5) { println("x") }'; do
	say -T 20 -o /dev/full -e "$script"
	is status $RC 1
	has "$W/err" "^ERROR: cannot write '/dev/full': No space left on device"
	as_user timeout 60 "$SPILE" -T 20 -e "$script" >/dev/full 2>"$W/err" </dev/null
	is status $? 1
	has "$W/err" '^ERROR: cannot write the output: No space left on device'
done
done_t

t full-disk-of-lists
for what in '-l process.*' --dump-functions --help -p1 -p2 -p3 -p4; do
	# shellcheck disable=SC2086 # words
	case $what in
	-p*) as_user "$SPILE" $what -e 'probe oneshot { println(1) }' >/dev/full 2>"$W/err" ;;
	*) as_user "$SPILE" $what >/dev/full 2>"$W/err" ;;
	esac
	is "status of $what" $? 1
	has "$W/err" '^ERROR: cannot write the output: No space left on device'
done
done_t

t interrupt-of-both
for _ in $(seq 10); do
	"${RUN_AS[@]}" env --default-signal=INT setsid "$SPILE" -e 'probe process.begin { println("begun") }' -c 'sleep 30' >"$W/said" 2>"$W/err" </dev/null &
	TOOL=$!
	PIDS="$PIDS $TOOL"
	wait_for "$W/said" begun
	kill -INT -- "-$TOOL"
	wait $TOOL
	is status $? 0
	is messages "$(cat "$W/err")" ""
done
done_t

t reader-gone
as_user timeout 60 "$SPILE" -T 20 -e 'probe timer.ms(1) { for (i = 0; i < 100; i++) println("line") }' 2>"$W/err" </dev/null | head -1 >"$W/said"
is status "${PIPESTATUS[0]}" 0
is messages "$(cat "$W/err")" ""
done_t

# into_pipe ARGS...: spile in the background, writing to $W/pipe, which nobody reads; returns when that is full
into_pipe() {
	rm -f "$W/pipe"; mkfifo "$W/pipe"; chmod 666 "$W/pipe"
	exec 7<>"$W/pipe"
	"${RUN_AS[@]}" env --default-signal=INT "$SPILE" "$@" >"$W/pipe" 2>"$W/err" </dev/null 7<&- &
	TOOL=$!
	PIDS="$PIDS $TOOL"
	for _ in $(seq 100); do [ "$(awk '/^wchar/ { print $2 }' "/proc/$TOOL/io")" -gt 50000 ] && break; sleep 0.1; done
}
# read_pipe: all of it, to the end of the tool; $RC
read_pipe() {
	exec 8<"$W/pipe" 7>&-
	timeout 60 cat <&8 >"$W/said"
	exec 8<&-
	wait "$TOOL"
	RC=$?
}

t slow-reader
into_pipe -e 'global n probe process.function("work") { printf("%0100d\n", n++) } probe end { println("end ", n) }' -c "$T/count-pie 1 3000"
kill -USR2 $TOOL
kill -CHLD $TOOL # as when the target ends
read_pipe
is status $RC 0
is messages "$(cat "$W/err")" ""
is lines "$(grep -cE '^0{96}' "$W/said")" "$(sed -n 's/^end //p' "$W/said")"
has "$W/said" '^total=.*wrong=0'
done_t

t interrupt-while-nobody-reads
start "$T/count-pie" 2 0
snapshot "$PID" >"$W/before"
into_pipe -x "$PID" -e 'global n probe process.function("work") { n++ } probe timer.ms(1) { for (i = 0; i < 100; i++) printf("%0100d\n", i) } probe end { println("end ", n > 0) }'
kill -INT $TOOL
for _ in $(seq 100); do grep -q memfd:spile "/proc/$PID/maps" || break; sleep 0.1; done
attached_clean # before anybody reads
read_pipe
is status $RC 0
is messages "$(cat "$W/err")" ""
is "broken lines" "$(grep -cvE '^0{97}[0-9]{3}$|^end 1$' "$W/said")" 0
has "$W/said" '^end 1$'
target_unharmed
done_t

t output-that-does-not-wait
as_user timeout 60 python3 - "$SPILE" >"$W/said" 2>"$W/err" <<'S'
import os, subprocess, sys
r, w = os.pipe()
os.set_blocking(w, False)
tool = subprocess.Popen([sys.argv[1], "-e", 'probe oneshot { for (i = 0; i < 3000; i++) printf("%0100d\\n", i) }', "-DMAXACTION=100000"], stdout=w)
os.close(w)
print(sum(len(piece) for piece in iter(lambda: os.read(r, 5000), b"")), tool.wait())
S
is output "$(cat "$W/said" "$W/err")" "303000 0"
done_t

t size-of-files-limited
rm -f "$W/dir.d/limited"; mkdir -p "$W/dir.d"; chmod 777 "$W/dir.d"
# shellcheck disable=SC2016 # for the shell inside
as_user bash -c 'ulimit -f 8; exec "$0" "$@"' "$SPILE" -T 20 -o "$W/dir.d/limited" \
	-e 'probe begin { for (i = 0; i < 900; i++) println("some thirty bytes of output, or so") }' >"$W/said" 2>&1 </dev/null
is status $? 1
has "$W/said" 'File too large'
done_t

t signals-that-would-kill
start "$T/count-pie" 2 0
snapshot "$PID" >"$W/before"
for signal in USR1 ALRM HUP; do
	tool -x "$PID" -e 'global n, told probe timer.ms(20) { if (n && !told++) println("begun") } probe process.function("work") { n++ } probe end { println("end ", n > 0) }'
	wait_for "$W/said" begun
	kill -$signal $TOOL
	wait $TOOL
	is "status after $signal" $? 0
	has "$W/said" '^end 1$'
done
attached_clean
target_unharmed
done_t

t name-of-the-output
cd "$W/dir.d" || exit 1
say -o out.%Y.%% -e 'probe oneshot { println("x") }'
is status $RC 0
is name "$(ls out.*)" "out.$(date +%Y).%"
done_t

t rotation
say -S 1,2 -o rotated -e 'probe begin { for (i = 0; i < 9000; i++) printf("%500s\n", "x") exit() }' -DMAXACTION=1000000
is status $RC 0
is files "$(ls rotated* | tr '\n' ' ')" "rotated.3 rotated.4 "
is size "$(($(stat -c %s rotated.3) >= 1 << 20))" 1
for wrong in 0 x 1,0 1,x '1,'; do
	say -S $wrong -o rotated -e 'probe oneshot { }'
	is "status of $wrong" $RC 1
	has "$W/err" '^ERROR: Invalid file size'
done
say -S 1 -e 'probe oneshot { }'
has "$W/err" '^ERROR: -S needs the name'
tool -o switched -e 'global n probe timer.ms(20) { println(n++) } probe end { println("end") }'
wait_for switched 3
kill -USR2 $TOOL
wait_for switched.1 '^[0-9]'
kill -TERM $TOOL
wait $TOOL
is "no number lost" "$(cat switched switched.1 | awk '$1 == NR - 1 { n++ } END { print NR - n }')" 1 # "end"
done_t
