# SPDX-License-Identifier: Apache-2.0
# Files of a session, read and written by others; what is typed.
. "$ROOT/tests/lib/e2e.sh"

target ticks ticks.c gcc -O2 || exit 1

# session ARGS...: spile in the background with its input from $W/in, output in $W/out, messages in $W/err; its folder in $D
session() {
	: >"$W/err"
	: >"$W/out"
	chmod 666 "$W/out"
	"${RUN_AS[@]}" "XDG_RUNTIME_DIR=$RUNTIME" timeout -k 5 60 "$SPILE" -v -o "$W/out" "$@" >"$W/target" 2>"$W/err" <"${INPUT:-/dev/null}" &
	SESSION=$!
	PIDS="$PIDS $SESSION"
	D=
	for _ in $(seq 100); do
		D=$(sed -n 's/^procfs files are in //p' "$W/err")
		[ -n "$D" ] && [ -d "$D" ] && break
		[ -n "${INPUT:-}" ] && grep -q 'starting run' "$W/err" && break
		kill -0 "$SESSION" 2>/dev/null || break
		sleep 0.05
	done
}
ended() {
	wait "$SESSION"
	RC=$?
	[ -z "$D" ] || [ ! -e "$D" ] || bad "left behind: $D"
}
RUNTIME=$WORK/tmp/run-$$
as_user mkdir -m 700 "$RUNTIME"

t read-and-write
session --no-global-var-display -e 'global v = "none", n
	probe procfs("x").read { $value = "gone" $value = sprintf("%d: ", ++n) $value .= v }
	probe procfs("x").write { v = $value println("got ", v) }
	probe procfs("quit").write { exit() }
	probe end { println("end ", procfs_path()) }'
is "folder" "${D%/*}" "$RUNTIME/spile"
is "first" "$(as_user cat "$D/x")" "1: none"
as_user sh -c "for i in 1 2 3; do echo \$i >$D/x; done"
is "after writes" "$(as_user cat "$D/x")" "2: 3"
as_user sh -c "echo more >>$D/x"
is "after an append" "$(as_user cat "$D/x")" "3: more"
is "its mode" "$(stat -c %a "$D/x")" 600
as_user sh -c "echo >$D/quit"
ended
ok_rc
is "output" "$(tr '\n' ' ' <"$W/out")" "got 1  got 2  got 3  got more  end $D "
done_t

# Each of many readers at once gets one whole answer.
t many-readers
session --no-global-var-display -e 'global n
	probe procfs("a/b").umask(077).read.maxsize(100000) { n++ for (i = 0; i < 500; i++) $value .= sprintf("%99d\n", i) }
	probe procfs("quit").write { println(n) exit() }'
for ((i = 0; i < 500; i++)); do printf '%99d\n' "$i"; done >"$W/want"
readers=
for i in 1 2 3 4 5 6 7 8; do
	as_user cat "$D/a/b" >"$W/got.$i" &
	readers="$readers $!"
done
# shellcheck disable=SC2086 # words
wait $readers
for i in 1 2 3 4 5 6 7 8; do cmp -s "$W/got.$i" "$W/want" || bad "reader $i: $(wc -c <"$W/got.$i") bytes"; done
is "its mode" "$(stat -c %a "$D/a/b")" 400
as_user sh -c "echo >$D/quit"
ended
ok_rc
between "answers" "$(cat "$W/out")" 1 8
done_t

t too-long
session -DMAXERRORS=9 --no-global-var-display -e 'probe procfs("x").read.maxsize(10) { $value = "0123456789" $value .= "more" }
	probe procfs("y").read { $value = "kept" try { for (i = 0; i < 99; i++) $value .= "0123456789" } catch (e) { println(e) } }
	probe procfs("quit").write { exit() }'
is "up to the size" "$(as_user cat "$D/x")" 0123456789
is "a string's bytes" "$(as_user cat "$D/y" | wc -c)" 504
as_user sh -c "echo >$D/quit"
ended
has "$W/err" '^ERROR: buffer size exceeded, consider .maxsize near identifier .\$value. at <input>:1:60'
is "caught" "$(cat "$W/out")" "buffer size exceeded, consider .maxsize"
done_t

# A target's counters, read while it runs; what it writes last is heard.
t beside-a-target
session -c "$T/ticks 100000000 0" --no-global-var-display -e 'global n
	probe process.function("work") { n++ }
	probe procfs.read { $value = sprint(n) }
	probe end { println(n) }'
one=$(as_user cat "$D/command")
sleep 0.1
two=$(as_user cat "$D/command")
[ "${one:-0}" -lt "${two:-0}" ] || bad "the count: $one, then $two"
ended
ok_rc
is "calls" "$(cat "$W/out")" 100000000
as_user "$T/ticks" 100000000 0 >"$W/plain" 2>/dev/null
cmp -s "$W/plain" "$W/target" || bad "the target's output changed"
done_t

# Who writes without end neither keeps the session from its other work nor others from their answers.
t endless-writer
session --no-global-var-display -e 'global n, t
	probe procfs("x").write { n += strlen($value) }
	probe procfs("y").write { println("y ", n > 0, " ", t > 0) exit() }
	probe timer.ms(20) { t++ }'
as_user timeout 20 sh -c "while printf %0500d 0; do :; done >$D/x" &
writer=$!
sleep 0.5
as_user sh -c "echo >$D/y"
ended
ok_rc
is "served" "$(cat "$W/out")" "y 1 1"
kill "$writer" 2>/dev/null
done_t

# Nobody hangs when the tool has died; the next session removes what it left.
t killed
session -e 'probe procfs("x").read { $value = "alive" }'
is "alive" "$(as_user cat "$D/x")" alive
kill -STOP "$(pgrep -P "$SESSION" | head -1)"
as_user timeout 20 cat "$D/x" >"$W/late" &
late=$!
sleep 0.2
kill -KILL "$(pgrep -P "$SESSION" | head -1)"
wait "$late"
is "the reader's status" $? 0
is "what it read" "$(cat "$W/late")" ""
left=$D
[ -d "$left" ] || bad "nothing is left: this test is moot"
wait "$SESSION" 2>/dev/null
session -e 'probe procfs("x").write { exit() }'
[ -d "$left" ] && bad "not removed: $left"
as_user sh -c "echo >$D/x"
ended
done_t

t metrics
session "$ROOT/tests/e2e/targets/metrics.stp"
for f in data.json metadata.json __prometheus; do as_user cat "$D/$f" >>"$W/metrics"; done
as_user sh -c "echo >$D/quit"
ended
ok_rc
cmp -s "$W/metrics" "$ROOT/tests/e2e/targets/metrics.out" || bad "$(diff "$W/metrics" "$ROOT/tests/e2e/targets/metrics.out" | tr '\n' '~')"
! have python3 || for n in 1 2; do sed -n "${n}p" "$W/metrics" | python3 -m json.tool >/dev/null || bad "line $n is no JSON"; done
done_t

t lines
printf 'one\ntwo\n\nno end' >"$W/in"
INPUT=$W/in session -e 'probe input.line { printf("<%s>", line) if (line == "no end") exit() }'
ended
ok_rc
is "lines" "$(cat "$W/out")" "<one
><two
><
><no end>"
done_t

t characters
mkfifo "$W/pipe"
chmod 666 "$W/pipe"
exec 9<>"$W/pipe"
INPUT=$W/pipe session -e 'probe input.char { printf("<%s>", char) if (char == "q") exit() } probe input.line { print(line) }'
printf 'ab\n' >&9
for _ in $(seq 100); do grep -q '>ab' "$W/out" && break; sleep 0.1; done
is "so far" "$(cat "$W/out")" "<a><b><
>ab"
printf 'qz' >&9
ended
ok_rc
is "characters" "$(cat "$W/out")" "<a><b><
>ab
<q>"
exec 9>&-
done_t

if have script; then
	# A terminal: keys come one by one, without echo; its settings come back.
	t terminal
	as_user script -qec "stty -echo -icanon; stty echo icanon; stty -g >$W/stty.1; XDG_RUNTIME_DIR=$RUNTIME $SPILE -e 'probe input.char { printf(\"<%s>\", char) if (char == \"q\") exit() }'; stty -g >$W/stty.2" /dev/null \
		< <(sleep 1; printf xy; sleep 0.3; printf q; sleep 0.5) >"$W/terminal" 2>&1
	has "$W/terminal" '<x><y><q>'
	cmp -s "$W/stty.1" "$W/stty.2" || bad "the terminal's settings changed"
	done_t
else
	skip_t terminal "no script command"
fi

# ... also when the tool ends at once. In the background it leaves them alone: it would be stopped.
cat >"$W/keys.py" <<'S'
import os, pty, signal, sys, termios
def end(tool, name):
    os.kill(tool, getattr(signal, "SIG" + name))
    status = os.waitpid(tool, os.WUNTRACED)[1]
    if os.WIFSTOPPED(status):
        os.kill(tool, 9)
    return "stopped" if os.WIFSTOPPED(status) else "ended"
def start():
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpgrp())
    for sig in signal.SIGTTOU, signal.SIGINT:
        signal.signal(sig, signal.SIG_DFL)
    os.execv(sys.argv[1], ["spile", "-e", 'probe begin { println("be", "gun") } probe input.char { print(char) }'])
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
shell, master = pty.fork()
if shell == 0:
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    tool = os.fork()
    if tool == 0:
        start()
    signal.sigwait({signal.SIGUSR1})
    if sys.argv[2] == "background":
        os.tcsetpgrp(0, os.getpgrp())
    print(end(tool, sys.argv[3]), bin(termios.tcgetattr(0)[3] & (termios.ECHO | termios.ICANON)).count("1"))
    sys.exit(0)
said = b""
while b"begun" not in said:
    said += os.read(master, 100)
os.kill(shell, signal.SIGUSR1)
while said.split()[-2:-1] not in ([b"ended"], [b"stopped"]):
    said += os.read(master, 100)
print(said.split()[-2:])
S
t terminal-at-once
as_user env XDG_RUNTIME_DIR="$RUNTIME" timeout 60 python3 "$W/keys.py" "$SPILE" front QUIT >"$W/said" 2>&1
is "settings of" "$(cat "$W/said")" "[b'ended', b'2']"
as_user env XDG_RUNTIME_DIR="$RUNTIME" timeout 60 python3 "$W/keys.py" "$SPILE" background INT >"$W/said" 2>&1
is "in the background" "$(cat "$W/said")" "[b'ended', b'0']"
done_t

t folder-of-another
as_user mkdir -m 777 "$RUNTIME/spile.not" 2>/dev/null
as_user sh -c "rm -rf $RUNTIME/spile; ln -s $RUNTIME/spile.not $RUNTIME/spile"
session -e 'probe procfs("x").read { $value = "x" }'
wait "$SESSION"
is "status" $? 1
has "$W/err" 'is not a private folder of this user'
as_user rm -rf "$RUNTIME"
done_t
