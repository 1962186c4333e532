# SPDX-License-Identifier: Apache-2.0
# More threads than a session has slots for, one after another: none is missed.
. "$ROOT/tests/lib/e2e.sh"

target churn churn.c gcc -O2 -pthread || exit 1

t more-threads-than-slots
launch_same "$T/churn 12000" -e 'global n, m
	probe process("'"$T/churn"'").function("work") { n <<< 1; m += user_int8(8) }
	probe end { printf("%d %d\n", @count(n), m) }'
is "hits" "$(cut -d' ' -f1 "$W/out")" 12000
hasnot "$W/err" 'beyond the'
done_t
