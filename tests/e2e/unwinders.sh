# SPDX-License-Identifier: Apache-2.0
# Unwinders of every kind through functions whose returns are probed.
. "$ROOT/tests/lib/e2e.sh"
. "$ROOT/tests/lib/sessions.sh"
counts='global e, r
	probe process.function("f_*") { e[ppfunc()]++ }
	probe process.function("f_*").return { r[ppfunc()]++ }
	probe end { foreach (k+ in e) printf("%s %d %d\n", k, e[k], r[k]) }'

# libgcc, shared, static, without names; LLVM's libunwind.
target ten thrower_of_ten.cc g++ -O2 -rdynamic || exit 1
target ten-static thrower_of_ten.cc g++ -O2 -static || exit 1
target ten-nameless thrower_of_ten.cc g++ -O2 -rdynamic -static-libgcc -static-libstdc++ -s || exit 1
for kind in ten ten-static ten-nameless; do
	t "$kind"
	launch_same "$T/$kind" -e "$counts"
	is counts "$(grep -v cold "$W/out")" "f_deep 1100 0
f_nine 1100 0"
	done_t
done
llvm=$(ls /usr/lib/llvm-*/lib/libunwind.so.1 2>/dev/null | tail -1)
if [ -n "$llvm" ]; then
	target ten-llvm thrower_of_ten.cc g++ -O2 -rdynamic -Wl,--no-as-needed "$llvm" -Wl,-rpath,"$(dirname "$llvm")" || exit 1
	t ten-llvm
	launch_same "$T/ten-llvm" -e "$counts"
	is counts "$(grep -v cold "$W/out")" "f_deep 1100 0
f_nine 1100 0"
	done_t
else
	skip_t ten-llvm "there is no libunwind of LLVM"
fi

# A program without any names: its unwinder cannot be found, so no frame of ours may be on its way.
t static-nameless
address() { nm "$T/ten-static" | awk -v name="$1" '$3 == name { print "0x" $1 }'; }
cp "$T/ten-static" "$T/ten-static-nameless"
strip "$T/ten-static-nameless"
program="process(\"$T/ten-static-nameless\")"
launch_same "$T/ten-static-nameless" -e "global m, n
	probe $program.function($(address f_deep)) { m++ }
	probe $program.function($(address f_deep)).return, $program.function($(address f_nine)).return { n++ }
	probe end { println(m, \" \", n) }"
is counts "$(cat "$W/out")" "1100 0"
done_t

# Rust's panics.
if have rustc && target panics panics.rs rustc -O 2>/dev/null; then
	t rust-caught
	launch_same "$T/panics" -e "$counts"
	is counts "$(cat "$W/out")" "f_catches 100 100
f_deep 1104 0"
	done_t
	t rust-uncaught
	launch_same "$T/panics uncaught" -e "$counts"
	is "its status" "$PLAIN_RC" 101
	has "$W/err" 'exited with status 101'
	has "$W/out" '^f_deep 1107 0$'
	done_t
else
	skip_t rust "there is no Rust compiler"
fi

# musl: no unwinder at all, but jumps, threads, signals.
if have musl-gcc; then
	for kind in "" -static; do
		# shellcheck disable=SC2086 # none or one word
		target "returns-musl$kind" returns.c musl-gcc -O2 -DNO_CONTEXTS -pthread -w $kind || exit 1
		t "musl$kind"
		launch_same "$T/returns-musl$kind" -e "$counts"
		is counts "$(grep '^f_' "$W/target" | sort | diff - "$W/out" | head -8)" ""
		done_t
	done
else
	skip_t musl "there is no compiler for musl"
fi

# A signal handler that walks up the stack from anywhere in our code.
target profiler profiler.c gcc -O2 || exit 1
t profiler
launch_same "$T/profiler 5000000" -e 'global n, m
	probe process.function("f_*") { m++ }
	probe process.function("f_*").return { n++ }
	probe end { println(n == m) }'
is counts "$(cat "$W/out")" 1
has "$W/target" '^all$'
done_t

# gdb sees through them.
if have gdb; then
	t gdb
	target under-way under_way.cc g++ -O2 || exit 1
	start "$T/under-way" sleeps
	session A 'global n probe begin { println("begun") } probe process.function("f_deep").return { n++ } probe end { println("end ", n) }'
	kill -USR2 "$PID"
	for _ in $(seq 300); do grep -q deep "$W/bg" && break; sleep 0.1; done
	gdb -q -batch -p "$PID" -ex bt >"$W/bt" 2>&1 </dev/null
	is "frames of f_deep" "$(grep -c ' in f_deep ' "$W/bt")" 11
	has "$W/bt" ' main '
	kill -USR2 "$PID"
	wait "$TOOL_A"
	has "$W/out-A" '^end 11$'
	wait "$PID"
	is "its result" "$(tail -1 "$W/bg")" "result 42 cleaned 11"
	done_t
else
	skip_t gdb "there is no gdb"
fi

# perf, from outside, by copies of the stack: entries are not in its way; a function that is probed at its return is where its
# call graph ends, and no harm is done.
graph() {
	as_user perf record -q -o "$W/perf.data" -e cpu-clock:u -F 99 --call-graph dwarf,4096 -p "$PID" sleep 0.5 >"$W/perf" 2>&1 &&
		as_user perf script -i "$W/perf.data" -F ip,sym >"$W/graph" 2>/dev/null && grep -q f_ "$W/graph"
}
target levels levels.c gcc -O1 -g || exit 1
start "$T/levels"
if ! have perf || ! graph; then
	skip_t perf "perf may not sample here: $(head -1 "$W/perf" 2>/dev/null)"
else
	for point in "" .return; do
		t "perf$point"
		snapshot "$PID" >"$W/before"
		session A 'global n probe begin { println("begun") } probe process.function("f_*")'$point' { n++ } probe end { println("end ", n > 0) }'
		graphs=' f_four '
		[ -n "$point" ] || graphs=' f_four f_three f_two f_one main '
		for _ in $(seq 10); do # until it has sampled the program where that is nearly always
			graph
			awk 'BEGIN { RS = "" } { for (i = 2; i <= NF; i += 2) printf "%s ", $i; print "" }' "$W/graph" | sort | uniq -c | sort -rn >"$W/graphs"
			grep -q "$graphs" "$W/graphs" && break
		done
		has "$W/graphs" "$graphs"
		[ ! -s "$W/perf" ] || bad "perf: $(cat "$W/perf")"
		quit A
		has "$W/out-A" '^end 1$'
		attached_clean
		done_t
	done
	t perf-target
	target_unharmed
	done_t
fi
