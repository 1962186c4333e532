# SPDX-License-Identifier: Apache-2.0
# Sourced after e2e.sh: several sessions on $PID at once. $EVERY, if set, is script that each of them has; a session's output begins
# when it runs, and $ENDED is what it says in the end.
# shellcheck disable=SC2153 # $PID is of e2e.sh
ENDED=${ENDED:-^end}

# session NAME SCRIPT: in the background; its output in $W/out-NAME, its tool in $TOOL_NAME
session() {
	: >"$W/out-$1"; chmod 666 "$W/out-$1"
	"${RUN_AS[@]}" env --default-signal=INT "$SPILE" -o "$W/out-$1" -x "$PID" -e "$2 ${EVERY:-}" >/dev/null 2>"$W/err-$1" </dev/null &
	eval "TOOL_$1=\$!"
	PIDS="$PIDS $!"
	for _ in $(seq 100); do grep -q . "$W/out-$1" && break; sleep 0.1; done
	grep -q . "$W/out-$1" || bad "session $1 did not begin: $(cat "$W/err-$1")"
}
# quit NAME...: orderly ends; each must have said nothing but its output
quit() {
	local name tool
	for name in "$@"; do
		tool=TOOL_$name
		kill -INT "${!tool}"
		wait "${!tool}"
		is "status of $name" $? 0
		[ -s "$W/err-$name" ] && bad "$name says: $(cat "$W/err-$name")"
		has "$W/out-$name" "$ENDED"
	done
}
# end_target: when all have left
end_target() {
	attached_clean
	target_unharmed
}
