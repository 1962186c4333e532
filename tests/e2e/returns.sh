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

# More calls under way at once than the table of return addresses holds: what has no room is skipped, and counted.
t no-room-for-return-addresses
target deep deep.c gcc -O2 || exit 1
launch_same "$T/deep 2000" -e 'global n, m probe process.function("f_deep") { n++ } probe process.function("f_deep").return { m++ } probe end { println(n, " ", m) }'
is counts "$(cat "$W/out")" "6003 6003"
launch_same "$T/deep 20000" -t -D MAXSKIPPED=1000000000 -e 'global n, m probe process.function("f_deep") { n++ } probe process.function("f_deep").return { m++ }
	probe end { println(n, " ", m) }'
skipped=$(sed -n 's/^WARNING: Number of errors: 0, skipped probes: //p' "$W/err")
read -r entered left <"$W/out"
is "entered" "$entered" 60003
between "those that were seen to return" "$left" 9000 59000
is "seen and skipped" "$((left + ${skipped:-0}))" 60003
has "$W/out" " $skipped without room for a return address"
spile -e 'global m probe process.function("f_deep").return { m++ }' -c "$T/deep 20000"
is "status with too many of them" "$RC" 1
done_t

# Functions that must not be called are probed at their return instructions. Signals come during handlers and hit
# the same places: those are skipped.
t returns-twice
launch_same "$T/returns-O2" -D MAXSKIPPED=1000000000 -e 'global n
	probe process.library("libc.so.6").function("__swapcontext").return, process.library("libc.so.6").function("vfork").return,
		process.library("libc.so.6").function("__sigjmp_save").return { n[ppfunc()]++ }
	probe end { foreach (k+ in n) println(k, " ", n[k] > 1) }'
is counts "$(tr '\n' ' ' <"$W/out")" "__sigjmp_save 1 __swapcontext 1 vfork 1 "
done_t
# What a linker calls a stub of such a function.
target stubs stubs.c gcc -O1 || exit 1
t returns-twice-stubs
launch_same "$T/stubs" -e 'global n probe process.function("*$plt").return { n[ppfunc()]++ } probe end { foreach (f+ in n) println(f, " ", n[f]) }'
is "returns of what can be called" "$(cat "$W/out")" 'strlen$plt 1'
has "$W/target" '^9 4 6 4$'
done_t

# Who knows the return addresses on the stack finds them all.
target collector collector.c gcc -O1 -fno-omit-frame-pointer || exit 1
t known-return-addresses
launch_same "$T/collector 20" -e 'global n probe process.function("*").return ? { n[ppfunc()]++ } probe end { println(n["caml_call_gc"], " ", n["allocate"], " ", n["work"], " ", n["main"]) }'
is "returns" "$(cat "$W/out")" "20 20 20 1"
has "$W/target" 'wrong=0'
done_t

t returns-twice-entry
launch_same "$T/returns-O2" -D MAXSKIPPED=1000000000 -e 'global n, wrong
	probe process.library("libc.so.6").function("__swapcontext").return, process.library("libc.so.6").function("vfork").return,
		process.library("libc.so.6").function("__sigjmp_save").return {
		n[ppfunc()]++
		if (@entry(gettimeofday_ns()) > gettimeofday_ns() || !@entry(gettimeofday_ns())) wrong++
		if (ppfunc() != "vfork" && @entry(pp()) != pp()) wrong++ # its child has taken the text
	}
	probe end { foreach (k+ in n) println(k, " ", n[k] > 1); println(wrong) }'
is counts "$(tr '\n' ' ' <"$W/out")" "__sigjmp_save 1 __swapcontext 1 vfork 1 0 "
done_t
if have go; then
	mkdir -p "$W/go"
	cp "$ROOT/tests/e2e/targets/count.go" "$W/go"
	(cd "$W/go" && HOME=$W GOCACHE=$W/cache GO111MODULE=off go build -o "$T/returns-go" count.go) >"$W/cc.log" 2>&1
	t go
	launch_same "$T/returns-go 8 20000" -e 'global n, m
		probe process.function("main.work") { m++ }
		probe process.function("main.work").return { n++ }
		probe end { println(n, " ", m) }'
	is counts "$(cat "$W/out")" "160008 160008"
	done_t
	t go-entry
	launch_same "$T/returns-go 8 20000" -e 'global n, before, after, wrong
		probe process.function("main.work") { before += u_register("rax") }
		probe process.function("main.work").return {
			n++
			after += @entry(u_register("rax"))
			if (@entry(gettimeofday_ns()) > gettimeofday_ns()) wrong++
		}
		probe end { println(n, " ", before == after, " ", wrong) }'
	is counts "$(cat "$W/out")" "160008 1 0"
	done_t
	cp "$ROOT/tests/e2e/targets/deep.go" "$W/go"
	(cd "$W/go" && HOME=$W GOCACHE=$W/cache GO111MODULE=off go build -o "$T/deep-go" deep.go) >"$W/cc.log" 2>&1
	t go-moved-stacks
	launch_same "$T/deep-go" -e 'global n, wrong
		probe process.function("main.deep").return {
			n++
			if (returnval() != @entry(u_register("rax")) * (@entry(u_register("rax")) + 1) / 2) wrong++
		}
		probe end { println(n, " ", wrong) }'
	is counts "$(cat "$W/out")" "2436 0"
	done_t
	# A call whose stack is too small begins anew on a larger one: it is counted once, whatever the frame's size.
	(cd "$W/go" && HOME=$W GOCACHE=$W/cache GO111MODULE=off go build -ldflags=-w -o "$T/deep-go-w" deep.go) >"$W/cc.log" 2>&1
	for program in deep-go deep-go-w; do
		t "$program-counted-once"
		launch_same "$T/$program" -e 'global entered, left
			probe process.function("main.narrow"), process.function("main.deep"), process.function("main.wide") { entered[ppfunc()]++ }
			probe process.function("main.narrow").return, process.function("main.deep").return, process.function("main.wide").return { left[ppfunc()]++ }
			probe end { foreach (f+ in entered) printf("%s %d %d\n", f, entered[f], left[f]) }'
		is counts "$(tr '\n' ' ' <"$W/out")" "main.deep 2436 2436 main.narrow 8008 8008 main.wide 808 808 "
		done_t
	done
else
	skip_t go "there is no Go compiler"
fi

# Every return of the program and of all its libraries: the same output as without.
everything='global n
	probe process.function("*").return ? { n++ }
	probe process.library("*").function("*").return { n++ }
	probe end { println(n > 100) }'
every() { # NAME COMMAND
	t "every-$1"
	launch_same "$2" -e "$everything"
	is counted "$(cat "$W/out")" 1
	done_t
}
cat >"$W/job.pl" <<'P'
my %h; $h{$_ % 17} .= chr(65 + $_ % 26) for 1..2000; print "$_ $h{$_}\n" for sort { $a <=> $b } keys %h; eval { die "x\n" }; print $@;
P
cat >"$W/job.py" <<'P'
import json, re, hashlib, functools
@functools.lru_cache
def f(n): return n if n < 2 else f(n - 1) + f(n - 2)
try: 1 / 0
except ZeroDivisionError as e: print(e)
print(f(90), json.dumps({"a": [1, 2.5, None]}), re.sub("(a+)b", r"<\1>", "aab ab"), hashlib.sha256(b"x").hexdigest(), sorted(map(str, range(30))))
P
printf 'create table t(a, b); insert into t values (1, 2), (3, 4), (5, 6); select sum(a), group_concat(b) from t where a > 1; select count(*) from t a, t b;\n' >"$W/job.sql"
printf '#include <stdio.h>\nint main(int c, char **v) { for (int i = 0; i < c; i++) puts(v[i]); return 0; }\n' >"$W/job.c"
chmod 644 "$W"/job.*
cat >"$W/job.sh" <<'P'
for i in 1 2 3 4 5; do echo $((i * i)); done; x=$(echo a b c | tr a-z A-Z); echo "$x"; ls / | wc -l
P
chmod 644 "$W"/job.*
every bash "bash $W/job.sh"
every perl "perl $W/job.pl"
t every-python
launch_same "/usr/bin/python3 $W/job.py" -e 'global n
	probe process.library("*").function("*").return, process.function("PyObject_*").return { n++ } probe end { println(n > 100) }'
is counted "$(cat "$W/out")" 1
done_t
every sqlite "sqlite3 -init $W/job.sql :memory: .quit"
every cmake "cmake --version"
every gcc "$(gcc -print-prog-name=cc1) -quiet -O1 $W/job.c -o /dev/stdout"
