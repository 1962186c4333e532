# SPDX-License-Identifier: Apache-2.0
# Libraries that are loaded late: between the loader's mapping of one and the first call of it its places are armed.
. "$ROOT/tests/lib/e2e.sh"

target opens opens.c gcc -O2 -ldl || exit 1
for n in 1 2 3; do target "opens$n.so" opens.c gcc -O2 -shared -fPIC -DLIBRARY=$n || exit 1; done

# Constructors and destructors included, each time that the library comes; at entries, and at returns.
for what in "" .return; do
	t "every call is counted$what"
	launch_same "$T/opens 5 $T/opens1.so $T/opens2.so $T/opens3.so" -e 'global n
		probe process("'"$T"'/opens*.so").function("came")'$what' { n++ }
		probe end { println(n) }'
	is "calls" "$(cat "$W/out")" 1665
	has "$W/target" '^calls=1665 wrong=0$'
	hasnot "$W/err" .
	done_t
done

# A tool that does not answer is not waited for without end, and tells when it comes back.
t "the tool is stopped meanwhile"
target late late.c gcc -O2 -ldl || exit 1
target late1.so late.c gcc -O2 -shared -fPIC -DLIBRARY=1 || exit 1
start "$T/late" "$T/late1.so"
: >"$W/out"; chmod 666 "$W/out"
"${RUN_AS[@]}" env --default-signal=INT "$SPILE" -o "$W/out" -x "$PID" -e 'global n probe process("'"$T"'/late*.so").function("late") { n <<< 1 }
	probe begin { println("begun") } probe end { println(@count(n) > 0) }' >/dev/null 2>"$W/err" </dev/null &
TOOL=$!
PIDS="$PIDS $TOOL"
for _ in $(seq 100); do grep -q begun "$W/out" && break; sleep 0.1; done
sleep 0.3
kill -STOP $TOOL
kill -USR1 "$PID"
for _ in $(seq 60); do grep -q 'loaded 1' "$W/bg" && break; sleep 0.1; done
has "$W/bg" 'loaded 1'
kill -CONT $TOOL
for _ in $(seq 50); do grep -q missing "$W/err" && break; sleep 0.1; done
sleep 0.5
kill -INT $TOOL
wait $TOOL
is "status" $? 0
is "WARNING" "$(sed 's/process [0-9]*/process N/' "$W/err" | sort -u)" "WARNING: process N did not wait until libraries that it loaded were probed: hits are missing"
has "$W/out" '^1$'
text_is_file "$PID"
target_unharmed
done_t
