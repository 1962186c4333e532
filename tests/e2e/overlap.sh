# SPDX-License-Identifier: Apache-2.0
# Several sessions whose patches touch each other: longer and shorter ones, behind an endbr64, in libraries that come late.
. "$ROOT/tests/lib/e2e.sh"
. "$ROOT/tests/lib/sessions.sh"

target torture torture.c gcc -O2 -pthread -Wa,--no-warn || exit 1
target late late.c gcc -O2 -ldl || exit 1
for n in 1 2 3; do target "late$n.so" late.c gcc -O2 -shared -fPIC -DLIBRARY=$n || exit 1; done

EVERY='function tell() { foreach (f in n) printf("%s %d\n", f, @count(n[f]) > 0) }
	probe begin { println("begun") } probe timer.ms(200) { tell() } probe end { tell() println("end") }'
# seen NAME FUNCTION...: waits until session NAME has seen them
seen() {
	local name=$1 f
	shift
	for f in "$@"; do
		for _ in $(seq 100); do grep -q "^$f 1" "$W/out-$name" && break; sleep 0.1; done
		has "$W/out-$name" "^$f 1"
	done
}
alive() { kill -0 "$PID" 2>/dev/null || bad "the target has died: $1"; }

FORMS='t_endbr_16 t_several_16 t_pair_16 t_back_16 t_tiny_16 t_padding_16 t_loop_16'
ENTRIES='global n probe process.function("t_*_16") { n[ppfunc()] <<< 1 }'
for order in "A B" "B A"; do
	t "the same entries, ended as $order"
	start "$T/torture" 4
	snapshot "$PID" >"$W/before"
	session A "$ENTRIES"
	session B "$ENTRIES"
	# shellcheck disable=SC2086 # words
	seen A $FORMS
	# shellcheck disable=SC2086 # words
	seen B $FORMS
	# shellcheck disable=SC2086 # words
	quit $order
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
	seen A t_several_16
	seen B t_several_16
	: >"$W/err-B" # the site behind the entry is refused with a warning
	alive "both there"
	# shellcheck disable=SC2086 # words
	quit $order
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
	for _ in $(seq 100); do grep -q WARNING "$W/err-B" && break; sleep 0.1; done
	seen A t_several_16
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
	first) quit B A ;;
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
	seen A on_tick
	seen B call
	# shellcheck disable=SC2086 # words
	quit $order
	attached_clean
	kill -TERM "$PID"
	wait "$PID"
	is "the program's status" $? 0
	has "$W/bg" '^rounds=1'
	done_t
done
