# SPDX-License-Identifier: Apache-2.0
# System calls: every one is seen, once, and the program sees the same as without.
. "$ROOT/tests/lib/e2e.sh"
. "$ROOT/tests/lib/sessions.sh"

target syscalls syscalls.c gcc -O2 -pthread || exit 1
target syscalls-static syscalls.c gcc -O2 -pthread -static || exit 1
kinds="syscalls syscalls-static"
if have musl-gcc; then
	target syscalls-musl syscalls.c musl-gcc -O2 && kinds="$kinds syscalls-musl"
	target syscalls-musl-static syscalls.c musl-gcc -O2 -static && kinds="$kinds syscalls-musl-static"
fi
COUNT='global n, r
probe process.syscall { n[$syscall]++ }
probe process.syscall.return { r[$syscall]++ }
probe end { foreach (s+ in n) printf("%s %d %d\n", s == 1000000 ? "none" : syscall_name(s), n[s], r[s]) }'

# counted COMMAND: strace -f -c beside ours. It counts calls that come back, restarted ones twice; how often threads
# meet in futex() is theirs to choose; the exec of the command itself came before us.
compare_counts() {
	# shellcheck disable=SC2086 # words
	as_user strace -f -c -o "$W/strace" $1 >"$W/traced" 2>/dev/null </dev/null
	awk '$4 ~ /^[0-9]+$/ && $NF != "total" {print $NF, $4}' "$W/strace" | grep -vE "^(execve|futex${2:-}) " | sort >"$W/want"
	awk '{print $1, $2}' "$W/out" | grep -vE "^(exit|exit_group|none|futex${2:-}) " | sort >"$W/got"
	cmp -s "$W/want" "$W/got" || bad "counts: $(diff "$W/want" "$W/got" | tr '\n' '~')"
}

for kind in $kinds; do
	t "$kind-launch"
	launch_same "$T/$kind" -e "$COUNT"
	if have strace; then compare_counts "$T/$kind" "|read"; fi
	# all come back but one read that is cancelled, those that end threads, and rt_sigreturn
	awk '$2 != $3 && !/^(exit|exit_group|rt_sigreturn|read|none|getpid|writev|utimensat) /' "$W/out" >"$W/lost"
	[ ! -s "$W/lost" ] || bad "without return: $(tr '\n' '~' <"$W/lost")"
	done_t
done

for kind in $kinds; do
	t "$kind-attach-while-blocked"
	start "$T/$kind" wait
	attach_run -T 0.3 -e "$COUNT" # leaves while all threads are in their calls
	hasnot "$W/err" 'stays'
	spile -x "$PID" -e 'probe process.syscall.return { if ($syscall == 0) n[$return]++ } global n
		probe timer.ms(100) { if (!told++) system("kill -USR1 '"$PID"'") } global told
		probe end { printf("%d\n", n[1]) }'
	ok_rc
	# musl reads by one instruction for many calls: which one is not known of those made before we came
	is "read, blocked before we came" "$(cat "$W/out")" "$(case $kind in *musl*) echo 0 ;; *) echo 8 ;; esac)"
	is "target" "$(cat "$W/bg")" "$(printf 'ready\n8')"
	done_t
done

# in and out of processes that make nothing but system calls, with handlers that read memory
for kind in call-storm call-storm-static call-storm-musl; do
	case $kind in
	call-storm) target $kind call_storm.c gcc -O2 -pthread ;;
	call-storm-static) target $kind call_storm.c gcc -O2 -pthread -static ;;
	*)
		have musl-gcc || continue
		target $kind call_storm.c musl-gcc -O2 -static || continue
		;;
	esac
	t "$kind"
	start "$T/$kind"
	for _ in 1 2 3; do
		spile -x "$PID" -T 0.15 -D MAXSKIPPED=100000000 -e 'global calls, errors, files
			probe syscall.* { calls[name] <<< 1 } probe syscall.*.return { if (retval < 0) errors[name, retstr] <<< 1 }
			probe syscall.{open,openat} { files[filename] <<< 1 } probe syscall.write { calls[argstr] <<< 1 }'
		ok_rc
		has "$W/out" '^errors\["open.*ENOENT'
		has "$W/out" '^files\["\\"/nowhere/x\\""\]'
		text_is_file "$PID"
	done
	kill -TERM "$PID"
	wait "$PID" 2>/dev/null
	is "target" "$(tail -1 "$W/bg")" "wrong 0, handled 1"
	done_t
done

t memory-and-hooks
launch_same "$T/syscalls" -e 'global files
	probe process.syscall { if ($syscall == 257) files[user_string($arg2)]++; if ($syscall == 13) actions++ }
	probe process.syscall.return { if ($syscall == 13 && $return == 0) good++ }
	global actions, good
	probe end { printf("%d %d %d\n", files["/lib/x86_64-linux-gnu/libc.so.6"], actions, good) }'
is "libc, sigaction" "$(cat "$W/out")" "1 4 4"
done_t

t before-the-first-line-of-libc
launch_same /bin/true -e "$COUNT"
if have strace; then compare_counts /bin/true; fi
done_t

t exec
printf '#!/bin/sh\nexec /bin/echo done\n' >"$W/exec.sh"
chmod 755 "$W/exec.sh"
launch_same "$W/exec.sh" -e "$COUNT"
has "$W/out" '^execve 1 0$'
done_t

t by-program
spile -e 'probe process("/bin/true").syscall { a++ } probe process("/bin/false").syscall { b++ } global a, b
	probe end { printf("%d %d\n", a > 10, b) }' -c /bin/true
is "counts" "$(cat "$W/out")" "1 0"
done_t

t with-functions-at-the-same-place
launch_same "$T/syscalls-static" -e "global f, s
	probe process(\"$T/syscalls-static\").function(\"getppid\") { f++ }
	probe process.syscall { if (\$syscall == 110) s++ }
	probe end { printf(\"%d %d\n\", f, s) }"
is "functions, calls" "$(cat "$W/out")" "1 2"
hasnot "$W/err" 'could not be placed: another'
done_t

if have go; then
	t go
	target count-go count.go go build || exit 1
	RESTLESS=1 launch_same "$T/count-go" -e "$COUNT"
	has "$W/out" '^write [0-9]'
	done_t
fi

t two-sessions
start "$T/syscalls" wait
snapshot "$PID" >"$W/before"
session first 'probe begin { println("begun") } probe process.syscall { n[$syscall]++ } global n probe end { println("writes ", n[1]) }'
spile -x "$PID" -T 0.4 -e 'probe process.syscall { n++ } global n'
kill -USR1 "$PID"
wait "$TOOL_first"
is "writes, after another session has come and gone" "$(tail -1 "$W/out-first")" "writes 9"
done_t

t top-syscalls
launch_same "ls /usr" "$ROOT/examples/top-syscalls.stp"
is lines "$(wc -l <"$W/out" | tr -d ' ')" 10
sort -srn -k1,1 "$W/out" | cmp -s - "$W/out" || bad "not in descending order"
has "$W/out" '^ +[0-9]+ openat$'
done_t

# as printed: Josh Stone, SystemTap Sans Kernel, example 1
t the-talk
launch_same "ls /usr" -e 'global syscount
probe syscall.* {
    syscount[name] += 1
}
probe end {
    foreach (count = name in syscount - limit 10)
        printf("%6d %s\n", count, name)
}'
is lines "$(wc -l <"$W/out" | tr -d ' ')" 10
done_t

t strace-example
launch_same "cat /etc/passwd" "$ROOT/examples/strace.stp"
has "$W/out" '^cat openat\(AT_FDCWD, "/etc/passwd", O_RDONLY\) = 3$'
has "$W/out" '^cat close\(3\) = 0$'
done_t

t wildcards-and-any
launch_same "cat /etc/passwd" -e 'global a, b, c
	probe syscall.{openat*,close*} { a++ } probe syscall.openat, syscall.close { b++ } probe nd_syscall.openat, nd_syscall.close { c++ }
	probe syscall_any { if (name == "openat" || name == "close") d++ } global d, e
	probe syscall_any.return { if ((name == "openat" || name == "close") && retval >= 0) e++ }
	probe end { println(a == b && b == c && c == d && d == e && a > 5) }'
is equal "$(cat "$W/out")" 1
done_t

t return-values
launch_same "cat /nowhere/at/all" -e 'probe syscall.openat { f = filename_unquoted; if (f == "/nowhere/at/all") printf("%s %s\n", dfd_str, flags_str) }
	probe syscall.openat.return { if (retval == -2) printf("%s %s\n", name, retstr) }'
has "$W/out" '^AT_FDCWD O_RDONLY$'
has "$W/out" '^openat -2 \(ENOENT\)$'
done_t

t no-target
spile -e 'probe syscall.open { println(name) }'
is "exit status" "$RC" 1
has "$W/err" 'system calls are probed in a process and what it starts'
done_t

# The description of where handlers come back to begins a byte early; without symbols nothing else tells where that is.
for kind in -static "-static -s" -s; do
	t "signals $kind"
	# shellcheck disable=SC2086 # words
	gcc -O1 $kind -o "$W/handled" "$ROOT/tests/e2e/targets/handled.c" && chmod 755 "$W/handled"
	launch_same "$W/handled 5" -e 'global n probe process.syscall { n[$syscall]++ } probe end { println(n[15], " ", n[1]) }'
	is "returns from handlers, writes" "$(cat "$W/out")" "5 1"
	done_t
done

if have strace; then
	t arguments
	"$ROOT/tests/syscalls/arguments" "$SPILE" >"$W/said" 2>&1 || bad "$(tail -5 "$W/said" | tr '\n' '~')"
	done_t

	t counts
	COUNTS=6 "$ROOT/tests/syscalls/counts" "$SPILE" >"$W/said" 2>&1 || bad "$(tail -5 "$W/said" | tr '\n' '~')"
	done_t
else
	skip_t arguments "strace is not installed"
fi
