# SPDX-License-Identifier: Apache-2.0
# However the target ends, all that was seen is printed, end runs and the status tells.
. "$ROOT/tests/lib/e2e.sh"

target crash crash.c gcc -O1 || exit 1
target count-pie count.c gcc -O2 -pthread -fPIE -pie || exit 1
for how in exit segv abort bad; do
	t "bad-end-$how"
	spile -e "probe process(\"$T/crash\").function(\"step\") {
			try { printf(\"step %d %s\n\", int_arg(1), user_string(pointer_arg(2))) } catch (why) { printf(\"step %d caught: %s\n\", int_arg(1), why) } }
		probe end { println(\"end\") }" -c "$T/crash $how"
	is steps "$(grep -c '^step [012] fine$' "$W/out")" 3
	is "last line" "$(tail -1 "$W/out")" end
	is status "$RC" 1
	case $how in
	segv) has "$W/err" 'signal 11' ;;
	abort) has "$W/err" 'signal 6' ;;
	exit) has "$W/err" 'status 42' ;;
	bad) has "$W/out" '^step 3 caught: .*fault' ;;
	esac
	done_t
done

t uncaught-fault
spile -e "probe process(\"$T/crash\").function(\"step\") { println(user_string(pointer_arg(2))) }
	probe end { println(\"end\") } probe error { println(\"error\") }" -c "$T/crash bad"
is "output" "$(tr '\n' ' ' <"$W/out")" "fine fine fine error "
has "$W/err" "^ERROR: .*fault.* near identifier 'user_string' at .*:1:"
is status "$RC" 1
done_t

t no-such-command
spile -e 'probe begin { println(1) }' -c /no/such/command
is status "$RC" 1
is output "$(cat "$W/out")" ""
done_t

t no-such-process
spile -e 'probe begin { println(1) }' -x 999999999
is status "$RC" 1
done_t

t not-ours
if [ "$(id -u)" = 0 ]; then
	sleep 30 &
	PIDS="$PIDS $!"
	spile -e 'probe begin { println(1) } probe process.function("*") { next }' -x $!
	is status "$RC" 1
	has "$W/err" 'ERROR|error'
	has "$W/err" 'user|permi|owner'
fi
done_t

t not-dumpable
"${RUN_AS[@]}" /usr/bin/python3 -c 'import ctypes, time; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0); print("up", flush=True); time.sleep(60)' >"$W/bg" 2>&1 </dev/null &
PID=$!
PIDS="$PIDS $PID"
for _ in $(seq 100); do grep -q up "$W/bg" && break; sleep 0.05; done
if [ "$(id -u)" = 0 ]; then
	spile -e 'probe process.begin { println(1) }' -x "$PID"
	is status "$RC" 1
	has "$W/err" 'may not be probed'
	has "$W/err" 'hint: it has protected itself'
fi
kill "$PID"
done_t

t thread-for-process
start "$T/count-pie" 3 0
thread=$(find "/proc/$PID/task" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -n | tail -1)
spile -e 'probe process.begin { println(1) }' -x "$thread"
is status "$RC" 1
is message "$(cat "$W/err")" "ERROR: $thread is a thread, of process $PID: that is what can be probed"
target_unharmed
done_t

# The second has no room for our memory: what was said until then is printed, and the first is as it was.
target levels levels.c gcc -O1 -g || exit 1
if have prlimit; then
	t one-of-two-cannot-be-probed
	start "$T/levels"
	"${RUN_AS[@]}" "$T/levels" >"$W/other" 2>&1 &
	other=$!
	PIDS="$PIDS $other"
	for _ in $(seq 100); do grep -q . "$W/other" && break; sleep 0.05; done
	as_user prlimit --as=$((3 << 20)) -p "$other"
	snapshot "$PID" >"$W/before"
	spile -x "$PID" -x "$other" -e 'probe begin { println("begun") } probe process.begin { println("seen") }
		global n probe process.function("f_one") { if (!n++) println("hit") } probe end { println("end") }'
	is status "$RC" 1
	has "$W/err" "cannot map .* in process $other: Cannot allocate memory"
	is output "$(head -2 "$W/out" | tr '\n' ' ')" "begun seen "
	hasnot "$W/out" end
	attached_clean
	target_unharmed
	kill "$other"
	wait "$other"
	is "status of the other" $? 0
	done_t
else
	skip_t one-of-two-cannot-be-probed "no prlimit"
fi
# One of two ends before it could be attached to, whichever it is: the other is probed as if nothing were.
t one-of-two-has-ended
for order in first second; do
	start "$T/levels"
	"${RUN_AS[@]}" sleep 30 &
	other=$!
	PIDS="$PIDS $other"
	snapshot "$PID" >"$W/before"
	[ "$order" = first ] && pids="-x $other -x $PID" || pids="-x $PID -x $other"
	# shellcheck disable=SC2086 # words
	spile $pids -e "probe begin { system(\"kill -KILL $other\") }
		global n, m probe begin(1) { while (m++ < 30000000) ; }
		probe process(\"$T/levels\").function(\"f_one\") { n++ } probe process.library(\"libc.so.6\").function(\"*\") ? { next }
		probe timer.ms(10) { if (n) exit() } probe end { println(n > 0) }" -D MAXACTION=100000000
	ok_rc
	is output "$(cat "$W/out")" 1
	attached_clean
	target_unharmed
	wait "$other"
done
done_t

# It ends while it is being looked at: the message says so, and nothing of what could not be read of it.
t ends-meanwhile
for wait in 04 06 08 09 10 11 12 13 14 15 16 18 20 25; do
	"${RUN_AS[@]}" sleep 0.$wait &
	PIDS="$PIDS $!"
	while [ -e "/proc/$!/exe" ] && [ "$(stat -c %u "/proc/$!")" = 0 ]; do :; done # not yet the user's
	spile -x $! -e 'global n probe process.library("libc.so.6").function("*").call { n++ } probe process.function("*").return ? { n++ } probe timer.ms(10) { exit() }'
	grep -v -e '^Pass 5: run failed' -e '^ERROR: .*no process [0-9]*$' -e '^ERROR: process [0-9]* \(has ended\|runs no program\)' -e '^ *hint: it has ended' "$W/err" >"$W/else" &&
		bad "it says: $(cat "$W/else")"
done
done_t
