# SPDX-License-Identifier: Apache-2.0
# Several sessions whose patches touch each other: longer and shorter ones, behind an endbr64, in libraries that come late.
. "$ROOT/tests/lib/e2e.sh"
. "$ROOT/tests/lib/sessions.sh"

target torture torture.c gcc -O2 -pthread -Wa,--no-warn || exit 1
target late late.c gcc -O2 -ldl || exit 1
for n in 1 2 3; do target "late$n.so" late.c gcc -O2 -shared -fPIC -DLIBRARY=$n || exit 1; done

EVERY='probe begin { println("begun") } probe end { foreach (f in n) printf("%s %d\n", f, @count(n[f]) > 0); println("end") }'
alive() { kill -0 "$PID" 2>/dev/null || bad "the target has died: $1"; }

FORMS='endbr several pair back tiny padding loop'
ENTRIES='global n probe process.function("t_*_16") { n[ppfunc()] <<< 1 }'
for order in "A B" "B A"; do
	t "the same entries, ended as $order"
	start "$T/torture" 4
	snapshot "$PID" >"$W/before"
	session A "$ENTRIES"
	session B "$ENTRIES"
	sleep 0.2
	# shellcheck disable=SC2086 # words
	quit $order
	for f in $FORMS; do
		has "$W/out-A" "^t_${f}_16 1"
		has "$W/out-B" "^t_${f}_16 1"
	done
	end_target
	done_t
done

# The later session has a site behind the entry: its patch there is shorter than the jump that stands there.
for order in "A B" "B A"; do
	t "a shorter patch over a longer one, ended as $order"
	start "$T/torture" 4
	snapshot "$PID" >"$W/before"
	session A 'global n probe process.function("t_several_16"), process.function("t_pair_16") { n[ppfunc()] <<< 1 }'
	at=$(nm "$T/torture" | awk '$3 == "t_several_16" {print $1}')
	at=$(printf '0x%x' $((0x$at + 4)))
	session B 'global n probe process.function("t_several_16"), process.statement('"$at"') { n[ppfunc()] <<< 1 }'
	sleep 0.2
	: >"$W/err-B" # the site behind the entry is refused with a warning
	alive "both there"
	# shellcheck disable=SC2086 # words
	quit $order
	has "$W/out-A" "^t_several_16 1"
	has "$W/out-B" "^t_several_16 1"
	end_target
	done_t
done

# A site inside the other's jump waits until that session has ended, however it does.
at=$(nm "$T/torture" | awk '$3 == "t_several_16" {print $1}')
at=$(printf '0x%x' $((0x$at + 4)))
INSIDE='global n, hits probe process.statement('"$at"') { hits++; n["inside"] <<< 1 } probe timer.ms(50) { println(hits) }'
inside_counts() {
	local before
	for _ in $(seq 60); do before=$(grep -cE '^[1-9]' "$W/out-B"); [ "$before" -gt 3 ] && return; sleep 0.1; done
	bad "the site inside is not counted: $(cat "$W/err-B")"
}
for way in ends dies first; do
	t "a site inside another's jump, which $way"
	start "$T/torture" 4
	snapshot "$PID" >"$W/before"
	session A 'global n probe process.function("t_several_16"), process.function("t_pair_16") { n[ppfunc()] <<< 1 }'
	session B "$INSIDE"
	sleep 0.3
	has "$W/err-B" 'WARNING: process [0-9]*: 1 probed places are inside jumps of another session and wait until it has ended'
	hasnot "$W/out-B" '^[1-9]'
	: >"$W/err-B"
	case $way in
	ends) quit A; inside_counts; quit B; has "$W/out-B" "^inside 1" ;;
	dies)
		kill -KILL "$TOOL_A"
		wait "$TOOL_A" 2>/dev/null
		as_user timeout 60 "$SPILE" --cleanup "$PID" >"$W/clean" 2>&1 || bad "cleanup: $(cat "$W/clean")"
		inside_counts
		quit B
		has "$W/out-B" "^inside 1"
		;;
	first) quit B A; has "$W/out-A" "^t_several_16 1" ;;
	esac
	end_target
	done_t
done

for order in "A B" "B A"; do
	t "libraries that come late, ended as $order"
	start "$T/late" "$T/late1.so" "$T/late2.so" "$T/late3.so"
	LATE='global n probe process("'$T'/late*.so").function("late") { n[ppfunc()] <<< 1 }'
	kill -USR1 "$PID"
	sleep 0.2
	snapshot "$PID" | grep -v 'late[23]' >"$W/before"
	session A "$LATE"
	session B "$LATE"
	for n in 2 3; do
		kill -USR1 "$PID"
		for _ in $(seq 50); do grep -q "loaded $n" "$W/bg" && break; sleep 0.1; done
		has "$W/bg" "loaded $n"
		sleep 0.2
		alive "library $n"
	done
	# shellcheck disable=SC2086 # words
	quit $order
	grep -q memfd:spile "/proc/$PID/maps" && bad "a mapping of ours is left"
	text_is_file "$PID"
	target_unharmed
	done_t
done

# A session that probes a system call for signals where an earlier one has hooked it.
LIBC=$(ldd "$T/late" | awk '/libc\.so/ {print $3}')
at=$(objdump -d --no-show-raw-insn "$LIBC" | sed -nE '/<__sigsuspend|<pthread_sigmask|<__sigprocmask|<__libc_sigaction/,/^$/ { /mov +\$0x(d|e|82),%eax/ s/^ *([0-9a-f]+):.*/\1/p }')
for order in "A B" "B A"; do
	t "over the hooks of another, ended as $order"
	target waits waits.c gcc -O1 -pthread || exit 1
	start "$T/waits" stay
	snapshot "$PID" >"$W/before"
	session A 'global n, b probe process.function("on_tick") { n[ppfunc()] <<< 1; try { s = user_string(pointer_arg(1)); b[s]++ } catch { b["bad"]++ } }'
	session B "global n $(for a in $at; do echo "probe process(\"$LIBC\").statement(0x$a) { n[\"call\"] <<< 1 }"; done)"
	sleep 0.3
	# shellcheck disable=SC2086 # words
	quit $order
	has "$W/out-A" "^on_tick 1"
	has "$W/out-B" "^call 1"
	attached_clean
	kill -TERM "$PID"
	wait "$PID"
	is "the program's status" $? 0
	has "$W/bg" '^rounds=1'
	done_t
done
