# SPDX-License-Identifier: Apache-2.0
# scheduler.*: turns of the target's threads on processors, against what the kernel and the program count.
. "$ROOT/tests/lib/e2e.sh"

target turns turns.c gcc -O1 -pthread || exit 1
target hot hot.c gcc -O1 -pthread -no-pie -fno-inline || exit 1

SUMS='global since, on, off
	probe scheduler.cpu_on {
		if (tid() in since) off[tid()] += local_clock_ns() - since[tid()]
		since[tid()] = local_clock_ns()
	}
	probe scheduler.cpu_off {
		if (tid() in since) on[tid()] += local_clock_ns() - since[tid()]
		since[tid()] = local_clock_ns()
	}
	probe end { foreach (t in on) printf("%d %d %d\n", t, on[t], on[t] + off[t]) }'
# tries WHAT...: three times at most, until it says nothing: between what a thread tells of itself and its turns others may come
tries() {
	for _ in 1 2 3; do
		BAD=
		"$@"
		[ -z "$BAD" ] && return
	done
}
# as_schedstat WHAT TID NS RAN CLOCK: within 1 % of the RAN nanoseconds that schedstat says. What a hypervisor takes away meanwhile is
# a thread's time here and in its task clock, not in schedstat.
as_schedstat() { between "$1 of $2, less the $(($5 - $4)) taken away (schedstat: $4)" "$(($3 - $5 + $4))" $(($4 * 99 / 100)) $(($4 * 101 / 100)); }
sums() {
	local tid ran clock life mine
	spile -e "$SUMS" -c "$T/turns 3"
	ok_rc
	is "threads that told" "$(wc -l <"$W/target")" 3
	while read -r tid ran clock life; do
		mine=$(grep "^$tid " "$W/out" | cut -d' ' -f2)
		as_schedstat "on-cpu time" "$tid" "${mine:-0}" "$ran" "$clock"
		mine=$(grep "^$tid " "$W/out" | cut -d' ' -f3)
		between "life of $tid (its clock: $life)" "$mine" $((life * 99 / 100)) $((life * 101 / 100))
	done <"$W/target"
}
turns() {
	local tid ran clock life mine
	spile "$ROOT/examples/turns.stp" -c "$T/turns 2"
	ok_rc
	is "heading" "$(head -1 "$W/out")" "CPU   PID   TID  DELTA(ns)"
	is "lines of another form" "$(tail -n +2 "$W/out" | grep -cvE '^ *[0-9]+ +[0-9]+ +[0-9]+ +[0-9]+$')" 0
	while read -r tid ran clock life; do
		mine=$(awk -v t="$tid" '$3 == t { s += $4 } END { printf "%d", s }' "$W/out")
		as_schedstat turns "$tid" "$mine" "$ran" "$clock"
		between "number of turns in $life ns" "$(awk -v t="$tid" '$3 == t' "$W/out" | wc -l)" 40 20000
	done <"$W/target"
}

t sums-are-those-of-schedstat
tries sums
done_t

t the-turns-of-the-talk
tries turns
done_t

t births-and-ends
spile -e 'probe scheduler.process_fork { printf("%s %s %d %d\n", name, execname(), parent_pid == target(), child_pid == child_tid) }
	probe scheduler.process_exec, scheduler.process_exit { printf("%s %s %d\n", name, execname(), pid() == target()) }' \
	-c "sh -c '$T/hot 0.01; exit 3'"
is status "$RC" 1
cat >"$W/want" <<'S'
process_fork sh 1 1
process_exec hot 0
process_fork hot 0 0
process_exit hot 0
process_exit hot 0
process_exit sh 1
S
cmp -s "$W/out" "$W/want" || bad "$(diff "$W/out" "$W/want" | tr '\n' '~')"
done_t

t a-running-process
start "$T/hot" 20 200
attach_run -e 'global n, m
	probe scheduler.cpu_on { n++ }
	probe scheduler.cpu_off { m++; if (preempted) p++ }
	global p
	probe scheduler.migrate { if (original_cpu == destination_cpu || destination_cpu != cpu()) exit() }
	probe end { printf("%d\n", n > 10 && m > 10 && p > 1) }' -T 2
ok_rc
is "turns" "$(cat "$W/out")" 1
kill -9 "$PID"
done_t

target pingpong pingpong.c gcc -O1 -pthread || exit 1

# Tracepoints are root's: spile is, for these.
spile_as_root() {
	local as=("${RUN_AS[@]}")
	RUN_AS=(env)
	spile "$@"
	RUN_AS=("${as[@]}")
}
PRIORITY=$((120 + $(nice)))
can_trace() { [ "$(id -u)" = 0 ] && grep -q ID: /sys/kernel/tracing/events/sched/sched_wakeup/format 2>/dev/null; }

# A thread that slept was woken; one that was about to was woken as well, and did not leave the processor.
wakeups() {
	local tid slept left rounds=2000
	spile_as_root -e 'global by_other, by_any
		probe scheduler.wakeup {
			by_any[task_tid]++
			if (pid() == target() && task_pid == target() && execname() == "pingpong" && task_name == execname()) by_other[task_tid]++
		}
		probe end { foreach (t in by_any) printf("%d %d %d\n", t, by_other[t], by_any[t]) }' -c "$T/pingpong $rounds"
	ok_rc
	hasnot "$W/err" lost
	is "threads that told" "$(wc -l <"$W/target")" 2
	while read -r tid slept left; do
		between "wakeups of $tid (slept $slept times)" "$(grep "^$tid " "$W/out" | cut -d' ' -f3)" $((slept - 2)) $((rounds + 20))
		between "those by its partner" "$(grep "^$tid " "$W/out" | cut -d' ' -f2)" $((slept * 9 / 10)) $((rounds + 2))
	done <"$W/target"
}
switches() {
	local tid slept left
	spile_as_root -G priority=$PRIORITY -e 'global slept, left, came, priority
		probe scheduler.ctxswitch {
			if (prevtsk_state) slept[prev_tid]++; else left[prev_tid]++
			came[next_tid]++
			if (prev_tid != tid() || prev_task_name != execname() || prev_priority != priority && prev_pid == target()) error("whose?")
			if (next_pid == target() && (next_task_name != "pingpong" || next_priority != priority) && next_task_name !~ "^(memfd|spile|3$)") error(next_task_name)
		}
		probe end { foreach (t in came) printf("%d %d %d %d\n", t, slept[t], left[t], came[t]) }' -c "$T/pingpong 2000"
	ok_rc
	hasnot "$W/err" lost
	is "threads that told" "$(wc -l <"$W/target")" 2
	while read -r tid slept left; do
		# what it did after it told, and before its program began, is in the one only
		between "sleeps of $tid" "$(grep "^$tid " "$W/out" | cut -d' ' -f2)" "$((slept - 3))" $((slept + 3))
		between "turns of $tid" "$(grep "^$tid " "$W/out" | cut -d' ' -f4)" $((slept + left - 5)) $((slept + left + 5))
	done <"$W/target"
}
others() {
	echo 'trap : USR1; kill -USR1 $$; /bin/true; exit 0' >"$W/signals.sh"
	spile_as_root -e 'probe scheduler.wakeup_new { if (execname() == "sh") printf("%s %d %d\n", name, task_pid == task_tid, task_priority) }
		probe scheduler.process_wait { if (pid() == target()) printf("%s %d\n", name, pid) }
		probe scheduler.signal_send { if (signal_number == 10) printf("%s %s %d\n", name, execname(), pid == target()) }' \
		-c "sh $W/signals.sh"
	ok_rc
	is "the rest" "$(sort "$W/out" | uniq -c | awk '{ $1 = ""; print }' | tr '\n' '~')" " process_wait 0~ signal_send sh 1~ wakeup_new 1 $PRIORITY~"
}
if can_trace; then
	t wakeups
	tries wakeups
	done_t

	t switches-between-whom
	tries switches
	done_t

	t new-threads-waits-and-signals
	others
	done_t

	t who-waits-until-it-is-off
	start "$T/hot" 30
	rm -f "$W/out"
	(for _ in $(seq 300); do grep -q ready "$W/out" 2>/dev/null && break; sleep 0.1; done; timeout -s INT 1 strace -qq -o /dev/null -p "$PID") &
	spile_as_root -e 'probe scheduler.wait_task { printf("%s %d %d %s\n", execname(), task_pid == target(), task_priority, name); exit() }
		probe timer.ms(200) { if (!told++) println("ready") } global told' -x "$PID" -T 30
	ok_rc
	is told "$(grep -v ready "$W/out")" "strace 1 $PRIORITY wait_task"
	wait $!
	kill -9 "$PID"
	done_t

	t run-queue-example
	spile_as_root "$ROOT/examples/run-queue.stp" -c "$T/pingpong 2000"
	ok_rc
	between waits "$(awk 'NR == 1 && $2 == "waits," { print $1 }' "$W/out")" 1000 4100
	has "$W/out" '^pingpong +-> pingpong +[0-9]{3,4} times$'
	has "$W/out" "^ *value \\|"
	done_t

	t who-wakes-us-with-a-stack
	spile_as_root -e 'global stacks
		probe scheduler.wakeup { if (task_pid == target() && pid() == target()) stacks[sprint_usyms(ubacktrace())]++ }
		probe end { foreach (s in stacks- limit 2) print(s) }' -c "$T/pingpong 20000"
	ok_rc
	has "$W/out" '^echo\+'
	has "$W/out" '^main\+'
	done_t
else
	skip_t tracepoints "they take root and tracefs"
fi

t tracepoints-for-ordinary-users
if [ "$(id -u)" != 0 ] || can_trace; then
	spile -e 'probe scheduler.wakeup { println(task_tid) }' -c true
	is status "$RC" 1
	has "$W/err" "scheduler.wakeup: cannot read /sys/kernel/.*/sched_wakeup/format: Permission denied"
	has "$W/err" 'the kernel keeps tracepoints for root'
fi
done_t
