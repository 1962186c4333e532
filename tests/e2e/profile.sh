# SPDX-License-Identifier: Apache-2.0
# timer.profile: samples of the target's threads, against what the target measured of itself and against perf.
. "$ROOT/tests/lib/e2e.sh"

# Without position independence: addresses are those of the symbols.
target hot hot.c gcc -O1 -pthread -no-pie -fno-inline || exit 1

# bounds FUNCTION: first address and the one behind the last, 16 hexadecimal digits
bounds() {
	local start size
	read -r start size _ <<-EOF
		$(nm -S "$T/hot" | grep " $1\$")
	EOF
	printf '%s %016x' "$start" $((0x$start + 0x$size))
}
# condition FUNCTION: whether a is in it
condition() {
	local start end
	read -r start end <<<"$(bounds "$1")"
	printf '(a >= 0x%s && a < 0x%s)' "$start" "$end"
}
SCRIPT='global n, f, names, threads
	probe timer.profile {
		if (!user_mode()) next
		a = uaddr()
		n++
		names[execname(), pid()]++
		threads[tid()]++
		if '"$(condition burn_large)"' f["large"]++
		else if '"$(condition burn_middle)"' f["middle"]++
		else if '"$(condition burn_small)"' f["small"]++
	}
	probe end {
		t = 0
		foreach (i in threads) t++
		printf("n=%d large=%d middle=%d small=%d threads=%d\n", n, f["large"] * 1000 / n, f["middle"] * 1000 / n,
			f["small"] * 1000 / n, t)
		foreach ([e, p] in names) printf("name=%s target=%d\n", e, p == target())
	}'
# value FILE NAME
value() { sed -n "s/.*\b$2=\([0-9]*\).*/\1/p" "$1" | head -1; }
# deviation SHARE N [M]: four standard deviations of a share, per mille, in N samples; of the difference to M others'
deviation() { awk -v p="$1" -v n="$2" -v m="${3:-0}" 'BEGIN { printf "%d", 4 * sqrt(p * (1000 - p) * (1 / n + (m ? 1 / m : 0))) + 3 }'; }
# near NAME: the script's share beside the program's own, per mille
near() {
	local want allowed
	want=$(value "$W/err" "$1")
	allowed=$(deviation "$want" "$(value "$W/out" n)")
	between "share of $1 (the program says $want)" "$(value "$W/out" "$1")" $((want - allowed)) $((want + allowed))
}

t shares-and-new-threads
spile -e "$SCRIPT" -c "$T/hot 1.5 5"
ok_rc
# 1000 a second of processor time: what a machine of others steals is not sampled
cpu=$(value "$W/err" cpu_ms)
between "samples in $cpu ms" "$(value "$W/out" n)" $((cpu * 80 / 100)) $((cpu * 110 / 100))
for i in large middle small; do near $i; done
between "threads" "$(value "$W/out" threads)" 5 6
has "$W/out" 'name=hot target=1'
is "processes" "$(grep -c name= "$W/out")" 1
is "the target's output" "$(cat "$W/target")" begin
done_t

t stacks-and-names
spile "$ROOT/examples/profile.stp" -c "$T/hot 0.5 2"
ok_rc
is "functions by time" "$(grep '% burn_' "$W/out" | awk '{ print $2 }' | tr '\n' ' ')" "burn_large burn_middle burn_small "
is "the way" "$(sed -n '/this way/,$p' "$W/out" | grep -oE '^(burn_large|timed|work)\+' | tr '\n' ' ')" "burn_large+ timed+ work+ "
has "$W/out" '^burn_large is mostly called this way:$'
done_t

t frequency
spile -e 'global n, m
	probe timer.profile.freq.hz(200) { n++ }
	probe timer.profile.freq.hz(2000) { m++ }
	probe end { printf("n=%d m=%d\n", n, m) }' -c "$T/hot 1"
ok_rc
between "200 a second" "$(value "$W/out" n)" 140 230
between "2000 a second" "$(value "$W/out" m)" 1400 2300
done_t

t forked-children
spile -e 'global n probe timer.profile { n[execname(), pid() == target()]++ }
	probe end { foreach ([e, t] in n) printf("%s-%d=%d\n", e, t, n[e, t]) }' -c "sh -c '$T/hot 0.3; exit 0'"
ok_rc
between "of the child" "$(value "$W/out" hot-0)" 200 400
done_t

# Two programs at the same addresses, run by a shell, which the names must not be mixed up of.
target burn burn.c gcc -O1 -no-pie -fno-inline || exit 1
target burn-other burn.c gcc -O1 -no-pie -fno-inline -DOTHER || exit 1
STACKS='global n probe timer.profile { n[sprint_ubacktrace()]++ } probe end { foreach (s in n- limit 8) println(n[s], " ", s) }'
t stacks-of-children-that-run-programs
spile -e "$STACKS" -c "sh -c '$T/burn 0.4; $T/burn-other 0.4; exit 0'"
ok_rc
is "chains" "$(tr '\n' ' ' <"$W/out" | grep -oE '(burn|other)_[a-z]*\+0x[0-9a-f]+ \[[a-z-]+\] outer_(burn|other)\+0x[0-9a-f]+ \[[a-z-]+\] main' | sed 's/+0x[0-9a-f]*//g' | sort -u | tr '\n' ',')" \
	"burn_inner [burn] outer_burn [burn] main,other_inner [burn-other] outer_other [burn-other] main,"
done_t

t stacks-through-probes-of-returns
spile -e "global c probe process(\"$T/burn\").function(\"burn_inner\").return { c++ } probe process(\"$T/burn\").function(\"outer_burn\").return { c += @entry(1) }
	probe timer.s(100) { println(c) } $STACKS" -c "$T/burn 0.4"
ok_rc
is "chains" "$(tr '\n' ' ' <"$W/out" | grep -oE 'burn_inner\+0x[0-9a-f]+ \[burn\] [a-z_]+\+0x[0-9a-f]+ \[burn\] [a-z]+' | sed 's/+0x[0-9a-f]*//g' | sort -u)" "burn_inner [burn] outer_burn [burn] main"
done_t

t children-that-are-there-already
"${RUN_AS[@]}" sh -c "'$T/burn' 20; exit 0" &
PID=$!
PIDS="$PIDS $PID"
for i in $(seq 100); do pgrep -P "$PID" -x burn >/dev/null && break; sleep 0.05; done
spile -x "$PID" -e "$STACKS probe timer.ms(800) { exit() }"
ok_rc
has "$W/out" 'burn_inner\+.*\[burn\]'
spile --follow=no -x "$PID" -e "$STACKS probe timer.ms(300) { exit() }"
hasnot "$W/out" 'burn_inner'
kill "$(pgrep -P "$PID" -x burn)"
wait "$PID" 2>/dev/null
done_t

# A child that runs another program after the look at its name and before its first event, which strace holds up.
if have strace; then
	t a-program-run-while-it-is-met
	first=$(($(getconf _NPROCESSORS_CONF) + 1)) # of the child; one more if the kernel keeps its own part to itself
	mkfifo "$W/go" && chmod 666 "$W/go"
	"${RUN_AS[@]}" sh -c "sh -c 'read x <$W/go; exec $T/burn 30; exit 1'; exit 0" &
	PID=$!
	PIDS="$PIDS $PID"
	for i in $(seq 100); do child=$(pgrep -P "$PID" -x sh) && break; sleep 0.05; done
	PIDS="$PIDS $child"
	: >"$W/out"; chmod 666 "$W/out"
	"${RUN_AS[@]}" strace -qq -o /dev/null -e trace=perf_event_open -e "inject=perf_event_open:delay_enter=1000000:when=$first..$((first + 1))" \
		"$SPILE" -o "$W/out" -x "$PID" -e 'global n probe timer.profile { if (++n[execname()] > 100 && execname() == "burn") exit() } probe timer.s(20) { exit() }
		probe end { foreach (e in n) println(e, " ", n[e] > 100) }' >/dev/null 2>"$W/err" </dev/null &
	tracer=$!
	PIDS="$PIDS $tracer"
	for i in $(seq 1000); do # its number is the call's second argument
		tool=$(pgrep -P "$tracer" -x spile) && grep -qi "^298 0x[0-9a-f]* 0x$(printf %x "$child") " "/proc/$tool/syscall" 2>/dev/null && break
		sleep 0.02
	done
	echo >"$W/go"
	wait "$tracer"
	is "status" $? 0
	is "names" "$(cat "$W/out")" "burn 1"
	kill -9 "$child"
	wait "$PID"
	done_t
else
	skip_t a-program-run-while-it-is-met "strace is not installed"
fi

# Nobody is named: all of the user's, those to come as well.
t all-of-the-user
rm -f "$W/out"
spile --user -e 'global n, ticks probe timer.profile { n[execname()]++ } probe timer.ms(200) { if (!ticks++) println("ready") }
	probe scheduler.process_exit { if (execname() == "burn-other") exit() } probe timer.s(40) { exit() }
	probe end { printf("burn=%d other=%d\n", n["burn"], n["burn-other"]) }' &
session=$!
for i in $(seq 300); do grep -q ready "$W/out" 2>/dev/null && break; sleep 0.1; done
as_user "$T/burn" 0.4
as_user "$T/burn-other" 0.4
wait $session
between "of the first" "$(value "$W/out" burn)" 200 480
between "of the second" "$(value "$W/out" other)" 200 480
done_t

# cpu_ms PID: processor time of the process so far
cpu_ms() { awk '{ print ($14 + $15) * 10 }' "/proc/$1/stat"; }

t of-a-running-process
start "$T/hot" 20 200
before=$(cpu_ms "$PID")
RESTLESS=1 # it begins and ends threads
attach_run -e 'global n, threads
	probe timer.profile { n++; threads[tid()]++ }
	probe timer.s(3) { exit() }
	probe end { t = 0 foreach (i in threads) t++
		printf("n=%d threads=%d\n", n, t) }'
ok_rc
# threads of 100 ms of processor time each, one after the other
cpu=$(($(cpu_ms "$PID") - before))
between "samples in $cpu ms" "$(value "$W/out" n)" $((cpu * 60 / 100)) $((cpu * 110 / 100))
RESTLESS=
between "threads in $cpu ms" "$(value "$W/out" threads)" $((cpu * 60 / 10000)) $((cpu / 100 + 2))
kill -9 "$PID"
done_t

# The same seconds of the same process.
if have perf && as_user perf record -q -e cpu-clock:u -o "$W/none.data" -- true >/dev/null 2>&1; then
	t as-perf-record-sees-it
	start "$T/hot" 40
	chmod 777 "$W"
	"${RUN_AS[@]}" perf record -q -F 999 -e cpu-clock:u -p "$PID" -o "$W/perf.data" >/dev/null 2>&1 &
	recorder=$!
	PIDS="$PIDS $recorder"
	for i in $(seq 200); do readlink "/proc/$recorder/fd/"* | grep -q perf_event && break; sleep 0.05; done
	spile -x "$PID" -e "$SCRIPT"' probe timer.profile { if (n >= 400) exit() }'
	kill -TERM $recorder
	wait $recorder
	as_user perf script -i "$W/perf.data" -F ip 2>/dev/null | awk '{ a = sprintf("%16s", $1); gsub(" ", "0", a); print a }' >"$W/perf.ips"
	of_perf=$(wc -l <"$W/perf.ips")
	between "perf's samples (here: $(value "$W/out" n))" "$of_perf" 200 1000000
	for i in large middle small; do
		share=$(awk -v b="$(bounds burn_$i)" 'BEGIN { split(b, r, " ") } $1 >= r[1] && $1 < r[2] { n++ }
			END { printf "%d", n * 1000 / NR }' "$W/perf.ips")
		allowed=$(deviation "$share" "$of_perf" "$(value "$W/out" n)")
		between "$i (perf: $share)" "$(value "$W/out" $i)" $((share - allowed)) $((share + allowed))
	done
	kill -9 "$PID"
	done_t
else
	skip_t as-perf-record-sees-it "perf record does not work here"
fi

# Whoever has ended when its samples are read is known by what the kernel told of its memory.
target brief brief.c gcc -O1 || exit 1
brief() {
	local unknown known
	spile -e 'global c probe timer.profile.freq.hz(997) { c[sprint_usyms(ubacktrace())]++ }
		probe end { foreach (s in c) printf("%d %s\n", c[s], str_replace(s, "\n", " ")) }' -c "$1"
	ok_rc
	known=$(awk '/ burn_inner\+[^ ]* .*burn\+[^ ]* .*main\+/ { n += $1 } END { print n + 0 }' "$W/out")
	unknown=$(awk '$2 ~ /^0x/ { n += $1 } END { print n + 0 }' "$W/out")
	between "samples of $1 with names" "$known" 100 100000
	between "those without, beside $known" "$unknown" 0 $((known / 50))
}
t brief-programs
brief "$T/brief 50"
brief "$T/brief 50 fork"
brief "sh -c '$T/brief 30; $T/brief 30 fork'"
done_t

t forbidden
echo 3 >"$W/paranoid"
SPILE_PERF_EVENT_PARANOID=$W/paranoid spile -e 'probe timer.profile { println("no") }' -c "$T/hot 0.1"
is "status" "$RC" 1
has "$W/err" 'timer.profile: the kernel refuses performance events: Permission denied'
has "$W/err" 'perf_event_paranoid is 3; 2 is enough'
spile -e 'probe timer.profile { println("no") }' -T 1
if [ "$(id -u)" = 0 ] && [ "$(cat /proc/sys/kernel/perf_event_paranoid)" -ge 1 ]; then
	has "$W/err" 'without -c or -x every process of the machine is meant'
fi
done_t
