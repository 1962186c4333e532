# SPDX-License-Identifier: Apache-2.0
# Install and remove at full speed while eight threads run the sites, in every alignment; long by `make torture`.
. "$ROOT/tests/lib/e2e.sh"
SECONDS_EACH=${TORTURE:-5}
LIMIT=$((SECONDS_EACH + 60))
# A thread that finds `on` being written for long gives its hit up: now and then, on a machine with fewer processors than threads.
MANY=$((100 + SECONDS_EACH * 20))

target torture torture.c gcc -O2 -pthread -Wa,--no-warn || exit 1
# Where there is less room, the later of two sessions traps at some places, which it arms in windows.
target torture-low torture.c gcc -O2 -pthread -no-pie -Wa,--no-warn || exit 1

# What a death leaves is kept: where it was, what the bytes there are and were, what the tools said.
cd "$W" || exit 1
ulimit -c unlimited
post_mortem() { # PROGRAM
	local kept core
	kill -0 "$PID" 2>/dev/null && return
	kept=$(mktemp -d /tmp/spile-died.XXXXXX)
	cp "$T/$1" "$W"/*err "$W"/core* "$kept" 2>/dev/null
	for core in "$kept"/core*; do
		[ -s "$core" ] && gdb -batch -ex 'print $_siginfo' -ex 'info registers' -ex 'x/24xb $rip-8' -ex 'x/8i $rip' -ex 'x/400xg $rsp' \
			-ex 'info proc mappings' -ex 'thread apply all print $rip' "$kept/$1" "$core" >"$kept/gdb" 2>&1
	done
	bad "it died, see $kept: $(grep -E '^Program terminated|^rip |si_code' "$kept/gdb" 2>/dev/null | tr '\n' '~')"
}

start "$T/torture" 8
t live
attach_run -vv -D MAXSKIPPED=$MANY -e 'global on, hits
	probe process.function("t_*") if (on) { hits <<< 1 }
	probe timer.ms(1) { on = !on }
	probe timer.s('"$SECONDS_EACH"') { exit() } probe end { println(@count(hits) > 0) }'
ok_rc
is "hit" "$(cat "$W/out")" 1
hasnot "$W/err" 'us .window'
between "changes" "$(grep -c 'armed or disarmed in [0-9.]* us$' "$W/err")" $((SECONDS_EACH * 20)) 100000000
for rung in nop single several padding; do has "$W/err" "^  $rung "; done
done_t

t windows
end=$((SECONDS + SECONDS_EACH))
r=0
while [ $SECONDS -lt $end ] && [ -z "$BAD" ]; do
	attach_run -e 'global hits, m probe process.function("t_*") { hits <<< 1; m += user_int8(8) } probe timer.ms(30) { exit() } probe end { println(@count(hits) > 0, m) }'
	ok_rc
	is "hit in round $r" "$(cat "$W/out")" 10
	r=$((r + 1))
done
done_t

# Two sessions, each toggling, over each other.
spile_other() {
	: >"$W/other"; chmod 666 "$W/other"
	"${RUN_AS[@]}" "$SPILE" -vv -D MAXSKIPPED=$MANY -o "$W/other" -x "$PID" -e "$1" >/dev/null 2>"$W/other.err" </dev/null &
	OTHER=$!
	PIDS="$PIDS $OTHER"
}
# toggles MS SECONDS
toggles() {
	echo 'global on, hits probe process.function("t_*") if (on) { hits <<< 1 } probe timer.ms('"$1"') { on = !on }
		probe timer.s('"$2"') { exit() } probe end { println(@count(hits) > 0) }'
}
both() { # PROGRAM
	t "both: $1"
	snapshot "$PID" >"$W/before"
	spile_other "$(toggles 3 "$SECONDS_EACH")"
	sleep 0.5
	spile -vv -D MAXSKIPPED=$MANY -x "$PID" -e "$(toggles 2 $((SECONDS_EACH / 2 + 1)))"
	ok_rc
	is "hit" "$(cat "$W/out")" 1
	wait $OTHER
	is "the other's status" $? 0
	is "the other hit" "$(cat "$W/other")" 1
	# those that were given up are told, and bounded by MAXSKIPPED
	for said in err other.err; do
		grep -vE '^(WARNING: Number of errors: 0, skipped probes: [0-9]*|Pass [1-5]: .*|process [0-9]*: .*|  [a-z]+ +[0-9]+)$' "$W/$said" >"$W/else" && bad "it says: $(cat "$W/else")"
	done
	post_mortem "$1"
	attached_clean
	done_t
}
unharmed() {
	t "unharmed: $1"
	kill -TERM "$PID"
	wait "$PID"
	is "the program's status" $? 0
	has "$W/bg" 'calls=1 wrong=0'
	done_t
}
both torture
unharmed torture
start "$T/torture-low" 8
both torture-low
unharmed torture-low
