# SPDX-License-Identifier: Apache-2.0
# Several -x at once, with what the kernel records of threads: whose samples, by whose symbols, and who ends when.
. "$ROOT/tests/lib/e2e.sh"

# At addresses of its own in each process.
target burn-pie burn.c gcc -O1 -fPIE -pie -fno-inline || exit 1
target burn burn.c gcc -O1 -no-pie -fno-inline || exit 1
target burn-other burn.c gcc -O1 -no-pie -fno-inline -DOTHER || exit 1
LONG=30 # seconds of processor time: longer than any session

# run NAME PROGRAM ARGS...: in the background, its number in $NAME
run() {
	local name=$1 program=$2
	shift
	"${RUN_AS[@]}" "$@" >/dev/null 2>&1 </dev/null &
	eval "$name=\$!"
	PIDS="$PIDS $!"
	for _ in $(seq 100); do [ "$(readlink "/proc/$!/exe")" = "$(realpath "$program")" ] && break; sleep 0.05; done
}
cpu_ms() { awk '{ print ($14 + $15) * 10 }' "/proc/$1/stat"; }
# both ARGS...: a session on $ONE and $TWO; $MS_ONE and $MS_TWO: the processor time that each had meanwhile
both() {
	local one two
	one=$(cpu_ms "$ONE") two=$(cpu_ms "$TWO")
	snapshot "$ONE" >"$W/before-one"; snapshot "$TWO" >"$W/before-two"
	spile -x "$ONE" -x "$TWO" "$@"
	ok_rc
	[ -s "$W/err" ] && bad "it says: $(cat "$W/err")"
	[ -e "/proc/$ONE/stat" ] && MS_ONE=$(($(cpu_ms "$ONE") - one))
	[ -e "/proc/$TWO/stat" ] && MS_TWO=$(($(cpu_ms "$TWO") - two))
}
# clean: both are as they were
clean() {
	cp "$W/before-one" "$W/before"; PID=$ONE; attached_clean
	cp "$W/before-two" "$W/before"; PID=$TWO; attached_clean
}
count() { awk -v k="$1" '$1 == k { print $2 }' "$W/out"; }
# sampled PID MS: about one in each ms of its time; what a machine of others steals is not sampled, and coming and going are not
sampled() { between "samples of $1 in $2 ms" "$(count "$1")" $(($2 * 60 / 100 - 80)) $(($2 * 110 / 100 + 5)); }
# by_process ONE TWO: counts in n, until there are 400 of both
by_process() {
	echo "global n, wrong = 0 probe timer.ms(50) { if (n[$1] >= 400 && n[$2] >= 400) exit() } probe timer.s(30) { exit() }
		probe end { foreach (p in n) println(p, \" \", n[p]) println(\"wrong \", wrong) }"
}

t samples-of-two-programs
run ONE "$T/burn" $LONG
run TWO "$T/burn-other" $LONG
both -e "$(by_process "$ONE" "$TWO")
	global whole probe end { foreach (p in whole) println(\"whole \", p, \" \", whole[p] * 10 > n[p] * 8) }
	probe timer.profile {
		n[pid()]++
		s = sprint_ubacktrace()
		if (execname() != (pid() == $ONE ? \"burn\" : \"burn-other\")) wrong++
		if (pid() == $ONE ? s =~ \"other\" : s =~ \"burn_\") wrong++
		whole[pid()] += s =~ \"_inner.*\\n?outer_.*\\n?main\"
	}"
sampled "$ONE" "$MS_ONE"
sampled "$TWO" "$MS_TWO"
is "mixed up" "$(count wrong)" 0
is "walked to the end, nearly all of both" "$(grep -c '^whole [0-9]* 1$' "$W/out")" 2
clean
done_t

t software-events-of-both
both -e "$(by_process "$ONE" "$TWO") probe perf.sw.task_clock.sample(1000000) { n[pid()]++; s = usymname(uaddr())
		if (pid() == $ONE ? s =~ \"other\" : s =~ \"burn\") wrong++ }"
sampled "$ONE" "$MS_ONE"
sampled "$TWO" "$MS_TWO"
is "mixed up" "$(count wrong)" 0
clean
done_t

t turns-of-both
both -e "global since, on probe scheduler.cpu_on { since[pid()] = local_clock_us() }
	probe scheduler.cpu_off { if (pid() in since) on[pid()] += local_clock_us() - since[pid()]; delete since[pid()] }
	function so_far(p) { return on[p] + (p in since ? local_clock_us() - since[p] : 0) }
	probe timer.ms(50) { if (so_far($ONE) >= 400000 && so_far($TWO) >= 400000) exit() } probe timer.s(30) { exit() }
	probe end { foreach (p in since) on[p] += local_clock_us() - since[p]
		foreach (p in on) println(p, \" \", on[p] / 1000) }"
between "time of the first in $MS_ONE ms" "$(count "$ONE")" $((MS_ONE * 50 / 100)) $((MS_ONE * 110 / 100 + 20))
between "time of the second in $MS_TWO ms" "$(count "$TWO")" $((MS_TWO * 50 / 100)) $((MS_TWO * 110 / 100 + 20))
is "processes" "$(wc -l <"$W/out")" 2
clean
done_t

t sites-in-one-of-them
both -e "$(by_process "$ONE" "$TWO") global hits probe process(\"$T/burn\").function(\"burn_inner\").return { hits[pid()]++ }
	probe timer.profile { n[pid()]++ } probe end { foreach (p in hits) println(\"hit \", p) }"
sampled "$ONE" "$MS_ONE"
sampled "$TWO" "$MS_TWO"
is "where the function ran" "$(count hit)" "$ONE"
clean
done_t

t one-process-named-twice
before=$(cpu_ms "$ONE")
spile -x "$ONE" -x "$ONE" -e "$(by_process "$ONE" "$ONE") probe timer.profile { n[pid()]++ }
	probe process(\"$T/burn\").begin { println(\"begin \", pid()) }"
ok_rc
sampled "$ONE" $(($(cpu_ms "$ONE") - before))
is "begins" "$(count begin)" "$ONE"
done_t

t a-parent-and-its-child
run SHELL_PID "$(command -v sh)" -c "'$T/burn' $LONG; exit 0"
for _ in $(seq 100); do CHILD=$(pgrep -P "$SHELL_PID" -x burn) && break; sleep 0.05; done
for order in "$SHELL_PID $CHILD" "$CHILD $SHELL_PID"; do
	before=$(cpu_ms "$CHILD")
	spile -x "${order% *}" -x "${order#* }" -e "$(by_process "$CHILD" "$CHILD") probe timer.profile { n[pid()]++ }"
	ok_rc
	sampled "$CHILD" $(($(cpu_ms "$CHILD") - before))
done
kill "$CHILD"
wait "$SHELL_PID"
done_t

# when_ready COMMAND...: runs it when the session says that it is ready
when_ready() {
	rm -f "$W/out"
	(for _ in $(seq 600); do grep -q ready "$W/out" 2>/dev/null && break; sleep 0.05; done; "$@") &
}
# The first goes on being sampled when the second has ended, and by other symbols when it runs another program.
t one-ends-or-runs-another-program
for end in -KILL -TERM; do
	run TWO "$T/burn-other" $LONG
	when_ready kill $end "$TWO"
	spile -x "$ONE" -x "$TWO" -e "global n, late = 0, wrong = 0, over, told
		probe timer.profile {
			if (++n[pid()] == 10 && pid() == $TWO) println(\"ready\")
			if (over && pid() == $TWO) wrong++
			if (over && pid() == $ONE && ++late == 100) exit()
		}
		probe scheduler.process_exit { over = pid() == $TWO } probe timer.s(30) { exit() }
		probe end { foreach (p in n) println(p, \" \", n[p]) println(\"late \", late) println(\"wrong \", wrong) }"
	wait "$!" "$TWO" 2>/dev/null
	ok_rc
	between "samples of the second" "$(count "$TWO")" 10 30000
	is "those behind its end" "$(count wrong)" 0
	between "samples of the first behind its end" "$(count late)" 100 1000
done
run TWO "$(command -v sh)" -c "until [ -e '$W/go' ]; do sleep 0.05; done; exec '$T/burn-other' 1"
when_ready touch "$W/go"
spile -x "$ONE" -x "$TWO" -e "global n, names, other, ticks probe timer.ms(100) { if (++ticks == 3) println(\"ready\") }
	probe timer.profile { n[pid()]++; names[pid(), execname(), usymname(uaddr())]++
		other += pid() == $TWO && execname() == \"burn-other\"
		if (other >= 100 && n[$ONE] >= 100) exit() }
	probe timer.s(30) { exit() }
	probe end { foreach ([p, e, s] in names) if (p == $TWO) println(e, \" \", s) println(\"first \", n[$ONE]) }"
ok_rc
has "$W/out" '^burn-other other_inner$'
hasnot "$W/out" '^burn-other (burn_|outer_burn|0x)'
between "samples of the first" "$(count first)" 100 30000
wait "$!" "$TWO"
done_t

t two-runs-of-one-program
run TWO "$T/burn-pie" $LONG
kill "$ONE" # it has had its share of the processors
wait "$ONE" 2>/dev/null
run ONE "$T/burn-pie" $LONG
both -e "$(by_process "$ONE" "$TWO") probe timer.profile { n[pid()]++; if (usymname(uaddr()) !~ \"^(burn_inner|outer_burn|main|now|.*clock.*|0x.*)$\") wrong++
	if (usymname(uaddr()) =~ \"burn_inner\") inner[pid()]++ } global inner probe end { foreach (p in inner) println(\"inner \", p, \" \", inner[p] * 10 > n[p] * 8) }"
sampled "$ONE" "$MS_ONE"
sampled "$TWO" "$MS_TWO"
is "other names" "$(count wrong)" 0
is "nearly all of both in one function" "$(grep -c '^inner [0-9]* 1$' "$W/out")" 2
clean
kill "$ONE" "$TWO"
wait "$ONE" "$TWO" 2>/dev/null
done_t

t one-is-not-there
run ONE "$T/burn" $LONG
spile -x "$ONE" -x 4194303 -e 'probe timer.profile { exit() }'
is "status" "$RC" 1
has "$W/err" '^ERROR: no process 4194303'
snapshot "$ONE" >"$W/before"
PID=$ONE attached_clean
kill "$ONE"
wait "$ONE" 2>/dev/null
done_t
