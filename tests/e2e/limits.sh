# SPDX-License-Identifier: Apache-2.0
# Hits that are skipped, errors in targets, and what -t tells.
. "$ROOT/tests/lib/e2e.sh"

target ticks ticks.c gcc -O2 || exit 1
as_user "$T/ticks" 30 1 >"$W/plain" 2>/dev/null

t too-many-skipped
spile -g --no-global-var-display -c "$T/ticks 30 1" -e 'global n, t
	probe process.function("work") { mdelay(20) n++ }
	probe process.function("tick") { t[pp()]++ }
	probe end { println("never") }
	probe error { println("error ", n > 1) }'
is "status" "$RC" 1
is "probes" "$(cat "$W/out")" "error 1"
has "$W/err" '^ERROR: Skipped too many probes, check MAXSKIPPED'
has "$W/err" '^WARNING: Number of errors: 0, skipped probes: 1[0-9][0-9]$'
is "the target's output" "$(cat "$W/target")" "$(cat "$W/plain")"
done_t

t skipped-up-to-a-limit
launch_same "$T/ticks 15 1" -g -t --no-global-var-display -DMAXSKIPPED=10000 -e 'global n, t
	probe process.function("work") { mdelay(20) n++ }
	probe process.function("tick") { t[pp()]++ }
	probe end { println(n) }'
is "calls" "$(head -1 "$W/out")" 15
has "$W/err" '^WARNING: Number of errors: 0, skipped probes: [1-9]'
has "$W/out" '^----- skipped: [1-9][0-9]* reentrant, 0 lock timeouts'
done_t

t suppressed
launch_same "$T/ticks 30 1" -g --suppress-handler-errors --no-global-var-display -e 'global n, t
	probe process.function("work") { mdelay(10) n++ error("mine") }
	probe process.function("tick") { t[pp()]++ }
	probe end { println(n) }'
is "calls" "$(cat "$W/out")" 30
has "$W/err" '^WARNING: Number of errors: 30, skipped probes: [1-9][0-9]+$'
hasnot "$W/err" '^ERROR'
done_t

# An error in the target ends the session; the target goes on.
t error-in-target
spile -c "$T/ticks 1000 0" -e 'global n[10]
	probe process.function("work") { n[int_arg(1)]++ }
	probe end { println("never") }
	probe error { foreach (k in n+) s += k println(s) }'
is "status" "$RC" 1
is "kept" "$(cat "$W/out")" 45
has "$W/err" '^ERROR: Array overflow, check size limit \(10\) near identifier .n. at <input>:2:35$'
has "$W/err" '^WARNING: Number of errors: 1, skipped probes: 0$'
is "the target's output" "$(cat "$W/target")" "sum=1499500"
done_t

t budget-in-target
launch_same "$T/ticks 5 0" -DMAXERRORS=100 -e 'global n
	probe process.function("work") { try { while (1) n++ } catch { n = -1 } }
	probe end { println(n > 100) }'
is "rounds" "$(cat "$W/out")" 1
is "errors" "$(grep -c '^ERROR: MAXACTION exceeded near keyword .while. at <input>:2:41' "$W/err")" 5
done_t

# Hits are exact for counters that would be inlined and for handlers that do nothing.
t timing
launch_same "$T/ticks 2000 0" -t -u --no-global-var-display -e 'global n, a
	probe process.function("work") { n++ }
	probe process.function("work") { }
	probe process.function("work") { if (int_arg(1) % 2) next; a[int_arg(1)] <<< 1 }
	probe process.function("tick") { n++ }
	probe end { println(n) }'
is "counted" "$(head -1 "$W/out")" 2000
for line in 2 3 4; do
	has "$W/out" "^process.function\\(\"work\"\\), \\(<input>:$line:2\\), hits: 2000, nsecs: +[0-9]+min/ *[0-9]+avg/ *[0-9]+max, variance: +[0-9]+, index: "
done
has "$W/out" '^process.function\("tick"\), \(<input>:5:2\), hits:    0,'
has "$W/out" '^end, +\(<input>:6:2\), +hits:    1,'
is "aligned" "$(awk '/, hits:/ { n[index($0, "hits:")]; n[index($0, "variance:") + 1000] } END { for (i in n) c++; print c }' "$W/out")" 2
awk '/hits: 2000/ { match($0, /nsecs:.*variance/); split(substr($0, RSTART + 6), v, /[a-z\/,]+/); if (v[1] + 0 > v[2] + 0 || v[2] + 0 > v[3] + 0) bad = 1 } END { exit bad }' "$W/out" || bad "least, average and most are out of order"
done_t

# Threads that want one variable: who waited, and who gave up, is told; every hit is either counted or skipped.
target count count.c gcc -O2 -pthread || exit 1
t contention
spile -g -t --no-global-var-display -DMAXSKIPPED=100000 -c "$T/count 8 100" -e 'global n, last
	probe process.function("work") { last = n udelay(100) n = last + 1 }
	probe end { println(n) }'
ok_rc
calls=$(sed -n 's/^total=\([0-9]*\) .*/\1/p' "$W/target")
hits=$(sed -n 's/^process.*hits: *\([0-9]*\),.*/\1/p' "$W/out")
skipped=$(sed -n 's/^----- skipped: 0 reentrant, \([0-9]*\) lock timeouts.*/\1/p' "$W/out")
is "handlers' sum" "$(head -1 "$W/out")" "$hits"
is "hits and skipped" "$((hits + ${skipped:-0}))" "$calls"
is "heading" "$(grep -c '^----- global lock contention:$' "$W/out")" 1
has "$W/out" '^n, waits: [1-9][0-9]*$'
hasnot "$W/out" '^last, waits'
done_t

# Errors in functions tell who called them.
t called-from
spile -c "$T/ticks 10 0" -e 'function half(x) { return 100 / (x - 5) }
	function twice(x) { return half(x) * 2 }
	probe process.function("work") { println(twice(int_arg(1))) }'
is "status" "$RC" 1
is "error" "$(grep ^ERROR "$W/err")" "ERROR: division by 0 near operator '/' at <input>:1:31 (called from identifier 'half' at <input>:2:29) (called from identifier 'twice' at <input>:3:43)"
done_t

t address-space
# shellcheck disable=SC2016 # for the shells inside
as_user bash -c 'ulimit -v 1500000; exec "$0" "$@"' "$SPILE" -e 'probe oneshot { println(1) }' >"$W/out" 2>"$W/err" </dev/null
is status $? 1
has "$W/err" '^ERROR: cannot map [0-9]+ MiB'
has "$W/err" '^  hint: .*ulimit -v'
# a child that has no room is left alone and runs as ever
spile -e 'global n probe process("/bin/cat").plt("*") { n++ }' -c 'bash -c "ulimit -v 1500000; exec cat /proc/self/comm"'
ok_rc
is "the child's output" "$(cat "$W/target")" cat
has "$W/err" '^WARNING: process [0-9]+: cannot map'
done_t

# Warnings that were told already take no memory.
t warnings-that-come-again
for n in 1 400000; do
	as_user timeout 60 python3 - "$SPILE" $n >"$W/said" 2>"$W/err" <<'S'
import os, sys
script = 'probe oneshot { for (i = 0; i < %s; i++) warn("%s") }' % (sys.argv[2], "text " * 30)
tool = os.spawnv(os.P_NOWAIT, sys.argv[1], ["spile", "-DMAXACTION=10000000", "-e", script])
_, status, usage = os.wait4(tool, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss)
S
	read -r RC size <"$W/said"
	is "status" "$RC" 0
	is "messages" "$(grep -c . "$W/err")" 1
	[ "$n" != 1 ] || least=$size
done
between "KiB for $n" "$size" 1 $((least + 20000))
done_t

# Many processes take many descriptors: the soft limit is the commands' matter, what the hard one forbids is told.
t descriptors
cat >"$W/many.sh" <<'S'
ulimit -Sn
for _ in $(seq 40); do sleep 2 & done
wait
S
# limited SPILE-ARGS...: where $LIMIT is set
limited() {
	as_user bash -c "ulimit $LIMIT; exec \"\$0\" \"\$@\"" timeout 15 "$SPILE" -o "$W/out" "$@" >"$W/target" 2>"$W/err" </dev/null
	RC=$?
}
: >"$W/out"; chmod 666 "$W/out"
SCRIPT="global n probe process(\"$(command -v sleep)\").library(\"libc.so.6\").function(\"exit\") { n++ } probe end { println(n) }"
LIMIT='-Sn 64' limited -c "sh $W/many.sh" -e "$SCRIPT probe begin { system(\"ulimit -Sn\") }"
ok_rc
between "processes" "$(cat "$W/out")" 40 41 # and the shell, which has the library too
is "the limit of commands" "$(sort -u "$W/target")" 64
is messages "$(cat "$W/err")" ""
LIMIT='-n 64' limited -c "sh $W/many.sh" -e "$SCRIPT"
is "the limit of the command" "$(cat "$W/target")" 64
between "told" "$(grep -c '^WARNING: .*Too many open files' "$W/err")" "$((40 - $(cat "$W/out")))" 100
# whatever cannot be opened, no program waits for what does not come
for n in $(seq 8 20); do
	LIMIT="-n $n" limited -c 'echo text' -e 'probe process.library("libc.so.6").function("write").return { println("w") }'
	[ $RC = 0 ] || has "$W/err" 'Too many open files'
	[ $RC = 0 ] && is "the program's output with $n" "$(cat "$W/target")" text
done
done_t
