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
# Interrupts and what a hypervisor takes away are a thread's time here, not in schedstat: where others disturb, again.
# tries WHAT...: three times at most, until it says nothing
tries() {
	for _ in 1 2 3; do
		BAD=
		"$@"
		[ -z "$BAD" ] && return
	done
}
sums() {
	local tid ran life mine
	spile -e "$SUMS" -c "$T/turns 3"
	ok_rc
	is "threads that told" "$(wc -l <"$W/target")" 3
	while read -r tid ran life; do
		mine=$(grep "^$tid " "$W/out" | cut -d' ' -f2)
		between "on-cpu time of $tid (schedstat: $ran)" "$mine" $((ran * 99 / 100)) $((ran * 101 / 100))
		mine=$(grep "^$tid " "$W/out" | cut -d' ' -f3)
		between "life of $tid (its clock: $life)" "$mine" $((life * 99 / 100)) $((life * 101 / 100))
	done <"$W/target"
}
turns() {
	local tid ran life mine
	spile "$ROOT/examples/turns.stp" -c "$T/turns 2"
	ok_rc
	is "heading" "$(head -1 "$W/out")" "CPU   PID   TID  DELTA(ns)"
	is "lines of another form" "$(tail -n +2 "$W/out" | grep -cvE '^ *[0-9]+ +[0-9]+ +[0-9]+ +[0-9]+$')" 0
	while read -r tid ran life; do
		mine=$(awk -v t="$tid" '$3 == t { s += $4 } END { printf "%d", s }' "$W/out")
		between "turns of $tid (schedstat: $ran)" "$mine" $((ran * 99 / 100)) $((ran * 101 / 100))
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
spile -e 'probe scheduler.process_fork { printf("%s %s %d %d\n", name, execname(), parent_pid == target(), child_pid == child_process) }
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
