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
