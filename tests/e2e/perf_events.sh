# SPDX-License-Identifier: Apache-2.0
# perf.*: samples of events, and counters that handlers of the target read.
. "$ROOT/tests/lib/e2e.sh"

target faults faults.c gcc -O1 -no-pie || exit 1
target hot hot.c gcc -O1 -pthread -no-pie -fno-inline || exit 1
TOUCH=$(nm "$T/faults" | awk '$3 == "touch" { print $1 }')

t samples-of-software-events
launch_same "$T/faults 500" -e 'global faults, tenths, switches, fifths
	probe perf.sw.page_faults.sample(1) { if (uaddr() - 0x'"$TOUCH"' < 16 && uaddr() >= 0x'"$TOUCH"') faults++ }
	probe perf.type(1).config(2).sample(10) { tenths++ }
	probe perf.sw.context_switches.sample(1) { switches++ }
	probe perf.sw.context_switches.sample(5) { fifths++ }
	probe end { printf("%d %d %d %d %s\n", faults, tenths >= 50, switches >= 500, switches / 5 - fifths, "") }'
is "faults where they were made" "$(cat "$W/out")" "500 1 1 0 "
done_t

t samples-of-one-program
spile -e 'global n, m
	probe perf.sw.task_clock.process("'"$T/hot"'") { n[execname()]++ }
	probe perf.sw.task_clock.hz(500) { m++ }
	probe end { foreach (e in n) printf("%s %d\n", e, n[e] > 50); println(m > 50) }' \
	-c "sh -c 'i=0; while [ \$i -lt 100000 ]; do i=\$((i+1)); done; $T/hot 0.2'"
ok_rc
is "programs" "$(tr '\n' ' ' <"$W/out")" "hot 1 1 "
done_t

t counters
launch_same "$T/faults 300" -e 'global before, first, n, most
	probe perf.sw.page_faults.counter("faults") {}
	probe perf.sw.context_switches.counter("switches") {}
	probe perf.sw.task_clock.counter("time") {}
	probe process("'"$T/faults"'").function("touch").return { n += @perf("faults") - @entry(@perf("faults")) }
	probe process("'"$T/faults"'").function("rest").return { m += @perf("switches") - @entry(@perf("switches")) }
	probe process("'"$T/faults"'").function("main").return { most = @perf("time") }
	global m
	probe end { printf("%d %d %d\n", n, m >= 300, most > 1000000) }'
is "faults in touch, switches in rest" "$(cat "$W/out")" "300 1 1"
done_t

t migrations
if [ "$(nproc)" -ge 2 ] && [ -r /proc/self/sched ]; then
	launch_same "$T/faults 1 50" -e 'global n, calls, m
		probe perf.sw.cpu_migrations.counter("m") {}
		probe process("'"$T/faults"'").function("hop").return { d = @perf("m") - @entry(@perf("m")); n += d; m += d == 1; calls++ }
		probe end { printf("%d %d\n", calls, n) if (m < 49) println(m) }'
	between "migrations" "$(cut -d' ' -f2 "$W/out")" 49 50
	is "calls, one each" "$(cut -d' ' -f1 "$W/out")" 50
	done_t
else
	skip_t migrations "needs two processors and /proc/PID/sched"
fi

t hardware
spile -e 'global n probe perf.hw.instructions.sample(100000) { n++ } probe end { println(n > 10) }' -c "$T/hot 0.2"
if [ "$RC" = 0 ]; then
	is "samples of instructions" "$(cat "$W/out")" 1
	done_t
else
	has "$W/err" 'perf.type\(0\).config\(1\).*: this machine does not have this event'
	has "$W/err" 'virtual machines often have no hardware counters'
	is "the target was not left running" "$(cat "$W/target")" ""
	done_t
	skip_t hardware-counts "no hardware counters here"
fi
