# SPDX-License-Identifier: Apache-2.0
# Scripts translated in one place and run in another: -m NAME, and what it saved.
. "$ROOT/tests/lib/e2e.sh"

mkdir -p "$T/saved.d"
chmod 1777 "$T/saved.d"
target saved.d/variables variables.c gcc -O2 -g -Wl,--build-id || exit 1
PROGRAM=$T/saved.d/variables
cd "$T/saved.d" || exit 1

SCRIPT="global n, most = 2, word = \"none\"
	probe process(\"$PROGRAM\").function(\"plain\") {
		if (n++ < most) println(\$w->a, \" \", user_string(\$w->in->name), \" \", \$w->grid[1][2], \" \", @enumname(\$color))
	}
	probe process(\"$PROGRAM\").function(\"plain\").return { calls <<< 1 }
	global calls
	probe end { println(n, \" \", most, \" \", word, \" \", target() > 0) }"

t without-the-debug-information
spile -e "$SCRIPT" -c "$PROGRAM"
ok_rc
cp "$W/out" "$W/want"
as_user "$SPILE" -p4 -m kept -e "$SCRIPT" >"$W/said" 2>&1
is status $? 0
is said "$(cat "$W/said")" kept.spile
cp "$PROGRAM" "$PROGRAM.whole"
strip --strip-all "$PROGRAM"
spile -e "$SCRIPT" -c "$PROGRAM"
is "status of the script" "$RC" 1
launch_same "$PROGRAM" kept.spile
cmp -s "$W/want" "$W/out" || bad "$(diff "$W/want" "$W/out" | tr '\n' '~')"
done_t

t values-of-globals
launch_same "$PROGRAM" kept.spile most=0 word=some
has "$W/out" '^[1-9][0-9]* 0 some 1$'
launch_same "$PROGRAM" -G word=other kept.spile
has "$W/out" ' 2 other 1$'
done_t

t saved-and-run
mv "$PROGRAM.whole" "$PROGRAM"
launch_same "$PROGRAM" -m both.spile -e "$SCRIPT"
cmp -s "$W/want" "$W/out" || bad "$(diff "$W/want" "$W/out" | tr '\n' '~')"
launch_same "$PROGRAM" both.spile
cmp -s "$W/want" "$W/out" || bad "$(diff "$W/want" "$W/out" | tr '\n' '~')"
done_t

t timing-and-tool-probes
as_user "$SPILE" -t -p4 -m timed -e 'probe oneshot { println(pn(), " ", gettimeofday_s() > 0) }' >/dev/null
spile -t timed.spile
ok_rc
is output "$(head -1 "$W/out")" "oneshot 1"
done_t

t another-build
rm -f "$PROGRAM"
gcc -O1 -DOTHER -Wl,--build-id -o "$PROGRAM" "$ROOT/tests/e2e/targets/variables.c"
launch_same "$PROGRAM" kept.spile
is output "$(head -1 "$W/out")" "0 2 none 1"
has "$W/err" "runs another build of $PROGRAM than the script was translated for"
done_t

refused() {
	local want=$1
	shift
	as_user "$SPILE" "$@" >"$W/said" 2>&1
	is "status of $*" $? 1
	has "$W/said" "$want"
}
t refused
refused 'is translated already: -D comes too late' -D MAXACTION=1 kept.spile
refused 'is translated already: -p comes too late' -p4 kept.spile
refused 'was translated without -t' -t kept.spile
refused "'word' is not of the form" kept.spile word
refused "Invalid name '../x' for -m" -m ../x -e 'probe oneshot { }'
cp kept.spile cut.spile
truncate -s -1 cut.spile
refused 'cut.spile is damaged' cut.spile
head -c 8 kept.spile >head.spile
refused 'head.spile is not' head.spile
(head -c 8 kept.spile && printf '\377' && tail -c +10 kept.spile) >version.spile
refused 'was made by another version of spile' version.spile
mkdir -p "$W/closed"
chmod 555 "$W/closed"
cd "$W/closed" || exit 1
refused 'cannot create shut.spile: Permission denied' -m shut -p4 -e 'probe oneshot { println(1) }'
done_t
