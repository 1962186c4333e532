# SPDX-License-Identifier: Apache-2.0
# Debuggers, tracers and the kernel's uprobes on a process that a session probes, and on the same places.
. "$ROOT/tests/lib/e2e.sh"

target count-pie count.c gcc -O2 -pthread -fPIE -pie || exit 1

session() {
	: >"$W/out"; chmod 666 "$W/out"
	"${RUN_AS[@]}" env --default-signal=INT "$SPILE" -o "$W/out" -x "$PID" -e 'global n probe process.function("'"${1:-work}"'") { n++ }
		probe timer.ms(50) { println(n) } probe end { printf("end %d\n", n) }' >/dev/null 2>"$W/err" </dev/null &
	TOOL=$!
	PIDS="$PIDS $TOOL"
	for _ in $(seq 100); do grep -q . "$W/out" && break; sleep 0.1; done
}
last() { grep -E '^[0-9]+$' "$W/out" | tail -1; }
# counts: the session's counter goes on, within some seconds
counts() {
	local before
	before=$(last)
	for _ in $(seq 40); do [ "$(last)" != "$before" ] && return; sleep 0.1; done
	bad "no hits any more: $(cat "$W/err")"
}
quit() {
	kill -INT $TOOL
	wait $TOOL
	is "status" $? 0
	attached_clean
	target_unharmed
}

if have gdb; then
	t gdb
	start "$T/count-pie" 2 0
	snapshot "$PID" >"$W/before"
	session
	counts
	as_user timeout 60 gdb -nx -batch -p "$PID" -ex 'break *work' -ex 'continue' -ex 'info registers rip' -ex 'continue' -ex 'delete' -ex 'detach' >"$W/gdb" 2>&1 </dev/null
	has "$W/gdb" 'Breakpoint 1, '
	counts
	as_user timeout 60 gdb -nx -batch -p "$PID" -ex 'break *work' -ex 'continue' -ex 'detach' >"$W/gdb" 2>&1 </dev/null
	counts
	quit
	done_t

	# Between the site's short jump and the long one that it leads to, when the session leaves.
	t island
	target torture torture.c gcc -O2 -pthread -Wa,--no-warn || exit 1
	start "$T/torture" 1
	snapshot "$PID" >"$W/before"
	session t_tiny_16
	counts
	as_user timeout 60 gdb -nx -batch -p "$PID" -ex 'break *t_tiny_16' -ex 'continue' -ex 'delete' -ex 'x/2xb $pc' -ex 'stepi' -ex 'x/1xb $pc' \
		-ex "shell kill -STOP $PID" -ex 'detach' >"$W/gdb" 2>&1 </dev/null
	has "$W/gdb" '<t_tiny_16>:.*0xeb'
	has "$W/gdb" ':.*0xe9$'
	grep -q '^State:.*T' "/proc/$PID/status" || bad "it is not stopped: $(cat "$W/gdb")"
	kill -INT $TOOL
	wait $TOOL
	is "status" $? 0
	text_is_file "$PID"
	kill -CONT "$PID"
	sleep 0.2
	target_unharmed
	done_t
else
	skip_t gdb "gdb is not installed"
fi
if have strace; then
	t strace
	start "$T/count-pie" 2 0
	snapshot "$PID" >"$W/before"
	session
	as_user timeout 1 strace -f -o "$W/strace" -p "$PID" >/dev/null 2>&1 </dev/null
	counts
	quit
	done_t
else
	skip_t strace "strace is not installed"
fi

# What the kernel does for a uprobe that comes and goes between two looks of the tool, by hand.
t uprobe-for-a-moment
start "$T/count-pie" 2 0
snapshot "$PID" >"$W/before"
session
counts
kill -STOP "$PID"
"${RUN_AS[@]}" python3 - "$PID" "$T/count-pie" >"$W/moment" 2>&1 <<'PYTHON'
import subprocess, sys
pid, path = sys.argv[1:]
at = next(int(l.split()[0], 16) for l in subprocess.run(["nm", path], capture_output=True, text=True).stdout.splitlines() if l.endswith(" T work"))
base = min(int(l.split("-")[0], 16) for l in open(f"/proc/{pid}/maps") if path in l)
first = open(path, "rb").read()[at:at + 1]
memory = open(f"/proc/{pid}/mem", "r+b", buffering=0)
for byte in b"\xcc", first:
    memory.seek(base + at)
    memory.write(byte)
PYTHON
[ -s "$W/moment" ] && bad "$(cat "$W/moment")"
sleep 1
kill -CONT "$PID"
counts
quit
done_t

uprobe() {
	bpftrace -e 'uprobe:'"$T"'/count-pie:work { @ = count(); } interval:s:1 { printf("ready\n"); } interval:s:'"$1"' { exit(); }' >"$W/uprobe" 2>&1 </dev/null &
	UPROBE=$!
	PIDS="$PIDS $UPROBE"
	for _ in $(seq 100); do grep -q ready "$W/uprobe" && break; sleep 0.1; done
}
if ! have bpftrace || [ "$(id -u)" != 0 ] || ! timeout 30 bpftrace -e 'uprobe:'"$T"'/count-pie:work { } interval:ms:100 { exit(); }' >/dev/null 2>&1; then
	skip_t uprobe "bpftrace cannot place one here"
	exit 0
fi
t uprobe-before
start "$T/count-pie" 2 0
uprobe 6
session
has "$W/err" "wait until another tool's breakpoints have gone"
is "hits while the breakpoint is there" "$(last)" 0
wait $UPROBE
has "$W/uprobe" '^@: [1-9]'
counts
snapshot "$PID" >"$W/before"
kill -INT $TOOL
wait $TOOL
is "status" $? 0
text_is_file "$PID"
target_unharmed
done_t

t uprobe-after
start "$T/count-pie" 2 0
session
counts
uprobe 4
has "$W/err" 'the kernel has a breakpoint on a probed place'
wait $UPROBE
counts
kill -INT $TOOL
wait $TOOL
is "status" $? 0
text_is_file "$PID"
target_unharmed
done_t
