# SPDX-License-Identifier: Apache-2.0
# Probes of returns: functions of every kind, counted as they count themselves, left in every way.
. "$ROOT/tests/lib/e2e.sh"

# own_counts: what the target says of itself, "name calls returns"
own_counts() { grep '^f_' "$W/target" | sort; }
counts='global e, r
	probe process.function("f_*") { e[ppfunc()]++ }
	probe process.function("f_*").return { r[ppfunc()]++ }
	probe end { foreach (k+ in e) printf("%s %d %d\n", k, e[k], r[k]) }'
entry='global e, r, wrong
	probe process.function("f_*") { e[ppfunc()]++ }
	probe process.function("f_*").return {
		r[@entry(ppfunc())]++
		if (@entry(long_arg(1)) != @entry(u_register("rdi")) || @entry(gettimeofday_ns()) > gettimeofday_ns())
			wrong++
	}
	probe process.function("f_*").return { if (pp() != @entry(pp()) || !is_return()) wrong++ }
	probe process.function("g_*").return { if (@entry(1) != 1) wrong++ }
	probe end { foreach (k+ in e) printf("%s %d %d\n", k, e[k], r[k]); if (wrong) println("wrong ", wrong) }'

for level in O0 O1 O2 O3 Os; do
	target "returns-$level" returns.c gcc -$level -pthread -w || exit 1
	for script in counts entry; do
		t "kinds-$level-$script"
		launch_same "$T/returns-$level" -e "${!script}"
		is counts "$(own_counts | diff - "$W/out" | head -8)" ""
		done_t
	done
done
target returns-fp returns.c gcc -O2 -fno-omit-frame-pointer -fno-optimize-sibling-calls -pthread -w || exit 1
target returns-clang returns.c clang -O2 -pthread -w || exit 1
target returns-static returns.c gcc -O2 -static -pthread -w || exit 1
target returns-cet returns.c gcc -O2 -fcf-protection -fpatchable-function-entry=5 -pthread -w || exit 1
for kind in fp clang static cet; do
	t "kinds-$kind"
	launch_same "$T/returns-$kind" -e "$entry"
	is counts "$(own_counts | diff - "$W/out" | head -8)" ""
	done_t
done

t values
launch_same "$T/returns-O2" -e 'probe process.function("f_nine").return { printf("%d %s %s %s %d\n", returnval(), returnstr(2), pp(), probe_type(), @entry(int_arg(7))) }'
is line "$(cat "$W/out")" "285 0x11d process(\"$T/returns-O2\").function(\"f_nine\").return uretprobe 7"
done_t

target exceptions returns.cpp g++ -O2 -pthread || exit 1
target exceptions-clang returns.cpp clang++ -O2 -pthread || exit 1
target exceptions-static returns.cpp g++ -O2 -static -pthread || exit 1
target exceptions-libgcc returns.cpp g++ -O1 -static-libgcc -static-libstdc++ -pthread || exit 1
for kind in exceptions exceptions-clang exceptions-static exceptions-libgcc; do
	t "$kind"
	launch_same "$T/$kind 300" -e "$counts"
	has "$W/out" '^f_catches 300 300$'
	has "$W/out" '^f_deep 3300 0$'
	done_t
	for how in u n; do
		t "$kind-uncaught-$how"
		launch_same "$T/$kind 20 $how" -e "$counts"
		is "signal" "$PLAIN_RC" 134
		done_t
	done
done
t exceptions-everything
launch_same "$T/exceptions 300" -e 'global n probe process.function("*").return { n++ } probe process.library("*").function("*").return { n++ } probe end { println(n > 1000) }'
is counted "$(cat "$W/out")" 1
done_t

# Frames under way when we leave: their code stays until they are gone.
t frames-under-way
target slow-return slow_return.c gcc -O2 || exit 1
start "$T/slow-return" 3
snapshot "$PID" >"$W/before"
spile -x "$PID" -e 'global n probe process.function("f_slow").return { n++ } probe timer.ms(300) { exit() } probe end { println(n) }'
ok_rc
wait "$PID"
is "its end" "$?" 0
is "its result" "$(tail -1 "$W/bg")" "result 42"
done_t
