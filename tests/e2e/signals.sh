# SPDX-License-Identifier: Apache-2.0
# A program with its own ideas about SIGSEGV, SIGBUS and SIGTRAP keeps them while probes read bad memory.
. "$ROOT/tests/lib/e2e.sh"

target signals signals.c gcc -O1 -pthread || exit 1
target signals-static signals.c gcc -O1 -pthread -static || exit 1
for kind in signals signals-static; do
	t "$kind-launch"
	launch_same "$T/$kind" -e "global good, bad
		probe process(\"$T/$kind\").function(\"look\") { try { s = user_string(pointer_arg(1)); good[s]++ } catch (m) { bad++ } }
		probe end { printf(\"good=%d bad=%d\n\", good[\"good\"], bad > 5) }"
	is "seen" "$(cat "$W/out")" "good=1 bad=1"
	hasnot "$W/err" 'ERROR'
	done_t
done

# Sites where the hooks of these system calls have to go: they stand upon the hooks.
t sites-at-hooks
sites=$(objdump -d --no-show-raw-insn "$T/signals-static" |
	sed -nE '/mov +\$0x(d|e|82|10e|10f),%eax/ { s/^ *([0-9a-f]+):.*/\1/p; n; s/^ *([0-9a-f]+):\tsyscall.*/\1/p; n; s/^ *([0-9a-f]+):.*/\1/p }')
probes=$(for a in $sites; do echo "probe process(\"$T/signals-static\").statement(0x$a) { n++ }"; done)
launch_same "$T/signals-static" -e "global good, bad, n $probes
	probe process(\"$T/signals-static\").function(\"look\") { try { s = user_string(pointer_arg(1)); good[s]++ } catch (m) { bad++ } }
	probe end { printf(\"good=%d bad=%d n=%d\n\", good[\"good\"], bad > 5, n > 10) }"
is "seen" "$(cat "$W/out")" "good=1 bad=1 n=1"
hasnot "$W/err" 'ERROR|WARNING'
done_t

# Masks for the time of a wait.
target waits waits.c gcc -O1 -pthread || exit 1
target waits-static waits.c gcc -O1 -pthread -static || exit 1
READ='global good, bad probe process.function("look") { try { s = user_string(pointer_arg(1)); good[s]++ } catch (m) { bad++ } } probe end { printf("bad=%d\n", bad > 0) }'
for kind in waits waits-static; do
	t "$kind-launch"
	launch_same "$T/$kind" -e "$READ"
	is "seen" "$(cat "$W/out")" "bad=1"
	done_t
done
t waits-attach
start "$T/waits" stay
for round in 1 2 3 4 5 6; do
	attach_run -e "$READ probe timer.ms(13$round) { exit() }"
	ok_rc
	is "seen" "$(cat "$W/out")" "bad=1"
done
kill -TERM "$PID"
wait "$PID"
is "the program's status" $? 0
has "$W/bg" '^end: segv=1 bus=1 trap=1 usr1=1 alrm=1'
has "$W/bg" '^rounds=1'
done_t

# What a signal handler left behind on a stack that its thread no longer stands on is nobody's place to go on.
t old-frame
target old-frame old_frame.c gcc -O1 || exit 1
start "$T/old-frame"
attach_run -e 'global n, last; probe process.function("work") { n++; last[n % 100] = sprintf("%d of %d", n, tid()) }
	probe process.function("settled") { exit() } probe end { println(n > 0); delete last }'
ok_rc
is out "$(cat "$W/out")" 1
target_unharmed
has "$W/bg" 'over=1'
done_t

# A thread that sleeps in its signal handler, which interrupted ours: named, and got rid of when it has woken.
t asleep-over-a-probe
start "$T/old-frame" sleeps
snapshot "$PID" >"$W/before"
spile -x "$PID" -e 'global n, last; probe process.function("work") { n++; last[n % 100] = sprintf("%d of %d", n, tid()) }
	probe timer.ms(50) { if (n == seen) exit(); seen = n } global seen probe end { delete last }'
is "exit status" "$RC" 1
has "$W/err" "WARNING: thread $PID of process $PID stays in a probe: .*'spile --cleanup $PID' takes it out"
text_is_file "$PID"
kill -USR1 "$PID"
as_user "$SPILE" --cleanup "$PID" >"$W/cleanup" 2>&1
is "cleanup ($(tr '\n' '~' <"$W/cleanup"))" $? 0
attached_clean
target_unharmed
done_t
