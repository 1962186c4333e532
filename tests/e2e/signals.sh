# SPDX-License-Identifier: Apache-2.0
# A program with its own ideas about SIGSEGV, SIGBUS and SIGTRAP keeps them while probes read bad memory.
. "$ROOT/tests/lib/e2e.sh"

target signals signals.c gcc -O1 -pthread || exit 1
target signals-static signals.c gcc -O1 -pthread -static || exit 1
for kind in signals signals-static; do
	t "$kind-launch"
	launch_same "$T/$kind" -e "global good, bad
		probe process(\"$T/$kind\").function(\"look\") { try { s = user_string(pointer_arg(1)); good[s]++ } catch (m) { bad++ } }
		probe end { printf(\"good=%d bad=%d\n\", good[\"good\"], bad > 5) }"
	is "seen" "$(cat "$W/out")" "good=1 bad=1"
	hasnot "$W/err" 'ERROR'
	done_t
done

# Sites where the hooks of these system calls have to go: at the mov of the number both have room, at the syscall the hook goes first.
t sites-at-hooks
sites=$(objdump -d --no-show-raw-insn "$T/signals-static" |
	sed -nE '/mov +\$0x[de],%eax/ { s/^ *([0-9a-f]+):.*/\1/p; n; s/^ *([0-9a-f]+):\tsyscall.*/\1/p }')
probes=$(for a in $sites; do echo "probe process(\"$T/signals-static\").statement(0x$a) { n++ }"; done)
launch_same "$T/signals-static" -e "global good, bad, n $probes
	probe process(\"$T/signals-static\").function(\"look\") { try { s = user_string(pointer_arg(1)); good[s]++ } catch (m) { bad++ } }
	probe end { printf(\"good=%d bad=%d n=%d\n\", good[\"good\"], bad > 5, n > 0) }"
is "seen" "$(cat "$W/out")" "good=1 bad=1 n=1"
hasnot "$W/err" 'ERROR'
has "$W/err" 'could not be placed: a system call for signals'
done_t
