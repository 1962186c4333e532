# SPDX-License-Identifier: Apache-2.0
# process.data: every write is seen, in every thread, with the value before it; the program notices nothing.
. "$ROOT/tests/lib/e2e.sh"

target watched watched.c gcc -g -O1 -pthread || exit 1
P="process(\"$T/watched\")"

as_user "${SHELL:-/bin/sh}" -c true
as_user timeout 20 "$T/watched" 1 1 >/dev/null || exit 1
spile -e "probe $P.data(\"total\").write { exit() }" -c "$T/watched 1 1"
if grep -q "cannot be watched\|debug registers\|refuses" "$W/err"; then
	skip_t watchpoints "$(grep -m1 "watched\|debug registers\|refuses" "$W/err")"
	exit
fi

# same COMMAND SPILE-ARGS...: launch_same for a program that prints an address
same() {
	local command=$1
	shift
	spile "$@" -c "$command"
	ok_rc
	is "the target's output" "$(grep -v heap\ 0x "$W/target" | tr '\n' '~')" "$WANT"
}

# visit SPILE-ARGS...: attaches to $PID, which makes threads of its own meanwhile
visit() {
	descriptors=$(ls "/proc/$PID/fd" | wc -l)
	spile -x "$PID" "$@"
	ok_rc
	grep -q memfd:spile "/proc/$PID/maps" && bad "a mapping of ours is left"
	is "descriptors" "$(ls "/proc/$PID/fd" | wc -l)" "$descriptors"
	text_is_file "$PID"
}

t every-write-in-every-thread
WANT="trapped 1~child 7~total 4000 wide 4000 heap 4000~"
same "$T/watched 500 8" --follow=no -e 'global n, bad, last, threads, m, first
	probe '"$P"'.data("total").write {
		if ($after != $before + 1 || $before != last) bad++
		last = $after
		n++
		threads[tid()] = 1
	}
	probe '"$P"'.data("wide").write { if (!m++) first = $before; at[uaddr()] = ppfunc() == "" }
	global at
	probe end {
		foreach (t in threads) k++
		foreach (a in at) j++
		printf("%d %d %d %d %d %d\n", n, bad, k, m, first, j)
	}'
# wide = 0 and wide++ are two places
is "writes, wrong ones, threads, writes of wide, its first value, places" "$(cat "$W/out")" "4000 0 8 4001 -1 2"
done_t

t reads-count-too
WANT="trapped 1~child 7~total 10 wide 10 heap 10~"
same "$T/watched 10 1" -e 'global n, sizes
	probe '"$P"'.data("wide").rw { n++ ; m += user_int64(&@var("wide")) == $after } global m
	probe '"$P"'.data("small").write { printf("%s %d %d\n", pp(), $before, $after) }
	probe end { printf("%d %d\n", n >= 21, m == n) }'
is "what was told" "$(sed 's/.*watched")//' "$W/out" | tr '\n' '~')" '.data("small").length(2).write 0 -2~1 1~'
done_t

t forked-children
WANT="trapped 1~child 7~total 10 wide 10 heap 10~"
same "$T/watched 10 1" -e 'probe '"$P"'.data("total").write { if (pid() != target()) printf("%d %d %s\n", $before, $after, execname()) else n++ } global n
	probe end { println(n) }'
is "writes" "$(tr '\n' '~' <"$W/out")" "0 7 watched~10~"
done_t

# Those are ours while something is watched, int1 is the program's own.
t debug-exceptions-without-a-reason
target stray stray_traps.c gcc -g -O1 -D_GNU_SOURCE || exit 1
is "unwatched" "$(as_user "$T/stray")" "3 traps"
spile -e 'probe process("'"$T/stray"'").data("total").write { n++; last = $after } global n, last probe end { println(n, " ", last) }' -c "$T/stray"
ok_rc
is "the target's output" "$(cat "$W/target")" "1 traps"
has "$W/out" '^[5-7] 5$'
done_t

# Children, one after the other, and one in each of them, that write while the session comes and goes; the last of them runs the program again.
target forked watched_children.c gcc -g -O1 || exit 1
Q="process(\"$T/forked\")"
t children-and-theirs
launch_same "$T/forked 20" -e 'probe '"$Q"'.data("total").write { n[pid()] += $after - $before } global n
	probe end { foreach (p in n) { k++; sum += n[p] } printf("%d %d\n", k, sum) }'
is "processes, what they added" "$(cat "$W/out")" "41 20020"
done_t

t left-while-they-run
for i in 1 2 3; do
	start "$T/forked" 150
	spile -x "$PID" -e 'probe '"$Q"'.data("total").write { n++; if (pid() != target()) m++ } global n, m probe timer.ms(700) { exit() }
		probe end { println(n > 0, m > 0) }'
	ok_rc
	is "writes were seen" "$(cat "$W/out")" 11
	wait "$PID"
	is "status" $? 0
	has "$W/bg" '^done 20$'
done
done_t

t an-address-of-the-process
: >"$W/bg"
start "$T/watched" 400 3 3 4
address=$(awk '/^heap/ { print $2 }' "$W/bg")
visit -e 'global n, threads
	probe process('"$PID"').data('"$address"').length(8).write { n += $after - $before; threads[tid()] = 1; if (n == 900) exit() }
	probe end { foreach (t in threads) k++; printf("%d %d\n", n >= 900, k >= 2) }' -T 20
is "sum of the changes, threads" "$(cat "$W/out")" "1 1"
wait "$PID"
is "status" $? 0
is "the target's output" "$(grep -v 'heap 0x' "$W/bg" | tr '\n' '~')" "trapped 1~child 7~total 1200 wide 1200 heap 1200~"
done_t

t who-it-was
spile "$ROOT/examples/watch.stp" "$T/watched" small -c "$T/watched 1 1"
is "who" "$(cat "$W/out")" "small: 0 -> -2 by main"
spile -e "probe $P.data(\"wide\").write { if (\$after == 3) print_ubacktrace() }" -c "$T/watched 5 1"
is "stack" "$(grep -oE ': (work|main)\+' "$W/out" | tr '\n' ' ')" ": work+ : main+ "
done_t

t coming-and-going
start "$T/watched" 1500000 4 1 3
seen=0
# The first is there when the writing begins, a second after the start.
for seconds in 1.5 0.3 0.4 0.5 0.6 0.7; do
	visit -e 'global n probe '"$P"'.data("total").write { n++ } probe end { println(n > 0) }' -T "$seconds"
	[ "$(cat "$W/out")" = 0 ] || seen=$((seen + 1))
	grep -q ^total "$W/bg" && break
done
wait "$PID"
is "status" $? 0
[ "$seen" -gt 0 ] || bad "no visit saw a write"
has "$W/bg" '^total 6000000 wide 6000000 heap 6000000$'
done_t

t more-than-there-are-registers
spile -e 'probe '"$P"'.data("total").write, '"$P"'.data("wide").write, '"$P"'.data("small").write,
	'"$P"'.data("total").rw, '"$P"'.data("wide").rw { n++ } global n' -c "$T/watched 5 1"
is status "$RC" 0
has "$W/err" '4 addresses can be watched at a time, as many as the processor has debug registers'
has "$W/out" '^n=[0-9]+'
done_t
