# SPDX-License-Identifier: Apache-2.0
# Trees of processes as users have them: builds, shells, daemons, several at once.
. "$ROOT/tests/lib/e2e.sh"

target family family.c gcc -O1 -pthread || exit 1
target heir heir.c gcc -O1 || exit 1
target libheir.so heir.c gcc -O1 -DPLUGIN -shared -fPIC || exit 1
BEATS='global beats, begun probe process("'"$T/family"'").function("beat") { beats[pid()] <<< 1 } probe process.begin { begun++ }'

# end_all: nobody of the program is left
end_all() {
	local p
	for p in $(pgrep -x family); do
		[ "$(readlink "/proc/$p/exe")" = "$(realpath "$T/family")" ] && kill -9 "$p"
	done
}

t build
mkdir "$W/plain.d" "$W/probed.d"
for i in 1 2 3 4 5 6; do
	printf '#include <stdio.h>\nint f%d(int a) { return a * %d + (int)sizeof(FILE); }\n' $i $i >"$W/plain.d/f$i.c"
done
printf 'all: lib.a prog\nlib.a: f1.o f2.o f3.o f4.o f5.o f6.o\n\tar rcD $@ $^\nprog: main.c lib.a\n\t$(CC) -o $@ main.c lib.a\n' >"$W/plain.d/Makefile"
printf 'int f3(int); int main(void) { return f3(1) == 0; }\n' >"$W/plain.d/main.c"
cp "$W/plain.d"/* "$W/probed.d/"
chmod -R a+rwX "$W/plain.d" "$W/probed.d"
(cd "$W/plain.d" && as_user make -j2 >/dev/null 2>&1) || bad "the plain build fails"
spile -e 'global n probe process.begin { n[execname()]++ } probe process.end { n[execname()]-- }
	probe end { foreach (e in n) if (n[e] && e != "make") printf("open %s %d\n", e, n[e]); println("done") }' -c "sh -c 'cd $W/probed.d && make -j2 CCACHE_DISABLE=1'"
ok_rc
is "programs with unequal begins and ends" "$(cat "$W/out")" "done"
for f in lib.a prog f1.o; do cmp -s "$W/plain.d/$f" "$W/probed.d/$f" || bad "$f differs from the plain build's"; done
done_t

# All system calls of all its processes, but those that hang on how they meet, are as many as strace counts.
t build-counts
as_user "$ROOT/tests/builds" "$SPILE" generated >"$W/counts" 2>&1 || bad "$(cat "$W/counts")"
done_t

t syscalls-of-children
launch_same "$T/family spawn /bin/true 3" -e 'global n, all probe process.syscall { n[execname()] <<< 1 } probe syscall_any { all[execname()] <<< 1 }
	probe end { foreach (e+ in n) println(e, " ", @count(n[e]) == @count(all[e])) }'
is "counted of each program" "$(tr '\n' ' ' <"$W/out")" "family 1 true 1 "
done_t

# Go makes its system calls by one instruction, whatever their numbers.
if have go; then
	(cd "$W" && HOME=$W GO111MODULE=off go build -o "$T/spawn-go" "$ROOT/tests/e2e/targets/spawn.go" &&
		HOME=$W GO111MODULE=off go build -ldflags '-s -w' -o "$T/spawn-go-bare" "$ROOT/tests/e2e/targets/spawn.go") 2>"$W/go.log" || { cat "$W/go.log"; exit 1; }
	for kind in spawn-go spawn-go-bare; do
		t "$kind"
		launch_same "$T/$kind 4 5" -e 'global b, e, echo, n probe process.begin { b++ } probe process.end { e++ } probe process("/bin/echo").begin { echo++ }
			probe process.syscall { n[execname()] <<< 1 }
			probe end { println(b, " ", e, " ", echo, " ", @count(n["echo"]) > 20 * 20, " ", @count(n["'"$kind"'"]) > 200) }'
		is "begins, ends, programs, calls of both" "$(cat "$W/out")" "42 42 20 1 1"
		done_t
	done
fi

# A site where the tool has a hook of its own: both run, whether the site's condition holds or not.
target bare bare.c gcc -O1 -nostdlib -static -fcf-protection=full || exit 1
for condition in "" "if (off)" "if (calls >= 0)"; do
	t "sites at hooks $condition"
	launch_same "$T/bare $T/bare" -e 'global off, calls, b, e, n, s probe process("'"$T/bare"'").function("do_*") '"$condition"' { n[ppfunc()]++ }
		probe process.begin { b++ } probe process.end { e++ } probe process.syscall { calls++; s[$syscall]++ }
		probe end { println(b, " ", e, " ", calls >= 7, " ", s[57], " ", s[59], " ", s[61], " ", s[231]); foreach (f+ in n) println(f, " ", n[f]) }'
	is "begins, ends, calls" "$(head -1 "$W/out")" "3 3 1 1 2 1 2"
	[ "$condition" = "if (off)" ] || is "hits" "$(tail -n +2 "$W/out" | tr '\n' ' ')" "do_end 2 do_exec 1 do_fork 1 do_forked 2 do_plain_exec 1 do_wait 1 do_write 1 "
	done_t
done

# The ways of a C library to make processes; the number of musl's clone stands in no 32 bits, and below 2 GB its vfork
# has room for a trap alone.
kinds="spawner spawner-static"
target spawner spawner.c gcc -O1 && target spawner-static spawner.c gcc -O1 -static || exit 1
if have musl-gcc; then
	target spawner-musl spawner.c musl-gcc -O1 && target spawner-musl-static spawner.c musl-gcc -O1 -static &&
		target spawner-musl-low spawner.c musl-gcc -O1 -static -no-pie || exit 1
	kinds="$kinds spawner-musl spawner-musl-static spawner-musl-low"
fi
for kind in $kinds; do
	t "$kind"
	launch_same "$T/$kind" -e 'global b, e, true probe process.begin { b++ } probe process.end { e++ } probe process("/bin/true").begin { true++ }
		probe end { println(b, " ", e, " ", true) }'
	is "begins, ends, programs" "$(cat "$W/out")" "13 13 5"
	done_t
done

t generations
spile -e "$BEATS"' probe end { foreach (p in beats) n += @count(beats[p]); println(n, " ", begun) }' -c "$T/family grand 30"
ok_rc
is "beats and begins" "$(cat "$W/out")" "1 31"
done_t

t spawn
launch_same "$T/family spawn /bin/true 20" -e 'global b, t probe process.begin { b++ } probe process("/bin/true").begin { t++ } probe end { println(b, " ", t) }'
is "begins" "$(cat "$W/out")" "41 20"
done_t

t exec-by-a-thread
launch_same "$T/family thread-exec /bin/true" -e 'probe process.begin { println("+", execname()) } probe process.end { println("-", execname()) }'
is events "$(tr '\n' ' ' <"$W/out")" "+family -family +true -true "
done_t

# What the first program's code was kept for goes after two seconds; what the process is called by stays.
t exec-twice
launch_same "sh -c '(exec sh -c \"exec sleep 2.6\"); exec true'" -e 'global b, e probe process.begin { b++ } probe process.end { e++ } probe end { println(b, " ", e) }'
is "begins and ends" "$(cat "$W/out")" "5 5"
done_t

t failed-execs
launch_same "$T/family fail" -e "$BEATS"' probe end { foreach (p in beats) n += @count(beats[p]); println(n, " ", begun) }'
is "beats and begins" "$(cat "$W/out")" "1 2"
done_t

t libraries-of-forked-children
launch_same "$T/heir $T/libheir.so" -e 'global n probe process("'"$T/libheir.so"'").function("plugin_work") { n[pid()] <<< 1 }
	probe end { foreach (p in n) println(@count(n[p])) }'
is "hits of each" "$(tr '\n' ' ' <"$W/out")" "10 10 10 10 10 "
done_t

t conditions-in-forked-children
launch_same "$T/heir $T/libheir.so" -e 'global n, on = 1
	probe process("'"$T/libheir.so"'").function("plugin_work") if (on) { if (++n == 7) on = 0 }
	probe end { println(n) }'
is hits "$(cat "$W/out")" 7
done_t

t attached-children
start "$T/family" parent
snapshot "$PID" >"$W/before"
children=$(cat "/proc/$PID/task/$PID/children")
spile -x "$PID" -T 1.2 -e "$BEATS"' probe end { foreach (p+ in beats) printf("%d %d\n", p, @count(beats[p]) > 2); println("begun ", begun) }'
ok_rc
is "who beat" "$(cat "$W/out")" "$(for p in $PID $children; do echo "$p 1"; done | sort -n; echo begun 3)"
attached_clean
for p in $children; do
	grep -q memfd:spile "/proc/$p/maps" && bad "a mapping of ours is left in a child"
	text_is_file "$p"
done
end_all
done_t

t several
start "$T/family" parent
first=$PID
start "$T/family" parent
spile -x "$first" -x "$PID" --follow=no -T 1 -e "$BEATS"' probe end { foreach (p in beats) n++; println(n, " ", begun, " ", target() == '"$first"') }'
ok_rc
is "who beat" "$(cat "$W/out")" "2 2 1"
end_all
done_t

t everybody
start "$T/family" parent
children=$(cat "/proc/$PID/task/$PID/children")
rm -f "$W/out"
spile --user -T 40 -e "$BEATS"' global ticks
	probe timer.ms(100) { k = 0; foreach (p in beats) k++; if (k >= 6) exit() else if (++ticks == 3) println("ready") }
	probe end { foreach (p in beats) n++; println(n, begun > 0) }' &
session=$!
for _ in $(seq 300); do grep -q ready "$W/out" 2>/dev/null && break; sleep 0.1; done
"${RUN_AS[@]}" "$T/family" grand 3
"${RUN_AS[@]}" "$T/family" parent >/dev/null 2>&1 &
wait $session
between "processes that beat" "$(tail -1 "$W/out")" 61 71
grep -q memfd:spile "/proc/$PID/maps" && bad "a mapping of ours is left"
text_is_file "$PID"
end_all
done_t
