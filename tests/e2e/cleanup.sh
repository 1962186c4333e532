# SPDX-License-Identifier: Apache-2.0
# The tool killed with SIGKILL: the target goes on; --cleanup, or the next session, takes out what is left.
. "$ROOT/tests/lib/e2e.sh"

target count-pie count.c gcc -O2 -pthread -fPIE -pie || exit 1
target mark-loop mark_loop.c gcc -O2 || exit 1

cleanup() { as_user timeout -k 5 60 "$SPILE" --cleanup "$@" >"$W/clean" 2>&1 </dev/null; RC=$?; }
# killed_session SCRIPT: a session on $PID whose tool is killed after its first line
killed_session() {
	: >"$W/out"; chmod 666 "$W/out"
	"${RUN_AS[@]}" "$SPILE" -o "$W/out" -x "$PID" -e "$1" >"$W/target" 2>"$W/err" </dev/null &
	TOOL=$!
	PIDS="$PIDS $TOOL"
	for _ in $(seq 100); do grep -q . "$W/out" && break; sleep 0.1; done
	grep -q . "$W/out" || bad "the session did not begin: $(cat "$W/err")"
	kill -KILL $TOOL
	wait $TOOL 2>/dev/null
	grep -q memfd:spile "/proc/$PID/maps" || bad "nothing of the session is left"
	kill -0 "$PID" || bad "the target is dead"
}
COUNT='global n probe process.function("work") { n++ } probe timer.ms(10) { if (n) println(n) }'
# reads memory, so that the signals are taken as well
READS='global n, b probe process.function("work") { n++; try { b += user_int8(int_arg(1)) } catch { b++ } } probe timer.ms(10) { if (n) println(n + b) }'

RETURNS='global n probe process.function("work").return { n++ } probe timer.ms(10) { if (n) println(n) }'

for kind in COUNT READS RETURNS; do
	t "cleanup $kind"
	start "$T/count-pie" 8 0
	snapshot "$PID" >"$W/before"
	killed_session "${!kind}"
	cleanup "$PID"
	is "status of cleanup" $RC 0
	attached_clean
	cleanup "$PID"
	is "nothing to clean up" $RC 1
	has "$W/clean" 'nothing of a session is in process'
	attach_run -e "$COUNT probe timer.ms(200) { exit() }"
	ok_rc
	target_unharmed
	done_t
done

t next-session
start "$T/count-pie" 4 0
snapshot "$PID" >"$W/before"
killed_session "$READS"
killed_session "$READS"
spile -x "$PID" -e "$READS probe timer.ms(200) { exit() }"
ok_rc
has "$W/out" '^[1-9]'
attached_clean
target_unharmed
done_t

t alive
start "$T/count-pie" 4 0
snapshot "$PID" >"$W/before"
: >"$W/out"; chmod 666 "$W/out"
"${RUN_AS[@]}" env --default-signal=INT "$SPILE" -o "$W/out" -x "$PID" -e "$COUNT" >/dev/null 2>"$W/err" </dev/null &
TOOL=$!
PIDS="$PIDS $TOOL"
for _ in $(seq 100); do grep -q . "$W/out" && break; sleep 0.1; done
cleanup "$PID"
is "status" $RC 1
has "$W/clean" 'a session probes process'
kill -INT $TOOL
wait $TOOL
is "the session's status" $? 0
attached_clean
target_unharmed
done_t

t semaphores
start "$T/mark-loop"
snapshot "$PID" >"$W/before"
killed_session 'global n probe process.mark("step") { n++ } probe timer.ms(10) { if (n) println(n) }'
cleanup "$PID"
is "status of cleanup" $RC 0
attached_clean
kill -TERM "$PID"
wait "$PID"
has "$W/bg" '^semaphore=0$'
done_t

# What a tool that was killed while it handed its memory over leaves: descriptors. Those of a living tool are not touched.
t strays
cat >"$W/strays.py" <<-'END'
	import os, signal, sys
	signal.signal(signal.SIGTERM, lambda *a: sys.exit(0))
	dead, alive = sys.argv[1:]
	fds = [os.memfd_create(name) for name in (f"spile:code:{dead}", f"spile:region:{dead}", f"spile:code:{alive}", "else")]
	print("pid", os.getpid(), flush=True)
	while True: signal.pause()
END
chmod a+r "$W/strays.py"
true & DEAD=$!
wait $DEAD
start "$(realpath /usr/bin/python3)" "$W/strays.py" $DEAD $$
strays() { readlink "/proc/$PID/fd/"* | grep -c "memfd:${1:-}"; }
is "descriptors" "$(strays)" 4
spile --cleanup "$PID"
ok_rc
is "descriptors after cleanup" "$(strays)" 2
is "of a living tool" "$(strays "spile:code:$$ ")" 1
text_is_file "$PID"
kill -TERM "$PID"
wait "$PID"
is "its status" $? 0
done_t
