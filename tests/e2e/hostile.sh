# SPDX-License-Identifier: Apache-2.0
# Targets in awkward states: signals blocked or handled, confined, private, with code that is not from files.
. "$ROOT/tests/lib/e2e.sh"

target hostile hostile.c gcc -O2 -pthread || exit 1
target count-pie count.c gcc -O2 -pthread -fPIE -pie || exit 1

HITS='global n, b probe process.function("work") { n++; b += user_int8(8) } probe timer.ms(1200) { exit() } probe end { printf("hits=%d %d\n", n > 0, b) }'
COUNT='global n probe process.function("work") { n++ } probe timer.ms(1200) { exit() } probe end { printf("hits=%d\n", n > 0) }'
end_target() {
	kill -TERM "$PID"
	wait "$PID"
	is "the program's status" $? 0
	is "what the program saw" "$(tail -1 "$W/bg")" "$1"
}

for kind in blocked handlers overflow tiny memfd patcher checksum vfork large; do
	t $kind
	start "$T/hostile" $kind
	[ $kind = tiny ] && RESTLESS=1
	for script in "$COUNT" "$HITS" "$HITS"; do
		attach_run -e "$script"
		ok_rc
		has "$W/out" '^hits=1'
		kill -0 "$PID" 2>/dev/null || { bad "the target is dead"; break; }
	done
	RESTLESS=
	seen=0
	case $kind in handlers | overflow | checksum) seen=1 ;; esac
	end_target "rounds=1 seen=$seen wrong=0"
	done_t
done

# What the filter does not allow would kill: no call is made at all.
for kind in kill refuse; do
	t "seccomp $kind"
	start "$T/hostile" $kind
	snapshot "$PID" >"$W/before"
	spile -x "$PID" -e "$COUNT"
	is "refused" $RC 1
	has "$W/err" 'confines itself by a seccomp filter'
	has "$W/err" 'run as root'
	attached_clean
	end_target "rounds=1 seen=0 wrong=0"
	done_t
	if [ "$(id -u)" != 0 ]; then
		skip_t "seccomp $kind as root" "not root"
		continue
	fi
	t "seccomp $kind as root"
	start "$T/hostile" $kind
	snapshot "$PID" >"$W/before"
	timeout 60 "$SPILE" -x "$PID" -e "$COUNT" >"$W/out" 2>"$W/err" </dev/null
	is "status" $? 0
	has "$W/out" '^hits=1'
	attached_clean
	end_target "rounds=1 seen=0 wrong=0"
	done_t
done

t not-dumpable
start "$T/hostile" private
spile -x "$PID" -e "$COUNT"
is "refused" $RC 1
has "$W/err" 'may not be probed'
has "$W/err" 'has protected itself'
end_target "rounds=1 seen=0 wrong=0"
done_t

if [ "$(id -u)" = 0 ]; then
	t set-user-id
	cp /bin/sleep "$W/setuid" && chmod 4755 "$W/setuid"
	chmod 755 "$W"
	: >"$W/number"
	chmod 666 "$W/number"
	as_user sh -c "$W/setuid 30 >/dev/null 2>&1 & echo \$! >$W/number"
	OTHER=$(cat "$W/number")
	for _ in $(seq 100); do [ "$(readlink "/proc/$OTHER/exe")" = "$(realpath "$W/setuid")" ] && break; sleep 0.05; done
	PIDS="$PIDS $OTHER"
	chmod 1777 "$W"
	spile -x "$OTHER" -e 'probe process.function("main") { } probe timer.s(1) { exit() }'
	is "refused" $RC 1
	has "$W/err" 'may not be probed'
	has "$W/err" 'belongs to user 0'
	kill -9 "$OTHER"
	done_t
else
	skip_t set-user-id "not root"
fi

# A program without a name: started from memory, or replaced on the disk.
for kind in memory replaced; do
	t "program $kind"
	cp "$T/count-pie" "$W/nameless"
	: >"$W/bg"
	if [ $kind = memory ]; then
		"${RUN_AS[@]}" python3 -c 'import os, sys
fd = os.memfd_create("program", 0)
os.write(fd, open(sys.argv[1], "rb").read())
os.execve(fd, sys.argv[1:], os.environ)' "$W/nameless" 2 0 >"$W/bg" 2>&1 </dev/null &
	else
		"${RUN_AS[@]}" "$W/nameless" 2 0 >"$W/bg" 2>&1 </dev/null &
	fi
	PID=$!
	PIDS="$PIDS $PID"
	for _ in $(seq 100); do grep -q . "$W/bg" && break; sleep 0.1; done
	[ $kind = memory ] || { rm "$W/nameless"; cp "$T/hostile" "$W/nameless"; }
	settle "$PID"
	snapshot "$PID" >"$W/before"
	for probe in 'process.function("work")' "process($PID).function(\"work\").return"; do
		spile -x "$PID" -e "global n probe $probe { n++ } probe timer.ms(300) { exit() } probe end { printf(\"hits=%d\n\", n > 0) }"
		ok_rc
		has "$W/out" '^hits=1'
	done
	snapshot "$PID" >"$W/after"
	cmp -s "$W/before" "$W/after" || bad "left behind: $(diff "$W/before" "$W/after" | head -6 | tr '\n' '~')"
	target_unharmed
	done_t
done

# In a user namespace of its own: the tool outside is an ordinary user.
if "${RUN_AS[@]}" unshare -Urmpf --mount-proc true 2>/dev/null; then
	t user-namespace
	cp "$T/count-pie" "$W/inside"
	: >"$W/bg"
	"${RUN_AS[@]}" unshare -Urmpf --mount-proc sh -c "mount --bind '$W' /mnt && exec /mnt/inside 2 0" >"$W/bg" 2>&1 </dev/null &
	OUTER=$!
	PIDS="$PIDS $OUTER"
	for _ in $(seq 100); do PID=$(pgrep -P $OUTER); [ -n "$PID" ] && [ "$(readlink "/proc/$PID/exe")" = /mnt/inside ] && break; sleep 0.1; done
	PIDS="$PIDS $PID"
	settle "$PID"
	snapshot "$PID" >"$W/before"
	spile -x "$PID" -e 'global n, p probe process.function("work") { n++; p = pid() } probe timer.ms(500) { exit() } probe end { printf("hits=%d pid=%d\n", n > 0, p) }'
	ok_rc
	has "$W/out" '^hits=1 pid=1$'
	snapshot "$PID" >"$W/after"
	cmp -s "$W/before" "$W/after" || bad "left behind: $(diff "$W/before" "$W/after" | head -6 | tr '\n' '~')"
	kill -TERM "$PID"
	wait $OUTER
	has "$W/bg" 'wrong=0'
	done_t
else
	skip_t user-namespace "no user namespaces"
fi

# Another mount and pid namespace: the tool sees other numbers and other paths than the target.
if [ "$(id -u)" = 0 ] && unshare -m -p -f --mount-proc true 2>/dev/null; then
	t namespaces
	mkdir -p "$W/hidden"
	cp "$T/count-pie" "$W/hidden/inside"
	: >"$W/bg"
	unshare -m -p -f --mount-proc sh -c "mount --bind '$W/hidden' /mnt && exec /mnt/inside 4 0" >"$W/bg" 2>&1 </dev/null &
	OUTER=$!
	PIDS="$PIDS $OUTER"
	for _ in $(seq 50); do PID=$(pgrep -P $OUTER); [ -n "$PID" ] && [ "$(readlink "/proc/$PID/exe")" = /mnt/inside ] && break; sleep 0.1; done
	PIDS="$PIDS $PID"
	settle "$PID"
	snapshot "$PID" >"$W/before"
	timeout 60 "$SPILE" -x "$PID" -e 'global n, p probe process("'"$W/hidden/inside"'").function("work") { n++; p = pid() } probe timer.ms(700) { exit() } probe end { printf("hits=%d pid=%d\n", n > 0, p) }' >"$W/out" 2>"$W/err" </dev/null
	is "status" $? 0
	has "$W/out" '^hits=1 pid='
	snapshot "$PID" >"$W/after"
	cmp -s "$W/before" "$W/after" || bad "left behind: $(diff "$W/before" "$W/after" | head -6 | tr '\n' '~')"
	kill -TERM "$PID"
	wait $OUTER
	has "$W/bg" 'wrong=0'
	done_t
else
	skip_t namespaces "not root, or no namespaces"
fi

# Threads that tell numbers of their own namespace live all the same, and keep the locks that they hold.
if [ "$(id -u)" = 0 ] && unshare -m -p -f --mount-proc true 2>/dev/null; then
	t locks-in-a-namespace
	: >"$W/bg"
	unshare -m -p -f --mount-proc "$T/count-pie" 4 0 >"$W/bg" 2>&1 </dev/null &
	OUTER=$!
	PIDS="$PIDS $OUTER"
	for _ in $(seq 50); do PID=$(pgrep -P $OUTER); [ -n "$PID" ] && [ "$(readlink "/proc/$PID/exe")" = "$(realpath "$T/count-pie")" ] && break; sleep 0.1; done
	PIDS="$PIDS $PID"
	settle "$PID"
	timeout 60 "$SPILE" -x "$PID" -DMAXACTION=100000 -DMAXSKIPPED=10000000 -e 'global n, h, y
		probe process("'"$T/count-pie"'").function("work") { h <<< 1; x = n; for (i = 0; i < 900; i++) y += i; n = x + 1; if (n == 30000) exit() }
		probe end { println(@count(h) - n) }' >"$W/out" 2>"$W/err" </dev/null
	is "status" $? 0
	between "hits that were not counted" "$(head -1 "$W/out")" 0 0
	kill -TERM "$PID"
	wait $OUTER
	has "$W/bg" 'wrong=0'
	done_t

	# Whoever has the number here that a child has there is not the child.
	t child-in-a-namespace
	cat >"$W/within.sh" <<'S'
sleep 0.1 # times are told in hundredths of a second: this shell was there before
"$1" -v -o "$2/out" -e 'probe process.begin { println(execname()) } probe process("'"$3"'").function("work") { n++ } global n' -c "unshare -pf $3 2 1000" >"$2/target" 2>"$2/err" </dev/null
echo $? >"$2/rc"
S
	# the first process of that namespace is a shell of ours
	timeout 60 unshare -m -p -f --mount-proc sh "$W/within.sh" "$SPILE" "$W" "$T/count-pie"
	is "status" "$(cat "$W/rc")" 0
	has "$W/target" 'wrong=0'
	hasnot "$W/err" '^process 1: '
	has "$W/err" '^WARNING: a process that a pid namespace of its own knows by the number 1 is not followed'
	done_t
else
	skip_t locks-in-a-namespace "not root, or no namespaces"
	skip_t child-in-a-namespace "not root, or no namespaces"
fi
