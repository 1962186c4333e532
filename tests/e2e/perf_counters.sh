# SPDX-License-Identifier: Apache-2.0
# Counters of the processor, read in handlers: on pages of our making with an rdpmc that the program emulates, and on the kernel's.
. "$ROOT/tests/lib/e2e.sh"
. "$ROOT/tests/lib/sessions.sh"

target cycles cycles.c gcc -O1 -g -pthread -no-pie || exit 1
# threads of the program come and go
RESTLESS=1
"$T/cycles" page "$W/page" 6 4
chmod 644 "$W/page"
COUNTER='probe perf.hw.cpu_cycles.counter("c") {}'
# what each call adds, as the counter has it: d; as the program says: @entry($n)
CALLS='global calls, sum, bad
	probe process("'$T/cycles'").function("work").return {
		d = @perf("c") - @entry(@perf("c")); n = @entry($n); calls++; sum += d; bad += d != n }
	probe end { printf("%d %d %d\n", calls, sum, bad) }'

# same WORDS ARGS...: the program of these words, with the counter's page
same() {
	local words=$1
	shift
	SPILE_COUNTER_PAGE=${PAGE:-$W/page} launch_same "$T/cycles $words" -e "$COUNTER $CALLS" "$@"
}

t calls
same "calls 1000"
is "each call's count" "$(cat "$W/out")" "1000 3000 0"
done_t

t threads-made-later
same "threads 200"
is "each call's count" "$(cat "$W/out")" "2000 14000 0"
done_t

t forked-children
same "fork 20"
is "each call's count" "$(cat "$W/out")" "100 1100 0"
done_t

t forked-children-alone
same "fork 5" --follow=no
is "nothing of theirs" "$(cat "$W/out")" "0 0 0"
done_t

t exec
same "exec 50"
is "each call's count" "$(cat "$W/out")" "50 150 0"
done_t

# the child has none, the parent goes on with its own
t borrowed-slots
same "vfork 20"
is "the parent's calls" "$(cat "$W/out")" "40 60 20"
hasnot "$W/err" .
done_t

t example
SPILE_COUNTER_PAGE=$W/page launch_same "$T/cycles calls 20" "$ROOT/examples/cycles.stp" work
is "the table" "$(tr -s ' ' <"$W/out" | tr '\n' '~')" " calls cycles instructions function~ 20 3 3 work~"
done_t

t of-one-program
SPILE_COUNTER_PAGE=$W/page launch_same "$T/cycles calls 10" -e 'probe perf.hw.instructions.process("'"$T/cycles"'").counter("here") {}
	probe perf.hw.instructions.process("/bin/sh").counter("there") {}
	probe perf.hw.instructions.counter("both") {} probe perf.hw.instructions.process("/bin/sh").counter("both") {}
	global here, there, both
	probe process("'"$T/cycles"'").function("work").return { here += @perf("here"); there += @perf("there"); both += @perf("both") }
	probe end { printf("%d %d %d\n", here, there, both) }'
is "counted here only" "$(cat "$W/out")" "10165 0 10165"
done_t

# a thread that a filter would kill for opening a counter is asked about first
t confined
SPILE_COUNTER_PAGE=1.2 launch_same "$T/cycles confined 5" -e "$COUNTER $CALLS"
is "calls" "$(cut -d' ' -f1 "$W/out")" 16
has "$W/err" 'threads that seccomp filters confine read no counters'
done_t

t processor-counts-something-else
"$T/cycles" page "$W/idle" 0 4
chmod 644 "$W/idle"
PAGE=$W/idle same "calls 10"
is "nothing counted" "$(cut -d' ' -f1,2 "$W/out")" "10 0"
has "$W/err" '20 reads of counters found the processor counting something else'
done_t

t page-that-says-no
"$T/cycles" page "$W/no" 6 0
chmod 644 "$W/no"
PAGE=$W/no same "calls 10"
is "no rdpmc" "$(cut -d' ' -f1,2 "$W/out")" "10 0"
done_t

t crowd
same "crowd 500"
is "each call's count" "$(cat "$W/out")" "500 3500 0"
done_t

# a user may lock some hundred pages with events for each processor: one of its own, so that other tests have theirs
online=$(getconf _NPROCESSORS_ONLN) # more than may be ours
t too-many-pages
if [ "$(id -u)" = 0 ] && [ "$(cat /proc/sys/kernel/perf_event_paranoid)" -le 2 ]; then
	(
		ulimit -l 0
		RUN_AS=(setpriv --reuid=64321 --regid=64321 --clear-groups --inh-caps=-all --bounding-set=-all env "HOME=$WORK/tmp" "TMPDIR=$WORK/tmp")
		PAGE=1.9 same "crowd $((150 * online))"
		echo "$BAD" >"$W/bad"
	)
	BAD=$(cat "$W/bad")
	is "calls" "$(cut -d' ' -f1 "$W/out")" $((150 * online))
	has "$W/err" 'counters of threads could not be opened and were read as 0: their pages could not be mapped: Operation not permitted: .*perf_event_mlock_kb'
	done_t
else
	skip_t too-many-pages "needs root, for a user of its own, and kernel.perf_event_paranoid at 2"
fi

# what only reading may do to a thread, its handler takes: the program's own does not see it
t processor-refuses
SPILE_COUNTER_PAGE=$W/page launch_same "$T/cycles calls 10" -e "$COUNTER"'
	global sum, bytes, n
	probe process("'"$T/cycles"'").function("work").return { sum += @perf("c") - @entry(@perf("c")); bytes += user_int8(uaddr()) != 0; n++ }
	probe end { printf("%d %d %d\n", n, sum, bytes) }'
is "reads" "$(cat "$W/out")" "10 0 10"
has "$W/err" '20 reads of counters found the processor counting something else'
done_t

t no-more-mappings
same "full 10"
is "calls" "$(cut -d' ' -f1 "$W/out")" 10
done_t

t cannot-be-opened
PAGE=$W/none same "calls 10"
is "zeroes" "$(cut -d' ' -f1,2 "$W/out")" "10 0"
has "$W/err" '1 counters of threads could not be opened and were read as 0'
done_t

t come-and-go
start "$T/cycles" busy
snapshot "$PID" >"$W/before"
for _ in 1 2 3 4 5 6; do
	SPILE_COUNTER_PAGE=$W/page spile -x "$PID" -e "$COUNTER $CALLS"' probe timer.ms(150) { exit() }'
	ok_rc
	is "wrong counts" "$(cut -d' ' -f3 "$W/out")" 0
	between "calls" "$(cut -d' ' -f1 "$W/out")" 10 1000000
	attached_clean
done
target_unharmed
done_t

t killed
start "$T/cycles" busy
snapshot "$PID" >"$W/before"
export SPILE_COUNTER_PAGE=$W/page
session k "$COUNTER $CALLS"' probe timer.ms(50) { println(calls) }'
sleep 0.3
kill -KILL "$TOOL_k"
wait "$TOOL_k" 2>/dev/null
unset SPILE_COUNTER_PAGE
grep -q "$W/page" "/proc/$PID/maps" || bad "no counter is left: $(cat "$W/err-k")"
sleep 0.3
as_user "$SPILE" --cleanup "$PID" >"$W/clean" 2>&1 || bad "cleanup: $(cat "$W/clean")"
attached_clean
target_unharmed
done_t

t two-sessions
start "$T/cycles" busy
snapshot "$PID" >"$W/before"
export SPILE_COUNTER_PAGE=$W/page
ENDED='^[0-9]+ [0-9]+ 0$'
session a "$COUNTER $CALLS"' probe begin { println("begun") }'
session b "$COUNTER $CALLS"' probe begin { println("begun") }'
sleep 0.5
quit a
sleep 0.3
quit b
unset SPILE_COUNTER_PAGE
end_target
done_t

# Events of the kernel's, opened and mapped by the threads themselves: a software event, which tells 0 or what was.
t kernels-events
start "$T/cycles" busy
snapshot "$PID" >"$W/before"
if [ "$(cat /proc/sys/kernel/perf_event_paranoid)" -le 2 ]; then
	export SPILE_COUNTER_PAGE=1.2
	ENDED='^[0-9]+ [0-9]+ [0-9]+$'
	session e "$COUNTER $CALLS"' probe begin { println("begun") }'
	sleep 0.5
	# of the two that stay, and of those that come and go at the most four
	between "events mapped" "$(grep -c 'anon_inode:\[perf_event\]' "/proc/$PID/maps")" 2 7
	quit e
	between "calls" "$(tail -1 "$W/out-e" | cut -d' ' -f1)" 10 1000000
	unset SPILE_COUNTER_PAGE
	end_target
	done_t
else
	target_unharmed
	skip_t kernels-events "kernel.perf_event_paranoid is above 2"
fi

t refused
spile -p2 -e 'probe perf.sw.emulation_faults.counter("m") {} probe process("'"$T/cycles"'").function("work") { println(@perf("m")) }'
is "status" "$RC" 1
has "$W/err" 'the kernel shows this count to nobody while it changes.*\[counter\]'
many() { for i in $(seq "$1"); do printf 'probe perf.type(4).config(%d).counter("c%d") {} probe process("%s").function("work") { println(@perf("c%d")) } ' "$i" "$i" "$T/cycles" "$i"; done; }
spile -p2 -e "$(many 17)"
is "status of 17" "$RC" 1
has "$W/err" 'more counters of the processor than a session reads: 16.*\[counter\]'
SPILE_COUNTER_PAGE=$W/page launch_same "$T/cycles calls 1" -e "$(many 16)"
is "16 counters" "$(grep -c 1003 "$W/out")" 0
is "16 lines" "$(grep -c '^1000$' "$W/out")" 16
done_t

t not-here
spile -e "$COUNTER $CALLS" -c "$T/cycles calls 5"
if [ "$RC" = 0 ]; then
	between "cycles of 5 calls" "$(cut -d' ' -f2 "$W/out")" 5 1000000
	done_t
else
	has "$W/err" 'perf.type\(0\).config\(0\).counter\("c"\): this machine does not have this event'
	has "$W/err" 'virtual machines often have no hardware counters'
	is "the target was not left running" "$(cat "$W/target")" ""
	done_t
	skip_t real-cycles "no hardware counters here"
fi

# what no rdpmc reads: only root may ask for it
t not-for-programs
MSR=/sys/bus/event_source/devices/msr/type
if [ "$(id -u)" = 0 ] && [ -e "$MSR" ]; then
	"$SPILE" -e 'probe perf.type('"$(cat $MSR)"').config(0).counter("c") {} '"$CALLS" -c "$T/cycles calls 5" >"$W/target" 2>"$W/err" </dev/null
	is "status" $? 1
	has "$W/err" 'counter\("c"\): programs may not read this counter from the processor'
	is "the target was not left running" "$(cat "$W/target")" ""
	done_t
else
	skip_t not-for-programs "needs root, and counters of kind msr"
fi

t forbidden
echo 3 >"$W/paranoid"
SPILE_PERF_EVENT_PARANOID=$W/paranoid spile -e "$COUNTER $CALLS" -c "$T/cycles calls 5"
is "status" "$RC" 1
has "$W/err" 'counter\("c"\): the kernel refuses performance events: Permission denied'
has "$W/err" 'perf_event_paranoid is 3; 2 is enough'
is "the target was not left running" "$(cat "$W/target")" ""
done_t
