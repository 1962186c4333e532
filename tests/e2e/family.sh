# SPDX-License-Identifier: Apache-2.0
# Whole trees of processes: who is born, becomes another program, and dies.
. "$ROOT/tests/lib/e2e.sh"

target storm storm.c gcc -O1 || exit 1
target churn churn.c gcc -O2 -pthread || exit 1
target static storm.c gcc -O1 -static || exit 1

LIFE='global begun, ended, open
probe process.begin { begun++; open[pid()]++ }
probe process.end { ended++; open[pid()]-- }
probe end { left = 0; foreach (p in open) left += open[p] != 0
	printf("begun %d ended %d open %d\n", begun, ended, left) }'

t storm
launch_same "$T/storm 240 20" -e "$LIFE"' global hits; probe process("'"$T/storm"'").function("leaf") { hits <<< 1 } probe end { printf("leaf %d\n", @count(hits)) }' -D MAXMAPENTRIES=5000
is balance "$(head -1 "$W/out")" "begun 401 ended 401 open 0"
is hits "$(tail -1 "$W/out")" "leaf 240"
done_t

t storm-static
launch_same "$T/static 90 10" -e "$LIFE"' global hits; probe process("'"$T/static"'").function("leaf") { hits <<< 1 } probe end { printf("leaf %d\n", @count(hits)) }'
is balance "$(head -1 "$W/out")" "begun 151 ended 151 open 0"
is hits "$(tail -1 "$W/out")" "leaf 90"
done_t

t storm-killed
spile -e "$LIFE" -c "$T/storm 150 20 3" -D MAXMAPENTRIES=5000
ok_rc
is target "$(sed 's/[0-9]* killed.*/N/' "$W/target")" "exited N"
has "$W/out" ' open 0$'
is "begun and ended" "$(awk '{print $2 == $4}' "$W/out")" 1
done_t

t order-and-context
spile -e 'probe process.begin { printf("+%s %d\n", execname(), pid() == tid() && ppid() > 1) }
	probe process.end { printf("-%s %d\n", execname(), pid() == tid() && ppid() > 1) }' -c 'sh -c "/bin/true; exit 0"'
ok_rc
is events "$(tr '\n' ' ' <"$W/out")" "+sh 1 +sh 1 -sh 1 +true 1 -true 1 -sh 1 "
done_t

t threads
launch_same "$T/churn 320" -e 'global b, e, mains
	probe process.thread.begin { b++; mains += pid() == tid() } probe process.thread.end { e++ }
	probe end { printf("%d %d %d\n", b, e, mains) }'
is "begun, ended, main" "$(cat "$W/out")" "$(awk '{print $1, $1}' "$W/out") 1"
is threads "$(cut -d" " -f1 "$W/out")" 321
done_t

t by-path
spile -e 'probe process("/bin/true").begin { println("begin ", pp()) } probe process("/bin/true").end { println("end ", execname()) }
	probe process("/bin/false").begin { println("wrong") }' -c 'sh -c "/bin/echo x; /bin/true"'
ok_rc
is out "$(tr '\n' '~' <"$W/out")" 'begin process("/usr/bin/true").begin~end true~'
done_t

t scripts-and-words
printf '#!/bin/sh\n/bin/true\n' >"$W/script"
chmod 755 "$W/script"
spile -e 'probe process.begin { if (execname() != "sh") printf("%s %s\n", execname(), env_var("SPILE_TEST")) }' -c "env SPILE_TEST=yes $W/script"
ok_rc
is out "$(tr '\n' ' ' <"$W/out")" "env  script yes script yes true yes "
done_t

t no-follow
launch_same "$T/storm 30 5" --follow=no -e "$LIFE"' global hits; probe process("'"$T/storm"'").function("leaf") { hits <<< 1 } probe end { printf("leaf %d\n", @count(hits)) }'
is out "$(tr '\n' ' ' <"$W/out")" "begun 1 ended 1 open 0 leaf 0 "
done_t

t privileged
if [ -u /usr/bin/su ] && [ "$(id -u)" = 0 ]; then
	spile -e 'probe process.begin { println(execname()) }' -c 'sh -c "/usr/bin/su --version >/dev/null; /bin/true"'
	ok_rc
	has "$W/err" "runs a program with another user's rights"
	has "$W/out" '^true$'
	hasnot "$W/out" '^su$'
fi
done_t

t double-fork
# a daemon that survives the command: left alone and clean
spile -e 'probe process.begin { printf("%d\n", pid()) }' -c 'sh -c "setsid sleep 2 & exit 0"'
ok_rc
while read -r p; do
	[ -e "/proc/$p/maps" ] && grep -q memfd:spile "/proc/$p/maps" && bad "a mapping of ours is left in $p"
	[ "$(readlink "/proc/$p/exe" 2>/dev/null)" = "$(realpath /bin/sleep)" ] && text_is_file "$p"
done <"$W/out"
done_t

t asks-at-the-end
# A forked child announces its exec when the session has begun to leave, and sleeps over the answer.
if have gdb; then
	cat >"$W/forks.pl" <<'EOF'
$| = 1;
print "here\n";
$SIG{USR2} = sub {
	$SIG{USR2} = "IGNORE";
	if (fork() == 0) { $SIG{USR1} = sub { exec "sleep", "60" }; print "child $$\n"; sleep 1 while 1 }
};
sleep 1 while 1;
EOF
	# run by gdb where the tool has looked at its members for the last time
	cat >"$W/ask" <<EOF
child=\$(sed -n 's/^child //p' "$W/bg")
kill -USR1 "\$child"
for i in \$(seq 100); do
	read -r number rest <"/proc/\$child/syscall"
	[ "\$number" != 202 ] || break # it waits for a futex, as one that has asked
	sleep 0.02
done
[ "\$number" = 202 ] || echo "it did not ask"
kill -STOP "\$child"
(sleep 1; kill -CONT "\$child") >/dev/null 2>&1 &
EOF
	start /usr/bin/perl "$W/forks.pl"
	: >"$W/out"
	chmod 666 "$W/out"
	as_user timeout -k 5 30 gdb -q -batch -nx -ex 'set debuginfod enabled off' -ex 'handle all nostop noprint pass' \
		-ex 'break ctl_state_set if state == 2' -ex run -ex "shell sh '$W/ask'" -ex 'delete' -ex continue --args "$SPILE" -o "$W/out" \
		-x "$PID" -e 'probe process.begin { println(execname()) } probe timer.ms(300) { system("kill -USR2 '"$PID"'") }
			probe timer.ms(900) { system("kill -TERM $PPID") }' >"$W/err" 2>&1 </dev/null
	child=$(sed -n 's/^child //p' "$W/bg")
	PIDS="$PIDS $child"
	has "$W/err" 'exited normally'
	hasnot "$W/err" 'WARNING|did not ask'
	for _ in $(seq 50); do [ "$(readlink "/proc/$child/exe")" = "$(realpath /bin/sleep)" ] && break; sleep 0.05; done
	is "the child's program" "$(readlink "/proc/$child/exe")" "$(realpath /bin/sleep)"
	grep -qs memfd:spile "/proc/$PID/maps" "/proc/$child/maps" && bad "a mapping of ours is left"
	text_is_file "$PID"
	done_t
else
	skip_t asks-at-the-end "gdb is not installed"
fi
